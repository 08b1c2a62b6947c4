package ablate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// tableMetrics are the columns of the effects' tables.
var tableMetrics = []struct{ name, title string }{{"roc_auc", "ROC AUC"}, {"f1", "F1"}, {"accuracy", "accuracy"}, {"brier", "Brier"}}

// Table tells in Markdown what a grid's axes do. It has no times: two runs have the same.
func Table(a *results.Ablation, points []results.Point) string {
	var b strings.Builder
	positives, groups := 0, map[string]bool{}
	for i, r := range a.Rows {
		if r.Truth == string(finding.TruePositive) {
			positives++
		}
		groups[cmp.Or(r.Group, fmt.Sprint("row ", i))] = true
	}
	fmt.Fprintf(&b, "# %s\n\n%d points on %d test rows (%d TP) in %d groups. A value's figures are means over all points that have it; Δ is the mean difference\n"+
		"from the points that are like them but for the axis's first value. In brackets are 95%% intervals, bootstrapped over the groups of test rows\n"+
		"(over single rows where there is one group); where Δ's holds 0, the rows tell of no effect.\n",
		finding.Clean(a.Name), len(points), len(a.Rows), positives, len(groups))
	for _, axis := range a.Axes {
		if len(axis.Values) > 1 {
			axisTable(&b, a, axis)
		}
	}
	slopeTable(&b, a.Slopes)
	controlTable(&b, points)
	bestTable(&b, points)
	for _, p := range points {
		if p.Error != "" {
			fmt.Fprintf(&b, "\n%s: %s.\n", label(a, p), finding.Clean(p.Error))
		}
	}
	return b.String()
}

func axisTable(b *strings.Builder, a *results.Ablation, axis results.Axis) {
	fmt.Fprintf(b, "\n## %s\n\n| %s | points |", axis.Name, axis.Name)
	for _, m := range tableMetrics {
		fmt.Fprintf(b, " %s | Δ |", m.title)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", 2*len(tableMetrics)) + "\n")
	for _, value := range axis.Values {
		begun := false
		for _, m := range tableMetrics {
			k := slices.IndexFunc(a.Effects, func(e results.Effect) bool { return e.Axis == axis.Name && e.Value == value && e.Metric == m.name })
			if k < 0 {
				continue
			}
			e := a.Effects[k]
			if !begun {
				fmt.Fprintf(b, "| %s | %d |", cell(value), e.Points)
				begun = true
			}
			difference := "–"
			if e.Against != "" && e.Pairs > 0 {
				difference = interval(e.Difference, "%+.3f")
			}
			fmt.Fprintf(b, " %s | %s |", interval(e.Mean, "%.3f"), difference)
		}
		if begun {
			b.WriteString("\n")
		}
	}
}

func slopeTable(b *strings.Builder, slopes []results.Slope) {
	if len(slopes) == 0 {
		return
	}
	b.WriteString("\n## Scaling\n\nMean slope over all pairs of lengths (Muennighoff et al., s1, 2025), for 100 tokens more of the analysis.\n\n| figure | slope |\n|---|---|\n")
	for _, s := range slopes {
		v := s.Value
		v.Value, v.Low, v.High = v.Value*100, v.Low*100, v.High*100
		fmt.Fprintf(b, "| %s | %s |\n", s.Metric, interval(v, "%+.4f"))
	}
}

// controlTable has the share of analyses within their bounds, of each pair of bounds.
func controlTable(b *strings.Builder, points []results.Point) {
	var bounds [][2]string
	for _, p := range points {
		at := [2]string{p.Values["min_tokens"], p.Values["max_tokens"]}
		if at[1] != "" && !slices.Contains(bounds, at) {
			bounds = append(bounds, at)
		}
	}
	if len(bounds) == 0 {
		return
	}
	b.WriteString("\n## Control\n\n| tokens | control | mean tokens |\n|---|---|---|\n")
	for _, at := range bounds {
		control, longest, n := 0.0, 0.0, 0
		for _, p := range points {
			if p.Values["min_tokens"] != at[0] || p.Values["max_tokens"] != at[1] || math.IsNaN(p.Control) {
				continue
			}
			control += p.Control
			longest = max(longest, p.Tokens)
			n++
		}
		fmt.Fprintf(b, "| %s to %s | %.3f | %.1f |\n", at[0], at[1], control/float64(n), longest)
	}
}

// bestTable has the points of the highest ROC AUC, which flatter, since they were chosen on the rows that they are judged on.
func bestTable(b *strings.Builder, points []results.Point) {
	const most = 10
	list := slices.Clone(points)
	slices.SortStableFunc(list, func(x, y results.Point) int { return cmp.Compare(y.ROCAUC, x.ROCAUC) }) // what has none last
	varying := varyingAxes(points)
	b.WriteString("\n## Highest points\n\nThey were chosen on the test rows, and flatter.\n\n|")
	for _, name := range varying {
		fmt.Fprintf(b, " %s |", name)
	}
	b.WriteString(" ROC AUC | F1 | precision | recall | FPR | Brier | ECE |\n|" + strings.Repeat("---|", len(varying)+7) + "\n")
	for _, p := range list[:min(most, len(list))] {
		b.WriteString("|")
		for _, name := range varying {
			fmt.Fprintf(b, " %s |", cell(p.Values[name]))
		}
		for _, v := range []float64{p.ROCAUC, p.F1, p.Precision, p.Recall, p.FPR, p.Brier, p.ECE} {
			fmt.Fprintf(b, " %.3f |", v)
		}
		b.WriteString("\n")
	}
}

// varyingAxes are those of which points have several values, by name.
func varyingAxes(points []results.Point) (names []string) {
	for _, p := range points {
		for name, v := range p.Values {
			if v != points[0].Values[name] && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// label names a point by its values on the axes that have several.
func label(a *results.Ablation, p results.Point) string {
	var parts []string
	for _, axis := range a.Axes {
		if v, ok := p.Values[axis.Name]; ok && len(axis.Values) > 1 {
			parts = append(parts, axis.Name+" "+cell(v))
		}
	}
	if len(parts) == 0 {
		return "the point"
	}
	return strings.Join(parts, ", ")
}

// cell is a text that cannot break a table.
func cell(text string) string {
	if text == "" {
		return "–"
	}
	return strings.ReplaceAll(finding.Clean(text), "|", "\\|")
}

func interval(v metrics.Interval, format string) string {
	if math.IsNaN(float64(v.Value)) {
		return "–"
	}
	return fmt.Sprintf(format+" ["+format+", "+format+"]", float64(v.Value), float64(v.Low), float64(v.High))
}
