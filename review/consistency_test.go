package review

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
)

// votingEngine gives probabilities in turn, and fails where one is negative.
type votingEngine struct {
	ps    []float64
	seeds []uint64
	rows  int
}

func (e *votingEngine) Review(_ context.Context, b model.Batch, _ model.ReviewOptions) ([]model.Verdict, error) {
	var out []model.Verdict
	for _, r := range b.Rows {
		p := e.ps[e.rows%len(e.ps)]
		e.rows++
		e.seeds = append(e.seeds, r.Sampling.Seed)
		if p < 0 {
			return nil, errors.New("failed")
		}
		out = append(out, model.Verdict{P: p, Tokens: slices.Repeat(r.Prompt[:1], int(100*p))})
	}
	return out, nil
}

func TestSelfConsistency(t *testing.T) {
	warm := model.Sampling{MaxTokens: 4, Temperature: 0.7}
	for name, test := range map[string]struct {
		ps     []float64
		want   finding.Label
		p      float64
		tokens int // of the analysis that is shown
		note   string
	}{
		"majority real":   {[]float64{0.9, 0.2, 0.6}, finding.TruePositive, 1.7 / 3, 60, ""},
		"majority alarms": {[]float64{0.4, 0.95, 0.1}, finding.FalsePositive, 1.45 / 3, 40, ""},
		"unlike the mean": {[]float64{0.4, 0.99, 0.4}, finding.FalsePositive, 1.79 / 3, 40, ""},
		"draw":            {[]float64{0.9, 0.5, 0.2}, finding.Uncertain, 1.6 / 3, 50, ""},
		"one failed":      {[]float64{0.9, -1, 0.7}, finding.TruePositive, 0.8, 90, "1 of 3 samples failed"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &votingEngine{ps: test.ps}
			r := fakeReviewer(t, &fakeEngine{}, Options{Samples: 3, Sampling: warm, Batch: 1, Margin: 0.05})
			r.engine = e
			v := reviewAll(t, r, []*finding.Finding{code("a", 3)})[0]
			if v.Verdict != test.want || math.Abs(v.P-test.p) > 1e-9 || v.Tokens != test.tokens || v.Note != test.note || v.Error != "" {
				t.Errorf("%+v", v)
			}
		})
	}
}

// Each sample has a seed of its own, the first that of a single one; findings whose samples fall into several batches come
// out once, and a failure of all is the finding's.
func TestSamplesAcrossBatches(t *testing.T) {
	sampling := model.Sampling{MaxTokens: 4, Temperature: 0.7, Seed: 1}
	findings := []*finding.Finding{code("a", 9), code("b", 1), code("c", 5)}
	alone, many := &votingEngine{ps: []float64{0.8}}, &votingEngine{ps: []float64{0.8}}
	for e, samples := range map[*votingEngine]int{alone: 1, many: 4} {
		r := fakeReviewer(t, &fakeEngine{}, Options{Samples: samples, Sampling: sampling, Batch: 5})
		r.engine = e
		for i, v := range reviewAll(t, r, findings) {
			if v.ID != findings[i].ID || v.Verdict != finding.TruePositive || len(v.Samples) != samples && samples > 1 {
				t.Errorf("%+v", v)
			}
		}
	}
	if seeds := slices.Compact(slices.Sorted(slices.Values(many.seeds))); len(seeds) != 12 {
		t.Errorf("%d seeds for 12 samples", len(seeds))
	}
	for _, seed := range alone.seeds {
		if !slices.Contains(many.seeds, seed) {
			t.Errorf("seed %d of a single sample is none of several's", seed)
		}
	}
	r := fakeReviewer(t, &fakeEngine{}, Options{Samples: 2, Sampling: sampling})
	r.engine = &votingEngine{ps: []float64{-1}}
	if v := reviewAll(t, r, findings)[0]; v.Error != "failed" || v.Verdict != "" {
		t.Errorf("all samples failed: %+v", v)
	}
}

// What a report's second review remembers of samples votes again, by the threshold of the day.
func TestMemoryOfSamples(t *testing.T) {
	c := NewCache(t.TempDir())
	o := Options{Sampling: model.Sampling{MaxTokens: 4, Temperature: 1}, MaxPrompt: 400, Samples: 3}
	r := recipe(t, func(_ string, r *Recipe) { r.Adapters, r.Heads, r.Options = nil, nil, o })
	reviewer := sixty(t, o)
	reviewer.engine = &votingEngine{ps: []float64{0.9, 0.3, 0.8}}
	first, _, _ := reviewed(t, remember(t, c, r), reviewer)
	second, result, _ := reviewed(t, remember(t, c, r), reviewer)
	for i := range first {
		first[i].Seconds = 0
	}
	if diff := gocmp.Diff(first, second); diff != "" || result.Recalled != 3 {
		t.Errorf("%+v: %s", result, diff)
	}
	high := 0.85
	r.Options.Threshold = &high
	again, _, _ := reviewed(t, remember(t, c, r), reviewer)
	if first[0].Verdict != finding.TruePositive || again[0].Verdict != finding.FalsePositive || again[0].P != first[0].P {
		t.Errorf("%s at 0.5, %s at 0.85", first[0].Verdict, again[0].Verdict)
	}
}

func TestSamplesNeedTemperature(t *testing.T) {
	for _, o := range []Options{{Samples: 2}, {Samples: -1}, {Samples: 1001, Sampling: model.Sampling{Temperature: 1}}} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "samples: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
