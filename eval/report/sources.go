package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/januslm/janus/eval/floor"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// bySource says where a variant is good and where it is not.
func (b *builder) bySource(bench *Bench) []Section {
	sources := sourcesOf(bench)
	if len(sources) < 2 {
		return nil
	}
	s := Section{Title: "Sources"}
	t := &Table{
		ID: "sources", Title: "Figures by source",
		Note:    "Sources with fewer than 5 groups of findings have no intervals.",
		Columns: append(words("Source", "Variant"), numbers("Cases", "Real", "F1", "FP reduction", "Recall", "MCC", "ROC AUC")...),
	}
	bag := slices.IndexFunc(bench.variants, func(v *variant) bool { return v.Name == floor.WordsName })
	if bag >= 0 {
		t.Note += " The last column is the ROC AUC less that of " + floor.WordsName + " on the same findings."
		t.Columns = append(t.Columns, numbers("Over the bag of words")...)
	}
	heat := figure.Heat{Title: "MCC by source", RowsL: "variant", ColsL: "source", Cols: cleaned(sources), Rows: variantNames(bench), Note: "0 is chance, 1 perfect."}
	heat.Values = make([][]float64, len(bench.variants))
	for _, source := range sources {
		for i, v := range bench.variants {
			here := func(c *results.Case) bool { return c.Source == source }
			part := sampleOf(where(v.cases, here))
			value := math.NaN()
			if part.n() > 0 {
				value = mcc.of(&part, allOf(part.n()))
				row := []Cell{word(source), word(v.Name), whole(part.n()), whole(part.scores.Positives())}
				for _, m := range []measure{f1, reduction, recall, mcc, rocAUC} {
					row = append(row, figureCell(b.of(m, &part)))
				}
				if bag >= 0 {
					over := word("–")
					if i != bag {
						over = figureCell(b.aucDifference(where(v.cases, here), where(bench.variants[bag].cases, here)))
					}
					row = append(row, over)
				}
				t.Rows = append(t.Rows, row)
			}
			heat.Values[i] = append(heat.Values[i], value)
		}
	}
	s.chart("mcc by source", "", heat.Picture())
	s.table(t)
	return []Section{s}
}

func sourcesOf(bench *Bench) (sources []string) {
	seen := map[string]bool{}
	for _, v := range bench.variants {
		for _, c := range v.cases {
			if !seen[c.Source] {
				seen[c.Source] = true
				sources = append(sources, c.Source)
			}
		}
	}
	slices.Sort(sources)
	return sources
}

func cleaned(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		if out[i] = finding.Clean(t); t == "" {
			out[i] = "(none)"
		}
	}
	return out
}

func where(cases []*results.Case, keep func(*results.Case) bool) (part []*results.Case) {
	for _, c := range cases {
		if keep(c) {
			part = append(part, c)
		}
	}
	return part
}

func allOf(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// differences tests whether variants differ on the findings that both judged.
func (b *builder) differences(bench *Bench) []Section {
	type pair struct {
		first, second string
		n             int
		test          metrics.McNemarResult
		difference    interval // of accuracies
		rocAUC        interval // of ROC AUCs
	}
	var list []pair
	var ps []float64
	for i, first := range bench.variants {
		for _, second := range bench.variants[i+1:] {
			x, y := matched(first.cases, second.cases)
			if len(x) == 0 {
				continue
			}
			rightX, rightY := make([]bool, len(x)), make([]bool, len(x))
			groups := make([]string, len(x))
			for k := range x {
				rightX[k], rightY[k], groups[k] = right(x[k]), right(y[k]), groupOf(x[k])
			}
			test, err := metrics.McNemar(rightX, rightY)
			if err != nil {
				continue // they are as many
			}
			difference := b.interval(groups, func(indices []int) float64 {
				sum := 0
				for _, k := range indices {
					if rightX[k] {
						sum++
					}
					if rightY[k] {
						sum--
					}
				}
				return float64(sum) / float64(len(indices))
			})
			list = append(list, pair{first.Name, second.Name, len(x), test, difference, b.aucDifference(x, y)})
			ps = append(ps, test.Exact)
		}
	}
	if len(list) == 0 {
		return nil
	}
	holm := metrics.Holm(ps)
	t := &Table{
		ID: "mcnemar", Title: "McNemar's test",
		Note: "Of the findings that both variants judged: how many only one of them has right, the differences in accuracy and in ROC AUC (first less second) with their intervals, and the " +
			"exact two-sided p-value. Holm's correction is for all tests of this table; below 0.05 it is marked *. The test takes findings for independent, the intervals do not.",
		Columns: append(words("First", "Second"), numbers("Findings", "Only first right", "Only second right", "Difference in accuracy", "Difference in ROC AUC", "p", "p, Holm")...),
	}
	for i, p := range list {
		corrected := pValue(holm[i])
		if holm[i] < 0.05 {
			corrected.Text += " *"
		}
		t.Rows = append(t.Rows, []Cell{word(p.first), word(p.second), whole(p.n), whole(p.test.OnlyFirst), whole(p.test.OnlySecond), figureCell(p.difference), figureCell(p.rocAUC), pValue(p.test.Exact), corrected})
	}
	s := Section{Title: "Differences between variants"}
	s.table(t)
	return []Section{s}
}

// matched are the cases of findings that both variants judged, in the first one's order. A finding that stands several times in a
// fold is matched in order.
func matched(first, second []*results.Case) (x, y []*results.Case) {
	of := map[string][]*results.Case{}
	for _, c := range second {
		key := caseKey(c)
		of[key] = append(of[key], c)
	}
	for _, c := range first {
		key := caseKey(c)
		if list := of[key]; len(list) > 0 {
			x, y = append(x, c), append(y, list[0])
			of[key] = list[1:]
		}
	}
	return x, y
}

// aucDifference is the ROC AUC of the first cases less that of the second ones, of findings that both have.
func (b *builder) aucDifference(first, second []*results.Case) interval {
	first, second = matched(first, second)
	x, y := sampleOf(first), sampleOf(second)
	return b.interval(x.groups, func(indices []int) float64 { return rocAUC.of(&x, indices) - rocAUC.of(&y, indices) })
}

func pValue(p float64) Cell {
	c := number(p, 4)
	if p < 0.0001 {
		c.Text = "<0.0001"
	}
	return c
}

// sortedNames are a map's keys in order.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}
