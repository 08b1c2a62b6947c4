package finding

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// TestDetectAnywhere: the format is told whatever comes first, however it is set, and
// where the telling key is far from the beginning.
func TestDetectAnywhere(t *testing.T) {
	far := strings.Repeat(`{"path":"x","message":"`+strings.Repeat("y", 1000)+`"},`, 200) // 200 KB
	for _, tc := range []struct{ name, doc, want string }{
		{"semgrep after its errors", `{"errors":[` + far + `{}],"results":[{"check_id":"x","path":"a"}]}`, "semgrep-json"},
		{"checkov after its results", `{"results":{"unknown":[` + far + `{}]},"check_type":"terraform"}`, "checkov-json"},
		{"sarif after its properties", `{"version":"2.1.0","properties":{"x":[` + far + `{}]},"runs":[]}`, "sarif"},
		{"har after its pages", "\n\t {\"log\" : {\"comment\":[" + far + `{}],"entries":[]}}`, "har"},
		{"zap after its insights", `{"insights":[` + far + `{}],"site":[{"alerts":[]}]}`, "zap-json"},
		{"kics after its counts", `{"severity_counters":{"x":[` + far + `{}]},"queries":[{"query_id":"x"}]}`, "kics-json"},
		{"nuclei with a long first row", `{"response":"` + strings.Repeat("z", 100<<10) + `","template-id":"x","info":{}}`, "nuclei-json"},
		{"a data set's row, long", `{"id":"a","snippet":"` + strings.Repeat("z", 100<<10) + `"}` + "\n" + oneRow, "jsonl"},
		{"a row about a report", `{"id":"a","snippet":"{\"runs\":[],\"results\":[]}","message":"template-id"}`, "jsonl"},
		{"kics in a row", `{"id":"a","snippet":"x","extra":{"queries":[{"query_id":"y"}]}}`, "jsonl"},
	} {
		report, err := Read("in", strings.NewReader(tc.doc), "auto", ReadOptions{})
		if err != nil || report.Format != tc.want {
			t.Errorf("%s: %v, %+v", tc.name, err, report)
		}
		indented := strings.NewReplacer(`,"`, ",\r\n  \"", `{"`, "{\r\n\t\"").Replace(tc.doc)
		if tc.want == "jsonl" {
			continue // a row is a line
		}
		if report, err := Read("in", strings.NewReader("\xef\xbb\xbf \r\n"+indented), "", ReadOptions{}); err != nil || report.Format != tc.want {
			t.Errorf("%s, indented: %v, %+v", tc.name, err, report)
		}
	}
	for _, doc := range []string{`{"vulnerabilities":[],"scan":{}}`, "{\n \"vulnerabilities\": [],\n \"scan\": " + strings.Repeat("[", 50) + strings.Repeat("]", 50) + "}"} {
		_, err := Read("in", strings.NewReader(doc), "auto", ReadOptions{})
		if err == nil || !strings.Contains(err.Error(), `a JSON object with the keys "scan", "vulnerabilities"`) || !strings.Contains(err.Error(), "Semgrep JSON") {
			t.Errorf("unknown object: %v", err)
		}
	}
	if _, err := Read("in", strings.NewReader("[\n {\"Target\": 1, \"Vulnerabilities\": [{\"x\":1}]}]"), "auto", ReadOptions{}); err == nil ||
		!strings.Contains(err.Error(), `a JSON array of objects with the keys "Target", "Vulnerabilities"`) {
		t.Errorf("unknown array: %v", err)
	}
	for name, doc := range map[string]string{
		"Android lint": `<?xml version="1.0"?><issues format="5" by="lint"><issue id="x"/></issues>`,
		"JUnit":        `<testsuites><testsuite/></testsuites>`,
		"Bandit":       `{"errors":[],"generated_at":"x","metrics":{},"results":[{"test_id":"B101","filename":"a.py"}]}`,
	} {
		if got := Detect([]byte(doc)); got != "" {
			t.Errorf("%s is taken for %s", name, got)
		}
	}
	longType := `<!DOCTYPE OWASPZAPReport [` + strings.Repeat("<!ELEMENT a (#PCDATA)>\n", 4000) + `]><OWASPZAPReport><site/></OWASPZAPReport>`
	if report, err := Read("in", strings.NewReader(longType), "auto", ReadOptions{}); err != nil || report.Format != "zap-xml" {
		t.Errorf("a long document type: %v", err)
	}
}

// TestWrongFormat: a document of another kind than the one that was named.
func TestWrongFormat(t *testing.T) {
	for format, want := range map[string]string{
		"har": `"entries"`, "semgrep-json": `"results"`, "kics-json": `"queries"`, "zap-json": `"site"`, "checkov-json": "check_type", "nuclei-json": "template-id",
	} {
		report, err := Read("in", strings.NewReader(`{"x":{"y":[1,2,{"z":null}]}}`), format, ReadOptions{})
		told := fmt.Sprint(err)
		if report != nil {
			told = fmt.Sprint(report.Problems)
		}
		if !strings.Contains(told, want) || !strings.Contains(told, "in") {
			t.Errorf("%s: %s", format, told)
		}
	}
	for format, want := range map[string]string{"burp-xml": "<issues> or <items>, found <testsuites>", "zap-xml": "<OWASPZAPReport>, found <testsuites>"} {
		if _, err := Read("in", strings.NewReader("<testsuites/>"), format, ReadOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", format, err)
		}
		if _, err := Read("in", strings.NewReader("no XML"), format, ReadOptions{}); err == nil {
			t.Errorf("%s: text is taken", format)
		}
	}
}

// TestInputsThroughEncodings: every real file, as an editor or a shell may have saved it.
func TestInputsThroughEncodings(t *testing.T) {
	for _, e := range inputIndex(t, "") {
		plain, err := os.ReadFile("testdata/" + e.File)
		if err != nil {
			t.Fatal(err)
		}
		want := readFile(t, e.File)
		bare := bytes.TrimPrefix(plain, []byte("\xef\xbb\xbf"))
		wide := []byte{0xfe, 0xff}
		for _, unit := range utf16.Encode([]rune(string(bare))) {
			wide = append(wide, byte(unit>>8), byte(unit))
		}
		for name, doc := range map[string][]byte{
			"BOM":    append([]byte("\xef\xbb\xbf"), bare...),
			"UTF-16": wide,
			"gzip":   gzipped(t, plain),
			"CRLF":   bytes.ReplaceAll(bytes.ReplaceAll(plain, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")),
		} {
			report, err := Read("in", bytes.NewReader(doc), "auto", ReadOptions{})
			if err != nil || report.Format != want.Format || report.Total != want.Total || report.Messages != want.Messages || len(report.Problems) != 0 {
				t.Errorf("%s as %s: %v, %+v", e.File, name, err, report)
			}
		}
	}
}

// TestInputsCut: of a real file that was cut, what came before the cut is kept, and the
// cut is told. (SARIF and SQLite are read whole or not at all.)
func TestInputsCut(t *testing.T) {
	for _, e := range inputIndex(t, "") {
		plain, err := os.ReadFile("testdata/" + e.File)
		if err != nil {
			t.Fatal(err)
		}
		whole := readFile(t, e.File)
		most := 0
		for part := 1; part < 20; part++ {
			report, err := Read("in", bytes.NewReader(plain[:len(plain)*part/20]), e.Kind, ReadOptions{})
			if err != nil {
				continue // nothing could be read before the cut
			}
			if len(report.Problems) == 0 && e.Kind != "nuclei-json" { // whose rows may end just there
				t.Errorf("%s cut at %d/20: no problem is told", e.File, part)
			}
			if report.Total+report.Messages < most || report.Total > whole.Total || report.Messages > whole.Messages {
				t.Errorf("%s cut at %d/20: %d findings, %d messages", e.File, part, report.Total, report.Messages)
			}
			most = report.Total + report.Messages
		}
		if most == 0 && e.Kind != "sarif" && whole.Total+whole.Messages > 1 {
			t.Errorf("%s: nothing is kept of it when it is cut", e.File)
		}
	}
}

func TestXMLBombs(t *testing.T) {
	var entities strings.Builder
	entities.WriteString(`<!ENTITY a0 "lol">`)
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&entities, `<!ENTITY a%d "%s">`, i, strings.Repeat(fmt.Sprintf("&a%d;", i-1), 10))
	}
	for _, tc := range []struct{ name, doc string }{
		{"entities", `<!DOCTYPE issues [` + entities.String() + `]><issues burpVersion="1"><issue><type>1</type><name>&a19;</name></issue></issues>`},
		{"external entity", `<!DOCTYPE issues [<!ENTITY x SYSTEM "file:///etc/passwd">]><issues burpVersion="1"><issue><type>1</type><name>&x;</name></issue></issues>`},
	} {
		report := readString(t, tc.doc, "auto")
		if len(report.Findings) != 1 || len(report.Findings[0].Title) > 10 || strings.Contains(report.Findings[0].Title, "root") {
			t.Errorf("%s: %+v", tc.name, report)
		}
	}
	deep := `<issues burpVersion="1"><issue>` + strings.Repeat("<a>", 200000)
	if _, err := Read("in", strings.NewReader(deep), "auto", ReadOptions{}); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("deep elements: %v", err)
	}
	long := `<issues burpVersion="1"><issue><name>` + strings.Repeat("x", 1<<20)
	if _, err := Read("in", strings.NewReader(long), "auto", ReadOptions{MaxBytes: 1 << 18}); err == nil || !strings.Contains(err.Error(), "262144 bytes") {
		t.Errorf("a long element: %v", err)
	}
}

// TestXMLEncodings: an encoding that is declared is read, and UTF-16 by its mark.
func TestXMLEncodings(t *testing.T) {
	doc := func(encoding, name string) string {
		return `<?xml version="1.0" encoding="` + encoding + `"?><OWASPZAPReport><alertitem><name>` + name + `</name></alertitem></OWASPZAPReport>`
	}
	wide := "\xff\xfe"
	for _, unit := range utf16.Encode([]rune(doc("UTF-16", "café"))) {
		wide += string([]byte{byte(unit), byte(unit >> 8)})
	}
	for name, doc := range map[string]string{
		"UTF-8": doc("utf-8", "café"), "Latin-1": doc("ISO-8859-1", "caf\xe9"), "Windows": doc("windows-1252", "caf\xe9"), "UTF-16": wide,
		"unknown, but UTF-8": doc("x-none", "café"), "an entity of HTML": doc("us-ascii", "caf&eacute;"), "a character by number": doc("us-ascii", "caf&#xe9;"),
	} {
		report, err := Read("in", strings.NewReader(doc), "auto", ReadOptions{})
		if err != nil || len(report.Findings) != 1 || report.Findings[0].Title != "café" {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
}

func TestTextOfReportsStaysText(t *testing.T) {
	for format, doc := range map[string]string{
		"burp-xml":     "<issues burpVersion=\"1\"><issue><type>1</type><name>&lt;script>alert(1)&lt;/script>\x1b[31m\xff</name><host>http://h</host><path>/../../etc/passwd</path></issue></issues>",
		"zap-xml":      "<OWASPZAPReport><alertitem><name>&lt;script>alert(1)&lt;/script>\x1b[31m\xff</name><uri>../../etc/passwd</uri></alertitem></OWASPZAPReport>",
		"zap-json":     "{\"@programName\":\"ZAP\",\"site\":[{\"alerts\":[{\"name\":\"<script>alert(1)</script>\\u001b[31m\xff\",\"uri\":\"../../etc/passwd\"}]}]}",
		"semgrep-json": "{\"results\":[{\"check_id\":\"<script>alert(1)</script>\\u001b[31m\xff\",\"path\":\"../../etc/passwd\",\"start\":{\"line\":1}}]}",
		"checkov-json": "{\"check_type\":\"x\",\"results\":{\"failed_checks\":[{\"check_name\":\"<script>alert(1)</script>\\u001b[31m\xff\",\"file_path\":\"/../../etc/passwd\",\"file_line_range\":[1,2]}]}}",
		"kics-json":    "{\"queries\":[{\"query_name\":\"<script>alert(1)</script>\\u001b[31m\xff\",\"files\":[{\"file_name\":\"..\\\\../etc/passwd\",\"line\":1}]}]}",
		"nuclei-json":  "{\"template-id\":\"x\",\"info\":{\"name\":\"<script>alert(1)</script>\\u001b[31m\xff\"},\"matched-at\":\"../../etc/passwd\",\"type\":\"file\"}",
	} {
		report := readString(t, doc, "auto")
		if report.Format != format || len(report.Findings) != 1 || len(report.Problems) != 0 {
			t.Errorf("%s: %+v", format, report)
			continue
		}
		f := report.Findings[0]
		if !strings.HasPrefix(f.Title, "<script>alert(1)</script>") || !strings.HasSuffix(f.Title, "\uFFFD") {
			t.Errorf("%s: title %q", format, f.Title)
		}
		if shown := Clean(f.Title); strings.Contains(shown, "\x1b") {
			t.Errorf("%s: shown as %q", format, shown)
		}
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		snippet := f.Snippet
		AddSource(&f, root, DefaultContext)
		if f.Snippet != snippet || strings.Contains(f.Snippet, "root:") {
			t.Errorf("%s: code from outside of the source root: %q", format, f.Snippet)
		}
		_ = root.Close()
	}
}

// TestGzipBombs: formats that are read row by row would follow a bomb to its end.
func TestGzipBombs(t *testing.T) {
	for _, start := range []string{harOf(), `<issues burpVersion="1">`, `{"template-id":"x","info":{"name":"n"}}` + "\n", oneRow + "\n"} {
		bomb := gzipped(t, append([]byte(start), bytes.Repeat([]byte(" "), 16<<20)...))
		report, err := Read("in", bytes.NewReader(bomb), "auto", ReadOptions{MaxBytes: 1 << 20})
		told := fmt.Sprint(err)
		if report != nil {
			told = fmt.Sprint(report.Problems)
		}
		if !strings.Contains(told, "larger than the limit") && !strings.Contains(told, "more than") && !strings.Contains(told, "longer than the limit") {
			t.Errorf("%.30s: %s", start, told)
		}
	}
}

// TestNoQuadraticTime: what takes time by the square of the input takes minutes here.
func TestNoQuadraticTime(t *testing.T) {
	const n = 1 << 20
	many := func(part, sep string, times int) string { return strings.Repeat(part+sep, times-1) + part }
	for _, tc := range []struct{ name, doc, format string }{
		{"open arrays", `{"results":[` + strings.Repeat("[", n), "semgrep-json"},
		{"open objects", strings.Repeat(`{"log":`, n/7), "har"},
		{"many KICS files in a query", `{"queries":[{"query_id":"x","files":[` + many(`{"line":1}`, ",\n", n/12) + `]}]}`, "kics-json"},
		{"many ZAP instances in an alert", `{"site":[{"alerts":[{"name":"x","instances":[` + many(`{"uri":"u"}`, ",", n/12) + `]}]}]}`, "zap-json"},
		{"many equal ZAP instances", `<OWASPZAPReport><alertitem><name>x</name><instances>` + strings.Repeat("<instance/>", n/11) + `</instances></alertitem></OWASPZAPReport>`, "zap-xml"},
		{"many lines of code", `{"results":{"failed_checks":[{"check_id":"x","code_block":[` + many(`[1,"x\n"]`, ",", n/10) + `]}]}}`, "checkov-json"},
		{"many taxa", oneResult(many(`{"message":{"text":"m"},"taxa":[{"index":9999,"toolComponent":{"index":0}}]}`, ",", 5000), "",
			`"taxonomies":[{"name":"CWE","taxa":[`+many(`{"id":"79"}`, ",", 10000)+`]}]`), "sarif"},
		{"markup", `<issues burpVersion="1"><issue><name>x</name><issueDetail>` + strings.Repeat("&lt;p ", n/6) + `</issueDetail></issue></issues>`, "burp-xml"},
		{"processing instructions", strings.Repeat("<?x?>", n/5) + "<issues/>", "auto"},
		{"comments", strings.Repeat("<!---->", n/7) + "<issues/>", "auto"},
		{"quotes", "{" + strings.Repeat(`"`, n), "auto"},
		{"lines that are no rows", strings.Repeat("{\n", n/2), "nuclei-json"},
		{"one long row, cut", `{"template-id":"` + strings.Repeat(`\"`, n/2), "nuclei-json"},
		{"many headers", harOf(`{"request":{"method":"GET","url":"http://h/","headers":[` + many(`{"name":"a","value":"b"}`, ",", n/25) + `]},"response":{"status":200}}`), "har"},
	} {
		start := time.Now()
		_, _ = Scan("in", strings.NewReader(tc.doc), tc.format, ReadOptions{Rules: everyExchange}, func(Finding, error) bool { return true })
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %v for %d bytes", tc.name, took, len(tc.doc))
		} else {
			t.Logf("%s: %v", tc.name, took)
		}
	}
}

// TestReportsStream: 24 MB of each format that is read entry by entry, in the memory
// of some entries.
func TestReportsStream(t *testing.T) {
	const size = 24 << 20
	text := strings.Repeat("0123456789abcdef", 4<<10) // 64 KiB
	for _, tc := range []struct{ format, before, entry, between, after string }{
		{"jsonl", "", `{"snippet":"` + text + `"}`, "\n", "\n"},
		{"nuclei-json", "", `{"template-id":"x","info":{"name":"n"},"response":"` + text + `"}`, "\n", "\n"},
		{"nuclei-json", "[", `{"template-id":"x","info":{"name":"n"},"response":"` + text + `"}`, ",\n", "]"},
		{"semgrep-json", `{"errors":[],"results":[`, `{"check_id":"x","extra":{"lines":"` + text + `"}}`, ",", "]}"},
		{"checkov-json", `{"check_type":"x","results":{"failed_checks":[`, `{"check_id":"x","description":"` + text + `"}`, ",", "]}}"},
		{"zap-json", `{"@programName":"ZAP","site":[{"alerts":[`, `{"name":"x","instances":[{"response-body":"` + text + `"}]}`, ",", "]}]}"},
		{"zap-xml", "<OWASPZAPReport>", `<alertitem><name>x</name><instances><instance><responsebody>` + text + `</responsebody></instance></instances></alertitem>`, "\n", "</OWASPZAPReport>"},
		{"burp-xml", `<issues burpVersion="1">`, `<issue><name>x</name><requestresponse><response>` + text + `</response></requestresponse></issue>`, "\n", "</issues>"},
	} {
		total := size
		if strings.HasSuffix(tc.format, "xml") {
			total /= 2 // encoding/xml takes its time
		}
		n := total / len(text)
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, tc.before)
			for i := range n {
				if i > 0 {
					_, _ = io.WriteString(w, tc.between)
				}
				_, _ = io.WriteString(w, tc.entry)
			}
			_, _ = io.WriteString(w, tc.after)
			_ = w.Close()
		}()
		before, most, seen := heapInUse(), uint64(0), 0
		report, err := Scan("in", r, "auto", ReadOptions{}, func(_ Finding, err error) bool {
			if err != nil {
				t.Errorf("%s: %v", tc.format, err)
			}
			if seen++; seen%(n/3) == 0 {
				most = max(most, heapInUse())
			}
			return true
		})
		if err != nil || report.Format != tc.format || seen != n || report.Total != n {
			t.Errorf("%s: %d of %d entries: %v", tc.format, seen, n, err)
		}
		if most > before+6<<20 {
			t.Errorf("%s: %d MB were held while %d MB were read", tc.format, (most-before)>>20, total>>20)
		}
	}
}
