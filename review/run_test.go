package review

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
)

const twoRowsOneBroken = `{"id":"a","category":"code","snippet":"x = 1"}
{"id":"b", broken
{"id":"c","category":"code","snippet":"y = 2"}
`

// ready gives a reviewer that is there.
func ready(r *Reviewer) func() (*Reviewer, error) {
	return func() (*Reviewer, error) { return r, nil }
}

func readText(t *testing.T, text string) []*finding.Report {
	t.Helper()
	reports, _, err := Read(t.Context(), []string{"-"}, ReadOptions{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func rows(t *testing.T, data []byte) (list []finding.Verdict) {
	t.Helper()
	for line := range bytes.Lines(data) {
		var v finding.Verdict
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		list = append(list, v)
	}
	return list
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		name  string
		files []string
		o     ReadOptions
		want  string
	}{
		{"not there", []string{filepath.Join(dir, "none.sarif")}, ReadOptions{}, "none.sarif"},
		{"empty", []string{file("zero", "")}, ReadOptions{}, "0 bytes"},
		{"stdin twice", []string{"-", "-"}, ReadOptions{Stdin: strings.NewReader(twoRowsOneBroken)}, "given twice"},
		{"nothing readable", []string{file("broken.jsonl", "{\"id\": 1, broken\n")}, ReadOptions{Format: "jsonl"}, "broken.jsonl:1"},
		{"no source root", []string{"-"}, ReadOptions{Stdin: strings.NewReader(twoRowsOneBroken), SourceRoot: filepath.Join(dir, "src")}, "source root"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := Read(t.Context(), test.files, test.o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
	t.Run("source", func(t *testing.T) {
		file("a.c", "one\ntwo\nthree\n")
		reports, _, err := Read(t.Context(), []string{"-"}, ReadOptions{SourceRoot: dir, Stdin: strings.NewReader(`{"id":"a","category":"code","file":"a.c","line":2,"snippet":"old"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if s := reports[0].Findings[0].Snippet; !strings.Contains(s, "three") {
			t.Errorf("the code is %q", s)
		}
	})
}

func TestRunKeepsUnreadableRows(t *testing.T) {
	var out bytes.Buffer
	output, err := OpenOutput(OutputOptions{Format: FormatJSONL, Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	progress := 0
	run := Run{Reports: readText(t, twoRowsOneBroken), Output: output, Progress: func(done, total int) { progress = done*10 + total }}
	result, err := run.Do(context.Background(), ready(fakeReviewer(t, &fakeEngine{p: 0.9, bad: -1}, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if result.Unread != 1 || result.Failed != 0 || result.Left != 0 || progress != 22 {
		t.Errorf("result %+v, progress %d", result, progress)
	}
	list := rows(t, out.Bytes())
	if len(list) != 3 || list[0].ID != "stdin:2" || list[0].Error == "" || !list[1].Judged() || !list[2].Judged() {
		t.Errorf("rows are %+v", list)
	}
}

func TestRunLimit(t *testing.T) {
	var out bytes.Buffer
	output, err := OpenOutput(OutputOptions{Format: FormatJSONL, Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	run := Run{Reports: append(readText(t, `{"id":"a","snippet":"x"}`), readText(t, twoRowsOneBroken)[0]), Limit: 2, Output: output}
	result, err := run.Do(context.Background(), ready(fakeReviewer(t, &fakeEngine{p: 0.9, bad: -1}, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if run.Findings() != 2 || !result.Reviewed[0].Verdicts[0].Judged() || !result.Reviewed[1].Verdicts[0].Judged() || result.Reviewed[1].Verdicts[1].Done() {
		t.Errorf("%d findings, %+v", run.Findings(), result.Reviewed)
	}
}

// What is done when Ctrl-C comes is written, in every format.
func TestRunCancelled(t *testing.T) {
	for _, format := range OutputFormats() {
		t.Run(format, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			path := filepath.Join(t.TempDir(), "out")
			output, err := OpenOutput(OutputOptions{Format: format, Path: path})
			if err != nil {
				t.Fatal(err)
			}
			run := Run{Reports: readText(t, strings.Replace(twoRowsOneBroken, " broken", "}", 1)), Output: output,
				Progress: func(done, _ int) {
					if done == 1 {
						cancel()
					}
				}}
			e := &fakeEngine{p: 0.9, bad: -1}
			reviewer := fakeReviewer(t, e, Options{Batch: 1})
			reviewer.engine = stopping{e}
			result, err := run.Do(ctx, ready(reviewer))
			if err != nil || result.Left != 1 {
				t.Fatalf("error %v, result %+v", err, result)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(data), "TP") && !strings.Contains(string(data), "1 real") {
				t.Errorf("the output is %q", data)
			}
		})
	}
}

// stopping looks at ctx as the model does.
type stopping struct{ *fakeEngine }

func (s stopping) Review(ctx context.Context, b model.Batch, o model.ReviewOptions) ([]model.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.fakeEngine.Review(ctx, b, o)
}

func TestOutputFormatAndFile(t *testing.T) {
	for name, want := range map[string]string{
		"": FormatTable, "a.txt": FormatTable, "a.sarif": FormatSARIF, "b/a.SARIF": FormatSARIF, "a.json": FormatSARIF, "a.jsonl": FormatJSONL, "a.ndjson": FormatJSONL,
		"a.csv": FormatCSV, "a.db": FormatSQLite, "a.sqlite": FormatSQLite, "a.parquet": FormatParquet, "a.md": FormatMarkdown, "a.html": FormatHTML,
	} {
		if got, err := chooseFormat("", name); err != nil || got.name != want {
			t.Errorf("%q is %s, want %s (%v)", name, got.name, want, err)
		}
	}
	dir := t.TempDir()
	for name, o := range map[string]OutputOptions{
		"output format": {Format: "xml"},
		"is a folder":   {Path: dir},
		filepath.Join(dir, "none", "a.jsonl") + ": no such file": {Path: filepath.Join(dir, "none", "a.jsonl")},
		"for SARIF":                          {Path: filepath.Join(dir, "a.jsonl"), SARIF: finding.SARIFOptions{DropSuppressed: true}},
		"this is jsonl":                      {Format: FormatJSONL, SARIF: finding.SARIFOptions{DropSuppressed: true}},
		"GitHub code scanning are for SARIF": {Path: filepath.Join(dir, "a.csv"), SARIF: finding.SARIFOptions{GitHub: true}},
		"expected one of table, sarif,":      {Format: "pdf"},
		"sqlite is binary and not for a t":   {Format: FormatSQLite, Terminal: true},
	} {
		if _, err := OpenOutput(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// A file that is there stays whole until the new one is, and a link stays a link.
func TestOutputReplacesAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.jsonl"), filepath.Join(dir, "link.jsonl")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, abandon := range []bool{true, false} {
		o, err := OpenOutput(OutputOptions{Path: link})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Row(finding.Verdict{ID: "a", Error: "e"}); err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != "old" {
			t.Errorf("meanwhile the file is %q (%v)", now, err)
		}
		if abandon {
			o.Abandon()
		} else if err := o.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(link)
	if err != nil || len(rows(t, data)) != 1 {
		t.Errorf("the file is %q (%v)", data, err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v (%v)", info.Mode(), err)
	}
	info, err = os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v (%v)", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("the folder holds %v (%v)", left, err)
	}
}

// fullDisk takes some bytes and no more.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

// Verdicts that cannot be written are saved elsewhere.
func TestRunRescuesVerdicts(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, test := range []struct {
		name string
		o    OutputOptions
	}{
		{"rows", OutputOptions{Format: FormatJSONL, Stdout: &fullDisk{100}}},
		{"table", OutputOptions{Stdout: &fullDisk{100}}},
		{"device", OutputOptions{Path: "/dev/full", Format: FormatSARIF}},
	} {
		t.Run(test.name, func(t *testing.T) {
			output, err := OpenOutput(test.o)
			if err != nil {
				t.Fatal(err)
			}
			run := Run{Reports: readText(t, `{"id":"a","snippet":"x"}`+"\n"+`{"id":"b","snippet":"y"}`), Output: output}
			_, err = run.Do(context.Background(), ready(fakeReviewer(t, &fakeEngine{p: 0.9, bad: -1}, Options{})))
			if err == nil || !strings.Contains(err.Error(), "no space left on device") {
				t.Fatalf("error is %v", err)
			}
			saved := regexp.MustCompile(`saved in (\S+)`).FindStringSubmatch(err.Error())
			if saved == nil {
				t.Fatalf("error does not say where the verdicts are: %v", err)
			}
			data, err := os.ReadFile(saved[1])
			if err != nil {
				t.Fatal(err)
			}
			if list := rows(t, data); len(list) != 2 || !list[0].Judged() || !list[1].Judged() {
				t.Errorf("saved are %+v", list)
			}
		})
	}
	cause := errors.New("cause")
	if err := Rescue(nil, cause); !errors.Is(err, cause) || strings.Contains(err.Error(), "saved") {
		t.Errorf("without verdicts the error is %v", err)
	}
}
