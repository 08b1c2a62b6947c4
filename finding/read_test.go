package finding

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf16"
)

// readString reads a document given as text; the test ends where it can't be read.
func readString(t *testing.T, doc, format string) *Report {
	t.Helper()
	report, err := Read("in", strings.NewReader(doc), format, ReadOptions{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return report
}

// readFile reads a file of testdata.
func readFile(t testing.TB, name string) *Report {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	report, err := Read(name, f, "auto", ReadOptions{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return report
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const oneRow = `{"id":"a","rule":"r","snippet":"x = 1","line":3}`

const emptyLog = `{"version":"2.1.0","runs":[]}`

func TestDetect(t *testing.T) {
	for _, tc := range []struct{ name, doc, want string }{
		{"sarif", emptyLog, "sarif"},
		{"sarif, pretty, BOM", "\xef\xbb\xbf{\n  \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n", "sarif"},
		{"sarif, runs first", `{"runs":[{"tool":{"driver":{"name":"x"}},"results":[`, "sarif"},
		{"sarif 1.0 is sarif, for its error to say so", `{"version":"1.0.0","runs":[]}`, "sarif"},
		{"runs below the top", `{"id":"1","snippet":"x","message":"{\"runs\":[]}","x":{"runs":[]}}`, "jsonl"},
		{"jsonl", oneRow + "\n", "jsonl"},
		{"jsonl, first line broken", "{\"id\": \n" + oneRow + "\n", "jsonl"},
		{"jsonl, one broken line", `{"id":"a","snippet":`, "jsonl"},
		{"request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http"},
		{"request, absolute", "\n\nGET http://x/ HTTP/1.1\n", "http"},
		{"response", "HTTP/2 204\n\n", "http"},
		{"separator first", "<<<<>>>>\nGET / HTTP/1.1\n", "http"},
		{"a sentence in capitals", "THIS IS not http\n", ""},
		{"pretty JSON of another kind", "{\n  \"site\": []\n}\n", ""},
		{"JSON lines of another kind", `{"level":"info","msg":"x"}` + "\n", ""},
		{"XML", "<?xml version=\"1.0\"?>", ""},
		{"array", "[1,2]", ""},
		{"nothing", "", ""},
	} {
		if got := Detect([]byte(tc.doc)); got != tc.want {
			t.Errorf("%s: Detect = %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestReadThroughEncodings(t *testing.T) {
	plain, err := os.ReadFile("testdata/suppression_test.sarif")
	if err != nil {
		t.Fatal(err)
	}
	wide := []byte{0xff, 0xfe} // as PowerShell's > writes it
	for _, unit := range utf16.Encode([]rune(string(plain))) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for name, doc := range map[string][]byte{
		"plain":  plain,
		"BOM":    append([]byte("\xef\xbb\xbf"), plain...),
		"UTF-16": wide,
		"gzip":   gzipped(t, plain),
		"both":   gzipped(t, wide),
	} {
		report, err := Read(name, bytes.NewReader(doc), "auto", ReadOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if report.Total != 5 || report.Suppressed != 3 || len(report.Findings) != 2 {
			t.Errorf("%s: %d results, %d suppressed, %d findings", name, report.Total, report.Suppressed, len(report.Findings))
		}
	}
}

func TestReadRefuses(t *testing.T) {
	bomb := gzipped(t, bytes.Repeat([]byte(" "), 4<<20))
	for _, tc := range []struct {
		name, doc, format string
		limit             int64
		want              []string // in the error
	}{
		{name: "0 bytes", want: []string{"in: ", "empty (0 bytes)"}},
		{name: "only space", doc: " \n", want: []string{"empty"}},
		{name: "0 bytes, format given", format: "sarif", want: []string{"empty"}},
		{name: "unknown content", doc: "<html>", want: []string{"SARIF 2.1.0", "<html>", "--format"}},
		{name: "unknown format", doc: oneRow, format: "yaml", want: []string{`"yaml"`, "sarif", "jsonl"}},
		{name: "SARIF 1.0", doc: `{"version":"1.0.0","runs":[]}`, want: []string{`"1.0.0"`, `"2.1.0"`, "transform"}},
		{name: "SARIF without version", doc: `{"runs":[]}`, want: []string{"version", "none"}},
		{name: "SARIF runs an object", doc: `{"version":"2.1.0","runs":{}}`, want: []string{"array", "an object"}},
		{name: "SARIF cut short", doc: "{\"version\":\"2.1.0\",\n\"runs\":[{\"tool\":", want: []string{"in:2:", "cut short"}},
		{name: "SARIF broken", doc: "{\"version\":\"2.1.0\",\n \"runs\":[,]}", want: []string{"in:2:10:"}},
		{name: "SARIF and more", doc: "{\"version\":\"2.1.0\",\"runs\":[]}\n{\"x\":1}", want: []string{"in:2:1:", "after top-level value"}},
		{name: "SARIF is an array", doc: "[]", format: "sarif", want: []string{"expected a JSON object, found an array"}},
		{name: "too deep", doc: `{"version":"2.1.0","runs":[` + strings.Repeat("[", 20000), want: []string{"in:1:", "depth"}},
		{name: "gzip bomb", doc: string(bomb), format: "sarif", limit: 1 << 20, want: []string{"larger than the limit"}},
		{name: "larger than the limit", doc: `{"version":"2.1.0","runs":[]` + strings.Repeat(" ", 2<<20) + "}", limit: 1 << 20, want: []string{"larger than the limit of 1048576 bytes"}},
		{name: "gzip magic only", doc: "\x1f\x8b", want: []string{"gzip"}},
		{name: "gzip of nonsense", doc: "\x1f\x8b\x08nonsense", want: []string{"gzip"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Read("in", strings.NewReader(tc.doc), tc.format, ReadOptions{MaxBytes: tc.limit})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestScanStops(t *testing.T) {
	doc := strings.Repeat(oneRow+"\n", 10)
	seen := 0
	if _, err := Scan("in", strings.NewReader(doc), "auto", ReadOptions{}, func(Finding, error) bool {
		seen++
		return seen < 3
	}); err != nil {
		t.Fatal(err)
	}
	if seen != 3 {
		t.Errorf("yield was called %d times after asking to stop at 3", seen)
	}
}

func TestContentIDs(t *testing.T) {
	row := `{"rule":"r","snippet":"x"}`
	report := readString(t, row+"\n"+row+"\n"+`{"rule":"r","snippet":"y"}`+"\n"+`{"id":7,"snippet":"x"}`+"\n", "jsonl")
	var got []string
	for _, f := range report.Findings {
		got = append(got, f.ID)
	}
	if len(got) != 4 {
		t.Fatalf("ids %q, problems %v", got, report.Problems)
	}
	if got[1] != got[0]+"-2" || got[2] == got[0] || got[3] != "7" {
		t.Errorf("ids %q", got)
	}
	again := readString(t, "\n\n"+row, "jsonl")
	if again.Findings[0].ID != got[0] {
		t.Errorf("the same row has id %s here and %s elsewhere in a file", again.Findings[0].ID, got[0])
	}
}

// TestFindingRoundTrip: a data set's row comes back as it was.
func TestFindingRoundTrip(t *testing.T) {
	for _, name := range []string{"zap_http.jsonl", "castle_c.jsonl"} {
		for _, f := range readFile(t, name).Findings {
			row, err := json.Marshal(&f)
			if err != nil {
				t.Fatal(err)
			}
			var back Finding
			if err := json.Unmarshal(row, &back); err != nil {
				t.Fatal(err)
			}
			if back.ContentHash() != f.ContentHash() || back.ID != f.ID || back.Label != f.Label || back.Group != f.Group {
				t.Errorf("%s: %s changed", name, f.ID)
			}
		}
	}
}

func TestRowErrorUnwraps(t *testing.T) {
	report := readString(t, oneRow+"\n{\n", "jsonl")
	var row *RowError
	var syntax *json.SyntaxError
	if len(report.Problems) != 1 || !errors.As(report.Problems[0], &row) || !errors.As(report.Problems[0], &syntax) {
		t.Errorf("problems %v", report.Problems)
	}
}
