package metrics

import (
	"slices"
	"testing"
)

// The expected values are worked out by hand.
func TestHolm(t *testing.T) {
	for _, tc := range []struct{ ps, want []float64 }{
		{nil, []float64{}},
		{[]float64{0.5}, []float64{0.5}},
		{[]float64{0.0625, 0.015625, 0.03125, 0.75}, []float64{0.125, 0.0625, 0.09375, 0.75}},
		{[]float64{0.75, 0.5, 0.75}, []float64{1, 1, 1}},
		{[]float64{0.25, 0.25}, []float64{0.5, 0.5}},
	} {
		if got := Holm(tc.ps); !slices.Equal(got, tc.want) {
			t.Errorf("Holm(%v) = %v, want %v", tc.ps, got, tc.want)
		}
	}
}
