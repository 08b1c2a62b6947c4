package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// Names of a grid's axes that have charts of their own: see package ablate.
const (
	axisLength = "length" // tokens of the analysis that a head sees
	axisHidden = "hidden" // a head's hidden layers
	axisSeed   = "seed"
)

// pointFigures are the columns of points, by the names that effects call them by.
var pointFigures = []struct {
	key, name string
	of        func(*results.Point) float64
}{
	{"accuracy", "Accuracy", func(p *results.Point) float64 { return p.Accuracy }},
	{"precision", "Precision", func(p *results.Point) float64 { return p.Precision }},
	{"recall", "Recall", func(p *results.Point) float64 { return p.Recall }},
	{"f1", "F1", func(p *results.Point) float64 { return p.F1 }},
	{"fp_reduction", "FP reduction", func(p *results.Point) float64 { return p.FPReduction }},
	{"mcc", "MCC", func(p *results.Point) float64 { return p.MCC }},
	{"roc_auc", "ROC AUC", func(p *results.Point) float64 { return p.ROCAUC }},
	{"pr_auc", "PR AUC", func(p *results.Point) float64 { return p.PRAUC }},
	{"brier", "Brier", func(p *results.Point) float64 { return p.Brier }},
	{"ece", "ECE", func(p *results.Point) float64 { return p.ECE }},
	{"fpr", "FPR", func(p *results.Point) float64 { return p.FPR }},
	{"control", "Control", func(p *results.Point) float64 { return p.Control }},
	{"tokens", "Tokens", func(p *results.Point) float64 { return p.Tokens }},
	{"threshold", "Threshold", func(p *results.Point) float64 { return p.Threshold }},
	{"temperature", "Temperature", func(p *results.Point) float64 { return p.Temperature }},
}

// figureName is how people call a figure.
func figureName(key string) string {
	for _, f := range pointFigures {
		if f.key == key {
			return f.name
		}
	}
	return finding.Clean(key)
}

// ablation says what the settings of a grid matter.
func (b *builder) ablation(a *Ablation) []Section {
	s := Section{Title: "Ablation"}
	failed := 0
	for i := range a.points {
		if a.points[i].Error != "" {
			failed++
		}
	}
	text := fmt.Sprintf("%s grid points on %s test rows.", finding.Thousands(len(a.points)), finding.Thousands(a.testRows()))
	if failed > 0 {
		text += fmt.Sprintf(" %s failed and have no figures.", finding.Thousands(failed))
	}
	for _, k := range sortedNames(a.Passes) {
		text += fmt.Sprintf(" Passes, %s: %s.", finding.Clean(k), finding.Thousands(a.Passes[k]))
	}
	if a.withoutIntervals() {
		text += fmt.Sprintf(" The test rows are of fewer than %d groups, so that no interval says anything of other findings: there are none.", fewestGroups)
	}
	s.say("%s Effects are means over all points with a value; a difference is to the points that are like them but for the axis's first value. Intervals hold 95 %% of bootstrap samples "+
		"of the test rows.", text)
	if chart := a.byLength(); chart != nil {
		s.chart("by reasoning length", "", chart.Picture())
	}
	for _, key := range []string{"accuracy", "f1", "roc_auc"} {
		if heat := a.heat(key); heat != nil {
			s.chart("heat map "+key, "", heat.Picture())
		}
	}
	if chart := a.differences(); chart != nil {
		s.chart("effects", "", chart.Picture())
	}
	for _, t := range a.effectTables() {
		s.table(t)
	}
	s.table(a.slopeTable())
	s.table(b.pointTable(a))
	return []Section{s}
}

// withoutIntervals takes the intervals away where there are too few groups of rows to draw them from, and tells so.
func (a *Ablation) withoutIntervals() bool {
	groups := map[string]bool{}
	for _, r := range a.Rows {
		groups[cmp.Or(r.Group, "id "+r.Source+" "+r.ID)] = true
	}
	if len(a.Rows) == 0 || len(groups) >= fewestGroups {
		return false
	}
	strip := func(i *interval) { i.Low, i.High = metrics.Number(math.NaN()), metrics.Number(math.NaN()) }
	for k := range a.Effects {
		strip(&a.Effects[k].Mean)
		strip(&a.Effects[k].Difference)
	}
	for k := range a.Slopes {
		strip(&a.Slopes[k].Value)
	}
	return true
}

func (a *Ablation) testRows() int {
	n := len(a.Rows)
	for i := range a.points {
		n = max(n, int(a.points[i].N))
	}
	return n
}

// byLength draws accuracy and precision over the lengths of analyses, from the effects of that axis.
func (a *Ablation) byLength() *figure.Panels {
	f := &figure.Panels{Title: "Accuracy and precision by reasoning length", Note: "Means over all points of a length. Whiskers are 95 % intervals.", Columns: 2}
	for _, key := range []string{"accuracy", "precision"} {
		line := figure.Series{Marked: true, Ink: figure.SeriesInk(0)}
		var lengths []int
		for _, e := range a.Effects {
			n, err := strconv.Atoi(e.Value)
			if e.Axis != axisLength || e.Metric != key || err != nil {
				continue
			}
			lengths = append(lengths, n)
			line.X, line.Y = append(line.X, float64(n)), append(line.Y, float64(e.Mean.Value))
			line.Low, line.High = append(line.Low, float64(e.Mean.Low)), append(line.High, float64(e.Mean.High))
			cell := figureCell(e.Mean)
			line.Hints = append(line.Hints, fmt.Sprintf("%d tokens: %s (%s)", n, cell.Text, cell.Small))
		}
		if len(lengths) < 2 {
			return nil
		}
		c := figure.XY{Title: figureName(key), Y: figure.Share(strings.ToLower(figureName(key))), Series: []figure.Series{line}}
		onLengths(&c, lengths)
		f.Charts = append(f.Charts, c)
	}
	return f
}

// several are the axes with more than one value, without the seeds.
func (a *Ablation) several() (axes []results.Axis) {
	for _, x := range a.Axes {
		if len(x.Values) > 1 && x.Name != axisSeed {
			axes = append(axes, x)
		}
	}
	return axes
}

// heat is a map of head sizes over lengths of reasoning, or of the two axes with the most values where those have but one.
func (a *Ablation) heat(key string) *figure.Heat {
	axes := a.several()
	if len(axes) < 2 {
		return nil
	}
	slices.SortStableFunc(axes, func(x, y results.Axis) int { return rank(y) - rank(x) })
	rows, cols := axes[0], axes[1]
	h := &figure.Heat{
		Title: fmt.Sprintf("%s by %s and %s", figureName(key), axisName(rows.Name), axisName(cols.Name)), Rows: cleaned(rows.Values), Cols: cleaned(cols.Values),
		RowsL: axisName(rows.Name), ColsL: axisName(cols.Name), Note: "Means over seeds and all other axes.",
	}
	found := false
	for _, r := range rows.Values {
		line := make([]float64, len(cols.Values))
		for k, c := range cols.Values {
			line[k] = a.mean(key, func(p *results.Point) bool { return p.Values[rows.Name] == r && p.Values[cols.Name] == c })
			found = found || !math.IsNaN(line[k])
		}
		h.Values = append(h.Values, line)
	}
	if !found {
		return nil
	}
	return h
}

// rank orders axes for the map: head sizes as rows, lengths as columns, then those with more values.
func rank(x results.Axis) int {
	switch x.Name {
	case axisHidden:
		return 1 << 21
	case axisLength:
		return 1 << 20
	}
	return len(x.Values)
}

func axisName(name string) string {
	switch name {
	case axisHidden:
		return "head size (hidden)"
	case axisLength:
		return "tokens of analysis (length)"
	}
	return finding.Clean(name)
}

func (a *Ablation) mean(key string, in func(*results.Point) bool) float64 {
	sum, n := 0.0, 0
	for i := range a.points {
		p := &a.points[i]
		if p.Error != "" || !in(p) {
			continue
		}
		for _, f := range pointFigures {
			if v := f.of(p); f.key == key && !math.IsNaN(v) {
				sum += v
				n++
			}
		}
	}
	return defined(n, sum/float64(max(n, 1)))
}

// pointTable has a row a point.
func (b *builder) pointTable(a *Ablation) *Table {
	t := &Table{ID: "points", Title: "All points", Folded: true}
	var axes []string
	fixed := ""
	for _, x := range a.Axes {
		if len(x.Values) > 1 {
			axes = append(axes, x.Name)
			t.Columns = append(t.Columns, Column{Name: finding.Clean(x.Name), Number: numeric(x.Values)})
		} else if len(x.Values) == 1 {
			fixed += fmt.Sprintf(" %s: %s.", finding.Clean(x.Name), finding.Clean(x.Values[0]))
		}
	}
	t.Note = strings.TrimSpace("The same for all:" + fixed)
	if fixed == "" {
		t.Note = ""
	}
	for _, f := range pointFigures {
		t.Columns = append(t.Columns, numbers(f.name)...)
	}
	if !b.NoTimes {
		t.Columns = append(t.Columns, numbers("Training time")...)
	}
	t.Columns = append(t.Columns, words("Error", "Hash")...)
	shown := a.points
	if b.Points > 0 && len(shown) > b.Points {
		shown = shown[:b.Points]
		t.Note += fmt.Sprintf(" The first %s of %s points; %s are left out (--points).", finding.Thousands(b.Points), finding.Thousands(len(a.points)), finding.Thousands(len(a.points)-b.Points))
	}
	for i := range shown {
		p := &shown[i]
		var row []Cell
		for _, x := range axes {
			c := word(p.Values[x])
			if v, err := strconv.ParseFloat(p.Values[x], 64); err == nil {
				c.Sort = v
			} else {
				c.Sort = math.NaN()
			}
			row = append(row, c)
		}
		for _, f := range pointFigures {
			if p.Error != "" {
				row = append(row, Cell{Text: none, Sort: math.NaN()})
			} else {
				row = append(row, number(f.of(p), 3))
			}
		}
		if !b.NoTimes {
			row = append(row, duration(p.Seconds))
		}
		t.Rows = append(t.Rows, append(row, word(clip(p.Error, 300)), word(short(p.Hash))))
	}
	return t
}

// numeric tells whether most values are numbers: a size may also be "none".
func numeric(values []string) bool {
	n := 0
	for _, v := range values {
		if _, err := strconv.ParseFloat(v, 64); err == nil {
			n++
		}
	}
	return 2*n > len(values)
}
