// Package charts draws curves and saves plots as pictures, in pure Go.
package charts

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/januslm/janus/internal/outfile"
)

// Size of a picture.
const (
	pictureWidth  = 8 * vg.Inch
	pictureHeight = 4.5 * vg.Inch
)

// CheckName tells whether SavePlot can write a file of that name.
func CheckName(path string) error {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png", ".svg":
		return nil
	default:
		return fmt.Errorf("%s: expected a name that ends in .png or .svg, found %q", path, ext)
	}
}

// SavePlot writes a plot as a picture; the file's name ends in .png or .svg. It appears whole.
func SavePlot(path string, p *plot.Plot) error {
	var b bytes.Buffer
	var err error
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
		c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(pictureWidth, pictureHeight), vgimg.UseDPI(144))}
		p.Draw(margins(draw.New(c)))
		_, err = c.WriteTo(&b)
	case ".svg":
		c := vgsvg.New(pictureWidth, pictureHeight)
		p.Draw(margins(draw.New(c)))
		_, err = c.WriteTo(&b)
	default:
		return CheckName(path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return outfile.Write(path, b.Bytes())
}

// margins keep labels at the edges whole.
func margins(c draw.Canvas) draw.Canvas {
	const m = vg.Length(10)
	return draw.Crop(c, m, -2*m, m, -m)
}
