package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var nan = math.NaN()

// pictures are of every kind, with what figures may hold: none, one, gaps, infinities, long and hostile names.
func pictures() map[string]*Picture {
	name := `<b>"&'` + strings.Repeat("long name ", 40)
	line := func(y ...float64) Series {
		s := Series{Name: name, Marked: true, Y: y, Low: slices.Clone(y), High: slices.Clone(y), Labels: slices.Repeat([]string{name}, len(y))}
		for i := range y {
			s.X = append(s.X, float64(i))
		}
		return s
	}
	chart := func(series ...Series) *Panels {
		var xs, ys [][]float64
		for _, s := range series {
			xs, ys = append(xs, s.X), append(ys, s.Y)
		}
		return &Panels{Title: name, Note: name, Legend: true, Charts: []XY{{Title: name, X: Fit(name, true, xs...), Y: Fit(name, false, ys...), Series: series, Diagonal: true}}}
	}
	return map[string]*Picture{
		"nothing":  (&Panels{}).Picture(),
		"empty":    chart(Series{}).Picture(),
		"one":      chart(line(3)).Picture(),
		"gaps":     chart(line(1, nan, 2, math.Inf(1), 3)).Picture(),
		"none":     chart(line(nan, nan)).Picture(),
		"huge":     chart(line(1e300, -1e300)).Picture(),
		"tiny":     chart(line(1e-300, 2e-300)).Picture(),
		"steps":    chart(Series{Style: Steps, X: []float64{0, 1, 2}, Y: []float64{0, 1, 0}}).Picture(),
		"bars":     chart(Series{Style: Bars, X: []float64{0, 1, 2}, Y: []float64{5, 0}}).Picture(),
		"many":     chart(slices.Repeat([]Series{line(1, 2)}, 50)...).Picture(),
		"forest":   (&Forest{Title: name, Names: []string{name, "b"}, Columns: []Column{{Axis: Share(name), Value: []float64{0.5, nan}, Low: []float64{0.4, nan}, High: []float64{0.6, nan}}}}).Picture(),
		"forest 0": (&Forest{}).Picture(),
		"heat":     (&Heat{Title: name, Rows: []string{name, "b"}, Cols: []string{"1", name}, RowsL: name, ColsL: name, Values: [][]float64{{1, nan}, {0.5, 0.2}}}).Picture(),
		"heat 1":   (&Heat{Rows: []string{"a"}, Cols: []string{"b"}, Values: [][]float64{{3}}}).Picture(),
		"heat 0":   (&Heat{}).Picture(),
	}
}

// Whatever is drawn is well-formed, has finite coordinates within the picture, no element of its texts, and is the same when drawn again.
func TestPictures(t *testing.T) {
	again := pictures()
	for name, p := range pictures() {
		svg := string(p.SVG())
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a coordinate is not finite", name)
		}
		if strings.Contains(svg, "<b>") {
			t.Errorf("%s: a text is an element", name)
		}
		if svg != string(again[name].SVG()) {
			t.Errorf("%s: drawn again, it is another picture", name)
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
		for _, m := range p.marks {
			for _, q := range m.points {
				if q.X < -1 || q.X > p.Width+1 || q.Y < -1 || q.Y > p.Height+1 {
					t.Errorf("%s: a mark at %v is outside of %v × %v", name, q, p.Width, p.Height)
				}
			}
		}
		if inline := p.Inline(); strings.Contains(inline, "style") || strings.Contains(inline, "<script") || strings.Contains(inline, "href") {
			t.Errorf("%s: a strict policy does not let it be", name)
		}
		data, err := p.PNG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if picture, err := png.Decode(bytes.NewReader(data)); err != nil || picture.Bounds().Dx() != int(2*p.Width) {
			t.Errorf("%s: the PNG is %v wide, %v", name, picture.Bounds(), err)
		}
	}
}

func TestSave(t *testing.T) {
	p := pictures()["one"]
	for _, name := range []string{"a.svg", "b.PNG"} {
		path := filepath.Join(t.TempDir(), name)
		if err := p.Save(path); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || len(data) < 500 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	if err := p.Save("a.gif"); err == nil || !strings.Contains(err.Error(), ".png or .svg") {
		t.Errorf("error is %v", err)
	}
}

func TestAxes(t *testing.T) {
	for _, tc := range []struct {
		axis      Axis
		min, max  float64
		firstLast string
	}{
		{Fit("", false, []float64{0.13, 0.87}), 0, 1, "0 1"},
		{Fit("", true, []float64{3, 17}), 0, 20, "0 20"},
		{Fit("", false, []float64{-0.021, 0.04}), -0.04, 0.04, "-0.04 0.04"},
		{Fit("", false), 0, 1, "0 1"},
		{FitLog("", []float64{0.5, 40000}), 0.3125, 64000, "1 10k"},
		{FitLog("", []float64{2, 3}), 1.25, 4.8, "2 2"},
		{FitLog("", []float64{0, -1}), 0.625, 16, "1 10"},
	} {
		a := tc.axis
		got := a.Ticks[0].Label + " " + a.Ticks[len(a.Ticks)-1].Label
		if math.Abs(a.Min-tc.min) > 1e-9 || math.Abs(a.Max-tc.max) > 1e-9 || got != tc.firstLast {
			t.Errorf("from %v to %v with ticks %s, want %v, %v, %s", a.Min, a.Max, got, tc.min, tc.max, tc.firstLast)
		}
		if len(a.Ticks) > 12 {
			t.Errorf("%d ticks", len(a.Ticks))
		}
	}
}

// Names of values that lie close together cover neither one another nor the values.
func TestLabelsKeepApart(t *testing.T) {
	s := Series{Style: Dots}
	for i := range 12 {
		s.X, s.Y, s.Labels = append(s.X, float64(i%4)/50), append(s.Y, float64(i)/40), append(s.Labels, "variant")
	}
	c := XY{X: Axis{Max: 1}, Y: Axis{Max: 1}, Series: []Series{s}}
	p := &Picture{Width: 600, Height: 300}
	p.labels(&c, box{40, 20, 580, 280})
	var boxes []box
	for _, m := range p.marks {
		left := m.points[0].X - TextWidth(m.text, m.size)*float64(m.anchor)/2
		boxes = append(boxes, box{left, m.points[0].Y - 8, left + TextWidth(m.text, m.size), m.points[0].Y})
	}
	if len(boxes) < 3 {
		t.Errorf("%d of 12 names are written", len(boxes))
	}
	for i, b := range boxes {
		if overlaps(boxes[:i], b) {
			t.Errorf("name %d covers another", i)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1e-13: "0", 0.25: "0.25", 0.30000000000000004: "0.3", 1500: "1500", 20000: "20k", 2.5e6: "2.5M", 1e9: "1G", 1e13: "1e+13", -3: "-3", 0.00001: "1e-05"} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) is %s, want %s", v, got, want)
		}
	}
}

// Each colour differs from the ground that it is on, on light and on dark ground (WCAG 2.1, contrast of graphics: 3 to 1).
func TestContrast(t *testing.T) {
	for _, dark := range []bool{false, true} {
		ground := luminance(Ground, dark)
		for i := Text; i < heat0; i++ {
			if i == Grid {
				continue
			}
			a, b := luminance(i, dark), ground
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 3 {
				t.Errorf("ink %d, dark %v: contrast %.2f", i, dark, ratio)
			}
		}
	}
	for step := range HeatInks {
		ground, letters := HeatInk((float64(step) + 0.5) / HeatInks)
		for _, dark := range []bool{false, true} {
			a, b := luminance(ground, dark), luminance(letters, dark)
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("step %d, dark %v: contrast of the number %.2f", step, dark, ratio)
			}
		}
	}
}

// luminance is WCAG's relative luminance.
func luminance(i Ink, dark bool) float64 {
	c := i.rgb(dark)
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.03928 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}
