package charts

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curve is one line of a chart. X grows; where Y is not finite the line has a gap.
type Curve struct {
	Name string
	X, Y []float64
}

// Curves is a chart of curves over one axis.
type Curves struct {
	Title, XLabel, YLabel string
	Ratio                 bool // Y is from 0 to 1
	FromZero              bool // the Y axis begins at 0, as the X axis always does
	Curves                []Curve
}

// colours are those of Okabe and Ito, which people who are colour-blind can tell apart; after them dashes begin.
var colours = []color.RGBA{
	{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, {R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, {R: 0x00, G: 0x9e, B: 0x73, A: 0xff},
	{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, {R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}, {R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
}

const (
	mostPoints  = 500 // of a curve; of more there are means
	fewPoints   = 30  // which are marked
	mostLegends = 12
)

// Save draws the chart into a .png or .svg file.
func (c Curves) Save(path string) error {
	p, err := c.plot()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return SavePlot(path, p)
}

func (c Curves) plot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.XLabel, c.YLabel
	p.Title.Padding = vg.Points(6)
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(4)
	p.Add(plotter.NewGrid())
	drawn := false
	for i, curve := range c.Curves {
		thin, each := curve.thin()
		style := draw.LineStyle{Color: colours[i%len(colours)], Width: vg.Points(1.5)}
		if round := i / len(colours); round > 0 {
			style.Dashes = []vg.Length{vg.Points(6 / float64(round)), vg.Points(3)}
		}
		name := curve.Name
		if each > 1 {
			name += fmt.Sprintf(" (means of %d)", each)
		}
		ok, err := addCurve(p, thin, style, name, len(c.Curves) <= mostLegends)
		if err != nil {
			return nil, err
		}
		drawn = drawn || ok
	}
	if !drawn {
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	}
	c.limit(p)
	return p, nil
}

// limit sets the axes, with room for the legend.
func (c Curves) limit(p *plot.Plot) {
	p.X.Min = min(0, p.X.Min)
	if c.FromZero {
		p.Y.Min = min(0, p.Y.Min)
	}
	if c.Ratio {
		p.Y.Min, p.Y.Max = 0, 1
	}
	if p.X.Min == p.X.Max {
		p.X.Max++
	}
	if p.Y.Min == p.Y.Max {
		room := max(math.Abs(p.Y.Min)/2, 1e-12)
		p.Y.Min, p.Y.Max = p.Y.Min-room, p.Y.Max+room
	}
	if n := min(len(c.Curves), mostLegends); n > 0 {
		p.Y.Max += (p.Y.Max - p.Y.Min) * (0.03 + 0.06*float64(n))
	}
	if c.Ratio {
		p.Y.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 0.2, Label: "0.2"}, {Value: 0.4, Label: "0.4"},
			{Value: 0.6, Label: "0.6"}, {Value: 0.8, Label: "0.8"}, {Value: 1, Label: "1"}}
	}
}

// addCurve draws the parts of a curve between its gaps; ok is false where nothing was finite.
func addCurve(p *plot.Plot, c Curve, style draw.LineStyle, name string, legend bool) (ok bool, err error) {
	var part plotter.XYs
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		line, points, err := plotter.NewLinePoints(part)
		if err != nil {
			return err
		}
		line.LineStyle = style
		points.Color, points.Shape, points.Radius = style.Color, draw.CircleGlyph{}, vg.Points(2)
		p.Add(line)
		if len(part) == 1 || len(c.X) <= fewPoints {
			p.Add(points)
		}
		if !ok && legend {
			p.Legend.Add(name, line)
		}
		ok, part = true, nil
		return nil
	}
	for i := range c.X {
		if math.IsNaN(c.Y[i]) || math.IsInf(c.Y[i], 0) {
			if err := flush(); err != nil {
				return ok, err
			}
			continue
		}
		part = append(part, plotter.XY{X: c.X[i], Y: c.Y[i]})
	}
	return ok, flush()
}

// thin takes means of neighbours where there are more points than a picture shows. A value that is not finite makes its
// mean not finite.
func (c Curve) thin() (thin Curve, each int) {
	each = (len(c.X) + mostPoints - 1) / mostPoints
	if each <= 1 {
		return c, 1
	}
	thin.Name = c.Name
	for from := 0; from < len(c.X); from += each {
		to := min(from+each, len(c.X))
		var x, y float64
		for i := from; i < to; i++ {
			x += c.X[i]
			y += c.Y[i]
		}
		n := float64(to - from)
		thin.X, thin.Y = append(thin.X, x/n), append(thin.Y, y/n)
	}
	return thin, each
}
