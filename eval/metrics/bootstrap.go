package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// BootstrapOptions say how an interval is drawn.
type BootstrapOptions struct {
	Resamples int     // 0 is 2000
	Level     float64 // of confidence; 0 is 0.95
	Seed      uint64
	// Groups names each score's group. Whole groups are drawn then (the cluster bootstrap: Field and Welsh, Journal of the
	// Royal Statistical Society B 69, 2007), as findings of one file or pair are not independent. Nil draws single ones.
	Groups []string
}

// Interval is a figure with its interval of confidence.
type Interval struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
	// Undefined is how many resamples had no value, such as those of one class alone. They are left out.
	Undefined int `json:"undefined,omitempty"`
}

// Bootstrap returns a figure of n items and its percentile interval (Efron and Tibshirani, An Introduction to the
// Bootstrap, 1993, section 13.3): items are drawn with replacement, the figure is computed of each draw, and the interval
// reaches from the (1−level)/2 quantile of those to the (1+level)/2 one, linear between neighbours. figure gets indices
// from 0 to n−1; a difference of two judges on the same items is a figure like any other. The same seed gives the same
// interval.
func Bootstrap(n int, o BootstrapOptions, figure func(indices []int) float64) (Interval, error) {
	if o.Resamples == 0 {
		o.Resamples = 2000
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	switch {
	case o.Resamples < 0:
		return Interval{}, fmt.Errorf("bootstrap: %d resamples, expected 1 or more", o.Resamples)
	case !(o.Level > 0 && o.Level < 1):
		return Interval{}, fmt.Errorf("bootstrap: level is %v, expected between 0 and 1", o.Level)
	case o.Groups != nil && len(o.Groups) != n:
		return Interval{}, fmt.Errorf("bootstrap: %d names of groups for %d items, expected as many", len(o.Groups), n)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	nan := Number(math.NaN())
	result := Interval{Value: Number(figure(all)), Low: nan, High: nan}
	if n == 0 {
		return result, nil
	}
	units := unitsOf(n, o.Groups)
	random := rand.New(rand.NewPCG(o.Seed, 0x6a616e7573)) // a stream of its own
	var values []float64
	indices := make([]int, 0, n)
	for range o.Resamples {
		indices = indices[:0]
		for range units {
			indices = append(indices, units[random.IntN(len(units))]...)
		}
		if v := figure(indices); math.IsNaN(v) {
			result.Undefined++
		} else {
			values = append(values, v)
		}
	}
	if len(values) > 0 {
		slices.Sort(values)
		result.Low = Number(quantile(values, (1-o.Level)/2))
		result.High = Number(quantile(values, (1+o.Level)/2))
	}
	return result, nil
}

// unitsOf are the items that are drawn together, in the order in which their groups first come.
func unitsOf(n int, groups []string) [][]int {
	var units [][]int
	place := map[string]int{}
	for i := range n {
		if groups == nil {
			units = append(units, []int{i})
			continue
		}
		at, known := place[groups[i]]
		if !known {
			at = len(units)
			place[groups[i]] = at
			units = append(units, nil)
		}
		units[at] = append(units[at], i)
	}
	return units
}

// quantile is that of sorted values, linear between neighbours (type 7 of Hyndman and Fan, 1996: NumPy's default).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	k := int(math.Floor(at))
	if k+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	low, high, part := sorted[k], sorted[k+1], at-float64(k)
	if part == 0 { // infinite neighbours do not matter then
		return low
	}
	return low + part*(high-low)
}
