package figure

import "math"

// Style is how a series is drawn.
type Style int

// The styles.
const (
	Lines Style = iota
	Dots
	Bars  // of a histogram: X has one value more than Y, the bars' edges
	Steps // a level since the last X
)

// Series is a set of values on a chart. Where Y is not finite a line has a gap.
type Series struct {
	Name      string
	Style     Style
	X, Y      []float64
	Low, High []float64 // intervals of Y, drawn as whiskers; nil for none
	Ink       Ink
	Dash      []float64
	Marked    bool     // a line has dots at its values
	Thin      bool     // in the background
	Hints     []string // of the values, shown when one points at them
	Labels    []string // written beside the values, where no other label is
}

// XY is a chart of series over two axes.
type XY struct {
	Title    string
	X, Y     Axis
	Series   []Series
	Diagonal bool // from corner to corner, where a chart compares with chance or with perfection
}

// box is the part of a picture that a chart's data has.
type box struct{ left, top, right, bottom float64 }

// Space around a panel's data.
const (
	lineHeight = 16.0
	gap        = 6.0
	panelTitle = 22.0
)

// panel draws a chart into a part of the picture, axes and all.
func (p *Picture) panel(c *XY, outer box) {
	inner := outer
	if c.Title != "" {
		inner.top += panelTitle
		p.Text(Lettering{Ink: Text, Size: textSize, Bold: true}, Point{outer.left, outer.top + 12}, Clip(c.Title, textSize*bolder, outer.right-outer.left))
	}
	inner.top += gap
	labels := 0.0
	for _, t := range c.Y.Ticks {
		labels = max(labels, TextWidth(t.Label, smallSize))
	}
	inner.left += labels + gap
	if c.Y.Label != "" {
		inner.left += lineHeight + 2
	}
	inner.bottom -= lineHeight + gap
	if c.X.Label != "" {
		inner.bottom -= lineHeight
	}
	inner.right -= 10
	p.axes(c, inner, outer)
	if c.Diagonal {
		p.Line(Stroke{Ink: Dim, Dash: []float64{4, 4}}, Point{inner.left, inner.bottom}, Point{inner.right, inner.top})
	}
	for i := range c.Series {
		p.series(c, &c.Series[i], inner)
	}
	p.labels(c, inner)
}

func (p *Picture) axes(c *XY, in, outer box) {
	small := Lettering{Ink: Dim, Size: smallSize, Anchor: End}
	for _, t := range c.Y.Ticks {
		y := c.Y.place(t.At, in.bottom, in.top)
		p.Line(Stroke{Ink: Grid}, Point{in.left, y}, Point{in.right, y})
		p.Text(small, Point{in.left - gap, y + 4}, t.Label)
	}
	small.Anchor = Middle
	free := math.Inf(-1) // where the last label ends: one that would touch it is left out
	for _, t := range c.X.Ticks {
		x := c.X.place(t.At, in.left, in.right)
		p.Line(Stroke{Ink: Grid}, Point{x, in.bottom}, Point{x, in.bottom + 4})
		if half := TextWidth(t.Label, smallSize) / 2; x-half > free {
			p.Text(small, Point{x, in.bottom + 4 + 12}, t.Label)
			free = x + half + 4
		}
	}
	p.Line(Stroke{Ink: Dim}, Point{in.left, in.bottom}, Point{in.right, in.bottom})
	p.Text(small, Point{(in.left + in.right) / 2, in.bottom + 4 + 12 + lineHeight}, c.X.Label)
	if c.Y.Label != "" {
		small.Turned = true
		p.Text(small, Point{outer.left + 11, (in.top + in.bottom) / 2}, Clip(c.Y.Label, smallSize, in.bottom-in.top+2*gap))
	}
}

// at is where a value lies.
func (c *XY) at(x, y float64, in box) Point {
	return Point{c.X.place(x, in.left, in.right), c.Y.place(y, in.bottom, in.top)}
}

func (p *Picture) series(c *XY, s *Series, in box) {
	hint := func(i int) string {
		if i < len(s.Hints) {
			return s.Hints[i]
		}
		return ""
	}
	if s.Style == Bars {
		zero := c.Y.place(max(c.Y.Min, 0), in.bottom, in.top)
		for i, y := range s.Y {
			from, to := c.at(s.X[i], y, in), c.at(s.X[i+1], y, in)
			if y > 0 {
				p.Rect(s.Ink, hint(i), from.X+0.5, from.Y, max(to.X-from.X-1, 0.5), zero-from.Y)
			}
		}
		return
	}
	if s.Low != nil {
		for i, x := range s.X {
			p.whisker(s.Ink, c.at(x, s.Low[i], in), c.at(x, s.High[i], in))
		}
	}
	stroke := Stroke{Ink: s.Ink, Width: 2, Dash: s.Dash}
	if s.Thin {
		stroke.Width = 1
	}
	if s.Style != Dots {
		for _, run := range s.runs(c, in) {
			p.Line(stroke, run...)
		}
	}
	if s.Style == Dots || s.Marked || len(s.X) == 1 {
		for i, x := range s.X {
			p.Dot(s.Ink, 3.5, hint(i), c.at(x, s.Y[i], in))
		}
	}
}

// runs are a line's parts between its gaps.
func (s *Series) runs(c *XY, in box) (runs [][]Point) {
	var run []Point
	for i, x := range s.X {
		q := c.at(x, s.Y[i], in)
		if !finite([]Point{q}) {
			runs = append(runs, run)
			run = nil
			continue
		}
		if n := len(run); s.Style == Steps && n > 0 {
			run = append(run, Point{run[n-1].X, q.Y})
		}
		run = append(run, q)
	}
	return append(runs, run)
}

// whisker draws an interval that stands upright or lies.
func (p *Picture) whisker(ink Ink, from, to Point) {
	s := Stroke{Ink: ink, Width: 1.25}
	p.Line(s, from, to)
	end := Point{3, 0}
	if from.Y == to.Y {
		end = Point{0, 3}
	}
	for _, q := range []Point{from, to} {
		p.Line(s, Point{q.X - end.X, q.Y - end.Y}, Point{q.X + end.X, q.Y + end.Y})
	}
}

// labels writes the values' names beside them, each where it covers neither another name nor a value; one that finds no
// such place is left out: its hint has it.
func (p *Picture) labels(c *XY, in box) {
	var taken []box
	type named struct {
		at   Point
		text string
	}
	var names []named
	for i := range c.Series {
		s := &c.Series[i]
		for k, label := range s.Labels {
			if q := c.at(s.X[k], s.Y[k], in); finite([]Point{q}) {
				taken = append(taken, box{q.X - 4, q.Y - 4, q.X + 4, q.Y + 4})
				names = append(names, named{q, label})
			}
		}
	}
	for _, n := range names {
		width := TextWidth(n.text, smallSize)
		for _, away := range []struct {
			x, y   float64
			anchor Anchor
		}{{7, 4, Start}, {-7, 4, End}, {0, -8, Middle}, {0, 17, Middle}, {6, -7, Start}, {6, 15, Start}, {-6, -7, End}, {-6, 15, End}} {
			at := Point{n.at.X + away.x, n.at.Y + away.y}
			left := at.X - width*float64(away.anchor)/2
			b := box{left, at.Y - 10, left + width, at.Y + 3}
			if b.left < in.left || b.right > in.right+8 || b.top < in.top-8 || b.bottom > in.bottom || overlaps(taken, b) {
				continue
			}
			taken = append(taken, b)
			p.Text(Lettering{Ink: Text, Size: smallSize, Anchor: away.anchor}, at, n.text)
			break
		}
	}
}

func overlaps(taken []box, b box) bool {
	for _, t := range taken {
		if b.left < t.right && t.left < b.right && b.top < t.bottom && t.top < b.bottom {
			return true
		}
	}
	return false
}
