package report

import (
	"fmt"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

type interval = metrics.Interval

// comparison says how good each variant is, and what it takes.
func (b *builder) comparison(bench *Bench) []Section {
	s := Section{Title: "Variants"}
	names := variantNames(bench)
	measures := []measure{accuracy, f1, reduction, recall, mcc}
	found := make([][]interval, len(measures)) // by measure and variant
	for m := range measures {
		for _, v := range bench.variants {
			found[m] = append(found[m], b.of(measures[m], &v.sample))
		}
	}
	s.say("FP reduction is the share of the false alarms that a variant removes; recall is the share of the real findings that it keeps. "+
		"Intervals hold 95 %% of %s bootstrap samples of whole groups of findings.", finding.Thousands(b.samples()))
	forest := figure.Forest{Title: "Accuracy by variant", Note: "Whiskers are 95 % intervals. FP reduction and recall count together: to call everything false removes every false alarm.", Names: names}
	for m := range 4 {
		value, low, high := parts(found[m])
		axis := figure.Share(measures[m].name)
		forest.Columns = append(forest.Columns, figure.Column{Axis: axis, Value: value, Low: low, High: high})
	}
	s.chart("accuracy by variant", "", forest.Picture())
	s.table(b.matrix(bench, found))
	s.table(b.full(bench))
	s.table(pairs(bench))
	s.table(failures(bench))
	return []Section{s}
}

func (b *builder) samples() int {
	if b.resamples == 0 {
		return 2000 // metrics.Bootstrap's own
	}
	return b.resamples
}

func variantNames(bench *Bench) (names []string) {
	for _, v := range bench.variants {
		names = append(names, finding.Clean(v.Name))
	}
	return names
}

// matrix is the model comparison: what a variant is, what it takes and what it is worth.
func (b *builder) matrix(bench *Bench, found [][]interval) *Table {
	t := &Table{ID: "matrix", Title: "Model comparison", Columns: append(words("Variant", "Approach", "Model"), numbers("Parameters", "Size")...)}
	if b.NoTimes {
		t.Note = "Training time and memory are left out: they differ between runs."
	} else {
		t.Note = "Training time is of all folds together; memory is the process's peak while the variant ran."
		t.Columns = append(t.Columns, numbers("Training time", "Memory")...)
	}
	t.Columns = append(t.Columns, numbers("F1", "FP reduction", "Recall", "Accuracy", "MCC")...)
	for i, v := range bench.variants {
		row := []Cell{word(v.Name), word(v.Approach), word(v.Model), count(v.Parameters), size(v.WeightBytes)}
		if !b.NoTimes {
			row = append(row, duration(v.TrainSeconds), size(v.PeakBytes))
		}
		for _, m := range []int{1, 2, 3, 0, 4} {
			row = append(row, figureCell(found[m][i]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// full has all figures and counts.
func (b *builder) full(bench *Bench) *Table {
	t := &Table{
		ID: "figures", Title: "All figures", Folded: true,
		Note:    "Cases without a verdict are counted in Failed and in nothing else. A figure that is not defined, such as the precision of a variant that calls nothing real, is –.",
		Columns: append(words("Variant"), numbers("Cases", "Failed", "TP", "FP", "TN", "FN", "Precision", "Balanced accuracy", "ROC AUC", "Average precision", "Brier", "ECE", "Tokens")...),
	}
	for _, v := range bench.variants {
		c := v.whole()
		tokens := 0.0
		for _, k := range v.cases {
			tokens += float64(k.Tokens) / float64(len(v.cases))
		}
		row := []Cell{word(v.Name), whole(c.N()), whole(len(v.failed)), whole(c.TP), whole(c.FP), whole(c.TN), whole(c.FN)}
		row = append(row, figureCell(b.of(precision, &v.sample)), number(c.BalancedAccuracy(), 3))
		for _, m := range []measure{rocAUC, average, brier, ece} {
			row = append(row, figureCell(b.of(m, &v.sample)))
		}
		t.Rows = append(t.Rows, append(row, number(tokens, 1)))
	}
	return t
}

// pairs judges vulnerable findings with their fixed twins.
func pairs(bench *Bench) *Table {
	t := &Table{
		ID: "pairs", Title: "Linked pairs",
		Note:    "A vulnerable finding and its fixed twin. Right: both verdicts are; ranked: the vulnerable one has the higher probability, half for equal ones.",
		Columns: append(words("Variant"), numbers("Pairs", "Right", "Both called real", "Both called false", "Reversed", "Accuracy", "Ranked")...),
	}
	for _, v := range bench.variants {
		names := make([]string, len(v.cases))
		even := sample{}
		for i, c := range v.cases {
			if c.Pair != "" {
				names[i] = fmt.Sprintf("%d\x00%s\x00%s", c.Fold, c.Source, c.Pair)
			}
			even.add(real(c.Truth), real(c.Verdict), level(c.P, c.Threshold, real(c.Verdict)), "")
		}
		even.score()
		p, _, err := even.scores.Pairs(names, 0.5)
		if err != nil || p.N() == 0 {
			continue
		}
		t.Rows = append(t.Rows, []Cell{word(v.Name), whole(p.N()), whole(p.Right), whole(p.BothReal), whole(p.BothFake), whole(p.Reversed), number(p.Accuracy(), 3), number(p.Ranking(), 3)})
	}
	return t
}

// level moves a probability so that the threshold is 0.5 and the verdict stays. Folds have thresholds of their own, and within one
// the order stays.
func level(p, threshold float64, verdict bool) float64 {
	if verdict {
		if threshold >= 1 || p < threshold {
			return 0.5
		}
		return 0.5 + 0.5*(p-max(threshold, 0))/(1-max(threshold, 0))
	}
	if threshold <= 0 {
		return 0
	}
	return min(0.5*p/threshold, 0.5-1e-9)
}

// failures says why cases have no verdict.
func failures(bench *Bench) *Table {
	t := &Table{ID: "failures", Title: "Cases without a verdict", Columns: append(words("Variant", "Reason"), numbers("Cases")...)}
	for _, v := range bench.variants {
		counts, order := map[string]int{}, []string(nil)
		for _, c := range v.failed {
			reason := clip(c.Error, 200)
			if counts[reason]++; counts[reason] == 1 {
				order = append(order, reason)
			}
		}
		const most = 10
		for i, reason := range order {
			if i == most {
				rest := 0
				for _, r := range order[most:] {
					rest += counts[r]
				}
				t.Rows = append(t.Rows, []Cell{word(v.Name), word(fmt.Sprintf("%d other reasons", len(order)-most)), whole(rest)})
				break
			}
			t.Rows = append(t.Rows, []Cell{word(v.Name), word(reason), whole(counts[reason])})
		}
	}
	return t
}

// clip cuts a text to so many characters.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
