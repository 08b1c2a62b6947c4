// Package metrics holds the figures by which verdicts are judged, each with its formula and where it comes from. It imports
// nothing of Janus, and nothing in it is random but for a seed.
//
// Throughout, a positive is a real finding (TP in Janus's words), a negative a false alarm. y is the label, 1 or 0, p the
// probability that the finding is real; at a threshold t a finding is called real where p ≥ t, as in [Scores.Confusion].
//
// Where a formula divides by zero it has no value. Ratios of counts are 0 then, as scikit-learn's are with zero_division=0,
// so that tables of them can be averaged and compared; figures that would mislead as 0, such as the ROC AUC of one class
// alone, are NaN, which [Number] writes into JSON as null.
package metrics

import (
	"encoding/json"
	"math"
)

// Number is a figure that may have no value: NaN, in JSON null.
type Number float64

// MarshalJSON writes null for what has no value. An infinite figure has none either.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// ratio is a/b, or 0 where b is 0.
func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
