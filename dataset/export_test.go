package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
