package explain

import (
	"fmt"
	"math"
	"strings"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// mostPoints of a line: more are not seen.
const mostPoints = 400

// Side is the ink of a probability: towards a real finding, or towards a false alarm.
func Side(p, threshold float64) figure.Ink {
	if p >= threshold {
		return figure.Real
	}
	return figure.Unreal
}

// Spark draws a trajectory small: the probability over the tokens, with the threshold and where it was crossed. It is nil for fewer
// than two values.
func Spark[P float32 | float64](trajectory []P, threshold float64) *figure.Picture {
	last := len(trajectory) - 1
	if last < 1 {
		return nil
	}
	const left, right, top, bottom = 26.0, 408.0, 8.0, 76.0
	at := func(t int) figure.Point {
		p := min(max(float64(trajectory[t]), 0), 1)
		return figure.Point{X: left + (right-left)*float64(t)/float64(last), Y: bottom - (bottom-top)*p}
	}
	p := &figure.Picture{Width: 420, Height: 94, Label: sparkLabel(trajectory, threshold)}
	small := figure.Lettering{Ink: figure.Dim, Size: 10, Anchor: figure.End}
	for _, v := range []float64{0, 1} {
		y := bottom - (bottom-top)*v
		p.Line(figure.Stroke{Ink: figure.Grid}, figure.Point{X: left, Y: y}, figure.Point{X: right, Y: y})
		p.Text(small, figure.Point{X: left - 5, Y: y + 3.5}, fmt.Sprint(v))
	}
	y := bottom - (bottom-top)*min(max(threshold, 0), 1)
	p.Line(figure.Stroke{Ink: figure.Dim, Dash: []float64{4, 4}}, figure.Point{X: left, Y: y}, figure.Point{X: right, Y: y})
	small.Anchor = figure.Start
	p.Text(small, figure.Point{X: left, Y: bottom + 13}, "0")
	small.Anchor = figure.End
	p.Text(small, figure.Point{X: right, Y: bottom + 13}, fmt.Sprintf("%d tokens", last))
	var line []figure.Point
	step := max((last+mostPoints-1)/mostPoints, 1)
	for t := 0; t < last; t += step {
		line = append(line, at(t))
	}
	p.Line(figure.Stroke{Ink: figure.Series0, Width: 2}, append(line, at(last))...)
	const mostDots = 40
	dots := 0
	for t := 1; t <= last && dots < mostDots; t++ {
		if before, after := float64(trajectory[t-1]), float64(trajectory[t]); (before >= threshold) != (after >= threshold) {
			p.Dot(Side(after, threshold), 3, fmt.Sprintf("token %d: %.3f to %.3f", t, before, after), at(t))
			dots++
		}
	}
	p.Dot(Side(float64(trajectory[last]), threshold), 4, "", at(last))
	return p
}

func sparkLabel[P float32 | float64](trajectory []P, threshold float64) string {
	crossings := 0
	for t := 1; t < len(trajectory); t++ {
		if (float64(trajectory[t-1]) >= threshold) != (float64(trajectory[t]) >= threshold) {
			crossings++
		}
	}
	last := len(trajectory) - 1
	return fmt.Sprintf("P after 0 to %d tokens of analysis: %.3f to %.3f; it %s", last, float64(trajectory[0]), float64(trajectory[last]), often("crosses the threshold", crossings))
}

// often says how many times something is done: "never crosses", "crosses once", "crosses 3 times".
func often(verb string, n int) string {
	switch n {
	case 0:
		return "never " + verb
	case 1:
		return verb + " once"
	}
	return fmt.Sprintf("%s %d times", verb, n)
}

// blocks are an eighth of a line high each, and one more.
var blocks = []rune("▁▂▃▄▅▆▇█")

// Block is a probability as a letter.
func Block(p float64) string {
	if math.IsNaN(p) {
		return " "
	}
	return string(blocks[min(max(int(p*float64(len(blocks))), 0), len(blocks)-1)])
}

// Line is a trajectory in so many letters.
func Line[P float32 | float64](trajectory []P, letters int) string {
	n := min(letters, len(trajectory))
	var b strings.Builder
	for i := range n {
		at := i
		if n > 1 {
			at = i * (len(trajectory) - 1) / (n - 1)
		}
		b.WriteString(Block(float64(trajectory[at])))
	}
	return b.String()
}

// Flow draws an analysis as lines of words, with the probability along each line below it. Words after which the verdict is another
// one, and those that moved the probability most, are marked.
func Flow(title string, words []Word, threshold float64, most int) *figure.Picture {
	const width, margin, size, space, strip, row = 860.0, 28.0, 15.0, 4.5, 44.0, 92.0
	p := &figure.Picture{Width: width, Label: title}
	p.Text(figure.Lettering{Ink: figure.Text, Size: 15, Bold: true}, figure.Point{X: margin, Y: 30}, figure.Clip(finding.Clean(title), 17, width-2*margin))
	p.Text(figure.Lettering{Ink: figure.Dim}, figure.Point{X: margin, Y: 50},
		fmt.Sprintf("Below the words: the probability that the finding is real, from 0 to 1 after each word. The dashed line is the threshold, %.3f.", threshold))
	crossed, moved, _ := Turns(words, threshold, most)
	marked := map[int]bool{}
	for _, i := range append(crossed, moved...) {
		marked[i] = true
	}
	var dots []func() // above the lines
	x, y := margin, 84.0
	if len(words) == 0 {
		p.Height = y
		return p
	}
	level := func(v float64) float64 { return y + 10 + strip*(1-min(max(v, 0), 1)) }
	line := []figure.Point{{X: x, Y: level(words[0].Before)}}
	begin := func() {
		for _, v := range []float64{0, 1} {
			p.Line(figure.Stroke{Ink: figure.Grid}, figure.Point{X: margin, Y: level(v)}, figure.Point{X: width - margin, Y: level(v)})
			p.Text(figure.Lettering{Ink: figure.Dim, Size: 10, Anchor: figure.End}, figure.Point{X: margin - 6, Y: level(v) + 3.5}, fmt.Sprint(v))
		}
		p.Line(figure.Stroke{Ink: figure.Dim, Dash: []float64{4, 4}}, figure.Point{X: margin, Y: level(threshold)}, figure.Point{X: width - margin, Y: level(threshold)})
	}
	begin()
	for i := range words {
		w := &words[i]
		text := figure.Clip(finding.Clean(w.Shown()), size, width-2*margin)
		wide := figure.TextWidth(text, size)
		if x+wide > width-margin && x > margin {
			p.Line(figure.Stroke{Ink: figure.Series0, Width: 2}, line...)
			x, y = margin, y+row
			begin()
			line = []figure.Point{{X: x, Y: level(w.Before)}}
		}
		end := figure.Point{X: x + wide, Y: level(w.After)}
		line = append(line, end)
		ink := figure.Text
		if marked[i] {
			ink = Side(w.After, threshold)
			if !w.Crosses(threshold) { // what it pulled towards
				ink = Side(w.Change(), 0)
			}
			p.Rect(ink, "", x, y+4, wide, 2)
			hint := fmt.Sprintf("%s: %.3f to %.3f", finding.Clean(w.Shown()), w.Before, w.After)
			dots = append(dots, func() { p.Dot(ink, 3.5, hint, end) })
		}
		p.Text(figure.Lettering{Ink: ink, Size: size, Fit: wide}, figure.Point{X: x, Y: y}, text)
		x += wide + space
	}
	p.Line(figure.Stroke{Ink: figure.Series0, Width: 2}, line...)
	for _, dot := range dots {
		dot()
	}
	p.Height = y + strip + 30
	return p
}
