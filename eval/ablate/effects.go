package ablate

import (
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// effectMetrics are the figures that effects are told in, by the names of the points' columns.
var effectMetrics = []string{"roc_auc", "f1", "accuracy", "precision", "recall", "fp_reduction", "mcc", "brier"}

// slopeMetrics are those of slopes.
var slopeMetrics = []string{"roc_auc", "f1", "accuracy"}

// figuresOf are a judge's figures, in the order of effectMetrics.
func figuresOf(s *metrics.Scores, threshold float64) []float64 {
	c := s.Confusion(threshold)
	return []float64{s.ROCAUC(), c.F1(), c.Accuracy(), c.Precision(), c.Recall(), c.FPReduction(), c.MCC(), s.Brier()}
}

// draws are the points' figures on draws of the test rows, the same draws for all: [draw][point][metric]. The first one is of all rows.
type draws struct {
	rows    int
	options metrics.BootstrapOptions
	figures [][][]float64
}

// effects tell what each axis does, and how figures rise with the length.
func (s *Study) effects(points []results.Point) ([]results.Effect, []results.Slope, error) {
	d, err := drawAll(s.Rows.testRows(), points, s.Grid.Resamples)
	if err != nil {
		return nil, nil, err
	}
	axes := s.axesOf()
	var list []results.Effect
	for _, a := range axes {
		if len(a.Values) < 2 {
			continue
		}
		for _, value := range a.Values {
			of := having(points, a.Name, value)
			if len(of) == 0 {
				continue
			}
			pairs := likes(points, axes, a.Name, a.Values[0], value)
			for m, name := range effectMetrics {
				e := results.Effect{Axis: a.Name, Value: value, Metric: name, Points: len(of)}
				if e.Mean, err = d.interval(func(f [][]float64) float64 { return meanOf(f, of, m) }); err != nil {
					return nil, nil, err
				}
				if value != a.Values[0] {
					e.Against, e.Pairs = a.Values[0], len(pairs)
					if e.Difference, err = d.interval(func(f [][]float64) float64 { return meanDifference(f, pairs, m) }); err != nil {
						return nil, nil, err
					}
				}
				list = append(list, e)
			}
		}
	}
	slopes, err := d.slopes(points, axes)
	return list, slopes, err
}

// drawAll computes the points' figures on all rows and on draws of them, whole groups at a time. Of the rows those count that all
// points could judge, so that points are compared on the same; a point that could judge none has no figures.
func drawAll(rows []results.TestRow, points []results.Point, resamples int) (*draws, error) {
	var labels []bool
	var groups []string
	var common []int
	for i, r := range rows {
		if !judgedByAll(points, i) {
			continue
		}
		group := "group " + r.Group
		if r.Group == "" {
			group = strconv.Itoa(i)
		}
		common, labels, groups = append(common, i), append(labels, r.Truth == string(finding.TruePositive)), append(groups, group)
	}
	if distinct(groups) < 2 { // which could not be drawn differently
		groups = nil
	}
	d := &draws{rows: len(common), options: metrics.BootstrapOptions{Resamples: resamples, Groups: groups}}
	var samples [][]int
	if _, err := metrics.Bootstrap(d.rows, d.options, func(indices []int) float64 {
		samples = append(samples, slices.Clone(indices))
		return 0
	}); err != nil {
		return nil, err
	}
	d.figures = make([][][]float64, len(samples))
	for k := range d.figures {
		d.figures[k] = make([][]float64, len(points))
	}
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				d.point(i, &points[i], common, labels, samples)
			}
		})
	}
	for i := range points {
		next <- i
	}
	close(next)
	wait.Wait()
	return d, nil
}

func distinct(names []string) int {
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	return len(seen)
}

// judgedByAll tells whether all points that could judge any row have judged this one.
func judgedByAll(points []results.Point, row int) bool {
	for i := range points {
		if points[i].N > 0 && (row >= len(points[i].P) || math.IsNaN(points[i].P[row])) {
			return false
		}
	}
	return true
}

// point computes one point's figures on all draws.
func (d *draws) point(i int, p *results.Point, rows []int, labels []bool, samples [][]int) {
	var judged []float64
	for _, row := range rows {
		if p.N > 0 {
			judged = append(judged, p.P[row])
		}
	}
	scores, err := metrics.NewScores(labels, judged)
	if err != nil { // it has judged none
		none := make([]float64, len(effectMetrics))
		for m := range none {
			none[m] = math.NaN()
		}
		for k := range samples {
			d.figures[k][i] = none
		}
		return
	}
	for k, indices := range samples {
		d.figures[k][i] = figuresOf(scores.Take(indices), p.Threshold)
	}
}

// interval is that of a figure made of the points' figures. Bootstrap draws the same rows, in the same order, each time.
func (d *draws) interval(figure func(points [][]float64) float64) (metrics.Interval, error) {
	k := -1
	return metrics.Bootstrap(d.rows, d.options, func([]int) float64 {
		k++
		return figure(d.figures[k])
	})
}

// having lists the points with a value.
func having(points []results.Point, name, value string) (list []int) {
	for i := range points {
		if points[i].Values[name] == value {
			list = append(list, i)
		}
	}
	return list
}

// likes are the pairs of points of which one has the first value, the other the second, and else the same, as far as both have
// a value: what has no adapter has no rank that could differ.
func likes(points []results.Point, axes []results.Axis, name, first, second string) (pairs [][2]int) {
	var others []string
	for _, a := range axes {
		if a.Name != name && len(a.Values) > 1 {
			others = append(others, a.Name)
		}
	}
	for _, j := range having(points, name, second) {
		for _, i := range having(points, name, first) {
			if !slices.ContainsFunc(others, func(axis string) bool {
				a, inA := points[i].Values[axis]
				b, inB := points[j].Values[axis]
				return inA && inB && a != b
			}) {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	return pairs
}

// meanOf is the mean over points that have a figure; NaN of none.
func meanOf(figures [][]float64, of []int, metric int) float64 {
	sum, n := 0.0, 0
	for _, i := range of {
		if v := figures[i][metric]; !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// meanDifference is the mean of the second's figure minus the first's, over pairs of which both have one; NaN of none.
func meanDifference(figures [][]float64, pairs [][2]int, metric int) float64 {
	sum, n := 0.0, 0
	for _, p := range pairs {
		if v := figures[p[1]][metric] - figures[p[0]][metric]; !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// slopes tell how figures rise with the length of the analysis.
func (d *draws) slopes(points []results.Point, axes []results.Axis) (list []results.Slope, err error) {
	at := slices.IndexFunc(axes, func(a results.Axis) bool { return a.Name == "length" && len(a.Values) > 1 })
	if at < 0 {
		return nil, nil
	}
	var lengths []float64
	var of [][]int
	for _, text := range axes[at].Values {
		if list := having(points, "length", text); len(list) > 0 {
			lengths, of = append(lengths, float64(number(text))), append(of, list)
		}
	}
	means := func(f [][]float64, metric int) []float64 {
		out := make([]float64, len(of))
		for k, list := range of {
			out[k] = meanOf(f, list, metric)
		}
		return out
	}
	for _, name := range slopeMetrics {
		m := slices.Index(effectMetrics, name)
		slope := results.Slope{Metric: name, Lengths: lengths}
		for _, v := range means(d.figures[0], m) {
			slope.Figures = append(slope.Figures, metrics.Number(v))
		}
		slope.Value, err = d.interval(func(f [][]float64) float64 {
			v, err := metrics.Scaling(lengths, means(f, m))
			if err != nil {
				return math.NaN() // lengths that stand twice, which Check refuses
			}
			return v
		})
		if err != nil {
			return nil, err
		}
		list = append(list, slope)
	}
	return list, nil
}
