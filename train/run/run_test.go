package run

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testSpec(c *testConfig) Spec {
	return Spec{
		Command: "train lora", Config: c, Seeds: map[string]uint64{"init": 7},
		Data: []File{{Path: "train.jsonl", Bytes: 3, SHA256: "aa"}}, Weights: []File{{Path: "model.safetensors", Bytes: 4, SHA256: "bb"}}, Versions: map[string]string{"janus": "1"},
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	return string(must(os.ReadFile(filepath.Join(path...)))(t))
}

// trainTo does what a training command does: each step's state is the sum of the steps, and every second one is kept.
func trainTo(t *testing.T, r *Run, last int) {
	t.Helper()
	sum, begin := 0, 0
	if dir, step, ok := r.Latest(); ok {
		check(t, json.Unmarshal([]byte(read(t, dir, "state.json")), &sum))
		begin = step
	}
	for step := begin + 1; step <= last; step++ {
		sum += step
		check(t, r.Log(step, map[string]float64{TrainLoss: 1 / float64(step), LearningRate: 0.1}))
		check(t, r.LogTiming(step, map[string]float64{Memory: 5}))
		if step%2 > 0 {
			continue
		}
		write := func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "state.json"), []byte(strconv.Itoa(sum)), 0o644)
		}
		if step == 2 {
			check(t, r.CheckpointBest(step, write))
		} else {
			check(t, r.Checkpoint(step, write))
		}
	}
}

func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "one")
	r := must(Create(dir, testSpec(defaults(t))))(t)
	if _, _, ok := r.Latest(); ok {
		t.Error("a new run has a checkpoint")
	}
	trainTo(t, r, 9)
	if dir, step, ok := r.Best(); !ok || step != 2 || read(t, dir, "state.json") != "3" {
		t.Errorf("the best is of step %d, %v", step, ok)
	}
	steps := must(checkpointSteps(dir))(t)
	if d := cmp.Diff([]int{2, 6, 8}, steps); d != "" {
		t.Errorf("kept: %s", d)
	}
	if Finished(dir) {
		t.Error("it is finished before Finish")
	}
	check(t, r.Finish())
	check(t, r.Close())
	if !Finished(dir) || !strings.Contains(read(t, dir, doneFile), `"step": 9`) {
		t.Errorf("done.json: %s", read(t, dir, doneFile))
	}
	if path, step, ok := latestCheckpoint(dir); !ok || step != 8 || filepath.Base(path) != "step-00000008" {
		t.Errorf("found %s of step %d", path, step)
	}
	if _, err := Start(dir, testSpec(defaults(t)), true); !errors.Is(err, ErrFinished) {
		t.Errorf("resumed after the end: %v", err)
	}
}

// A run that is interrupted leaves the same metrics as one that is not.
func TestResume(t *testing.T) {
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
	r := must(Create(whole, testSpec(defaults(t))))(t)
	trainTo(t, r, 9)
	check(t, r.Finish())
	for _, last := range []int{1, 3, 4, 7, 9} {
		r := must(Start(parts, testSpec(defaults(t)), true))(t)
		trainTo(t, r, last)
		if last == 9 {
			check(t, r.Finish())
			break
		}
		must(r.metrics.file.WriteString(`{"step":99,"train`))(t) // as a crash leaves it
		check(t, r.Close())
	}
	for _, name := range []string{runFile, metricsFile, doneFile, "checkpoints/step-00000008/state.json", "checkpoints/step-00000002/state.json"} {
		if a, b := read(t, whole, name), read(t, parts, name); a != b {
			t.Errorf("%s:\n%s\nis, interrupted:\n%s", name, a, b)
		}
	}
	if rows := must(ReadTimings(parts))(t); len(rows) != 9 {
		t.Errorf("%d timings", len(rows))
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	if _, err := Resume(dir, testSpec(defaults(t))); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("two at once: %v", err)
	}
	check(t, r.Close())
	if _, err := Start(dir, testSpec(defaults(t)), false); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("over a run: %v", err)
	}
	other := t.TempDir()
	check(t, os.WriteFile(filepath.Join(other, "thesis.doc"), nil, 0o644))
	if _, err := Create(other, testSpec(defaults(t))); err == nil || !strings.Contains(err.Error(), "not empty (it holds thesis.doc)") {
		t.Errorf("over a thesis: %v", err)
	}
	if _, err := Resume(other, testSpec(defaults(t))); err == nil || !strings.Contains(err.Error(), "no run to go on with") {
		t.Errorf("resumed what is none: %v", err)
	}
}

func TestResumeRefusesChanges(t *testing.T) {
	dir := t.TempDir()
	check(t, must(Create(dir, testSpec(defaults(t))))(t).Close())
	for want, change := range map[string]func(*Spec, *testConfig){
		"optimizer.lr: 0.0002 before, 5 now":         func(_ *Spec, c *testConfig) { c.Optim.LR = 5 },
		"command: train lora before, train head now": func(s *Spec, _ *testConfig) { s.Command = "train head" },
		"seed of init: 7 before, 8 now":              func(s *Spec, _ *testConfig) { s.Seeds = map[string]uint64{"init": 8} },
		"seed of dropout: 0 before, 8 now":           func(s *Spec, _ *testConfig) { s.Seeds = map[string]uint64{"init": 7, "dropout": 8} },
		"data: train.jsonl (3 bytes, SHA-256 aa) before, train.jsonl (5 bytes, SHA-256 cc) now": func(s *Spec, _ *testConfig) {
			s.Data = []File{{Path: "train.jsonl", Bytes: 5, SHA256: "cc"}}
		},
		"data: train.jsonl (3 bytes, SHA-256 aa) before, tokens (6 rows, SHA-256 ee) now": func(s *Spec, _ *testConfig) {
			s.Data = []File{{Path: "tokens", Rows: 6, SHA256: "ee"}}
		},
		"data: train.jsonl is not there now": func(s *Spec, _ *testConfig) { s.Data = nil },
		"weights: adapter was not there before": func(s *Spec, _ *testConfig) {
			s.Weights = append(s.Weights, File{Path: "adapter", Bytes: 1, SHA256: "dd"})
		},
	} {
		c := defaults(t)
		spec := testSpec(c)
		change(&spec, c)
		if _, err := Resume(dir, spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	c := defaults(t)
	c.Charts = true // may change
	spec := testSpec(c)
	spec.Data[0].Path, spec.Versions = "moved/train.jsonl", map[string]string{"janus": "2"}
	r := must(Resume(dir, spec))(t)
	defer func() { check(t, r.Close()) }()
	if d := cmp.Diff([]string{"version of janus: 1 before, 2 now"}, r.Warnings); d != "" {
		t.Error(d)
	}
}

// A damaged checkpoint is passed over for the one before.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"cut":         func(dir string) error { return os.Truncate(filepath.Join(dir, "state.json"), 1) },
		"flipped":     func(dir string) error { return os.WriteFile(filepath.Join(dir, "state.json"), []byte("37"), 0o644) },
		"missing":     func(dir string) error { return os.Remove(filepath.Join(dir, "state.json")) },
		"no manifest": func(dir string) error { return os.Remove(filepath.Join(dir, manifestFile)) },
		"manifest":    func(dir string) error { return os.Truncate(filepath.Join(dir, manifestFile), 20) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := must(Create(dir, testSpec(defaults(t))))(t)
			trainTo(t, r, 8)
			check(t, r.Close())
			check(t, damage(filepath.Join(dir, checkpointsName, "step-00000008")))
			if _, step, _ := latestCheckpoint(dir); step != 6 {
				t.Errorf("the last whole one is of step %d", step)
			}
			r = must(Resume(dir, testSpec(defaults(t))))(t)
			if _, step, ok := r.Latest(); !ok || step != 6 || len(r.Warnings) != 1 {
				t.Errorf("went on from step %d with warnings %q", step, r.Warnings)
			}
			if rows := must(ReadMetrics(dir))(t); len(rows) != 6 {
				t.Errorf("%d metrics are left", len(rows))
			}
			trainTo(t, r, 8)
			check(t, r.Close())
		})
	}
}

func TestDamagedBest(t *testing.T) {
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	trainTo(t, r, 8)
	check(t, r.Close())
	check(t, os.Truncate(filepath.Join(dir, checkpointsName, "step-00000002", "state.json"), 0))
	if _, err := Resume(dir, testSpec(defaults(t))); err == nil || !strings.Contains(err.Error(), "best checkpoint, of step 2, is damaged") {
		t.Errorf("got %v", err)
	}
}

func TestCheckpointRefuses(t *testing.T) {
	r := must(Create(t.TempDir(), testSpec(defaults(t))))(t)
	defer func() { check(t, r.Close()) }()
	none := func(string) error { return nil }
	check(t, r.Checkpoint(3, none))
	for _, step := range []int{-1, 2} {
		if err := r.Checkpoint(step, none); err == nil || !strings.Contains(err.Error(), "steps must not fall") {
			t.Errorf("step %d: %v", step, err)
		}
	}
	check(t, r.Checkpoint(3, none)) // in its place
	full := errors.New("disk full")
	if err := r.Checkpoint(4, func(string) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if _, step, _ := r.Latest(); step != 3 || len(must(os.ReadDir(r.checkpoints()))(t)) != 1 {
		t.Errorf("after a failed one the last is of step %d", step)
	}
}

func TestLogNumbers(t *testing.T) {
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	values := map[string]float64{"b": math.Inf(-1), "a": 0.1, `c"<`: 1e-30, "d": math.Inf(1)}
	check(t, r.Log(1, values))
	check(t, r.Log(2, map[string]float64{"n": math.NaN()}))
	if err := r.Log(3, map[string]float64{"step": 1}); err == nil {
		t.Error("a metric was called step")
	}
	check(t, r.Close())
	want := `{"step":1,"a":0.1,"b":"-Infinity","c\"\u003c":1e-30,"d":"Infinity"}` + "\n" + `{"step":2,"n":"NaN"}` + "\n"
	if got := read(t, dir, metricsFile); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	rows := must(ReadMetrics(dir))(t)
	if d := cmp.Diff(values, rows[0].Values); d != "" || !math.IsNaN(rows[1].Values["n"]) {
		t.Errorf("read back: %v", rows)
	}
	check(t, os.WriteFile(filepath.Join(dir, metricsFile), []byte("{\"step\":1}\n{\"step\":\"x\"}\n"), 0o644))
	if _, err := ReadMetrics(dir); err == nil || !strings.Contains(err.Error(), "metrics.jsonl:2: expected a number for step") {
		t.Errorf("got %v", err)
	}
}

func TestHashFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	check(t, os.WriteFile(path, []byte("abc"), 0o644))
	f := must(HashFile(path))(t)
	if want := (File{Path: path, Bytes: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}); f != want {
		t.Errorf("%v, want %v", f, want)
	}
	one := must(HashFile(dir))(t)
	check(t, os.Rename(path, filepath.Join(dir, "b")))
	if two := must(HashFile(dir))(t); one.SHA256 == two.SHA256 || two.Bytes != 3 {
		t.Errorf("a folder's hash is blind to names: %v", two)
	}
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(dir, link))
	if f, linked := must(HashFile(dir))(t), must(HashFile(link))(t); linked.SHA256 != f.SHA256 || linked.Path != link {
		t.Errorf("a linked folder: %v, expected the hash of %v", &linked, &f)
	}
	before := must(HashFile(dir))(t)
	check(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("about it"), 0o644))
	check(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, ".git", "index"), []byte("1"), 0o644))
	if f := must(HashFile(dir))(t); f != before {
		t.Errorf("what is said of a folder changes its hash: %v, before %v", &f, &before)
	}
	if _, err := HashFile(filepath.Join(dir, "none")); err == nil {
		t.Error("no error for no file")
	}
}

// latestCheckpoint is the last whole checkpoint of a run folder.
func latestCheckpoint(dir string) (path string, step int, ok bool) {
	steps, err := checkpointSteps(dir)
	if err != nil {
		return "", 0, false
	}
	for _, step := range slices.Backward(steps) {
		path := filepath.Join(dir, checkpointsName, checkpointName(step))
		if _, err := verify(path); err == nil {
			return path, step, true
		}
	}
	return "", 0, false
}

// A stranger's folder gets nothing; what was being written when a run was killed goes when it is resumed.
func TestFoldersStayClean(t *testing.T) {
	other := t.TempDir()
	check(t, os.WriteFile(filepath.Join(other, "notes.txt"), nil, 0o644))
	if _, err := Create(other, testSpec(defaults(t))); err == nil || len(must(os.ReadDir(other))(t)) != 1 {
		t.Errorf("a folder that holds something: %v", err)
	}
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	trainTo(t, r, 4)
	check(t, r.Close())
	left := filepath.Join(dir, ".model.tmp-1")
	check(t, os.MkdirAll(left, 0o755))
	check(t, os.WriteFile(filepath.Join(left, "model.safetensors"), make([]byte, 100), 0o644))
	r = must(Resume(dir, testSpec(defaults(t))))(t)
	defer func() { check(t, r.Close()) }()
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a half-written model is still there: %v", err)
	}
}
