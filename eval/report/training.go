package report

import (
	"fmt"
	"strings"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// training shows what trainings logged, a chart a figure.
func (b *builder) training(bench *Bench) []Section {
	runs := sortedNames(bench.Curves)
	metrics := map[string]bool{}
	for _, run := range runs {
		for _, step := range bench.Curves[run] {
			for name := range step.Values {
				metrics[name] = true
			}
		}
	}
	f := figure.Panels{Title: "Training curves", Columns: 2, Height: 240, Legend: true}
	var left []string
	for _, name := range sortedNames(metrics) {
		if b.NoTimes && timed(name) {
			continue
		}
		c := figure.XY{Title: finding.Clean(name)}
		var xs, ys [][]float64
		for i, run := range runs {
			line := logged(bench.Curves[run], name)
			if len(line.X) == 0 {
				continue
			}
			line.Name, line.Ink, line.Dash = finding.Clean(run), figure.SeriesInk(i), dash(i)
			c.Series, xs, ys = append(c.Series, line), append(xs, line.X), append(ys, line.Y)
		}
		if len(f.Charts) == mostPanels {
			left = append(left, c.Title)
			continue
		}
		c.X, c.Y = figure.Fit("step", true, xs...), figure.Fit("", strings.Contains(name, "loss"), ys...)
		f.Charts = append(f.Charts, c)
	}
	if len(f.Charts) == 0 {
		return nil
	}
	s := Section{Title: "Training"}
	note := ""
	if len(left) > 0 {
		note = fmt.Sprintf("Left out: %s.", strings.Join(left, ", "))
	}
	if len(runs) > 3*figure.SeriesInks {
		note += fmt.Sprintf(" There are %d trainings, more than colours and dashes tell apart.", len(runs))
	}
	s.chart("training curves", note, f.Picture())
	return []Section{s}
}

// timed tells whether a logged figure depends on the time or on the machine, as those in train/run's timings.jsonl.
func timed(name string) bool {
	for _, part := range []string{"second", "memory", "bytes", "time", "clock"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func logged(steps []results.Step, name string) (line figure.Series) {
	for _, step := range steps {
		if v, ok := step.Values[name]; ok {
			line.X, line.Y = append(line.X, float64(step.Step)), append(line.Y, v)
		}
	}
	line.Marked = len(line.X) <= 20
	return thin(line)
}

// thin keeps pages small: of long logs it takes the means of neighbours.
func thin(s figure.Series) figure.Series {
	const most = 300
	each := (len(s.X) + most - 1) / most
	if each <= 1 {
		return s
	}
	t := s
	t.X, t.Y = nil, nil
	for from := 0; from < len(s.X); from += each {
		to := min(from+each, len(s.X))
		x, y := 0.0, 0.0
		for i := from; i < to; i++ {
			x += s.X[i] / float64(to-from)
			y += s.Y[i] / float64(to-from)
		}
		t.X, t.Y = append(t.X, x), append(t.Y, y)
	}
	return t
}
