// Package histogram shows how counts are distributed: as text for a terminal and as a picture.
package histogram

import (
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/januslm/janus/internal/charts"
)

// mostBins is the most bars that a terminal shows without scrolling.
const mostBins = 20

// Histogram is the distribution of counts, such as tokens a row.
type Histogram struct {
	Title string // what is counted in what: "tokens a row"
	Unit  string // "tokens"

	values []int // sorted
	low    int   // where the first bin begins
	width  int   // of a bin
	bins   []int // counts of values
}

// New counts values, none of which may be negative.
func New(title, unit string, values []int) *Histogram {
	h := &Histogram{Title: title, Unit: unit, values: slices.Sorted(slices.Values(values)), width: 1}
	if len(values) == 0 {
		return h
	}
	least, most := h.values[0], h.values[len(h.values)-1]
	h.width = niceWidth(most - least + 1)
	h.low = least - least%h.width
	h.bins = make([]int, (most-h.low)/h.width+1)
	for _, v := range h.values {
		h.bins[(v-h.low)/h.width]++
	}
	return h
}

// niceWidth is the least of 1, 2, 5, 10, 20, 50, … that divides a span, wherever it begins, into at most mostBins bins.
func niceWidth(span int) int {
	for power := 1; ; power *= 10 {
		for _, step := range []int{1, 2, 5} {
			if w := step * power; (span+w-1)/w < mostBins {
				return w
			}
		}
	}
}

// Quantile is the least value that a part p of all does not exceed (the nearest rank).
func (h *Histogram) Quantile(p float64) int {
	if len(h.values) == 0 {
		return 0
	}
	i := int(p*float64(len(h.values))+0.999999) - 1
	return h.values[min(max(i, 0), len(h.values)-1)]
}

func (h *Histogram) mean() float64 {
	sum := 0
	for _, v := range h.values {
		sum += v
	}
	return float64(sum) / float64(max(1, len(h.values)))
}

// summary is the line below the title.
func (h *Histogram) summary() string {
	return fmt.Sprintf("%d rows; least %d, median %d, mean %.1f, 95 %% up to %d, most %d",
		len(h.values), h.Quantile(0), h.Quantile(0.5), h.mean(), h.Quantile(0.95), h.Quantile(1))
}

// Write writes the histogram as text, a bar a line, the longest of which is width columns long.
func (h *Histogram) Write(w io.Writer, width int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", h.Title, h.summary())
	tallest := 0
	for _, n := range h.bins {
		tallest = max(tallest, n)
	}
	digits := len(fmt.Sprint(h.low + h.width*len(h.bins)))
	for i, n := range h.bins {
		from := h.low + i*h.width
		bar := ""
		if n > 0 {
			bar = strings.Repeat("█", max(1, n*width/tallest)) + " "
		}
		fmt.Fprintf(&b, "%*d–%-*d │%s%d\n", digits, from, digits, from+h.width-1, bar, n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Save writes the histogram as a picture; the file's name ends in .png or .svg.
func (h *Histogram) Save(path string) error {
	p, err := h.plot()
	if err != nil {
		return err
	}
	return charts.SavePlot(path, p)
}

func (h *Histogram) plot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = h.Title + "\n" + h.summary()
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text = h.Unit
	p.Y.Label.Text = "rows"
	p.Y.Min = 0
	p.Add(plotter.NewGrid())
	if len(h.bins) == 0 {
		p.X.Min, p.X.Max, p.Y.Max = 0, 1, 1
		return p, nil
	}
	bars := &plotter.Histogram{
		Width: float64(h.width), FillColor: color.RGBA{R: 0x3b, G: 0x75, B: 0xaf, A: 0xff},
		LineStyle: draw.LineStyle{Color: color.White, Width: vg.Points(0.5)},
	}
	for i, n := range h.bins {
		from := float64(h.low + i*h.width)
		bars.Bins = append(bars.Bins, plotter.HistogramBin{Min: from, Max: from + float64(h.width), Weight: float64(n)})
	}
	p.Add(bars)
	middle := float64(h.Quantile(0.5))
	median, err := plotter.NewLine(plotter.XYs{{X: middle, Y: 0}, {X: middle, Y: float64(slices.Max(h.bins))}})
	if err != nil {
		return nil, err
	}
	median.Color = color.RGBA{R: 0xc4, G: 0x4e, B: 0x52, A: 0xff}
	median.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(median)
	p.Y.Max = 1.1 * float64(slices.Max(h.bins))
	p.Legend.Add("median", median)
	p.Legend.Top = true
	return p, nil
}
