package finding

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestJSONLCounts(t *testing.T) {
	for name, want := range map[string]struct{ rows, real, messages int }{
		"zap_http.jsonl": {24, 11, 24},
		"castle_c.jsonl": {8, 4, 0},
	} {
		report := readFile(t, name)
		real := 0
		for _, f := range report.Findings {
			if f.Label == "TP" {
				real++
			}
		}
		if report.Format != "jsonl" || len(report.Findings) != want.rows || real != want.real || report.Messages != want.messages || len(report.Problems) != 0 {
			t.Errorf("%s: %s, %d rows, %d real, %d messages, problems %v", name, report.Format, len(report.Findings), real, report.Messages, report.Problems)
		}
	}
}

func TestJSONLBrokenRows(t *testing.T) {
	for _, tc := range []struct {
		name, row string
		want      string // the problem's text
	}{
		{"broken", `  {"id": "b", "snippet": oops}`, "in:2:26: broken JSON: invalid character 'o'"},
		{"cut short", `{"id": "b"`, "in:2:10: broken JSON: unexpected end of JSON input"},
		{"not an object", `[1]`, "in:2:1: expected a JSON object, found a JSON array"},
		{"wrong type", `{"snippet": "x", "line": "five"}`, `in:2:31: field "line": expected a number, found a JSON string`},
		{"no whole number", `{"snippet": "x", "line": 1.5}`, `in:2: field "line": expected a whole number, found 1.5`},
		{"wrong type of id", `{"snippet": "x", "id": {}}`, "in:2"},
		{"nothing to review", `{"id": "b"}`, "in:2: nothing to review"},
		{"two on a line", oneRow + oneRow, "in:2:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report := readString(t, oneRow+"\n"+tc.row+"\r\n\n"+oneRow, "auto")
			if len(report.Findings) != 2 || report.Total != 3 {
				t.Errorf("%d findings of %d rows, want 2 of 3", len(report.Findings), report.Total)
			}
			if len(report.Problems) != 1 || !strings.HasPrefix(report.Problems[0].Error(), tc.want) {
				t.Errorf("problems %v, want %q", report.Problems, tc.want)
			}
			if line := report.Findings[1].Origin.Line; line != 4 {
				t.Errorf("the row after is on line %d, want 4", line)
			}
		})
	}
}

// Rows of training data claim what their category stands for; what a finding says itself counts more, and what is of another kind is left.
func TestJSONLTrainingRows(t *testing.T) {
	for row, want := range map[string]Finding{
		`{"request": "GET /", "vuln_category": "sqli", "is_vulnerable": 0}`:         {Rule: "SQLI", Title: "SQL injection", CWE: "CWE-89", Category: "sqli", Label: "FP"},
		`{"request": "GET /", "vuln_category": "XSS", "is_vulnerable": true}`:       {Rule: "XSS", Title: "Cross-site scripting", CWE: "CWE-79", Category: "XSS", Label: "TP"},
		`{"request": "GET /", "vuln_category": "XSS", "title": "a"}`:                {Title: "a", Category: "XSS"},
		`{"request": "GET /", "vuln_category": "none", "is_vulnerable": "?"}`:       {Category: "none"},
		`{"request": "GET /", "vuln_category": 1, "is_vulnerable": {}}`:             {},
		`{"snippet": "x", "category": "XSS", "label": "FP", "is_vulnerable": true}`: {Category: "XSS", Label: "FP"},
	} {
		report, err := Read("in", strings.NewReader(row), "jsonl", ReadOptions{})
		if err != nil || len(report.Findings) != 1 {
			t.Fatalf("%s: %v, %v", row, report, err)
		}
		f := report.Findings[0]
		if got := (Finding{Rule: f.Rule, Title: f.Title, CWE: f.CWE, Category: f.Category, Label: f.Label}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, expected %+v", row, got, want)
		}
	}
}

func TestJSONLRowPastTheLimit(t *testing.T) {
	long := `{"id":"b","snippet":"` + strings.Repeat("x", 200<<10) + `"}`
	report, err := Read("in", strings.NewReader(oneRow+"\n"+long+"\n"+oneRow+"\n"), "jsonl", ReadOptions{MaxBytes: 100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 2 || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Error(), "in:2: the row is longer than the limit of 102400 bytes") {
		t.Errorf("%d findings, problems %v", len(report.Findings), report.Problems)
	}
}

func TestJSONLInvalidUTF8(t *testing.T) {
	report := readString(t, "{\"id\":\"a\",\"snippet\":\"caf\xe9 \xff\"}\n", "auto")
	f := report.Findings[0]
	if f.Snippet != "caf\uFFFD \uFFFD" || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "2 bytes that are not UTF-8") {
		t.Errorf("snippet %q, notes %q", f.Snippet, f.Notes)
	}
}

func TestJSONLGzipCutShort(t *testing.T) {
	plain, err := os.ReadFile("testdata/castle_c.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, copies := range []int{40, 1} { // of which one is shorter than what the format is told by
		whole := gzipped(t, bytes.Repeat(plain, copies))
		report, err := Read("in", bytes.NewReader(whole[:len(whole)-100]), "auto", ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Findings) == 0 || len(report.Findings) >= 8*copies || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Error(), "cannot be read further") {
			t.Errorf("of %d copies %d findings, problems %v", copies, len(report.Findings), report.Problems)
		}
	}
}

func TestCanonicalCWE(t *testing.T) {
	for in, want := range map[string]string{
		"79": "CWE-79", "CWE-079": "CWE-79", "cwe_89": "CWE-89", "external/cwe/cwe-022": "CWE-22",
		"https://cwe.mitre.org/data/definitions/91.html": "CWE-91", "CWE89": "CWE-89", "CWE: 20": "CWE-20",
		"": "", "none": "none", "0": "0", "NVD-CWE-noinfo": "NVD-CWE-noinfo", "Newcwe5x": "Newcwe5x",
	} {
		if got := canonicalCWE(in); got != want {
			t.Errorf("canonicalCWE(%q) = %q, want %q", in, got, want)
		}
	}
}

// Data frames write whole numbers as 12.0 where a column has gaps. A line before the first is none.
func TestJSONLWholeNumbers(t *testing.T) {
	if bad := readString(t, `{"title": "a", "line": -1}`+"\n"+`{"title": "b", "line": 0}`+"\n", "auto"); len(bad.Findings) != 1 || len(bad.Problems) != 1 ||
		!strings.Contains(bad.Problems[0].Error(), `field "line": expected 0 or more, found -1`) {
		t.Errorf("%d findings, problems %v", len(bad.Findings), bad.Problems)
	}
	report := readString(t, `{"title": "a", "line": 12.0, "end_line": 1.3e1}`+"\n"+`{"title": "b", "line": null, "end_line": null}`+"\n", "auto")
	if len(report.Findings) != 2 || len(report.Problems) != 0 {
		t.Fatalf("%d findings, problems %v", len(report.Findings), report.Problems)
	}
	if f := report.Findings[0]; f.LineNumber() != 12 || f.EndLine != 13 {
		t.Errorf("line %d to %d", f.LineNumber(), f.EndLine)
	}
	if f := report.Findings[1]; f.Line != nil || f.EndLine != 0 {
		t.Errorf("line %v to %d", f.Line, f.EndLine)
	}
}
