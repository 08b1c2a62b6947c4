package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/train/states"
)

var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// settings are those of a small benchmark, which change may alter.
func settings(t *testing.T, change func(c *Config)) *Config {
	t.Helper()
	var c Config
	if err := run.LoadConfig("", &c); err != nil {
		t.Fatal(err)
	}
	heads := filepath.Join(t.TempDir(), "heads.yaml")
	if err := os.WriteFile(heads, []byte("hidden: [\"4\"]\nepochs: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Heads, c.Folds, c.MaxTokens, c.Resamples = heads, 2, 3, 50
	change(&c)
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return &c
}

// store has pairs of training data that are told apart by their words, and findings of another source.
func store(t *testing.T, pairs, findings int) *dataset.Store {
	t.Helper()
	s, err := dataset.Open(filepath.Join(t.TempDir(), "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	words := strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon")
	var examples []dataset.Example
	for i := range pairs {
		w := words[i%len(words)]
		for _, vulnerable := range []bool{true, false} {
			e := dataset.Example{
				Request:  fmt.Sprintf("GET /%s%d HTTP/1.1\r\nHost: %s.example\r\n\r\n", w, i, strings.Repeat(w, 2)),
				Response: "HTTP/1.1 200 OK\r\n\r\n<p>" + strings.Repeat(w+" ", 4) + "</p>", Analysis: "The page echoes " + w + ".",
				IsVulnerable: vulnerable, VulnCategory: dataset.XSS, PairID: fmt.Sprint("p", i), Source: "pairs",
			}
			if vulnerable {
				e.Response += "<script>alert(1)</script>"
			}
			examples = append(examples, e)
		}
	}
	if _, err := s.AddExamples(t.Context(), examples); err != nil {
		t.Fatal(err)
	}
	if findings > 0 {
		file := filepath.Join(t.TempDir(), "more.jsonl")
		var b strings.Builder
		for i := range findings {
			w := words[(i*7+3)%len(words)]
			fmt.Fprintf(&b, `{"id":"f%d","title":"SQL injection","rule":"sqli","file":"%s.go","line":%d,"snippet":"db.Query(%s + %s)","label":"%s"}`+"\n",
				i, w, i+1, strings.Repeat(w+" ", 6), w, []string{"TP", "FP"}[i%2])
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Import(t.Context(), file, dataset.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// job is a benchmark of a store on the tiny model.
func job(t *testing.T, c *Config, s *dataset.Store, states string) *Job {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ReadRows(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	j := &Job{Config: c, Rows: rows, Dir: t.TempDir(), Store: s, Backend: be, States: states, Log: os.Stderr, Versions: map[string]string{"janus": "test"}}
	if c.Local() {
		j.Model = filepath.Join(t.TempDir(), "tiny")
		if err := testmodel.Write(j.Model, 1024, 1); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// times are what may differ between two runs.
var times = cmpopts.IgnoreFields(results.Case{}, "Seconds")

// The same benchmark twice, each with its own passes, gives the same cases, tables and store, but for times; and each test row has
// one case of each variant, with its trajectory where a head judges.
func TestSameTwice(t *testing.T) {
	s := store(t, 8, 4)
	c := settings(t, func(c *Config) { c.Variants = []string{"SC", "CH", "SC@2", "tfidf-lr", "accept-all"} })
	var outcomes []*Outcome
	for range 2 {
		j := job(t, c, s, t.TempDir())
		o, err := j.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, o)
		if _, read, err := results.ReadBench(j.Dir); err != nil || len(read) != len(o.Cases) {
			t.Errorf("%d of %d cases are in the folder: %v", len(read), len(o.Cases), err)
		}
	}
	o := outcomes[0]
	if diff := gocmp.Diff(o.Cases, outcomes[1].Cases, times); diff != "" {
		t.Errorf("the second run differs:\n%s", diff)
	}
	if len(o.Cases) != 5*20 || o.Failed != 0 {
		t.Fatalf("%d cases, %d failed, expected 100 and none", len(o.Cases), o.Failed)
	}
	seen := map[string]results.Case{}
	for _, x := range o.Cases {
		key := x.Variant + " " + x.ID
		if _, twice := seen[key]; twice {
			t.Errorf("%s stands twice", key)
		}
		seen[key] = x
		if want := map[bool]string{true: "TP", false: "FP"}[x.P >= x.Threshold]; x.Verdict != want {
			t.Errorf("%s: %s at %v, the threshold is %v", key, x.Verdict, x.P, x.Threshold)
		}
		if x.Variant == "CH" && (len(x.Trajectory) != len(x.Pieces)+1 || len(x.Pieces) != int(x.Tokens) || strings.TrimSpace(strings.Join(x.Pieces, "")) != x.Analysis) {
			t.Errorf("%s: %d probabilities, %d pieces, %d tokens, %q", key, len(x.Trajectory), len(x.Pieces), x.Tokens, x.Analysis)
		}
		if sc := seen["SC "+x.ID]; x.Variant == "CH" && (sc.Analysis != x.Analysis || sc.PromptTokens != x.PromptTokens) {
			t.Errorf("%s: the head judged another analysis than the model's answer followed", key)
		}
		if x.Source == "pairs" && x.Pair == "" {
			t.Errorf("%s has lost its pair", key)
		}
	}
	benchmarks := 0
	for b, err := range s.Benchmarks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for r, err := range s.BenchmarkResults(t.Context(), b.ID) {
			if err != nil || seen[b.Variant+" "+r.CaseID].Verdict != r.Verdict {
				t.Errorf("%s: %+v, %v", b.Variant, r, err)
			}
			n++
		}
		if n != 20 {
			t.Errorf("the store has %d cases of %s", n, b.Variant)
		}
		benchmarks++
	}
	if benchmarks != 10 {
		t.Errorf("the store has %d benchmarks, expected 5 of each run", benchmarks)
	}
}

// Heads on embeddings judge the analyses that the pass has written, and run the model no second time.
func TestProposal2(t *testing.T) {
	s := store(t, 6, 0)
	c := settings(t, func(c *Config) { c.Variants = []string{"SC", "P2-CH"} })
	dir := t.TempDir()
	o, err := job(t, c, s, dir).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	analyses := map[string]string{}
	for _, x := range o.Cases {
		switch {
		case x.Failed():
			t.Errorf("%+v", x)
		case x.Variant == "SC":
			analyses[x.ID] = x.Analysis
		case analyses[x.ID] != x.Analysis || len(x.Trajectory) != 0:
			t.Errorf("%s judged %q with %d probabilities, the analysis is %q", x.ID, x.Analysis, len(x.Trajectory), analyses[x.ID])
		}
	}
	written := 0
	for _, err := range states.Analyses[states.Told](dir) {
		if err != nil {
			t.Fatal(err)
		}
		written++
	}
	if len(o.Cases) != 24 || written != 12 {
		t.Errorf("%d cases, %d analyses of 12 findings", len(o.Cases), written)
	}
}

// A benchmark that is stopped goes on, with all that was computed.
func TestStopped(t *testing.T) {
	s := store(t, 6, 0)
	c := settings(t, func(c *Config) { c.Variants = []string{"accept-all", "SC", "CH"} })
	whole, err := job(t, c, s, t.TempDir()).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := job(t, c, s, t.TempDir())
	for stops := 1; ; stops++ {
		ctx, stop := context.WithCancel(t.Context())
		calls := 0
		j.Progress = func(string, int, int) {
			if calls++; calls == stops {
				stop()
			}
		}
		o, err := j.Run(ctx)
		stop()
		if err == nil {
			if diff := gocmp.Diff(whole.Cases, o.Cases, times, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
				t.Errorf("a benchmark that was stopped %d times differs:\n%s", stops-1, diff)
			}
			if stops < 4 {
				t.Errorf("it was stopped %d times only", stops-1)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "of 36 cases") {
			t.Fatal(err)
		}
	}
}

// An adapter of each fold is trained on its training rows; heads are trained on what it writes.
func TestTuned(t *testing.T) {
	s := store(t, 6, 0)
	lora := filepath.Join(t.TempDir(), "lora.yaml")
	if err := os.WriteFile(lora, []byte("max_steps: 1\nlora_rank: 2\nbatch_size: 2\ngradient_accumulation: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := settings(t, func(c *Config) { c.Variants, c.Lora, c.MaxTokens = []string{"FT-SC", "FT-CH"}, lora, 2 })
	j := job(t, c, s, t.TempDir())
	o, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Cases) != 24 || o.Failed != 0 {
		t.Errorf("%d cases, %d failed", len(o.Cases), o.Failed)
	}
	for _, v := range o.Bench.Variants {
		if v.AdapterSHA256 == "" || v.TrainSeconds == 0 || v.WeightBytes == 0 || v.Parameters == 0 {
			t.Errorf("%+v", v)
		}
	}
	for _, name := range []string{"adapter for the plain prompt fold 0", "adapter for the plain prompt fold 1", "FT-CH fold 0 head", "FT-CH fold 1 head"} {
		if len(o.Bench.Curves[name]) == 0 {
			t.Errorf("there is no curve of %s", name)
		}
	}
	// Rows without an analysis teach nothing.
	bare := store(t, 0, 12)
	if _, err := job(t, c, bare, t.TempDir()).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "has an analysis to learn from") {
		t.Errorf("findings alone: %v", err)
	}
}
