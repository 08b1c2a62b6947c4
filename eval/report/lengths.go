package report

import (
	"fmt"
	"math"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// cut is a variant whose analyses are cut at a length: each verdict is what the trajectory says there, by the case's own
// threshold. An analysis that is shorter keeps its last word.
type cut struct {
	length int
	sample
}

// cuts of a variant's cases that have a trajectory, at 0, 1, 2, 4, … tokens and at the longest. There are none without.
func cuts(cases []*results.Case) (list []cut, used int) {
	cases = where(cases, func(c *results.Case) bool { return len(c.Trajectory) > 1 })
	longest := 0
	for _, c := range cases {
		longest = max(longest, len(c.Trajectory)-1)
	}
	if longest == 0 {
		return nil, 0
	}
	lengths := []int{0}
	for k := 1; k < longest; k *= 2 {
		lengths = append(lengths, k)
	}
	for _, k := range append(lengths, longest) {
		at := cut{length: k}
		for _, c := range cases {
			p := float64(c.Trajectory[min(k, len(c.Trajectory)-1)])
			p = min(max(p, 0), 1)
			at.add(real(c.Truth), p >= c.Threshold, p, groupOf(c))
		}
		at.score()
		list = append(list, at)
	}
	return list, len(cases)
}

// lengths says whether longer reasoning helps.
func (b *builder) lengths(bench *Bench) []Section {
	s := Section{Title: "Reasoning length"}
	t := &Table{
		ID: "lengths", Title: "Figures by reasoning length",
		Columns: append(append(words("Variant"), numbers("Tokens", "Cases")...), numbers("Accuracy", "Precision", "Recall", "F1", "ROC AUC")...),
	}
	gains := &Table{
		ID: "scaling", Title: "What reasoning is worth",
		Note: "Scaling is the mean slope over all pairs of lengths (s1, Muennighoff et al., 2025), for 100 tokens; the gain is accuracy at the longest less accuracy without analysis. " +
			"An interval that holds 0 shows no effect.",
		Columns: append(words("Variant"), numbers("Longest", "Scaling of accuracy", "Gain in accuracy", "Gain in precision", "Gain in ROC AUC")...),
	}
	charts := []figure.XY{{Title: "Accuracy", Y: figure.Share("accuracy")}, {Title: "Precision", Y: figure.Share("precision")}}
	var longest []int
	shown := 0
	for _, v := range bench.variants {
		list, n := cuts(v.cases)
		if n == 0 {
			continue
		}
		lines := [2]figure.Series{}
		for k := range list {
			at := &list[k]
			row := []Cell{word(v.Name), whole(at.length), whole(n)}
			for m, measure := range []measure{accuracy, precision, recall, f1, rocAUC} {
				i := b.of(measure, &at.sample)
				row = append(row, figureCell(i))
				if m < 2 {
					l := &lines[m]
					l.X = append(l.X, float64(at.length))
					l.Y, l.Low, l.High = append(l.Y, float64(i.Value)), append(l.Low, float64(i.Low)), append(l.High, float64(i.High))
					l.Hints = append(l.Hints, fmt.Sprintf("%s, %d tokens: %s (%s)", finding.Clean(v.Name), at.length, row[len(row)-1].Text, row[len(row)-1].Small))
				}
			}
			t.Rows = append(t.Rows, row)
			longest = append(longest, at.length)
		}
		gains.Rows = append(gains.Rows, b.gain(v, list))
		for m := range lines {
			lines[m].Name, lines[m].Marked, lines[m].Ink = finding.Clean(v.Name), true, figure.SeriesInk(shown)
			lines[m].Dash = dash(shown)
			charts[m].Series = append(charts[m].Series, lines[m])
		}
		shown++
	}
	if shown == 0 {
		return nil
	}
	for m := range charts {
		onLengths(&charts[m], longest)
	}
	s.say("Each verdict is also known after fewer tokens of its analysis, so that one run shows what reasoning is worth: here every analysis is cut after so many tokens and " +
		"judged by the variant's own threshold, which was chosen for whole analyses.")
	panels := figure.Panels{Title: "Accuracy and precision by reasoning length", Note: "Analyses cut after so many tokens. Whiskers are 95 % intervals.", Charts: charts, Columns: 2, Legend: true}
	s.chart("reasoning length", "", panels.Picture())
	s.table(gains)
	t.Folded = true
	s.table(t)
	return []Section{s}
}

// onLengths sets a chart on an axis of lengths whose steps double, 0 among them, and moves series apart that would lie on one another.
func onLengths(c *figure.XY, lengths []int) {
	position := func(tokens float64) float64 { return math.Log2(1 + tokens) }
	most := 0
	c.X = figure.Axis{Label: "tokens of analysis (each step doubles)"}
	for _, k := range lengths {
		most = max(most, k)
	}
	for k := 0; k <= most; k = max(1, 2*k) {
		c.X.Ticks = append(c.X.Ticks, figure.Tick{At: position(float64(k)), Label: fmt.Sprint(k)})
	}
	if last := c.X.Ticks[len(c.X.Ticks)-1].At; position(float64(most))-last > 0.4 {
		c.X.Ticks = append(c.X.Ticks, figure.Tick{At: position(float64(most)), Label: fmt.Sprint(most)})
	}
	c.X.Min, c.X.Max = -0.3, position(float64(most))+0.3
	for i := range c.Series {
		aside := (float64(i) - float64(len(c.Series)-1)/2) * min(0.07, 0.4/float64(len(c.Series)))
		for k, x := range c.Series[i].X {
			c.Series[i].X[k] = position(x) + aside
		}
	}
}

// gain is a row of what reasoning is worth to a variant. All lengths are drawn together, as they judge the same findings.
func (b *builder) gain(v *variant, list []cut) []Cell {
	lengths := make([]float64, len(list))
	for k := range list {
		lengths[k] = float64(list[k].length)
	}
	groups := list[0].groups
	row := []Cell{word(v.Name), whole(list[len(list)-1].length)}
	row = append(row, figureCell(b.interval(groups, func(indices []int) float64 {
		figures := make([]float64, len(list))
		for k := range list {
			figures[k] = accuracy.of(&list[k].sample, indices)
		}
		slope, err := metrics.Scaling(lengths, figures)
		if err != nil {
			return math.NaN() // lengths differ
		}
		return 100 * slope
	})))
	for _, m := range []measure{accuracy, precision, rocAUC} {
		row = append(row, figureCell(b.interval(groups, func(indices []int) float64 {
			return m.of(&list[len(list)-1].sample, indices) - m.of(&list[0].sample, indices)
		})))
	}
	return row
}

// dash tells series apart that have the same colour.
func dash(i int) []float64 {
	switch i / figure.SeriesInks {
	case 0:
		return nil
	case 1:
		return []float64{7, 3}
	}
	return []float64{2, 3}
}
