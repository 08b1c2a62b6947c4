package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files that are damaged, or made to do harm, end in errors; what can be read before the damage is kept where the format allows.
func TestImportHostileFiles(t *testing.T) {
	from := openTest(t)
	if _, err := from.addNew(t.Context(), hard(), map[string]int{}); err != nil {
		t.Fatal(err)
	}
	write := func(format string) []byte {
		var out bytes.Buffer
		if _, err := from.Export(t.Context(), &out, ExportOptions{Format: format}); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	parquetFile, lines := write(FormatParquet), write(FormatJSONL)
	if _, err := from.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	sqliteFile, err := os.ReadFile(from.Path())
	if err != nil {
		t.Fatal(err)
	}
	// A column that is made as it is read, and a table that is a program.
	huge := seedDB(t, `CREATE TABLE training_data (id INTEGER, request TEXT AS (CAST(zeroblob(1000000000) AS TEXT)), response TEXT, is_vulnerable INTEGER, vuln_category TEXT);
		INSERT INTO training_data (id, response, is_vulnerable, vuln_category) VALUES (1, 'r', 1, 'XSS')`)
	virtual := seedDB(t, `CREATE VIRTUAL TABLE training_data USING fts5(request, response, is_vulnerable, vuln_category)`)
	hugeFile, err := os.ReadFile(huge)
	if err != nil {
		t.Fatal(err)
	}
	virtualFile, err := os.ReadFile(virtual)
	if err != nil {
		t.Fatal(err)
	}
	cut := zipped(t, bytes.Repeat(lines, 2000))
	cut = cut[:len(cut)/2]
	for name, c := range map[string]struct {
		data []byte
		rows int    // at least
		says string // in the error, or in the first problem
	}{
		"parquet":              {parquetFile, 4, ""},
		"parquet in gzip":      {zipped(t, parquetFile), 4, ""},
		"parquet cut":          {parquetFile[:len(parquetFile)/2], 0, "cut short"},
		"parquet's footer":     {append(bytes.Clone(parquetFile[:len(parquetFile)-8]), "\xff\xff\xff\x7fPAR1"...), 0, "larger than the file"},
		"sqlite":               {sqliteFile, 4, ""},
		"sqlite in gzip":       {zipped(t, sqliteFile), 4, ""},
		"sqlite cut":           {sqliteFile[:len(sqliteFile)/3], 0, "malformed"},
		"sqlite's own columns": {hugeFile, 1, ""},
		"sqlite's own tables":  {virtualFile, 0, "training_data"},
		"gzip cut":             {cut, 1, "unexpected EOF"},
		"gzip of nothing":      {[]byte("\x1f\x8b"), 0, "gzip"},
		"deep":                 {[]byte(`{"is_vulnerable":1,"request":` + strings.Repeat("[", 1_000_000)), 0, "broken JSON"},
		"empty":                {nil, 0, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t)
			path := filepath.Join(t.TempDir(), "..%2f?.x")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := s.Import(t.Context(), path, ImportOptions{})
			if err == nil && len(got.Problems) > 0 {
				err = got.Problems[0]
			}
			if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, expected %q", err, c.says)
			}
			n, err := s.CountExamples(t.Context(), Filter{})
			if err != nil || n < c.rows || got != nil && n != got.Examples {
				t.Errorf("%d rows, %v; expected %d; said: %v", n, err, c.rows, got)
			}
		})
	}
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
