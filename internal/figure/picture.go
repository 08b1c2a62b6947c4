// Package figure draws charts that a page can hold and that follow its colours: each is laid out once and written as SVG whose
// colours are classes, in a light and a dark palette, or as PNG. (Package charts draws with gonum/plot, which writes
// its colours into the SVG, for files alone.)
package figure

import (
	"math"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
)

// Point is a place in a picture, in pixels from its upper left corner.
type Point struct{ X, Y float64 }

// Picture is a drawing of marks, later ones over earlier ones.
type Picture struct {
	Width, Height float64 // pixels
	Label         string  // what it shows, for those who cannot see it
	marks         []mark
}

type kind int

const (
	line kind = iota
	area
	circle
	text
)

// mark is one shape. Which of the fields count follows from the kind.
type mark struct {
	kind   kind
	ink    Ink
	points []Point
	width  float64   // of a line, or a circle's radius
	dash   []float64 // of a line
	fade   bool      // an area is see-through
	hint   string    // shown when one points at it

	text   string
	size   float64
	anchor Anchor
	bold   bool
	turned bool    // text that runs upwards
	fit    float64 // width that a text must have, or 0
}

// Anchor is the part of a text that its point is at.
type Anchor int

// The anchors.
const (
	Start Anchor = iota
	Middle
	End
)

// Stroke is how a line is drawn.
type Stroke struct {
	Ink   Ink
	Width float64   // pixels; 0 is 1
	Dash  []float64 // pixels on and off
}

// Line draws a line through the points.
func (p *Picture) Line(s Stroke, points ...Point) {
	if s.Width == 0 {
		s.Width = 1
	}
	if len(points) > 1 && finite(points) {
		p.marks = append(p.marks, mark{kind: line, ink: s.Ink, width: s.Width, dash: s.Dash, points: points})
	}
}

// Area fills the shape between the points; faded, what is behind it is seen.
func (p *Picture) Area(ink Ink, faded bool, hint string, points ...Point) {
	if len(points) > 2 && finite(points) {
		p.marks = append(p.marks, mark{kind: area, ink: ink, fade: faded, hint: hint, points: points})
	}
}

// Rect fills a rectangle.
func (p *Picture) Rect(ink Ink, hint string, x, y, width, height float64) {
	p.Area(ink, false, hint, Point{x, y}, Point{x + width, y}, Point{x + width, y + height}, Point{x, y + height})
}

// Dot fills a circle.
func (p *Picture) Dot(ink Ink, radius float64, hint string, at Point) {
	if finite([]Point{at}) {
		p.marks = append(p.marks, mark{kind: circle, ink: ink, width: radius, hint: hint, points: []Point{at}})
	}
}

// Lettering is how a text is set.
type Lettering struct {
	Ink    Ink
	Size   float64 // pixels; 0 is 12
	Anchor Anchor
	Bold   bool
	Turned bool    // it runs upwards
	Fit    float64 // width that it is stretched or pressed to; 0 leaves it
}

// Text writes a text of one line on the base line at a point.
func (p *Picture) Text(l Lettering, at Point, s string) {
	if l.Size == 0 {
		l.Size = textSize
	}
	if s != "" && finite([]Point{at}) {
		p.marks = append(p.marks, mark{
			kind: text, ink: l.Ink, points: []Point{at}, text: s, size: l.Size, anchor: l.Anchor, bold: l.Bold, turned: l.Turned, fit: l.Fit,
		})
	}
}

func finite(points []Point) bool {
	for _, p := range points {
		if sum := p.X + p.Y; math.IsNaN(sum) || math.IsInf(sum, 0) {
			return false
		}
	}
	return true
}

const (
	textSize  = 12
	smallSize = 11
)

// fonts has Liberation Sans, which is as wide as Arial and Helvetica.
var fonts = font.NewCache(liberation.Collection())

func face(size float64, bold bool) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if bold {
		f.Weight = 3 // WeightBold of golang.org/x/image/font
	}
	return fonts.Lookup(f, font.Length(size))
}

// room is for browsers' fonts that are wider than Liberation Sans.
const room = 1.08

// bolder is how much wider bold text is.
const bolder = 1.08

// TextWidth is about how wide a text is, in pixels, at most.
func TextWidth(s string, size float64) float64 {
	f := face(size, false)
	return room * f.Width(s).Points()
}

// Clip cuts a text that is wider than so many pixels, with "…" for its end.
func Clip(s string, size, width float64) string {
	if TextWidth(s, size) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && TextWidth(string(runes)+"…", size) > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
