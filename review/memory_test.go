package review

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
)

// recipe has a model, two adapters and a head that are a file each.
func recipe(t *testing.T, edit func(dir string, r *Recipe)) Recipe {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"model/model.safetensors", "model/config.json", "a/adapter_model.safetensors", "b/adapter_model.safetensors", "h/head.json"} {
		write(t, filepath.Join(dir, name), name)
	}
	r := Recipe{
		Model: filepath.Join(dir, "model"), Adapters: []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, Heads: []string{filepath.Join(dir, "h")},
		Backend: "go", Options: Options{Sampling: model.Sampling{MaxTokens: 4}, Categories: map[string]int{"xss": 1}},
	}
	if edit != nil {
		edit(dir, &r)
	}
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remember(t *testing.T, c *Cache, r Recipe) *Memory {
	t.Helper()
	m, err := NewMemory(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestKey: all that a verdict follows from changes its key, and nothing else does.
func TestKey(t *testing.T) {
	c := NewCache(t.TempDir())
	f := func() *finding.Finding { return &finding.Finding{ID: "1", Title: "t", Category: "code", Snippet: "x"} }
	threshold := 0.9
	base := remember(t, c, recipe(t, nil)).key(f())
	for _, test := range []struct {
		name string
		same bool
		edit func(dir string, r *Recipe)
		f    func(f *finding.Finding)
	}{
		{name: "nothing, in other folders", same: true},
		{name: "weights", edit: func(dir string, _ *Recipe) { write(t, filepath.Join(dir, "model/model.safetensors"), "other") }},
		{name: "tokenizer", edit: func(dir string, _ *Recipe) { write(t, filepath.Join(dir, "model/tokenizer.json"), "{}") }},
		{name: "a note in the model's folder", same: true, edit: func(dir string, _ *Recipe) { write(t, filepath.Join(dir, "model/README.md"), "x") }},
		{name: "name of the model", edit: func(dir string, r *Recipe) {
			r.Model = filepath.Join(dir, "other")
			if err := os.Rename(filepath.Join(dir, "model"), r.Model); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "the finding's adapter", edit: func(dir string, _ *Recipe) { write(t, filepath.Join(dir, "a/adapter_model.safetensors"), "other") }},
		{name: "another's adapter", same: true, edit: func(dir string, _ *Recipe) { write(t, filepath.Join(dir, "b/adapter_model.safetensors"), "other") }},
		{name: "merged adapters", edit: func(_ string, r *Recipe) { r.Merge = true }},
		{name: "which adapter", edit: func(_ string, r *Recipe) { r.Options.Categories = map[string]int{"code": 1} }},
		{name: "head", edit: func(dir string, _ *Recipe) { write(t, filepath.Join(dir, "h/head.json"), "other") }},
		{name: "no head", edit: func(_ string, r *Recipe) { r.Heads = nil }},
		{name: "context", edit: func(_ string, r *Recipe) { r.ContextLength = 100 }},
		{name: "backend", edit: func(_ string, r *Recipe) { r.Backend = "xla" }},
		{name: "new tokens", edit: func(_ string, r *Recipe) { r.Options.Sampling.MaxTokens = 5 }},
		{name: "fewest tokens", edit: func(_ string, r *Recipe) { r.Options.Sampling.MinTokens = 1 }},
		{name: "temperature", edit: func(_ string, r *Recipe) { r.Options.Sampling.Temperature = 1 }},
		{name: "top-k", edit: func(_ string, r *Recipe) { r.Options.Sampling.TopK = 1 }},
		{name: "min-p", edit: func(_ string, r *Recipe) { r.Options.Sampling.MinP = 0.1 }},
		{name: "a penalty", edit: func(_ string, r *Recipe) { r.Options.Sampling.RepetitionPenalty = 1.1 }},
		{name: "samples", edit: func(_ string, r *Recipe) { r.Options.Samples = 3 }},
		{name: "one sample", same: true, edit: func(_ string, r *Recipe) { r.Options.Samples = 1 }},
		{name: "thinking", edit: func(_ string, r *Recipe) { r.Options.Thinking = new(bool) }},
		{name: "dtype", edit: func(_ string, r *Recipe) { r.DType = "int8" }},
		{name: "seed of nothing random", same: true, edit: func(_ string, r *Recipe) { r.Options.Sampling.Seed = 1 }},
		{name: "longest prompt", edit: func(_ string, r *Recipe) { r.Options.MaxPrompt = 100 }},
		{name: "longest prompt as it is", same: true, edit: func(_ string, r *Recipe) { r.Options.MaxPrompt = DefaultMaxPrompt }},
		{name: "trajectory", edit: func(_ string, r *Recipe) { r.Options.Trajectory = true }},
		{name: "sure", edit: func(_ string, r *Recipe) { r.Options.Sure = 0.9 }},
		{name: "threshold and margin", same: true, edit: func(_ string, r *Recipe) { r.Options.Threshold, r.Options.Margin = &threshold, 0.1 }},
		{name: "batch", same: true, edit: func(_ string, r *Recipe) { r.Options.Batch = 3 }},
		{name: "instructions", edit: func(dir string, r *Recipe) {
			write(t, filepath.Join(dir, "p/instructions.txt"), "Do.")
			r.Options.Prompts = openPrompts(t, filepath.Join(dir, "p"))
		}},
		{name: "template", edit: func(dir string, r *Recipe) {
			write(t, filepath.Join(dir, "p/finding.tmpl"), "Say.")
			r.Options.Prompts = openPrompts(t, filepath.Join(dir, "p"))
		}},
		{name: "template of others", same: true, edit: func(dir string, r *Recipe) {
			write(t, filepath.Join(dir, "p/category/XSS.tmpl"), "Say.")
			r.Options.Prompts = openPrompts(t, filepath.Join(dir, "p"))
		}},
		{name: "text of the finding", f: func(f *finding.Finding) { f.Snippet = "y" }},
		{name: "label, id, notes and split", same: true, f: func(f *finding.Finding) {
			f.ID, f.Label, f.Split, f.Notes = "2", "TP", "train", []string{"n"}
		}},
	} {
		f := f()
		if test.f != nil {
			test.f(f)
		}
		if got := remember(t, c, recipe(t, test.edit)).key(f); (got == base) != test.same {
			t.Errorf("%s: the same key is %v, want %v", test.name, got == base, test.same)
		}
	}
	// At a temperature the draws follow from seed and id.
	warm := func(seed uint64, id string) string {
		f := f()
		f.ID = id
		return remember(t, c, recipe(t, func(_ string, r *Recipe) {
			r.Options.Sampling.Temperature, r.Options.Sampling.Seed = 1, seed
		})).key(f)
	}
	key := warm(1, "1")
	if again := warm(1, "1"); again != key || key == warm(2, "1") || key == warm(1, "2") {
		t.Error("at a temperature the key must follow the seed and the id")
	}
	if _, err := NewMemory(t.Context(), c, Recipe{Model: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a model that is not there has no key")
	}
}

func openPrompts(t *testing.T, dir string) *prompts.Set {
	t.Helper()
	s, err := prompts.Open("", dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sixty is a reviewer by the given options that finds all to be real by 0.6.
func sixty(t *testing.T, o Options) *Reviewer {
	return fakeReviewer(t, &fakeEngine{p: 0.6, bad: -1}, o)
}

// reviewed runs a review of three findings, one of which is cut and one of which has notes, and returns its rows sorted as the
// findings are.
func reviewed(t *testing.T, m *Memory, reviewer *Reviewer) (verdicts []finding.Verdict, result *Result, calls int) {
	t.Helper()
	report := readText(t, `{"id":"a","snippet":"x"}`+"\n"+`{"id":"b","snippet":"y"}`)[0]
	report.Findings = append(report.Findings, *code("long", 4000))
	report.Findings[1].Notes = []string{"a note"}
	var out bytes.Buffer
	output, err := OpenOutput(OutputOptions{Format: FormatJSONL, Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	run := Run{Reports: []*finding.Report{report}, Output: output, Memory: m}
	result, err = run.Do(context.Background(), func() (*Reviewer, error) {
		calls++
		return reviewer, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, out.Bytes())); n != 3 {
		t.Errorf("%d rows", n)
	}
	return result.Reviewed[0].Verdicts, result, calls
}

// TestMemory: the second time nothing is computed, and the verdicts are the same but for the time.
func TestMemory(t *testing.T) {
	c := NewCache(t.TempDir())
	o := Options{Sampling: model.Sampling{MaxTokens: 4}, MaxPrompt: 400, Margin: 0.05}
	r := recipe(t, func(_ string, r *Recipe) { r.Adapters, r.Heads, r.Options = nil, nil, o })
	m, reviewer := remember(t, c, r), sixty(t, o)
	first, result, calls := reviewed(t, m, reviewer)
	if result.Recalled != 0 || calls != 1 {
		t.Errorf("the first time: %d recalled, %d reviewers", result.Recalled, calls)
	}
	second, result, calls := reviewed(t, remember(t, c, r), reviewer)
	if result.Recalled != 3 || calls != 0 || result.Left != 0 {
		t.Errorf("the second time: %+v, %d reviewers", result, calls)
	}
	for i := range first {
		first[i].Seconds = 0
	}
	if diff := gocmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	if second[1].Note != "a note" || second[2].Note == "" {
		t.Errorf("notes %q and %q", second[1].Note, second[2].Note)
	}
	// Threshold and margin are those of the day.
	high := 0.9
	r.Options.Threshold, r.Options.Margin = &high, 0
	if again, result, _ := reviewed(t, remember(t, c, r), reviewer); result.Recalled != 3 || again[0].Verdict != finding.FalsePositive || first[0].Verdict != finding.TruePositive {
		t.Errorf("with another threshold: %+v", again[0])
	}
}

// TestMemoryDamaged: whatever became of an entry, it is not used, and it is written anew.
func TestMemoryDamaged(t *testing.T) {
	o := Options{Sampling: model.Sampling{MaxTokens: 4}, MaxPrompt: 400}
	reviewer := sixty(t, o)
	for name, damage := range map[string]func(data []byte) []byte{
		"cut":          func(data []byte) []byte { return data[:len(data)/2] },
		"empty":        func([]byte) []byte { return nil },
		"a bit":        func(data []byte) []byte { data[len(data)-3] ^= 1; return data },
		"another p":    func(data []byte) []byte { return bytes.Replace(data, []byte(`"P":0.6`), []byte(`"P":0.1`), 1) },
		"no number":    func([]byte) []byte { return []byte("null") },
		"another type": func([]byte) []byte { return []byte("<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCache(t.TempDir())
			m := remember(t, c, recipe(t, func(_ string, r *Recipe) { r.Options = o }))
			reviewed(t, m, reviewer)
			files, err := filepath.Glob(filepath.Join(c.dir, memoryKind, "*", "*.json"))
			if err != nil || len(files) != 3 {
				t.Fatalf("%v, %v", files, err)
			}
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, result, _ := reviewed(t, m, reviewer); result.Recalled != 0 {
				t.Errorf("%d damaged entries are used", result.Recalled)
			}
			if _, result, _ := reviewed(t, m, reviewer); result.Recalled != 3 {
				t.Errorf("%d entries after the damage was mended", result.Recalled)
			}
		})
	}
	// A whole entry under another's name is damage too.
	c := NewCache(t.TempDir())
	c.put("k", hashKey(1), "one")
	if err := os.MkdirAll(filepath.Dir(c.path("k", hashKey(2))), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.path("k", hashKey(1)), c.path("k", hashKey(2))); err != nil {
		t.Fatal(err)
	}
	var text string
	if c.get("k", hashKey(2), &text) {
		t.Errorf("another key's value is used: %q", text)
	}
}

// TestCacheUnwritable: nothing is kept, and nothing fails.
func TestCacheUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	folders := []string{file}
	if os.Getuid() != 0 { // root writes where it likes
		folders = append(folders, dir)
	}
	o := Options{Sampling: model.Sampling{MaxTokens: 4}, MaxPrompt: 400}
	reviewer := sixty(t, o)
	for _, folder := range folders {
		c := NewCache(folder)
		m := remember(t, c, recipe(t, func(_ string, r *Recipe) { r.Options = o }))
		if verdicts, result, _ := reviewed(t, m, reviewer); result.Recalled != 0 || !verdicts[2].Judged() {
			t.Errorf("%+v", result)
		}
		if c.Failed() == nil {
			t.Error("nobody is told that nothing is kept")
		}
	}
}

// TestCacheConcurrent: readers see a value whole or not at all while others write it.
func TestCacheConcurrent(t *testing.T) {
	dir := t.TempDir()
	value := func(i int) string { return fmt.Sprint(i) + string(bytes.Repeat([]byte("x"), 10_000)) }
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := NewCache(dir) // as another process has its own
			for i := range 50 {
				c.put("k", hashKey(i%5), value(i%5))
				var got string
				if !c.get("k", hashKey(i%5), &got) || got != value(i%5) {
					t.Errorf("writer %d reads %.20q", w, got)
				}
			}
			if err := c.Failed(); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
}

// TestFingerprintRemembers: a file that was left alone is not read again, and one that changed is.
func TestFingerprintRemembers(t *testing.T) {
	c, dir := NewCache(t.TempDir()), t.TempDir()
	file := filepath.Join(dir, "model.safetensors")
	sum := func() string {
		t.Helper()
		got, err := fingerprint(t.Context(), dir, c)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	write(t, file, "one")
	first := sum()
	key := hashKey(file)
	if c.get("files", key, &remembered{}) {
		t.Error("a file that was just written is remembered: a change in the same moment would go unseen")
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// What is remembered is believed as long as the stamp is the same.
	stamp, changed := stampOf(info)
	if time.Since(changed) > settled || stamp == "" {
		t.Errorf("stamp %q, changed %v", stamp, changed)
	}
	c.put("files", key, remembered{file, stamp, "remembered"})
	if got := sum(); got == first {
		t.Error("the remembered hash is not used")
	}
	c.put("files", key, remembered{file, stamp + " older", "remembered"})
	if got := sum(); got != first {
		t.Error("a hash of another stamp is used")
	}
	c.put("files", key, remembered{file + "x", stamp, "remembered"})
	if got := sum(); got != first {
		t.Error("a hash of another file is used")
	}
	write(t, filepath.Join(dir, "pytorch_model.bin"), "old")
	if sum() != first {
		t.Error("weights of the old kind count beside safetensors")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fingerprint(ctx, dir, c); err == nil {
		t.Error("hashing goes on after the run was cancelled")
	}
}
