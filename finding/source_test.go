package finding

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sourceTree makes a source root with some code, and a secret outside of it.
func sourceTree(t *testing.T) *os.Root {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("line %d", i+1))
	}
	write("secret.txt", "SECRET\n")
	write("root/app/ten.py", strings.Join(lines[:10], "\r\n"))
	write("root/app/hundred.py", strings.Join(lines, "\n")+"\n")
	write("root/app/binary.py", "a\x00b\n")
	write("root/app/minified.js", strings.Repeat("x", 100_000)+"\nshort\n")
	write("root/app/latin1.c", "caf\xe9\n")
	write("root/ten.py", "another\n")
	if err := os.Symlink("../../secret.txt", filepath.Join(dir, "root/app/link.py")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ten.py", filepath.Join(dir, "root/app/inside.py")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestAddSource(t *testing.T) {
	root := sourceTree(t)
	for _, tc := range []struct {
		name         string
		file         string
		line, end    int
		snippet, foc string // of the finding after; "old" where it must be left alone
		note         string
	}{
		{"in the middle", "app/ten.py", 5, 0, "   3 | line 3\n   4 | line 4\n>> 5 | line 5\n   6 | line 6\n   7 | line 7", "line 5", ""},
		{"first line", "app/ten.py", 1, 0, ">> 1 | line 1\n   2 | line 2\n   3 | line 3", "line 1", ""},
		{"last line", "./app/../app/ten.py", 10, 0, "    8 | line 8\n    9 | line 9\n>> 10 | line 10", "line 10", ""},
		{"several lines", "app/ten.py", 2, 3, "   1 | line 1\n>> 2 | line 2\n>> 3 | line 3\n   4 | line 4\n   5 | line 5", "line 2\nline 3", ""},
		{"width of numbers", "app/hundred.py", 100, 0, "    98 | line 98\n    99 | line 99\n>> 100 | line 100", "line 100", ""},
		{"no line", "app/ten.py", 0, 0, "   1 | line 1\n   2 | line 2\n   3 | line 3\n   4 | line 4\n   5 | line 5", "", ""},
		{"absolute", "/home/ci/src/app/ten.py", 1, 0, ">> 1 | line 1\n   2 | line 2\n   3 | line 3", "line 1", "from app/ten.py"},
		{"Windows", `C:\src\app\ten.py`, 1, 0, ">> 1 | line 1\n   2 | line 2\n   3 | line 3", "line 1", "from app/ten.py"},
		{"absolute, only its base name is there", "/elsewhere/ten.py", 1, 0, "old", "old", "not below the source root"},
		{"link inside", "app/inside.py", 10, 0, "    8 | line 8\n    9 | line 9\n>> 10 | line 10", "line 10", ""},
		{"invalid UTF-8", "app/latin1.c", 1, 0, ">> 1 | caf\uFFFD", "caf\uFFFD", ""},
		{"past the end", "app/ten.py", 11, 0, "old", "old", "it has 10 lines, and the finding is on line 11"},
		{"missing", "app/none.py", 1, 0, "old", "old", "not below the source root"},
		{"binary", "app/binary.py", 1, 0, "old", "old", "not text"},
		{"folder", "app", 1, 0, "old", "old", "not a regular file"},
		{"climbs out", "../secret.txt", 1, 0, "old", "old", "outside of the source root"},
		{"climbs out from below", "app/../../secret.txt", 1, 0, "old", "old", "outside of the source root"},
		{"absolute that climbs", "/app/../../secret.txt", 1, 0, "old", "old", "not below the source root"},
		{"link out", "app/link.py", 1, 0, "old", "old", "cannot be opened below the source root"},
		{"URL", "https://x/app/ten.py", 1, 0, "old", "old", ""},
		{"no file", "", 1, 0, "old", "old", ""},
		{"NUL in the name", "app/\x00ten.py", 1, 0, "old", "old", "no source code"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := Finding{File: tc.file, EndLine: tc.end, Snippet: "old", Focus: "old"}
			if tc.line > 0 {
				f.Line = &tc.line
			}
			AddSource(&f, root, 2)
			if f.Snippet != tc.snippet || f.Focus != tc.foc {
				t.Errorf("snippet\n%s\nwant\n%s\nfocus %q, want %q", f.Snippet, tc.snippet, f.Focus, tc.foc)
			}
			notes := strings.Join(f.Notes, "; ")
			if tc.note == "" && notes != "" || !strings.Contains(notes, tc.note) {
				t.Errorf("notes %q, want %q", notes, tc.note)
			}
			if strings.Contains(f.Snippet+notes, "SECRET") {
				t.Error("read outside of the root")
			}
		})
	}
}

func TestAddSourceLongLines(t *testing.T) {
	line := 1
	f := Finding{File: "app/minified.js", Line: &line}
	AddSource(&f, sourceTree(t), 1)
	if len(f.Snippet) > maxLineBytes+200 || !strings.Contains(f.Snippet, "[… 98001 bytes cut …]") || !strings.Contains(f.Snippet, "2 | short") {
		t.Errorf("%d bytes, notes %q: %.100q", len(f.Snippet), f.Notes, f.Snippet)
	}
}

// TestAddSourceExample: the example's report and sources belong together.
func TestAddSourceExample(t *testing.T) {
	file, err := os.Open("../examples/flawfinder.sarif")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	report, err := Read("flawfinder.sarif", file, "auto", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot("../examples/src")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if len(report.Findings) != 7 {
		t.Fatalf("%d findings", len(report.Findings))
	}
	for i := range report.Findings {
		f := &report.Findings[i]
		flagged := strings.TrimSpace(f.Snippet)
		AddSource(f, root, DefaultContext)
		if f.Focus != flagged || !strings.Contains(f.Snippet, ">>") || len(f.Notes) != 0 || f.Language != "c" {
			t.Errorf("%s: flagged %q, in the source %q, notes %q", f.Location(), flagged, f.Focus, f.Notes)
		}
	}
}
