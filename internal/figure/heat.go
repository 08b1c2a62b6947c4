package figure

import (
	"fmt"
	"math"
)

// Heat is a table of values as colours, each with its number.
type Heat struct {
	Title, Note  string
	Rows, Cols   []string
	RowsL, ColsL string      // what the rows and the columns are
	Values       [][]float64 // by row; NaN leaves a cell empty
	Width        float64     // 0 is 1100
}

// Picture lays it out. The colours go from the least value to the greatest.
func (h *Heat) Picture() *Picture {
	p := &Picture{Width: orElse(h.Width, defaultWidth), Label: h.Title}
	low, high := math.Inf(1), math.Inf(-1)
	for _, line := range h.Values {
		for _, v := range line {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	note := h.Note
	if low < high {
		note += fmt.Sprintf(" Colours from %.3f to %.3f.", low, high)
	}
	top := p.heading(h.Title, note) + lineHeight + gap
	names := 0.0
	for _, n := range h.Rows {
		names = max(names, TextWidth(n, textSize))
	}
	names = min(max(names, TextWidth(h.RowsL, smallSize)), 200)
	left := margin + names + gap
	width := min((p.Width-margin-left)/float64(max(len(h.Cols), 1)), 110)
	const height = 30.0
	p.Text(Lettering{Ink: Dim, Size: smallSize}, Point{left, top - lineHeight - 4}, h.ColsL)
	p.Text(Lettering{Ink: Dim, Size: smallSize, Anchor: End}, Point{left - gap, top - 5}, Clip(h.RowsL, smallSize, names))
	for k, n := range h.Cols {
		p.Text(Lettering{Ink: Text, Size: smallSize, Anchor: Middle}, Point{left + (float64(k)+0.5)*width, top - 5}, Clip(n, smallSize, width-4))
	}
	for i, line := range h.Values {
		y := top + float64(i)*height
		p.Text(Lettering{Ink: Text, Size: textSize, Anchor: End}, Point{left - gap, y + height/2 + 4}, Clip(h.Rows[i], textSize, 200))
		for k, v := range line {
			if math.IsNaN(v) {
				continue
			}
			share := 0.5
			if low < high {
				share = (v - low) / (high - low)
			}
			ground, letters := HeatInk(share)
			x := left + float64(k)*width
			p.Rect(ground, fmt.Sprintf("%s %s, %s %s: %.4f", h.RowsL, h.Rows[i], h.ColsL, h.Cols[k], v), x+1, y+1, width-2, height-2)
			p.Text(Lettering{Ink: letters, Size: min(textSize, width/3), Anchor: Middle}, Point{x + width/2, y + height/2 + 4}, fmt.Sprintf("%.3f", v))
		}
	}
	bottom := top + float64(len(h.Rows))*height
	p.Height = bottom + margin
	return p
}
