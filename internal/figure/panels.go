package figure

import "math"

// Panels are charts side by side under one title and legend.
type Panels struct {
	Title   string
	Note    string // a line below the title
	Charts  []XY
	Columns int      // 0 is 1
	Width   float64  // of the picture; 0 is 1100
	Height  float64  // of a panel; 0 is 280
	Legend  bool     // of the series' names, each once
	Named   []Series // what the legend names, in its order; nil for all series of the charts
}

const (
	defaultWidth  = 1100
	defaultHeight = 280
	margin        = 12
	between       = 20 // panels
	titleSize     = 15
)

// Picture lays the charts out.
func (f *Panels) Picture() *Picture {
	p := &Picture{Width: orElse(f.Width, defaultWidth), Label: f.Title}
	height := orElse(f.Height, defaultHeight)
	y := p.heading(f.Title, f.Note)
	if f.Legend {
		charts := f.Charts
		if f.Named != nil {
			charts = []XY{{Series: f.Named}}
		}
		y = p.legend(charts, y)
	}
	columns := min(max(f.Columns, 1), max(len(f.Charts), 1))
	width := (p.Width - 2*margin - between*float64(columns-1)) / float64(columns)
	for i := range f.Charts {
		left := margin + float64(i%columns)*(width+between)
		top := y + float64(i/columns)*(height+between)
		p.panel(&f.Charts[i], box{left, top, left + width, top + height})
	}
	rows := math.Ceil(float64(len(f.Charts)) / float64(columns))
	p.Height = y + rows*height + max(rows-1, 0)*between + margin
	return p
}

func orElse(v, other float64) float64 {
	if v == 0 {
		return other
	}
	return v
}

// heading writes a picture's title and the line below it, and tells where they end.
func (p *Picture) heading(title, note string) (y float64) {
	y = margin
	if title != "" {
		y += 16
		p.Text(Lettering{Ink: Text, Size: titleSize, Bold: true}, Point{margin, y}, Clip(title, titleSize*bolder, p.Width-2*margin))
	}
	if note != "" {
		y += 18
		p.Text(Lettering{Ink: Dim, Size: textSize}, Point{margin, y}, Clip(note, textSize, p.Width-2*margin))
	}
	return y + 12
}

// legend names the series once each, in as many lines as they need.
func (p *Picture) legend(charts []XY, y float64) float64 {
	const sample, space = 22, 18
	seen := map[string]bool{"": true}
	x, used := float64(margin), false
	for i := range charts {
		for k := range charts[i].Series {
			s := &charts[i].Series[k]
			if seen[s.Name] {
				continue
			}
			seen[s.Name] = true
			name := Clip(s.Name, textSize, p.Width/2)
			width := sample + gap + TextWidth(name, textSize) + space
			if used && x+width > p.Width-margin {
				x, y = margin, y+18
			}
			used = true
			p.sample(s, Point{x, y + 4}, sample)
			p.Text(Lettering{Ink: Text, Size: textSize}, Point{x + sample + gap, y + 8}, name)
			x += width
		}
	}
	if used {
		y += 24
	}
	return y
}

func (p *Picture) sample(s *Series, at Point, width float64) {
	switch s.Style {
	case Bars:
		p.Rect(s.Ink, "", at.X+width/2-5, at.Y-5, 10, 10)
		return
	case Dots:
	case Lines, Steps:
		p.Line(Stroke{Ink: s.Ink, Width: 2, Dash: s.Dash}, at, Point{at.X + width, at.Y})
	}
	if s.Style == Dots || s.Marked {
		p.Dot(s.Ink, 3.5, "", Point{at.X + width/2, at.Y})
	}
}
