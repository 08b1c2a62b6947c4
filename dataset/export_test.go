package dataset

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
)

// The folder of an export is made; what cannot be written is named, and no temporary file is.
func TestExportFile(t *testing.T) {
	s, dir := openTest(t), t.TempDir()
	if _, err := s.AddExamples(t.Context(), exchanges(2)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a", "b", "rows.jsonl.gz")
	if done, err := s.ExportFile(t.Context(), path, ExportOptions{Format: FormatJSONL}); err != nil || done.Rows != 2 {
		t.Errorf("%v, %v", done, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "a"), filepath.Join(dir, "file", "rows.jsonl"), filepath.Join(dir, strings.Repeat("n", 300))} {
		_, err := s.ExportFile(t.Context(), path, ExportOptions{Format: FormatJSONL})
		if err == nil || strings.Contains(err.Error(), string(filepath.Separator)+".") || !strings.Contains(err.Error(), path) && !strings.Contains(err.Error(), "mkdir "+filepath.Dir(path)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// What was exported can be reviewed: as a finding a row claims what the store's own does.
func TestExportedRowsAreFindings(t *testing.T) {
	s := openTest(t)
	var rows []Example
	for n := range 8 {
		rows = append(rows, example(n))
	}
	if _, err := s.AddExamples(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	want := map[string]finding.Finding{} // by request
	for _, e := range all(t, s, Filter{}) {
		want[e.Request] = e.Finding()
	}
	for _, format := range []string{FormatJSONL, FormatCSV, FormatParquet} {
		var out bytes.Buffer
		if _, err := s.Export(t.Context(), &out, ExportOptions{Format: format}); err != nil {
			t.Fatal(err)
		}
		report, err := finding.Read("rows."+format, &out, "auto", finding.ReadOptions{})
		if err != nil || len(report.Problems) > 0 || len(report.Findings) != len(want) {
			t.Fatalf("%s: %d findings, problems %v, %v", format, len(report.Findings), report.Problems, err)
		}
		for _, got := range report.Findings {
			w := want[got.Request]
			if got.Rule != w.Rule || got.Title != w.Title || got.CWE != w.CWE || got.Label != w.Label || got.Response != w.Response || got.VulnCategory() != w.Rule {
				t.Errorf("%s: %s, %s, %s, %s of %s, expected %s, %s, %s, %s", format, got.Rule, got.Title, got.CWE, got.Label, got.VulnCategory(), w.Rule, w.Title, w.CWE, w.Label)
			}
		}
	}
}

// The format of the baseline: the verdict alone, whichever way the label is written; unlabelled findings are left out and counted,
// and no label stands in what the model is asked.
func TestExportVerdicts(t *testing.T) {
	s := openTest(t)
	findings := []finding.Finding{
		{ID: "a", Source: "x", Title: "SQL injection", Snippet: "q(x)", Label: "1", Split: Train},
		{ID: "b", Source: "x", Title: "XSS", Snippet: "w(y)", Label: "FP"},
		{ID: "c", Source: "x", Snippet: "z()"},
	}
	if _, _, err := s.AddFindings(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddExamples(t.Context(), exchanges(1)); err != nil {
		t.Fatal(err)
	}
	rows := func(o ExportOptions) (rows []VerdictRow, done Exported) {
		t.Helper()
		var out bytes.Buffer
		done, err := s.Export(t.Context(), &out, o)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			var row VerdictRow
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		return rows, done
	}
	got, done := rows(ExportOptions{Format: FormatTPFP, Findings: true})
	if done.Rows != 2 || done.Unlabelled != 1 || done.String() != "2 rows; left out for want of a label: 1" {
		t.Errorf("exported %s", done)
	}
	for i, want := range []struct{ answer, label string }{{"Verdict: TP", "TP"}, {"Verdict: FP", "FP"}} {
		r := got[i]
		if len(r.Messages) != 3 || r.Messages[2].Content != want.answer || r.Finding.Label != want.label || r.Prompt != "tpfp" || r.Finding.Split != findings[i].Split {
			t.Errorf("row %d is %+v, expected the answer %q", i, r, want.answer)
		}
		if !strings.Contains(r.Messages[0].Content, "Verdict: TP") || !strings.Contains(r.Messages[1].Content, findings[i].Snippet) ||
			strings.Contains(r.Messages[1].Content, "TP") || strings.Contains(r.Messages[1].Content, "FP") {
			t.Errorf("row %d asks %q", i, r.Messages[1].Content)
		}
	}
	if got, _ := rows(ExportOptions{Format: FormatTPFP}); len(got) != 1 || !strings.HasPrefix(got[0].Messages[2].Content, "Verdict: ") || got[0].Finding.Request == "" {
		t.Errorf("the training data gives %+v", got)
	}
	if _, err := Verdict(&finding.Finding{Label: "maybe"}); err == nil || !strings.Contains(err.Error(), "maybe") {
		t.Errorf("a label that is none: %v", err)
	}
}
