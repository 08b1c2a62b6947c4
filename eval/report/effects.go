package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// differences draws what each value of each axis changes.
func (a *Ablation) differences() *figure.Forest {
	f := &figure.Forest{Title: "What each setting changes", Note: "Difference to the axis's first value. A whisker that crosses 0 shows no effect."}
	var keys []string
	row := map[string]int{}
	for _, e := range a.Effects {
		if e.Against == "" || e.Axis == axisSeed {
			continue
		}
		name := fmt.Sprintf("%s: %s, not %s", finding.Clean(e.Axis), clip(finding.Clean(e.Value), 24), clip(finding.Clean(e.Against), 24))
		if _, known := row[name]; !known {
			row[name] = len(f.Names)
			f.Names = append(f.Names, name)
		}
		if !slices.Contains(keys, e.Metric) {
			keys = append(keys, e.Metric)
		}
	}
	const most = 60 // rows that one looks at
	if len(f.Names) > most {
		f.Note += fmt.Sprintf(" The first %d of %d; the table has all.", most, len(f.Names))
	}
	for _, key := range keys[:min(len(keys), 4)] {
		nan := slices.Repeat([]float64{math.NaN()}, len(f.Names))
		c := figure.Column{Value: slices.Clone(nan), Low: slices.Clone(nan), High: slices.Clone(nan)}
		for _, e := range a.Effects {
			if e.Metric != key || e.Against == "" || e.Axis == axisSeed {
				continue
			}
			i := row[fmt.Sprintf("%s: %s, not %s", finding.Clean(e.Axis), clip(finding.Clean(e.Value), 24), clip(finding.Clean(e.Against), 24))]
			c.Value[i], c.Low[i], c.High[i] = float64(e.Difference.Value), float64(e.Difference.Low), float64(e.Difference.High)
		}
		c.Axis = figure.Fit(figureName(key), true, c.Value, c.Low, c.High)
		if n := len(c.Axis.Ticks); n > 5 { // a narrow column
			c.Axis.Ticks = slices.DeleteFunc(c.Axis.Ticks, func(t figure.Tick) bool {
				return t.At != 0 && t.At != c.Axis.Ticks[0].At && t.At != c.Axis.Ticks[n-1].At
			})
		}
		c.Value, c.Low, c.High = c.Value[:min(most, len(c.Value))], c.Low[:min(most, len(c.Low))], c.High[:min(most, len(c.High))]
		f.Columns = append(f.Columns, c)
	}
	f.Names = f.Names[:min(most, len(f.Names))]
	if len(f.Names) == 0 {
		return nil
	}
	return f
}

// effectTables have the means by value, and the differences to the axis's first value: a row a value, a column a figure.
func (a *Ablation) effectTables() []*Table {
	means := &Table{ID: "means", Title: "Means by setting", Columns: append(words("Axis", "Value"), numbers("Points")...)}
	differences := &Table{ID: "differences", Title: "Differences by setting", Columns: append(words("Axis", "Value", "Against"), numbers("Pairs")...)}
	type place struct{ axis, value string }
	var keys []string
	rows := map[place][2]int{} // in the two tables
	for _, e := range a.Effects {
		if !slices.Contains(keys, e.Metric) {
			keys = append(keys, e.Metric)
		}
	}
	for _, t := range []*Table{means, differences} {
		for _, key := range keys {
			t.Columns = append(t.Columns, numbers(figureName(key))...)
		}
	}
	add := func(t *Table, first ...Cell) int {
		t.Rows = append(t.Rows, append(first, slices.Repeat([]Cell{{Text: none, Sort: math.NaN()}}, len(keys))...))
		return len(t.Rows) - 1
	}
	for _, e := range a.Effects {
		at, known := rows[place{e.Axis, e.Value}]
		if !known {
			at[0] = add(means, word(e.Axis), word(e.Value), whole(e.Points))
			if e.Against != "" {
				at[1] = add(differences, word(e.Axis), word(e.Value), word(e.Against), whole(e.Pairs))
			}
			rows[place{e.Axis, e.Value}] = at
		}
		k := slices.Index(keys, e.Metric)
		means.Rows[at[0]][3+k] = figureCell(e.Mean)
		if e.Against != "" {
			differences.Rows[at[1]][4+k] = figureCell(e.Difference)
		}
	}
	return []*Table{means, differences}
}

func (a *Ablation) slopeTable() *Table {
	t := &Table{
		ID: "slopes", Title: "Scaling with reasoning length",
		Note:    "Scaling is the mean slope over all pairs of lengths (s1, Muennighoff et al., 2025), here for 100 tokens. An interval that holds 0 shows no effect.",
		Columns: append(words("Figure", "Lengths", "Means"), numbers("Scaling for 100 tokens")...),
	}
	for _, slope := range a.Slopes {
		var lengths, figures []string
		for _, l := range slope.Lengths {
			lengths = append(lengths, number(l, 0).Text)
		}
		for _, f := range slope.Figures {
			figures = append(figures, number(float64(f), 3).Text)
		}
		i := slope.Value
		i.Value, i.Low, i.High = 100*i.Value, 100*i.Low, 100*i.High
		t.Rows = append(t.Rows, []Cell{word(figureName(slope.Metric)), {Text: strings.Join(lengths, ", ")}, {Text: strings.Join(figures, ", ")}, figureCell(i)})
	}
	return t
}
