package states_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/states"
)

// Analyses come with the pass that the states need, are what a review says, and are not computed twice.
func TestAnalyses(t *testing.T) {
	m, list, dir := tiny(t, false), findings(5), t.TempDir()
	o := options()
	o.Analyses = true
	ctx, stop := context.WithCancel(context.Background())
	o.Progress = func(done, _ int) {
		if done == 2 {
			stop()
		}
	}
	if _, err := states.Harvest(ctx, m, dir, list, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	o.Progress = nil
	h, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	if h.Known != 2 || h.Computed != 3 || len(h.Analyses) != len(list) {
		t.Errorf("knew %d, computed %d, %d keys", h.Known, h.Computed, len(h.Analyses))
	}
	before := m.Counts().Decodes
	if again, err := states.Harvest(context.Background(), m, dir, list, o); err != nil || again.Known != 5 || m.Counts().Decodes != before {
		t.Errorf("the second harvest knew %d and ran %d batches, %v", again.Known, m.Counts().Decodes-before, err)
	}

	want := map[string]finding.Verdict{}
	reviewer, err := review.New(m, review.Options{Sampling: model.Sampling{MaxTokens: 4}, Limits: review.Limits{Rows: 2}})
	if err != nil {
		t.Fatal(err)
	}
	var pointers []*finding.Finding
	for i := range list {
		pointers = append(pointers, &list[i])
	}
	if err := reviewer.Review(context.Background(), pointers, func(done []review.Outcome) error {
		for _, d := range done {
			want[h.Analyses[d.Index]] = d.Verdict
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	matrices, err := states.Load(dir, h.Keys, inputs())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for a, err := range states.Analyses[states.Analysis](dir) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		v, at := want[a.Key], slices.Index(h.Analyses, a.Key)
		text := strings.TrimSpace(m.Tokenizer().Decode(a.Tokens, true))
		if math.Abs(v.P-a.P) > 1e-5 || v.Reasoning != text || a.PromptTokens < 1 || !(a.Seconds > 0) {
			t.Errorf("finding %d: %v, %q, a review says %v, %q", at, a.P, text, v.P, v.Reasoning)
		}
		width := len(a.States) / len(features) / (len(a.Tokens) + 1)
		for i, in := range inputs() {
			k := min(in.Length, len(a.Tokens))
			from := ((i/3)*(len(a.Tokens)+1) + k) * width // three lengths a feature
			if !slices.Equal(a.States[from:from+width], matrices[i][at*width:(at+1)*width]) {
				t.Errorf("finding %d: the state %v after %d tokens is not the one that was harvested", at, in.Feature, k)
			}
		}
	}
	told := 0
	for a, err := range states.Analyses[states.Told](dir) {
		if err != nil || want[a.Key].ID == "" {
			t.Error(a, err)
		}
		told++
	}
	if n != 5 || told != 5 {
		t.Errorf("%d and %d analyses are there", n, told)
	}
}
