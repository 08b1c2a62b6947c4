package finding

import (
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

func TestHTTPGrammar(t *testing.T) {
	type pair struct{ request, response, title string }
	const (
		get = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
		ok  = "HTTP/1.1 200 OK\r\nServer: y\r\n\r\nline 1\r\n\r\nline 3\r\n"
	)
	lf := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
	// A body that quotes a status line, told from the response by its length.
	post := "POST /log HTTP/1.1\nContent-Length: 24\n\nHTTP/1.1 500 Oops\n\nbody:\n"
	for _, tc := range []struct {
		name, doc string
		want      []pair
	}{
		{"pair", get + ok, []pair{{get, ok, "HTTP exchange: GET /a?b=c -> 200"}}},
		{"pair, LF", lf(get + ok), []pair{{lf(get), lf(ok), "HTTP exchange: GET /a?b=c -> 200"}}},
		{"request only", get, []pair{{get, "", "HTTP request: GET /a?b=c"}}},
		{"response only", ok, []pair{{"", ok, "HTTP response: 200"}}},
		{"two pairs", get + ok + "<<<<>>>>\r\n" + get + ok, []pair{{get, ok, ""}, {get, ok, ""}}},
		{"separator inside of the pair", get + "<<<<>>>>\n" + ok + " <<<<>>>> \n" + get + "<<<<>>>>\n" + ok, []pair{{get, ok, ""}, {get, ok, ""}}},
		{"requests only", get + "<<<<>>>>\n" + get, []pair{{get, "", ""}, {get, "", ""}}},
		{"responses only", ok + "<<<<>>>>\n" + ok, []pair{{"", ok, ""}, {"", ok, ""}}},
		{"separators around, blank sections", "<<<<>>>>\n\n<<<<>>>>\n\n" + get + ok + "<<<<>>>>\n\n", []pair{{get, ok, ""}}},
		{"blank lines before", "\r\n\n" + get + ok, []pair{{get, ok, ""}}},
		{"no blank line before the status line", "GET / HTTP/1.0\nHost: x\nHTTP/1.0 404 Not Found\n", []pair{{"GET / HTTP/1.0\nHost: x\n", "HTTP/1.0 404 Not Found\n", "HTTP exchange: GET / -> 404"}}},
		{"request line in the response's body", get + ok + get, []pair{{get, ok + get, ""}}},
		{"status line in the request's body", post + "\nHTTP/1.1 201 Created\n\n", []pair{{post + "\n", "HTTP/1.1 201 Created\n\n", "HTTP exchange: POST /log -> 201"}}},
		{"HTTP/2, no reason", "DELETE /x HTTP/2\n\nHTTP/2 204\n", []pair{{"DELETE /x HTTP/2\n\n", "HTTP/2 204\n", "HTTP exchange: DELETE /x -> 204"}}},
		{"version left out", "PATCH /x\n\nHTTP/1.1 200\n", []pair{{"PATCH /x\n\n", "HTTP/1.1 200\n", ""}}},
		{"CONNECT", "CONNECT x:443 HTTP/1.1\n\n", []pair{{"CONNECT x:443 HTTP/1.1\n\n", "", "HTTP request: CONNECT x:443"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report := readString(t, tc.doc, "auto")
			if report.Format != "http" || len(report.Problems) != 0 || len(report.Findings) != len(tc.want) || report.Messages != len(tc.want) {
				t.Fatalf("%s: %d exchanges, problems %v", report.Format, len(report.Findings), report.Problems)
			}
			for i, f := range report.Findings {
				want := tc.want[i]
				if f.Request != want.request || f.Response != want.response {
					t.Errorf("exchange %d: %q, %q; want %q, %q", i, f.Request, f.Response, want.request, want.response)
				}
				if want.title != "" && f.Title != want.title {
					t.Errorf("title %q, want %q", f.Title, want.title)
				}
				if f.Rule != "" || f.Category != "http" || f.Origin.Result != i {
					t.Errorf("exchange %d: %+v", i, f)
				}
			}
		})
	}
}

func TestHTTPPlaces(t *testing.T) {
	doc := "GET /1 HTTP/1.1\n\nHTTP/1.1 200\n\n<<<<>>>>\n\nGET /2 HTTP/1.1\n\n<<<<>>>>\nGET /3 HTTP/1.1\n"
	var lines []int
	for _, f := range readString(t, doc, "auto").Findings {
		lines = append(lines, f.LineNumber())
	}
	if len(lines) != 3 || lines[0] != 1 || lines[1] != 7 || lines[2] != 10 {
		t.Errorf("exchanges begin on lines %v, want 1, 7 and 10", lines)
	}
}

func TestHTTPBrokenSection(t *testing.T) {
	report := readString(t, "GET / HTTP/1.1\n\n<<<<>>>>\nnot http\n<<<<>>>>\nHTTP/1.1 200 OK\n\n", "auto")
	if len(report.Findings) != 2 || len(report.Problems) != 1 {
		t.Fatalf("%d exchanges, problems %v", len(report.Findings), report.Problems)
	}
	if got := report.Problems[0].Error(); !strings.HasPrefix(got, "in:4:1: expected a request line") || !strings.Contains(got, "not http") {
		t.Errorf("problem %q", got)
	}
}

func TestHTTPSameExchangeSameID(t *testing.T) {
	doc := "GET / HTTP/1.1\n\nHTTP/1.1 200 OK\n\n"
	a, err := Read("a.http", strings.NewReader(doc), "http", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read("b.http", iotest.OneByteReader(strings.NewReader("\n\n"+doc)), "http", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Findings[0].ID != b.Findings[0].ID {
		t.Errorf("ids %s and %s", a.Findings[0].ID, b.Findings[0].ID)
	}
}

// TestHTTPLargeBody: 5 MB on one line come whole.
func TestHTTPLargeBody(t *testing.T) {
	body := strings.Repeat("0123456789", 500_000)
	report := readString(t, "GET / HTTP/1.1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"+body, "auto")
	if f := report.Findings[0]; !strings.HasSuffix(f.Response, body) {
		t.Errorf("the response has %d bytes", len(f.Response))
	}
}

func TestHTTPLimitAndUTF8(t *testing.T) {
	report, err := Read("in", strings.NewReader("GET / HTTP/1.1\n\n<<<<>>>>\nHTTP/1.1 200 OK\n\n"+strings.Repeat("x\n", 1000)), "http", ReadOptions{MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 1 || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Error(), "limit of 1000 bytes") {
		t.Errorf("%d exchanges, problems %v", len(report.Findings), report.Problems)
	}
	f := readString(t, "GET /\xff HTTP/1.1\n\n", "auto").Findings[0]
	if f.Request != "GET /\uFFFD HTTP/1.1\n\n" || len(f.Notes) != 1 {
		t.Errorf("request %q, notes %q", f.Request, f.Notes)
	}
}

// TestHTTPExample reads the file that the project shows to its users.
func TestHTTPExample(t *testing.T) {
	file, err := os.Open("../examples/http/login.http")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	report, err := Read("login.http", file, "auto", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 2 || report.Findings[0].Title != "HTTP exchange: POST /login -> 200" ||
		!strings.HasSuffix(report.Findings[0].Request, "%3E\n\n") || !strings.Contains(report.Findings[1].Response, "Disallow") {
		t.Errorf("findings %+v, problems %v", report.Findings, report.Problems)
	}
}
