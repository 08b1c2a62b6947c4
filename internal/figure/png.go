package figure

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/januslm/janus/internal/outfile"
)

// PNG is the picture on light ground, with two points a pixel.
func (p *Picture) PNG() ([]byte, error) {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(vg.Length(p.Width), vg.Length(p.Height)), vgimg.UseDPI(2*72), vgimg.UseBackgroundColor(Ground.rgb(false)))}
	for i := range p.marks {
		p.paint(canvas, &p.marks[i])
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// paint draws a mark. A canvas's origin is at its lower left, and it paints straight alpha.
func (p *Picture) paint(c vg.Canvas, m *mark) {
	at := func(q Point) vg.Point { return vg.Point{X: vg.Length(q.X), Y: vg.Length(p.Height - q.Y)} }
	ink := m.ink.rgb(false)
	if m.fade {
		ink.A = uint8(math.Round(faded * 255))
	}
	c.Push()
	defer c.Pop()
	c.SetColor(ink)
	var path vg.Path
	for i, q := range m.points {
		if i == 0 {
			path.Move(at(q))
		} else {
			path.Line(at(q))
		}
	}
	switch m.kind {
	case line:
		c.SetLineWidth(vg.Length(m.width))
		dash := make([]vg.Length, len(m.dash))
		for i, d := range m.dash {
			dash[i] = vg.Length(d)
		}
		c.SetLineDash(dash, 0)
		c.Stroke(path)
	case area:
		path.Close()
		c.Fill(path)
	case circle:
		center := at(m.points[0])
		path = nil
		path.Move(vg.Point{X: center.X + vg.Length(m.width), Y: center.Y})
		path.Arc(center, vg.Length(m.width), 0, 2*math.Pi)
		path.Close()
		c.Fill(path)
	case text:
		p.letter(c, m, at(m.points[0]))
	}
}

func (p *Picture) letter(c vg.Canvas, m *mark, at vg.Point) {
	f := face(m.size, m.bold)
	width := f.Width(m.text)
	c.Translate(at)
	if m.turned {
		c.Rotate(math.Pi / 2)
	}
	if m.fit > 0 && width > 0 {
		c.Scale(m.fit/width.Points(), 1)
	}
	c.FillString(f, vg.Point{X: -width * vg.Length(m.anchor) / 2}, m.text)
}

// Save writes the picture into a file whose name ends in .svg or .png. It appears whole.
func (p *Picture) Save(path string) error {
	var data []byte
	var err error
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".svg":
		data = p.SVG()
	case ".png":
		if data, err = p.PNG(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	default:
		return fmt.Errorf("%s: expected a name that ends in .png or .svg, found %q", path, ext)
	}
	return outfile.Write(path, data)
}
