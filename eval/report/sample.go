package report

import (
	"math"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
)

// sample is judged findings: labels, verdicts and probabilities, with the groups that intervals respect.
type sample struct {
	labels, verdicts []bool
	p                []float64
	groups           []string
	scores           *metrics.Scores
}

func sampleOf(cases []*results.Case) sample {
	s := sample{}
	for _, c := range cases {
		s.add(real(c.Truth), real(c.Verdict), c.P, groupOf(c))
	}
	s.score()
	return s
}

func (s *sample) add(label, verdict bool, p float64, group string) {
	s.labels, s.verdicts = append(s.labels, label), append(s.verdicts, verdict)
	s.p, s.groups = append(s.p, p), append(s.groups, group)
}

// score prepares the figures of probabilities, which are checked before.
func (s *sample) score() {
	scores, err := metrics.NewScores(s.labels, s.p)
	if err != nil {
		panic(err) // labels and probabilities come in pairs, and are looked at when they are read
	}
	s.scores = scores
}

// groupOf is what a case is drawn with: its group, its pair, or it alone.
func groupOf(c *results.Case) string {
	switch {
	case c.Group != "":
		return "group " + c.Group
	case c.Pair != "":
		return "pair " + c.Pair
	}
	return "id " + c.Source + " " + c.ID
}

func (s *sample) n() int { return len(s.labels) }

func (s *sample) confusion(indices []int) (c metrics.Confusion) {
	for _, i := range indices {
		c.Add(s.labels[i], s.verdicts[i])
	}
	return c
}

// whole is the confusion of all.
func (s *sample) whole() (c metrics.Confusion) {
	for i := range s.labels {
		c.Add(s.labels[i], s.verdicts[i])
	}
	return c
}

// fewest groups that an interval is drawn from: of fewer, the draws say little about other findings.
const fewestGroups = 5

// sampling is how intervals are drawn.
type sampling struct {
	resamples int
	seed      uint64
}

// interval bootstraps a figure over whole groups.
func (o sampling) interval(groups []string, figure func(indices []int) float64) metrics.Interval {
	seen := map[string]bool{}
	for _, g := range groups {
		seen[g] = true
	}
	options := metrics.BootstrapOptions{Resamples: o.resamples, Seed: o.seed, Groups: groups}
	few := len(seen) < fewestGroups
	if few {
		options.Resamples = 1
	}
	i, err := metrics.Bootstrap(len(groups), options, figure)
	if err != nil {
		panic(err) // the options are checked before, and each item has its group
	}
	if few {
		i.Low, i.High = metrics.Number(math.NaN()), metrics.Number(math.NaN())
	}
	return i
}

// measure is a figure of a sample with its name.
type measure struct {
	name string
	of   func(s *sample, indices []int) float64
}

// byCounts is a measure of verdicts.
func byCounts(name string, figure func(metrics.Confusion) float64) measure {
	return measure{name, func(s *sample, indices []int) float64 {
		if len(indices) == 0 {
			return math.NaN()
		}
		return figure(s.confusion(indices))
	}}
}

// byScores is a measure of probabilities.
func byScores(name string, figure func(*metrics.Scores) float64) measure {
	return measure{name, func(s *sample, indices []int) float64 { return figure(s.scores.Take(indices)) }}
}

// The measures of the tables. A figure whose class is not there has no value: 0 would read as a bad one.
var (
	accuracy  = byCounts("Accuracy", metrics.Confusion.Accuracy)
	precision = byCounts("Precision", func(c metrics.Confusion) float64 { return defined(c.TP+c.FP, c.Precision()) })
	recall    = byCounts("Recall", func(c metrics.Confusion) float64 { return defined(c.TP+c.FN, c.Recall()) })
	f1        = byCounts("F1", func(c metrics.Confusion) float64 { return defined(c.TP+c.FN, c.F1()) })
	reduction = byCounts("FP reduction", func(c metrics.Confusion) float64 { return defined(c.TN+c.FP, c.FPReduction()) })
	mcc       = byCounts("MCC", metrics.Confusion.MCC)
	rocAUC    = byScores("ROC AUC", (*metrics.Scores).ROCAUC)
	average   = byScores("Average precision", (*metrics.Scores).AveragePrecision)
	brier     = byScores("Brier", (*metrics.Scores).Brier)
	ece       = byScores("ECE", (*metrics.Scores).ECE)
)

func defined(n int, v float64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return v
}

// of measures a sample.
func (o sampling) of(m measure, s *sample) metrics.Interval {
	return o.interval(s.groups, func(indices []int) float64 { return m.of(s, indices) })
}
