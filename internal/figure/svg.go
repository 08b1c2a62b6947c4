package figure

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Inline is the picture as an SVG element for a page that has [CSS]. It has no style and no script of its own, so that a strict
// content security policy lets it be; all text is escaped.
func (p *Picture) Inline() string { return p.svg("", "") }

// SVG is the picture as a file of its own.
func (p *Picture) SVG() []byte {
	ground := fmt.Sprintf(`<rect class="fa %s" width="100%%" height="100%%"/>`, Ground.class())
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + p.svg(` xmlns="http://www.w3.org/2000/svg"`, "<style>"+CSS()+"</style>"+ground) + "\n")
}

func (p *Picture) svg(namespace, first string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg%s viewBox="0 0 %s %s" width="%[2]s" height="%[3]s" role="img" aria-label="%[4]s">`, namespace, px(p.Width), px(p.Height), html.EscapeString(p.Label))
	b.WriteString(first)
	for i := range p.marks {
		p.marks[i].svg(&b)
	}
	b.WriteString("</svg>")
	return b.String()
}

func (m *mark) svg(b *strings.Builder) {
	ink := m.ink.class()
	switch m.kind {
	case line:
		fmt.Fprintf(b, `<polyline class="fl %s" points="%s"`, ink, coordinates(m.points))
		if m.width != 1 {
			fmt.Fprintf(b, ` stroke-width="%s"`, px(m.width))
		}
		if len(m.dash) > 0 {
			dash := make([]string, len(m.dash))
			for i, d := range m.dash {
				dash[i] = px(d)
			}
			fmt.Fprintf(b, ` stroke-dasharray="%s"`, strings.Join(dash, " "))
		}
		b.WriteString("/>")
	case area:
		class := "fa"
		if m.fade {
			class = "ff"
		}
		fmt.Fprintf(b, `<polygon class="%s %s" points="%s"`, class, ink, coordinates(m.points))
		m.end(b, "polygon")
	case circle:
		fmt.Fprintf(b, `<circle class="fa %s" cx="%s" cy="%s" r="%s"`, ink, px(m.points[0].X), px(m.points[0].Y), px(m.width))
		m.end(b, "circle")
	case text:
		m.svgText(b)
	}
}

// end closes an element, with the text that is shown when one points at it.
func (m *mark) end(b *strings.Builder, name string) {
	if m.hint == "" {
		b.WriteString("/>")
		return
	}
	fmt.Fprintf(b, "><title>%s</title></%s>", html.EscapeString(m.hint), name)
}

func (m *mark) svgText(b *strings.Builder) {
	class := "ft " + m.ink.class()
	if m.bold {
		class += " fb"
	}
	fmt.Fprintf(b, `<text class="%s" font-size="%s"`, class, px(m.size))
	if anchor := [...]string{"", "middle", "end"}[m.anchor]; anchor != "" {
		fmt.Fprintf(b, ` text-anchor="%s"`, anchor)
	}
	x, y := px(m.points[0].X), px(m.points[0].Y)
	if m.turned {
		fmt.Fprintf(b, ` transform="translate(%s %s) rotate(-90)"`, x, y)
	} else {
		fmt.Fprintf(b, ` x="%s" y="%s"`, x, y)
	}
	if m.fit > 0 {
		fmt.Fprintf(b, ` textLength="%s" lengthAdjust="spacingAndGlyphs"`, px(m.fit))
	}
	fmt.Fprintf(b, ">%s</text>", html.EscapeString(m.text))
}

// px writes a coordinate: a hundredth of a pixel is seen by nobody, and the same on every machine.
func px(v float64) string {
	v = math.Round(v*100) / 100
	if v == 0 {
		v = 0 // no -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func coordinates(points []Point) string {
	var b strings.Builder
	for i, p := range points {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(px(p.X) + "," + px(p.Y))
	}
	return b.String()
}
