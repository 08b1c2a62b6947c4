package figure

import "fmt"

// Forest compares judges by some figures: a line each, and in a column for each figure its value as a dot and its interval as
// a whisker.
type Forest struct {
	Title, Note string
	Names       []string
	Columns     []Column
	Width       float64 // 0 is 1100
}

// Column is a figure of all judges. Where a value is not finite there is no dot, where an end of an interval is not, no whisker.
type Column struct {
	Axis             Axis
	Value, Low, High []float64
}

// Picture lays it out.
func (f *Forest) Picture() *Picture {
	const row, most = 22.0, 230.0
	p := &Picture{Width: orElse(f.Width, defaultWidth), Label: f.Title}
	top := p.heading(f.Title, f.Note) + panelTitle
	names := 0.0
	for _, n := range f.Names {
		names = max(names, TextWidth(n, textSize))
	}
	names = min(names, most)
	bottom := top + row*float64(len(f.Names)) + 4
	for i, n := range f.Names {
		y := top + row*(float64(i)+0.5)
		if i%2 == 1 {
			p.Rect(heat0, "", margin, y-row/2, p.Width-2*margin, row)
		}
		p.Text(Lettering{Ink: Text, Anchor: End}, Point{margin + names + 4, y + 4}, Clip(n, textSize, names))
	}
	const apart = 2 * between // the last tick's label and the next column's first
	left := margin + names + 4 + between
	width := (p.Width - margin - left - apart*float64(len(f.Columns)-1)) / float64(max(len(f.Columns), 1))
	for k := range f.Columns {
		c := &f.Columns[k]
		x := left + float64(k)*(width+apart)
		c.draw(p, f.Names, box{x, top, x + width - 8, bottom}, row)
	}
	p.Height = bottom + 18 + margin
	return p
}

func (c *Column) draw(p *Picture, names []string, in box, row float64) {
	p.Text(Lettering{Ink: Text, Bold: true}, Point{in.left, in.top - 10}, Clip(c.Axis.Label, textSize*bolder, in.right-in.left+between))
	for _, t := range c.Axis.Ticks {
		x := c.Axis.place(t.At, in.left, in.right)
		p.Line(Stroke{Ink: Grid}, Point{x, in.top}, Point{x, in.bottom})
		p.Text(Lettering{Ink: Dim, Size: smallSize, Anchor: Middle}, Point{x, in.bottom + 14}, t.Label)
	}
	if c.Axis.Min < 0 && c.Axis.Max > 0 { // where nothing changes
		x := c.Axis.place(0, in.left, in.right)
		p.Line(Stroke{Ink: Dim, Dash: []float64{4, 4}}, Point{x, in.top}, Point{x, in.bottom})
	}
	for i := range names {
		y := in.top + row*(float64(i)+0.5)
		at := func(v float64) Point { return Point{c.Axis.place(v, in.left, in.right), y} }
		p.whisker(Series0, at(c.Low[i]), at(c.High[i]))
		hint := fmt.Sprintf("%s: %.3f", names[i], c.Value[i])
		if c.High[i] >= c.Low[i] {
			hint += fmt.Sprintf(" (%.3f to %.3f)", c.Low[i], c.High[i])
		}
		p.Dot(Series0, 4, hint, at(c.Value[i]))
	}
}
