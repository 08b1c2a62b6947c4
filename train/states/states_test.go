package states_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/states"
)

var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

var features = []classifier.Feature{
	{Layer: classifier.LastLayer, Pooling: classifier.PoolMeanGenerated}, {Layer: 0, Pooling: classifier.PoolLast},
}

// tiny opens a small model, with the features, or with a head.
func tiny(t *testing.T, encoder bool, heads ...string) *model.Model {
	t.Helper()
	return opened(t, encoder, func(_ string, o *model.Options) { o.Heads = heads })
}

// opened is tiny of a model that is changed before.
func opened(t *testing.T, encoder bool, change func(folder string, o *model.Options)) *model.Model {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := model.Options{Backend: be}
	if encoder {
		err = testmodel.WriteEncoder(dir, 512, 1)
	} else {
		err = testmodel.Write(dir, 1024, 1)
		o.Features = features
	}
	if err != nil {
		t.Fatal(err)
	}
	change(dir, &o)
	m, err := model.Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func findings(n int) (list []finding.Finding) {
	for i := range n {
		list = append(list, finding.Finding{
			ID: fmt.Sprint("f", i), Rule: "sqli", Category: "code", Title: "SQL injection", Message: strings.Repeat("query ", 1+i%5),
			Snippet: fmt.Sprintf("db.Query(q%d + name)", i), Label: []string{"TP", "FP"}[i%2], Group: fmt.Sprint("g", i/2),
		})
	}
	return list
}

func options() states.Options {
	return states.Options{
		Base: "base", Features: features, Lengths: []int{4, 0, 2}, Sampling: model.Sampling{MaxTokens: 4}, Limits: review.Limits{Rows: 2},
	}
}

func inputs() (list []states.Input) {
	for _, f := range features {
		for _, k := range []int{0, 2, 4} {
			list = append(list, states.Input{Feature: f, Length: k})
		}
	}
	return list
}

func count(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, err := range states.Read(dir) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// A harvest that is stopped goes on, computes nothing twice, and has the states of one that was not.
func TestResume(t *testing.T) {
	m, list := tiny(t, false), findings(6)
	whole := t.TempDir()
	all, err := states.Harvest(context.Background(), m, whole, list, options())
	if err != nil {
		t.Fatal(err)
	}
	if all.Computed != 6 || all.Known != 0 || count(t, whole) != 6*2*3 {
		t.Errorf("computed %d, knew %d, wrote %d rows", all.Computed, all.Known, count(t, whole))
	}
	want, err := states.Load(whole, all.Keys, inputs())
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	o := options()
	o.Progress = func(done, _ int) {
		if done == 2 {
			stop()
		}
	}
	if _, err := states.Harvest(ctx, m, dir, list, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped harvest's error is %v", err)
	}
	if _, err := states.Load(dir, all.Keys, inputs()); err == nil || !strings.Contains(err.Error(), "4 of 6 findings have no state") {
		t.Errorf("loading what is not there: %v", err)
	}
	// What a kill leaves of a part in progress is not a part.
	if err := os.WriteFile(filepath.Join(dir, ".part.parquet123"), []byte("PAR1 torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := m.Counts().Decodes
	rest, err := states.Harvest(context.Background(), m, dir, list, options())
	if err != nil {
		t.Fatal(err)
	}
	if rest.Known != 2 || rest.Computed != 4 || m.Counts().Decodes-before != 2 || count(t, dir) != 36 {
		t.Errorf("going on: knew %d, computed %d in %d batches, %d rows", rest.Known, rest.Computed, m.Counts().Decodes-before, count(t, dir))
	}
	got, err := states.Load(dir, rest.Keys, inputs())
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		for k := range want[i] {
			if math.Abs(float64(got[i][k]-want[i][k])) > 1e-4 {
				t.Fatalf("input %d: number %d is %v, expected %v", i, k, got[i][k], want[i][k])
			}
		}
	}

	// Another length runs the model again, and adds only what is new.
	o = options()
	o.Lengths = []int{0, 1}
	more, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	if more.Computed != 6 || count(t, dir) != 36+6*2 {
		t.Errorf("one more length: computed %d, %d rows", more.Computed, count(t, dir))
	}
}

// Keys tell apart what changes states, and nothing else.
func TestKeys(t *testing.T) {
	m, dir := tiny(t, false), t.TempDir()
	list := findings(3)
	list[2].Snippet, list[2].Message = list[0].Snippet, list[0].Message // the same prompt
	keys := func(change func(o *states.Options)) []string {
		o := options()
		o.Lengths = []int{0}
		change(&o)
		h, err := states.Harvest(context.Background(), m, dir, list, o)
		if err != nil {
			t.Fatal(err)
		}
		return h.Keys
	}
	plain := keys(func(*states.Options) {})
	if plain[0] != plain[2] || plain[0] == plain[1] {
		t.Errorf("keys of prompts: %v", plain)
	}
	if seeded := keys(func(o *states.Options) { o.Sampling.Seed = 9 }); !slices.Equal(plain, seeded) {
		t.Error("a seed without sampling made another key")
	}
	for what, change := range map[string]func(o *states.Options){
		"base":        func(o *states.Options) { o.Base = "other" },
		"adapter":     func(o *states.Options) { o.Adapter = "other" },
		"max tokens":  func(o *states.Options) { o.Sampling.MaxTokens = 3 },
		"temperature": func(o *states.Options) { o.Sampling.Temperature = 1 },
	} {
		if other := keys(change); other[0] == plain[0] {
			t.Errorf("another %s made the same key", what)
		}
	}
	for what, change := range map[string]func(folder string, o *model.Options){
		"dtype":       func(_ string, o *model.Options) { o.Int8 = true },
		"config.json": func(folder string, _ *model.Options) { setEps(t, folder, 0.5) },
	} {
		m = opened(t, false, change)
		if other := keys(func(*states.Options) {}); other[0] == plain[0] {
			t.Errorf("another %s made the same key", what)
		}
	}
	m = tiny(t, false)
	if same := keys(func(*states.Options) {}); !slices.Equal(same, plain) {
		t.Error("the same model made other keys")
	}
}

// setEps changes rms_norm_eps in a model's config.json.
func setEps(t *testing.T, folder string, eps float64) {
	t.Helper()
	path := filepath.Join(folder, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	keys["rms_norm_eps"] = eps
	if text, err = json.Marshal(keys); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// States that are no numbers are not kept, or no later training could do without them. Findings that are alike fail alike.
func TestNotFinite(t *testing.T) {
	m := opened(t, false, func(folder string, _ *model.Options) { setEps(t, folder, -1e9) })
	list, dir := findings(3), t.TempDir()
	list[2].Snippet, list[2].Message = list[0].Snippet, list[0].Message
	for range 2 {
		h, err := states.Harvest(context.Background(), m, dir, list, options())
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range h.Errors {
			if err == nil || !strings.Contains(err.Error(), "its states are NaN or infinite") || h.Keys[i] != "" {
				t.Errorf("finding %d: %v, key %q", i, err, h.Keys[i])
			}
		}
		if n := count(t, dir); n != 0 || h.Known != 0 || h.Computed != 0 {
			t.Errorf("%d rows are kept, %d known and %d computed", n, h.Known, h.Computed)
		}
	}
}

// States are those that a head sees in a review: its probability, computed from the state, is the review's.
func TestAsInReview(t *testing.T) {
	head := filepath.Join(t.TempDir(), "head")
	if err := testmodel.WriteHead(head, testmodel.Hidden, 3); err != nil {
		t.Fatal(err)
	}
	dir, list := t.TempDir(), findings(3)
	h, err := states.Harvest(context.Background(), tiny(t, false), dir, list, options())
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := states.Load(dir, h.Keys, []states.Input{{Feature: features[0], Length: 4}})
	if err != nil {
		t.Fatal(err)
	}
	m := tiny(t, false, head)
	r, err := review.New(m, review.Options{Sampling: model.Sampling{MaxTokens: 4}})
	if err != nil {
		t.Fatal(err)
	}
	refs := []*finding.Finding{&list[0], &list[1], &list[2]}
	err = r.Review(context.Background(), refs, func(batch []review.Outcome) error {
		for _, o := range batch {
			want := probability(m.Heads()[0], loaded[0][o.Index*testmodel.Hidden:])
			if math.Abs(o.Verdict.P-want) > 1e-4 {
				t.Errorf("%s: p is %v in the review, %v from the state", o.Verdict.ID, o.Verdict.P, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// probability is that of a head of one hidden layer, in plain arithmetic.
func probability(h *classifier.Head, x []float32) float64 {
	p := h.Params()
	z := float64(p[3].Data[0])
	for i, b := range p[1].Data {
		v := float64(b)
		for k := range testmodel.Hidden {
			v += float64(x[k]) * float64(p[0].Data[i*testmodel.Hidden+k])
		}
		z += v / 2 * (1 + math.Erf(v/math.Sqrt2)) * float64(p[2].Data[i])
	}
	return 1 / (1 + math.Exp(-z))
}

// An encoder's states are those of its prompts.
func TestEncoder(t *testing.T) {
	m, dir, list := tiny(t, true), t.TempDir(), findings(3)
	o := options()
	o.Features = []classifier.Feature{{Layer: classifier.LastLayer, Pooling: classifier.PoolMean}}
	o.Lengths = []int{0}
	h, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	if h.Computed != 3 {
		t.Errorf("computed %d", h.Computed)
	}
	loaded, err := states.Load(dir, h.Keys, []states.Input{{Feature: o.Features[0]}})
	if err != nil || len(loaded[0]) != 3*testmodel.Hidden {
		t.Errorf("loaded %d numbers, %v", len(loaded[0]), err)
	}
	o.Lengths = []int{4}
	if _, err := states.Harvest(context.Background(), m, dir, list, o); err == nil || !strings.Contains(err.Error(), "length 4") {
		t.Errorf("an encoder's state after 4 tokens: %v", err)
	}
}

// Findings that do not fit have their errors, and the harvest has an end.
func TestFailedFindings(t *testing.T) {
	m, list, dir := tiny(t, false), findings(3), t.TempDir()
	o := options()
	o.MaxPrompt = 20
	h, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if h.Errors[i] == nil || h.Keys[i] != "" {
			t.Errorf("finding %d: error %v, key %q", i, h.Errors[i], h.Keys[i])
		}
	}
	if h.Computed != 0 || count(t, dir) != 0 {
		t.Errorf("computed %d", h.Computed)
	}
}

func TestDamagedPart(t *testing.T) {
	for name, text := range map[string]string{"torn": "PAR1\x00\x00", "empty": ""} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name+".parquet"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := states.Load(dir, []string{"a"}, inputs())
		if err == nil || !strings.Contains(err.Error(), name+".parquet") || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
