package charts

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func line(n int, f func(i int) float64) Curve {
	c := Curve{Name: "train/loss"}
	for i := range n {
		c.X = append(c.X, float64(i+1))
		c.Y = append(c.Y, f(i))
	}
	return c
}

func save(t *testing.T, c Curves, name string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSave(t *testing.T) {
	c := Curves{Title: "Loss", XLabel: "step", YLabel: "loss", FromZero: true, Curves: []Curve{line(20, func(i int) float64 { return 1 / float64(i+1) })}}
	picture, err := png.Decode(bytes.NewReader(save(t, c, "a.png")))
	if err != nil {
		t.Fatal(err)
	}
	blue := 0
	bounds := picture.Bounds()
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			if r, g, b, _ := picture.At(x, y).RGBA(); r>>8 == 0 && g>>8 == 0x72 && b>>8 == 0xb2 {
				blue++
			}
		}
	}
	if bounds.Dx() != 1152 || blue < 500 {
		t.Errorf("%v, of which %d points are the curve", bounds, blue)
	}
	svg := save(t, c, "a.SVG")
	for _, want := range []string{"<svg", ">Loss<", ">train/loss<", ">step<"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("the SVG has no %s", want)
		}
	}
	if !bytes.Equal(svg, save(t, c, "b.svg")) {
		t.Error("drawn again, it is another picture")
	}
	if err := c.Save("a.gif"); err == nil || !strings.Contains(err.Error(), ".png or .svg") {
		t.Errorf("got %v", err)
	}
}

// Nothing that a run can log keeps its chart from being drawn.
func TestOddCurves(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]Curves{
		"none":      {},
		"empty":     {Curves: []Curve{{Name: "a"}}},
		"NaN":       {Curves: []Curve{line(3, func(int) float64 { return nan })}},
		"gap":       {Curves: []Curve{line(9, func(i int) float64 { return []float64{1, nan, math.Inf(1)}[i%3] })}},
		"point":     {Curves: []Curve{line(1, func(int) float64 { return 2 })}},
		"zeros":     {FromZero: true, Curves: []Curve{line(5, func(int) float64 { return 0 })}},
		"constant":  {Curves: []Curve{line(5, func(int) float64 { return 3e9 })}},
		"huge":      {Curves: []Curve{line(5, func(i int) float64 { return math.Pow(10, float64(60*i)) })}},
		"negative":  {FromZero: true, Curves: []Curve{line(5, func(i int) float64 { return -float64(i) })}},
		"many":      {Ratio: true, Curves: make([]Curve, 40)},
		"long":      {Curves: []Curve{line(100_003, func(i int) float64 { return float64(i % 7) })}},
		"long, NaN": {Curves: []Curve{line(5000, func(i int) float64 { return []float64{1, nan}[i/4999] })}},
	} {
		svg := save(t, c, "a.svg")
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s: a coordinate is not finite", name)
		}
		if len(svg) > 200_000 {
			t.Errorf("%s: %d bytes", name, len(svg))
		}
	}
}

func TestThin(t *testing.T) {
	thin, each := line(1001, func(i int) float64 { return float64(i) }).thin()
	if each != 3 || len(thin.X) != 334 || thin.X[0] != 2 || thin.Y[0] != 1 || thin.Y[333] != 999.5 {
		t.Errorf("means of %d: %d points, %v %v … %v", each, len(thin.X), thin.X[0], thin.Y[0], thin.Y[333])
	}
	same, each := line(500, func(int) float64 { return 1 }).thin()
	if each != 1 || len(same.X) != 500 {
		t.Errorf("500 points became %d", len(same.X))
	}
}
