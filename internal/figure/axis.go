package figure

import (
	"math"
	"strconv"
)

// Axis is one of a chart's axes.
type Axis struct {
	Label    string // with its unit
	Min, Max float64
	Log      bool   // of logarithms to base 10; Min is above 0
	Ticks    []Tick // nil chooses them
}

// Tick is a mark on an axis.
type Tick struct {
	At    float64
	Label string
}

// Share is the axis of a share from 0 to 1.
func Share(label string) Axis {
	a := Axis{Label: label, Max: 1}
	for i := range 6 {
		a.Ticks = append(a.Ticks, Tick{float64(i) / 5, strconv.FormatFloat(float64(i)/5, 'g', 2, 64)})
	}
	return a
}

// Fit is an axis that holds values, those that are not finite left out, with ticks at round numbers.
func Fit(label string, zero bool, values ...[]float64) Axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, list := range values {
		for _, v := range list {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if low > high {
		low, high = 0, 1
	}
	if zero {
		low, high = min(low, 0), max(high, 0)
	}
	if low == high {
		room := max(math.Abs(low)/2, 1e-9)
		low, high = low-room, high+room
		if zero {
			low = min(max(low, 0), high)
		}
	}
	step := niceStep((high - low) / 4)
	a := Axis{Label: label, Min: math.Floor(low/step+1e-9) * step, Max: math.Ceil(high/step-1e-9) * step}
	for k := math.Round(a.Min / step); k <= math.Round(a.Max/step); k++ {
		a.Ticks = append(a.Ticks, Tick{k * step, Number(k * step)})
	}
	return a
}

// FitLog is a logarithmic axis that holds the values above 0, with ticks at powers of ten, or at 1, 2 and 5 times them.
func FitLog(label string, values ...[]float64) Axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, list := range values {
		for _, v := range list {
			if v > 0 && !math.IsInf(v, 0) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if low > high {
		low, high = 1, 10
	}
	a := Axis{Label: label, Log: true, Min: low / 1.6, Max: high * 1.6}
	first, last := math.Floor(math.Log10(a.Min)), math.Ceil(math.Log10(a.Max))
	every := math.Ceil((last - first) / 8)
	for k := first; k <= last; k += every {
		for _, m := range []float64{1, 2, 5} {
			at := m * math.Pow(10, k)
			if at >= a.Min && at <= a.Max && (m == 1 || last-first <= 2) {
				a.Ticks = append(a.Ticks, Tick{at, Number(at)})
			}
		}
	}
	return a
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is not below a step.
func niceStep(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= step*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// Number writes a tick's number: with k, M and G for thousands, millions and thousands of millions, and no more digits than it has.
func Number(v float64) string {
	format := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	switch a := math.Abs(v); {
	case a < 1e-12:
		return "0"
	case a >= 1e12 || a < 1e-4:
		return strconv.FormatFloat(v, 'e', -1, 64)
	case a >= 1e9:
		return format(v/1e9) + "G"
	case a >= 1e6:
		return format(v/1e6) + "M"
	case a >= 1e4:
		return format(v/1e3) + "k"
	}
	return format(v)
}

// place is where a value lies on an axis that is drawn from one coordinate to another.
func (a *Axis) place(v, from, to float64) float64 {
	low, high := a.Min, a.Max
	if a.Log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	if high == low {
		return (from + to) / 2
	}
	return from + (v-low)/(high-low)*(to-from)
}
