package dataset

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// importText writes a file and imports it.
func importText(t *testing.T, s *Store, name, text string) *Imported {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := s.Import(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// hard are rows that a format could spoil.
func hard() []Example {
	rows := []Example{example(0), example(1), example(2), example(1)} // the last is the second again
	rows[0].Request = "GET /\r\nX: \"a\", 'b'\r\n\n\r\n<é漢字\u2028\u202e\x00\x1b[31m>&amp;"
	rows[0].Analysis = "=HYPERLINK(\"http://evil\")"
	rows[1].Analysis, rows[1].Response = "'=1+1", "\r\n leading and trailing \t\r\n"
	rows[2].PairID, rows[2].Group, rows[2].Note, rows[2].Prompt, rows[2].Split = "p1", "t1", "@note", "v1", "dev"
	for i := range rows {
		rows[i].ID, rows[i].Source, rows[i].Created = int64(10*i+5), "-src", "2026-01-02T03:04:05Z"
	}
	rows[2].Reviewed = "2026-02-03T04:05:06Z"
	return rows
}

func TestExportImportIsTheIdentity(t *testing.T) {
	from := openTest(t)
	if _, err := from.addNew(t.Context(), hard(), map[string]int{}); err != nil {
		t.Fatal(err)
	}
	line := 3
	findings := []finding.Finding{
		{ID: "a", Source: "s", Message: "=cmd", Snippet: "x\r\ny", Line: &line, EndLine: 4, Flow: []string{"a", "b"}, Fingerprints: map[string]string{"k": "<v>"}, Label: "TP"},
		{ID: "b", Source: "s", Title: "t", Language: "go", Label: "FP", Split: "test", Group: "g"},
	}
	if _, _, err := from.AddFindings(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.jsonl", "x.jsonl.gz", "x.csv", "x.csv.gz", "x.parquet"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			format, err := FormatOf(path)
			if err != nil {
				t.Fatal(err)
			}
			if done, err := from.ExportFile(t.Context(), path, ExportOptions{Format: format}); err != nil || done.Rows != 4 {
				t.Fatalf("exported %+v, %v", done, err)
			}
			to := openTest(t)
			got, err := to.Import(t.Context(), path, ImportOptions{})
			if err != nil || got.Added != 4 || len(got.Problems) != 0 {
				t.Fatalf("imported %+v, %v", got, err)
			}
			if diff := cmp.Diff(hard(), all(t, to, Filter{})); diff != "" {
				t.Error(diff)
			}
			if got, err := to.Import(t.Context(), path, ImportOptions{}); err != nil || got.Added != 0 || got.Known != 4 {
				t.Errorf("imported again: %+v, %v", got, err)
			}
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		to := openTest(t)
		got, err := to.Import(t.Context(), from.Path(), ImportOptions{})
		if err != nil || got.Examples != 4 || got.Findings != 2 {
			t.Fatalf("imported %+v, %v", got, err)
		}
		if diff := cmp.Diff(hard(), all(t, to, Filter{})); diff != "" {
			t.Error(diff)
		}
		checkFindings(t, to, findings)
	})
	for _, name := range []string{"f.jsonl", "f.csv", "f.parquet"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			format, _ := FormatOf(path) //nolint:errcheck // the export would fail
			if _, err := from.ExportFile(t.Context(), path, ExportOptions{Format: format, Findings: true}); err != nil {
				t.Fatal(err)
			}
			to := openTest(t)
			if got, err := to.Import(t.Context(), path, ImportOptions{}); err != nil || got.Added != 2 {
				t.Fatalf("imported %+v, %v", got, err)
			}
			checkFindings(t, to, findings)
		})
	}
}

func checkFindings(t *testing.T, s *Store, want []finding.Finding) {
	t.Helper()
	var got []finding.Finding
	for f, err := range s.Findings(t.Context(), Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestImportReportsBadRows(t *testing.T) {
	const good = `{"id":1,"request":"GET /","response":"","analysis":"a","is_vulnerable":true,"vuln_category":"XSS"}`
	for name, c := range map[string]struct {
		text string
		want []string // in the problems
	}{
		"x.jsonl": {
			strings.Join([]string{
				good,
				`{"request":"GET /","is_vulnerable":"maybe","vuln_category":"XSS"}`,
				`{"request":"GET /","is_vulnerable":null,"vuln_category":"XSS"}`,
				`{"request":{"a":1},"is_vulnerable":0,"vuln_category":"XSS"}`,
				`{"is_vulnerable":0,"vuln_category":"XSS"}`,
				`{"request":"GET /","is_vulnerable":0}`,
				`{"request":`, `[1]`, `null`,
				`{"id":"uuid","request":"GET /2","is_vulnerable":"FP","vuln_category":"XSS"} `,
			}, "\n"),
			[]string{
				`x.jsonl:2: column "is_vulnerable": expected TP or FP, true or false, 1 or 0, found "maybe"`,
				`x.jsonl:3: column "is_vulnerable": expected TP or FP, true or false, 1 or 0, found nothing`,
				`x.jsonl:4: column "request": expected a text, found an object`,
				"x.jsonl:5: expected a request or a response, found neither",
				"x.jsonl:6: vuln_category: expected one of HTTP_HEADERS, XSS, SQLI, INFO, found nothing",
				"x.jsonl:7: broken JSON", "x.jsonl:8: expected a JSON object", "x.jsonl:9: expected a JSON object",
			},
		},
		"x.csv": {
			"\ufeffid;Request;response;analysis;is_vulnerable;vuln_category\n1;GET /;;a;1;XSS\n2;GET /;;a;2;XSS\n3;GET /;x\n4;\"GET\r\n/\";;a;False;SQLI\n",
			[]string{`x.csv:3: column "is_vulnerable": expected TP or FP, true or false, 1 or 0, found "2"`, "x.csv:4: expected 6 cells"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t)
			got := importText(t, s, name, c.text)
			if got.Added != 2 || len(got.Problems) != len(c.want) {
				t.Fatalf("added %d, problems %v", got.Added, got.Problems)
			}
			for i, want := range c.want {
				if !strings.Contains(got.Problems[i].Error(), want) {
					t.Errorf("problem %d: %v; expected %q", i, got.Problems[i], want)
				}
			}
		})
	}
}

func TestImportLabelsOfFindings(t *testing.T) {
	s := openTest(t)
	got := importText(t, s, "f.jsonl", `{"id":"1","message":"m","label":"TP"}
{"id":"2","message":"m","label":"dunno"}
{"id":"3","message":"m","label":"false"}
{"id":"4","message":"m"}
`)
	if got.Findings != 3 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Error(), `f.jsonl:2`) {
		t.Errorf("%+v", got)
	}
	no := false
	if n, err := s.CountFindings(t.Context(), Filter{Vulnerable: &no, Source: "f.jsonl"}); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

// What a person has changed is not brought back by a second import, and rows of other files with the same ids find room.
func TestImportAfterEdit(t *testing.T) {
	s := openTest(t)
	const text = `{"id":7,"request":"GET /","is_vulnerable":true,"vuln_category":"XSS"}`
	importText(t, s, "a.jsonl", text)
	e := all(t, s, Filter{})[0]
	if e.ID != 7 {
		t.Errorf("the id became %d", e.ID)
	}
	e.IsVulnerable = false
	if err := s.UpdateExample(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := importText(t, s, "a.jsonl", text); got.Added != 0 || got.Known != 1 {
		t.Errorf("%+v", got)
	}
	if got := importText(t, s, "b.jsonl", strings.Replace(text, "GET", "PUT", 1)); got.Added != 1 {
		t.Errorf("%+v", got)
	}
}

// The real sets: zap_http has exchanges, castle_c code.
func TestImportRealFindings(t *testing.T) {
	for _, name := range []string{"zap_http.jsonl", "castle_c.jsonl"} {
		path := filepath.Join("..", "finding", "testdata", name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(text, []byte{'\n'})
		packed := filepath.Join(t.TempDir(), name+".gz")
		if err := os.WriteFile(packed, zipped(t, text), 0o644); err != nil {
			t.Fatal(err)
		}
		s := openTest(t)
		got, err := s.Import(t.Context(), packed, ImportOptions{})
		if err != nil || got.Added != want || want == 0 || len(got.Problems) != 0 {
			t.Fatalf("%s: %+v, %v, expected %d", name, got, err, want)
		}
		if got, err := s.Import(t.Context(), path, ImportOptions{}); err != nil || got.Known != want {
			t.Errorf("%s again: %+v, %v", name, got, err)
		}
	}
}

// A data base that is compressed is unpacked, and SQLite puts files beside what it opens: nothing of it is left.
func TestImportLeavesNoCopies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.db")
	from, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "x.jsonl")
	if err := os.WriteFile(plain, []byte(`{"request":"GET /","response":"HTTP/1.1 200 OK","is_vulnerable":true,"vuln_category":"XSS"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Import(t.Context(), plain, ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	packed := path + ".gz"
	if err := os.WriteFile(packed, zipped(t, text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, temporary := openTest(t), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	if got, err := s.Import(t.Context(), packed, ImportOptions{}); err != nil || got.Added != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestImportStops(t *testing.T) {
	s := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "x.jsonl")
	if err := os.WriteFile(path, []byte(`{"request":"GET /","is_vulnerable":true,"vuln_category":"XSS"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(ctx, path, ImportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"nothing.jsonl", "."} {
		if _, err := s.Import(t.Context(), filepath.Join(t.TempDir(), name), ImportOptions{}); err == nil {
			t.Errorf("%s was imported", name)
		}
	}
}

func TestReasoning(t *testing.T) {
	e := example(0)
	e.Analysis = "The response has no `Content-Security-Policy`.\n\nVerdict: False positive.\n"
	row := Reasoning(&e)
	if len(row.Messages) != 3 || row.Messages[0].Content != prompts.Plain().Instructions() {
		t.Fatalf("%+v", row.Messages)
	}
	for i, want := range []string{"", e.Request, "`Content-Security-Policy`.\n\nVerdict: true positive"} {
		if !strings.Contains(strings.ReplaceAll(row.Messages[i].Content, "\r\n", "\n"), strings.TrimSpace(strings.ReplaceAll(want, "\r\n", "\n"))) {
			t.Errorf("message %d is %q, expected %q in it", i, row.Messages[i].Content, want)
		}
	}
	if strings.Contains(row.Messages[2].Content, "False") {
		t.Errorf("the answer keeps the wrong verdict: %q", row.Messages[2].Content)
	}
}
