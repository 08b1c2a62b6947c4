package dataset

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/finding"
)

// FuzzImport: whatever a file holds, an import ends in rows that export and import again as they are, in errors of rows, or in
// an error of the file; it never panics.
func FuzzImport(f *testing.F) {
	for _, text := range []string{
		`{"id":1,"request":"GET /","response":"","analysis":"a","is_vulnerable":true,"vuln_category":"XSS"}` + "\n" + `{"is_vulnerable":2}`,
		`{"request":"\u0000\ud800","is_vulnerable":"tp","vuln_category":" ","group":"=1","id":9223372036854775807}`,
		"id,request,response,analysis,is_vulnerable,vuln_category\r\n1,\"GET \"\"/\r\n\",,'=a,1,XSS\r\n2,a,b,c,0\r\n",
		"request;is_vulnerable;vuln_category\nx;FP;\xff\n",
		`{"id":"1","message":"m","label":"TP"}`,
		"PAR1", "SQLite format 3\x00", "\x1f\x8b",
	} {
		f.Add([]byte(text))
	}
	rows := hard()
	for _, format := range []string{FormatJSONL, FormatCSV, FormatParquet} {
		var out bytes.Buffer
		s, err := Open(filepath.Join(f.TempDir(), "seed.db"))
		if err != nil {
			f.Fatal(err)
		}
		if _, err := s.AddExamples(f.Context(), rows); err != nil {
			f.Fatal(err)
		}
		if _, err := s.Export(f.Context(), &out, ExportOptions{Format: format}); err != nil {
			f.Fatal(err)
		}
		if err := s.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	for _, name := range []string{"zap_http.jsonl", "castle_c.jsonl"} {
		text, err := os.ReadFile(filepath.Join("..", "finding", "testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:min(len(text), 4000)])
	}
	// One store for all: making one takes longer than importing.
	s := openFuzz(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "in")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		defer empty(t, s)
		got, err := s.Import(t.Context(), path, ImportOptions{Source: "fuzz"})
		if err != nil {
			return // the file cannot be read
		}
		for _, problem := range got.Problems {
			var row *finding.RowError
			if !errors.As(problem, &row) {
				t.Errorf("%v does not say where", problem)
			}
		}
		want := all(t, s, Filter{})
		if len(want) != got.Examples {
			t.Errorf("%d rows of %d are there", len(want), got.Examples)
		}
		if len(want) == 0 {
			return
		}
		formats := []string{FormatJSONL, FormatCSV, FormatParquet}
		for _, format := range formats {
			if _, err := s.ExportFile(t.Context(), filepath.Join(dir, "out."+format), ExportOptions{Format: format}); err != nil {
				t.Fatal(err)
			}
		}
		for _, format := range formats {
			empty(t, s)
			if _, err := s.Import(t.Context(), filepath.Join(dir, "out."+format), ImportOptions{}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if diff := cmp.Diff(want, all(t, s, Filter{})); diff != "" {
				t.Errorf("%s: %s", format, diff)
			}
		}
	})
}

// openFuzz opens a store that is fast rather than safe.
func openFuzz(f *testing.F) *Store {
	s, err := Open(filepath.Join(f.TempDir(), "janus.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() }) //nolint:errcheck // the test is over
	s.db.SetMaxOpenConns(1)
	if _, err := s.db.Exec("PRAGMA synchronous = OFF"); err != nil {
		f.Fatal(err)
	}
	return s
}

func empty(t *testing.T, s *Store) {
	if _, err := s.db.Exec("DELETE FROM training_data; DELETE FROM findings; DELETE FROM sqlite_sequence"); err != nil {
		t.Fatal(err)
	}
}
