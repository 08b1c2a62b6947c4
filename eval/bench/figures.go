package bench

import (
	"cmp"
	"fmt"
	"math"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// TableOptions say how figures are made.
type TableOptions struct {
	Seed                 uint64
	Resamples            int // of the bootstrap
	MinTokens, MaxTokens int // that Control holds analyses to
}

// Figures are those of a variant on the cases that have a verdict. Verdicts are the variant's own, at each fold's threshold;
// the area under curves, Brier and ECE are of the probabilities of all folds together.
type Figures struct {
	Variant   string
	Failed    int // cases without a verdict, which count in no figure
	Confusion metrics.Confusion
	metrics.Summary
	// Intervals of 95 % by the bootstrap over groups of rows.
	F1At, AccuracyAt, FPReductionAt, ROCAUCAt metrics.Interval
	// Control is the share of analyses that have from the least to the most tokens that were asked for; NaN where none is written.
	Control float64
	Pairs   metrics.Pairwise
	// Against the first variant, on the cases that both have judged; nil for the first.
	McNemar *metrics.McNemarResult

	Tokens, PromptTokens, Seconds, USD float64 // means
}

// judged are a variant's cases with a verdict.
type judged struct {
	cases  []results.Case
	failed int
	scores *metrics.Scores
	groups []string
}

func newJudged(variant string, cases []results.Case) (j judged, err error) {
	var labels []bool
	var p []float64
	for _, c := range cases {
		switch {
		case c.Variant != variant:
			continue
		case c.Failed():
			j.failed++
			continue
		}
		j.cases = append(j.cases, c)
		labels, p = append(labels, c.Truth == string(finding.TruePositive)), append(p, c.P)
		j.groups = append(j.groups, c.Source+"\x00"+cmp.Or(c.Group, "\x00"+c.ID)) // a row without a group is one of its own
	}
	j.scores, err = metrics.NewScores(labels, p)
	if err != nil {
		err = fmt.Errorf("variant %s: %w", variant, err)
	}
	return j, err
}

func real(label string) bool { return label == string(finding.TruePositive) }

// confusion counts the verdicts of the cases at the indices; nil is all.
func (j *judged) confusion(indices []int) (c metrics.Confusion) {
	if indices == nil {
		for i := range j.cases {
			c.Add(real(j.cases[i].Truth), real(j.cases[i].Verdict))
		}
		return c
	}
	for _, i := range indices {
		c.Add(real(j.cases[i].Truth), real(j.cases[i].Verdict))
	}
	return c
}

// Compare makes the figures of each variant.
func Compare(b *results.Bench, cases []results.Case, o TableOptions) (list []Figures, err error) {
	var first judged
	for i, v := range b.Variants {
		j, err := newJudged(v.Name, cases)
		if err != nil {
			return nil, err
		}
		f, err := j.figures(v, o)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = j
		} else if f.McNemar, err = mcNemar(&first, &j); err != nil {
			return nil, err
		}
		list = append(list, *f)
	}
	return list, nil
}

func (j *judged) figures(v results.Variant, o TableOptions) (f *Figures, err error) {
	c := j.confusion(nil)
	f = &Figures{Variant: v.Name, Failed: j.failed, Confusion: c, Control: math.NaN()}
	f.Summary = j.scores.Summary(0) // of which the verdicts' figures are replaced by those of the folds' own thresholds
	f.Summary.Confusion = c
	f.Accuracy, f.Precision, f.Recall, f.F1 = metrics.Number(c.Accuracy()), metrics.Number(c.Precision()), metrics.Number(c.Recall()), metrics.Number(c.F1())
	f.Specificity, f.FPR, f.FPReduction = metrics.Number(c.Specificity()), metrics.Number(c.FPR()), metrics.Number(c.FPReduction())
	f.BalancedAccuracy, f.MCC = metrics.Number(c.BalancedAccuracy()), metrics.Number(c.MCC())
	bootstrap := metrics.BootstrapOptions{Resamples: o.Resamples, Seed: o.Seed, Groups: j.groups}
	for _, each := range []struct {
		to     *metrics.Interval
		figure func(indices []int) float64
	}{
		{&f.F1At, func(at []int) float64 { return j.confusion(at).F1() }},
		{&f.AccuracyAt, func(at []int) float64 { return j.confusion(at).Accuracy() }},
		{&f.FPReductionAt, func(at []int) float64 { return j.confusion(at).FPReduction() }},
		{&f.ROCAUCAt, func(at []int) float64 { return j.scores.Take(at).ROCAUC() }},
	} {
		if *each.to, err = metrics.Bootstrap(len(j.cases), bootstrap, each.figure); err != nil {
			return nil, err
		}
	}
	if f.Pairs, err = j.pairs(); err != nil {
		return nil, err
	}
	var written []int
	for _, c := range j.cases {
		n := float64(len(j.cases))
		f.Tokens += float64(c.Tokens) / n
		f.PromptTokens += float64(c.PromptTokens) / n
		f.Seconds += c.Seconds / n
		f.USD += c.USD / n
		written = append(written, int(c.Tokens))
	}
	if v.Approach == approachHead || v.Approach == approachGenerative {
		f.Control = metrics.Control(written, o.MinTokens, o.MaxTokens)
	}
	return f, nil
}

// pairs judges linked pairs. Both sides of a pair are in one fold, so moving each probability by its threshold, to which the
// figure then compares, changes no order.
func (j *judged) pairs() (metrics.Pairwise, error) {
	var labels []bool
	var p []float64
	var names []string
	for _, c := range j.cases {
		labels, p = append(labels, real(c.Truth)), append(p, 0.5+(c.P-c.Threshold)/2)
		name := c.Pair
		if name != "" {
			name = c.Source + "\x00" + name
		}
		names = append(names, name)
	}
	scores, err := metrics.NewScores(labels, p)
	if err != nil {
		return metrics.Pairwise{}, err
	}
	pairs, _, err := scores.Pairs(names, 0.5)
	return pairs, err
}

// mcNemar compares two variants on the cases that both have judged.
func mcNemar(first, second *judged) (*metrics.McNemarResult, error) {
	right := map[string]bool{}
	for _, c := range first.cases {
		right[c.ID] = c.Verdict == c.Truth
	}
	var a, b []bool
	for _, c := range second.cases {
		if was, ok := right[c.ID]; ok {
			a, b = append(a, was), append(b, c.Verdict == c.Truth)
		}
	}
	r, err := metrics.McNemar(a, b)
	return &r, err
}
