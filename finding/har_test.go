package finding

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestHARRealTraffic(t *testing.T) {
	for _, e := range inputIndex(t, "har") {
		report := readTraffic(t, e.File)
		if report.Total != e.Expect.Entries || report.Messages != e.Expect.Entries || len(report.Problems) != 0 {
			t.Errorf("%s: %d candidates of %d messages, want %d", e.File, report.Total, report.Messages, e.Expect.Entries)
		}
		withBody := 0
		for _, f := range report.Findings {
			if !requestLine.MatchString(firstTextLine(f.Request)) || f.Response != "" && !statusLine.MatchString(firstTextLine(f.Response)) {
				t.Errorf("%s: not HTTP/1 text: %q, %q", e.File, firstTextLine(f.Request), firstTextLine(f.Response))
			}
			if strings.Contains(f.Request, "\n:") || !strings.Contains(strings.ToLower(f.Request), "\nhost: ") || !isAbsoluteURI(f.File) {
				t.Errorf("%s: %s: request %q", e.File, f.File, f.Request)
			}
			if _, body, _ := strings.Cut(f.Response, "\r\n\r\n"); body != "" {
				withBody++
			}
		}
		if withBody != e.Expect.WithResponseText {
			t.Errorf("%s: %d responses with a body, want %d", e.File, withBody, e.Expect.WithResponseText)
		}
		if plain := readFile(t, e.File); len(plain.Findings) != 0 || !strings.Contains(strings.Join(plain.Notes, "\n"), "--rules headers") {
			t.Errorf("%s: without rules: %d findings, notes %q", e.File, len(plain.Findings), plain.Notes)
		}
	}
	chrome := readTraffic(t, "chrome.har").Findings
	if !strings.Contains(chrome[0].Response, "<!DOCTYPE html>") || !strings.HasPrefix(chrome[0].Response, "HTTP/1.1 304 Not Modified\r\n") {
		t.Errorf("base64 text: %.200q", chrome[0].Response)
	}
	if chrome[1].Response != "" || !strings.HasSuffix(chrome[2].Response, "\r\n\r\n[7,108 bytes of image/png]") {
		t.Errorf("blocked: %q; picture: %q", chrome[1].Response, chrome[2].Response)
	}
	if post := readTraffic(t, "successful_log.har").Findings[1]; !strings.HasSuffix(post.Request, "\r\n\r\nkey1=value1&key2=value2") {
		t.Errorf("posted data: %q", post.Request)
	}
}

func harOf(entries ...string) string {
	return `{"log":{"version":"1.2","entries":[` + strings.Join(entries, ",") + `]}}`
}

func TestHAREntries(t *testing.T) {
	get := func(more string) string { return `{"request":{"method":"GET","url":"https://h/a?b=c"` + more }
	for _, tc := range []struct {
		name, entry, request, response string
	}{
		{"no headers, no response", get(`}}`), "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", ""},
		{"pseudo-headers", get(`,"headers":[{"name":":method","value":"GET"},{"name":":authority","value":"x"},{"name":":path","value":"/"}]}}`),
			"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"parameters of a form", `{"request":{"method":"POST","url":"http://h/","postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a","value":"1 2"},{"name":"f","fileName":"x.png"}]}}}`,
			"POST / HTTP/1.1\r\nHost: h\r\n\r\na=1+2&f=[file x.png]", ""},
		{"several cookies in one value", get(`},"response":{"status":200,"headers":[{"name":"Set-Cookie","value":"a=1\nb=2"}]}}`),
			"GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"},
		{"a value that would end the head", get(`},"response":{"status":200,"statusText":"OK\r\nX: y","headers":[{"name":"A","value":"1\r\n\r\n<script>"}]}}`),
			"GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK X: y\r\nA: 1\r\nA: <script>\r\n\r\n"},
		{"binary without a type", get(`},"response":{"status":404,"content":{"text":"AAEC","encoding":"base64"}}}`),
			"GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 Not Found\r\n\r\n[3 bytes of binary data]"},
		{"a drawing is text", get(`},"response":{"status":200,"content":{"mimeType":"image/svg+xml","text":"<svg onload=x>"}}}`),
			"GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n<svg onload=x>"},
		{"broken base64 stays", get(`},"response":{"status":200,"content":{"text":"*no*","encoding":"base64"}}}`),
			"GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n*no*"},
		{"blocked", get(`},"response":{"status":0,"headers":[],"content":{}}}`), "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", ""},
		{"fields of the wrong kind", `{"request":{"method":7,"url":"http://h/","headers":{},"postData":[]},"response":[]}`, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""},
	} {
		report, err := Read("in", strings.NewReader(harOf(tc.entry)), "auto", ReadOptions{Rules: everyExchange})
		if err != nil || len(report.Findings) != 1 {
			t.Errorf("%s: %v, %+v", tc.name, err, report)
			continue
		}
		if f := report.Findings[0]; f.Request != tc.request || f.Response != tc.response {
			t.Errorf("%s:\n%q\n%q\nwant\n%q\n%q", tc.name, f.Request, f.Response, tc.request, tc.response)
		}
	}
}

func TestHARKeepsWhatCanBeRead(t *testing.T) {
	good := `{"request":{"method":"GET","url":"http://h/"},"response":{"status":200}}`
	socket := `{"_webSocketMessages":[],"request":{"method":"GET","url":"wss://h/"},"response":{"status":101}}`
	for _, tc := range []struct {
		name, doc                      string
		messages, candidates, problems int
	}{
		{"web socket", harOf(good, socket), 2, 1, 0},
		{"an entry that is none", harOf(good, `7`, `null`, `{}`, good), 5, 2, 3},
		{"a broken entry", harOf(good, `{"request":{"method" "GET"}}`, good), 3, 2, 1},
		{"deep nesting", harOf(good, strings.Repeat("[", 20000)+strings.Repeat("]", 20000), good), 3, 2, 1},
		{"cut within an entry", harOf(good, good)[:len(harOf(good))+10], 1, 1, 1},
		{"cut between entries", `{"log":{"entries":[` + good + `,`, 1, 1, 1},
		{"entries before the rest", `{"log":{"entries":[` + good + `],"creator":{"name":"x"}}}`, 1, 1, 0},
		{"BOM", "\xef\xbb\xbf" + harOf(good), 1, 1, 0},
		{"invalid UTF-8", harOf(strings.Replace(good, "h/", "h/\xff", 1)), 1, 1, 0},
		{"rubbish after it", harOf(good) + "\nERROR: done", 1, 1, 1},
	} {
		report, err := Read("in", strings.NewReader(tc.doc), "auto", ReadOptions{Rules: everyExchange})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if report.Format != "har" || report.Messages != tc.messages || report.Total != tc.candidates || len(report.Problems) != tc.problems {
			t.Errorf("%s: %s: %d messages, %d candidates, problems %v", tc.name, report.Format, report.Messages, report.Total, report.Problems)
		}
	}
	if _, err := Read("in", strings.NewReader(`{"log":{"version":"1.2","creator":{}}}`), "auto", ReadOptions{}); err == nil || !strings.Contains(err.Error(), `"entries"`) {
		t.Errorf("without entries: %v", err)
	}
}

// heapInUse is what is really held.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestHARStreams reads 200 MB in the memory of an entry.
func TestHARStreams(t *testing.T) {
	const entries = 2000
	body := strings.Repeat("0123456789abcdef", 6<<10) // 96 KiB
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, `{"log":{"version":"1.2","creator":{"name":"test"},"entries":[`)
		for i := range entries {
			if i > 0 {
				_, _ = io.WriteString(w, ",\n")
			}
			_, _ = fmt.Fprintf(w, `{"request":{"method":"GET","url":"http://h/%d"},"response":{"status":200,"content":{"mimeType":"text/plain","text":"%s"}}}`, i, body)
		}
		_, _ = io.WriteString(w, "]}}")
		_ = w.Close()
	}()
	before, most, seen := heapInUse(), uint64(0), 0
	report, err := Scan("in", r, "auto", ReadOptions{Rules: everyExchange}, func(f Finding, err error) bool {
		if err != nil || len(f.Response) < len(body) {
			t.Errorf("entry %d: %v, a response of %d bytes", seen, err, len(f.Response))
		}
		if seen++; seen%500 == 0 {
			most = max(most, heapInUse())
		}
		return true
	})
	if err != nil || report.Messages != entries || seen != entries {
		t.Fatalf("%d of %d entries: %v", seen, entries, err)
	}
	if most > before+50<<20 {
		t.Errorf("%d MB were held while %d MB were read", (most-before)>>20, entries*len(body)>>20)
	}
}
