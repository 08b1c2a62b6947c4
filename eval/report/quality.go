package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// mostPanels and mostCurves are how much a chart shows before it is too much to see.
const (
	mostPanels = 24
	mostCurves = figure.SeriesInks
)

// quality says what the probabilities are worth, and how long the analyses are.
func (b *builder) quality(bench *Bench) []Section {
	variants := slices.DeleteFunc(slices.Clone(bench.variants), func(v *variant) bool { return v.n() == 0 })
	if len(variants) == 0 {
		return nil
	}
	s := Section{Title: "Probabilities and tokens"}
	shown := variants[:min(len(variants), mostPanels)]
	if left := len(variants) - len(shown); left > 0 {
		s.say("The charts by variant show the first %d; %d are left out.", len(shown), left)
	}
	reliability := figure.Panels{
		Title: "Calibration: how often a probability comes true", Columns: balanced(len(shown)), Height: 230,
		Note: "In 10 bins; whiskers are Wilson's 95 % intervals for findings that are independent. On the dashed line a probability is what it says.",
	}
	for _, v := range shown {
		reliability.Charts = append(reliability.Charts, calibration(v))
	}
	s.chart("calibration", "", reliability.Picture())
	s.chart("roc and pr", "", curves(variants).Picture())
	if h := tokens(shown); len(h.Charts) > 0 {
		s.chart("tokens", "", h.Picture())
	}
	return []Section{s}
}

func calibration(v *variant) figure.XY {
	c := figure.XY{
		Title: fmt.Sprintf("%s (ECE %s)", clip(finding.Clean(v.Name), 26), number(v.scores.ECE(), 3).Text),
		X:     figure.Share("probability"), Y: figure.Share("share that is real"), Diagonal: true,
	}
	line := figure.Series{Style: figure.Dots, Ink: figure.Series0}
	for _, bin := range v.scores.Bins(metrics.ECEBins) {
		if bin.Count == 0 {
			continue
		}
		low, high := wilson(float64(bin.Share), bin.Count)
		line.X, line.Y = append(line.X, float64(bin.Mean)), append(line.Y, float64(bin.Share))
		line.Low, line.High = append(line.Low, low), append(line.High, high)
		line.Hints = append(line.Hints, fmt.Sprintf("%d findings, mean probability %.3f, share that is real %.3f", bin.Count, float64(bin.Mean), float64(bin.Share)))
	}
	c.Series = []figure.Series{line}
	return c
}

// wilson is the 95 % score interval of a share of n (Wilson, Journal of the American Statistical Association 22, 1927).
func wilson(share float64, n int) (low, high float64) {
	const z = 1.959963984540054
	m := float64(n)
	middle := (share + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(share*(1-share)/m+z*z/(4*m*m))
	return max(0, middle-half), min(1, middle+half)
}

// curves draws ROC and precision-recall, the best variants by ROC AUC in colour and the others behind them.
func curves(variants []*variant) *figure.Panels {
	type ranked struct {
		v   *variant
		auc float64
	}
	var list []ranked
	for _, v := range variants {
		if auc := v.scores.ROCAUC(); !math.IsNaN(auc) {
			list = append(list, ranked{v, auc})
		}
	}
	slices.SortStableFunc(list, func(a, b ranked) int {
		switch {
		case a.auc > b.auc:
			return -1
		case a.auc < b.auc:
			return 1
		}
		return 0
	})
	roc := figure.XY{Title: "ROC", X: figure.Share("false positive rate"), Y: figure.Share("recall"), Diagonal: true}
	pr := figure.XY{Title: "Precision and recall", X: figure.Share("recall"), Y: figure.Share("precision")}
	for i := len(list) - 1; i >= 0; i-- {
		r := list[i]
		name := fmt.Sprintf("%s (AUC %.3f)", finding.Clean(r.v.Name), r.auc)
		first := figure.Series{Name: name, Ink: figure.SeriesInk(i)}
		second := figure.Series{Name: name, Ink: figure.SeriesInk(i), Style: figure.Steps}
		if i >= mostCurves {
			first.Name, second.Name, first.Ink, second.Ink, first.Thin, second.Thin = "", "", figure.Dim, figure.Dim, true, true
		}
		for _, p := range r.v.scores.Points() {
			c := p.Confusion
			first.X, first.Y = append(first.X, c.FPR()), append(first.Y, c.Recall())
			// Of points with the same recall the first has the best precision, as the average precision takes it.
			if n := len(second.X); c.TP > 0 && (n == 0 || c.Recall() > second.X[n-1]) {
				if n == 0 { // the first precision reaches back to no recall
					second.X, second.Y = []float64{0}, []float64{c.Precision()}
				}
				second.X, second.Y = append(second.X, c.Recall()), append(second.Y, c.Precision())
			}
		}
		roc.Series, pr.Series = append(roc.Series, first), append(pr.Series, second)
	}
	// The best is drawn last, above the others, and named first.
	legend := figure.XY{}
	for i := len(roc.Series) - 1; i >= 0; i-- {
		legend.Series = append(legend.Series, roc.Series[i])
	}
	note := "By falling ROC AUC. The dashed line is chance."
	if more := len(list) - mostCurves; more > 0 {
		note += fmt.Sprintf(" %d more variants are drawn in grey.", more)
	}
	return &figure.Panels{Title: "ROC and precision-recall curves", Note: note, Charts: []figure.XY{roc, pr}, Columns: 2, Height: 340, Legend: true, Named: legend.Series}
}

// tokens are histograms of the analyses' lengths.
func tokens(variants []*variant) *figure.Panels {
	f := &figure.Panels{Title: "Tokens of the analyses", Height: 190}
	for _, v := range variants {
		var values []int
		most := 0
		for _, c := range v.cases {
			values = append(values, int(c.Tokens))
			most = max(most, int(c.Tokens))
		}
		if most == 0 {
			continue
		}
		slices.Sort(values)
		width := niceWidth(most+1, 20)
		bars := figure.Series{Style: figure.Bars, Ink: figure.Series0, X: []float64{0}}
		for from := 0; from <= most; from += width {
			n := 0
			for _, t := range values {
				if t >= from && t < from+width {
					n++
				}
			}
			bars.X, bars.Y = append(bars.X, float64(from+width)), append(bars.Y, float64(n))
			bars.Hints = append(bars.Hints, fmt.Sprintf("%d to %d tokens: %d cases", from, from+width-1, n))
		}
		x := figure.Fit("tokens", true, bars.X)
		x.Max = bars.X[len(bars.X)-1]
		x.Ticks = slices.DeleteFunc(x.Ticks, func(t figure.Tick) bool { return t.At > x.Max })
		f.Charts = append(f.Charts, figure.XY{
			Title: fmt.Sprintf("%s (median %d)", clip(finding.Clean(v.Name), 20), values[(len(values)-1)/2]),
			X:     x, Y: figure.Fit("cases", true, bars.Y), Series: []figure.Series{bars},
		})
	}
	f.Columns = balanced(len(f.Charts))
	return f
}

// balanced is how many panels stand side by side, at most 4, so that all rows but the last have as many and the last is not short.
func balanced(n int) int {
	rows := max((n+3)/4, 1)
	return (n + rows - 1) / rows
}

// niceWidth is the least of 1, 2, 5, 10, … that divides a span into at most so many parts.
func niceWidth(span, most int) int {
	for power := 1; ; power *= 10 {
		for _, m := range []int{1, 2, 5} {
			if w := m * power; (span+w-1)/w <= most {
				return w
			}
		}
	}
}
