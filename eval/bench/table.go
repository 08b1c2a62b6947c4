package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// Tables are a benchmark's figures as Markdown: verdicts, probabilities, sources, and what they took. All but the last are the
// same whenever the benchmark is run again on the same backend.
func Tables(b *results.Bench, cases []results.Case, o TableOptions) (string, error) {
	list, err := Compare(b, cases, o)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n", cell(b.Name))
	writeVerdicts(&text, list)
	writeProbabilities(&text, list)
	if err := writeSources(&text, b, cases); err != nil {
		return "", err
	}
	writeWork(&text, b, list)
	return text.String(), nil
}

// table writes Markdown, its first column left.
type table struct {
	b       *strings.Builder
	columns int
}

func newTable(b *strings.Builder, title string, columns ...string) *table {
	fmt.Fprintf(b, "## %s\n\n| %s |\n|---%s|\n", title, strings.Join(columns, " | "), strings.Repeat("|---:", len(columns)-1))
	return &table{b, len(columns)}
}

func (t *table) line(cells ...string) {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	fmt.Fprintf(t.b, "| %s |\n", strings.Join(cells, " | "))
}

func (t *table) end() { t.b.WriteString("\n") }

// cell is a text that cannot end its cell, its line or the terminal's patience.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(finding.Clean(text))
}

func number[F ~float64](v F) string {
	if math.IsNaN(float64(v)) {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(v))
}

func interval(i metrics.Interval) string {
	if math.IsNaN(float64(i.Low)) {
		return number(i.Value)
	}
	return fmt.Sprintf("%s (%s to %s)", number(i.Value), number(i.Low), number(i.High))
}

func writeVerdicts(b *strings.Builder, list []Figures) {
	t := newTable(b, "Verdicts", "variant", "cases", "failed", "TP", "FP", "TN", "FN", "precision", "recall", "F1 (95 %)", "accuracy (95 %)", "FPR",
		"FP reduction (95 %)", "MCC", "McNemar p")
	for _, f := range list {
		if f.N == 0 { // figures of nothing would look like bad ones
			t.line(append([]string{f.Variant, "0", fmt.Sprint(f.Failed)}, slices.Repeat([]string{"–"}, t.columns-3)...)...)
			continue
		}
		p := "–"
		if f.McNemar != nil {
			p = fmt.Sprintf("%.2g (%d:%d)", f.McNemar.Exact, f.McNemar.OnlyFirst, f.McNemar.OnlySecond)
		}
		c := f.Confusion
		t.line(f.Variant, fmt.Sprint(f.N), fmt.Sprint(f.Failed), fmt.Sprint(c.TP), fmt.Sprint(c.FP), fmt.Sprint(c.TN), fmt.Sprint(c.FN),
			number(f.Precision), number(f.Recall), interval(f.F1At), interval(f.AccuracyAt), number(f.FPR), interval(f.FPReductionAt), number(f.MCC), p)
	}
	t.end()
	fmt.Fprintf(b, "McNemar's test is against %s; in brackets, the cases that only that one, and only the other, has right.\nFailed cases count in no figure.\n\n",
		cell(list[0].Variant))
}

func writeProbabilities(b *strings.Builder, list []Figures) {
	t := newTable(b, "Probabilities and pairs", "variant", "ROC AUC (95 %)", "PR AUC", "Brier", "ECE", "pairs", "both right", "in order")
	for _, f := range list {
		pairs, right, order := "–", "–", "–"
		if n := f.Pairs.N(); n > 0 {
			pairs, right, order = fmt.Sprint(n), number(f.Pairs.Accuracy()), number(f.Pairs.Ranking())
		}
		t.line(f.Variant, interval(f.ROCAUCAt), number(f.AveragePrecision), number(f.Brier), number(f.ECE), pairs, right, order)
	}
	t.end()
}

// writeSources is a table of F1 and ROC AUC by source, where there are several.
func writeSources(b *strings.Builder, bench *results.Bench, cases []results.Case) error {
	var sources []string
	for _, c := range cases {
		if !slices.Contains(sources, c.Source) {
			sources = append(sources, c.Source)
		}
	}
	if len(sources) < 2 {
		return nil
	}
	columns := []string{"source", "cases", "real"}
	for _, v := range bench.Variants {
		columns = append(columns, cell(v.Name))
	}
	t := newTable(b, "By source: F1, ROC AUC", columns...)
	for _, source := range sources {
		var some []results.Case
		for _, c := range cases {
			if c.Source == source {
				some = append(some, c)
			}
		}
		line := []string{source, "", ""}
		for i, v := range bench.Variants {
			j, err := newJudged(v.Name, some)
			if err != nil {
				return err
			}
			if i == 0 {
				line[1], line[2] = fmt.Sprint(len(j.cases)+j.failed), fmt.Sprint(positives(some, v.Name))
			}
			line = append(line, number(j.confusion(nil).F1())+", "+number(j.scores.ROCAUC()))
		}
		t.line(line...)
	}
	t.end()
	return nil
}

func positives(cases []results.Case, variant string) (n int) {
	for _, c := range cases {
		if c.Variant == variant && real(c.Truth) {
			n++
		}
	}
	return n
}

func writeWork(b *strings.Builder, bench *results.Bench, list []Figures) {
	t := newTable(b, "Work", "variant", "prompt tokens", "tokens", "Control", "s a case", "training s", "peak MB", "weights MB", "$ for 1000")
	for i, f := range list {
		v := bench.Variants[i]
		t.line(f.Variant, fmt.Sprintf("%.0f", f.PromptTokens), fmt.Sprintf("%.1f", f.Tokens), number(f.Control), fmt.Sprintf("%.3f", f.Seconds),
			fmt.Sprintf("%.1f", v.TrainSeconds), fmt.Sprintf("%.0f", float64(v.PeakBytes)/1e6), fmt.Sprintf("%.0f", float64(v.WeightBytes)/1e6),
			fmt.Sprintf("%.2f", 1000*f.USD))
	}
	t.end()
}
