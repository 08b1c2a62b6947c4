package head

import (
	"errors"
	"fmt"
	"math"
)

// ErrNoTemperature says that no temperature is best: see [FitTemperature].
var ErrNoTemperature = errors.New("no temperature is best")

// FitTemperature returns the T that minimises the mean negative log-likelihood of p = sigmoid(z/T) on labelled logits
// (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2).
//
// In β = 1/T the likelihood is convex, so its slope −Σ sᵢ·σ(−β·sᵢ), with sᵢ the logit on its label's side, crosses 0 at most
// once: it is bracketed and bisected to the last bit. Where it crosses nowhere above 0 there is no best T: every verdict is
// right, and T only falls to 0; or the logits tell nothing or the contrary of the labels (Σ sᵢ ≤ 0), and T only grows. The
// error says which, and is [ErrNoTemperature]. Logits must be finite.
func FitTemperature(logits []float64, labels []bool) (float64, error) {
	if len(logits) == 0 || len(logits) != len(labels) {
		return 0, fmt.Errorf("temperature: %d logits and %d labels, expected as many, and at least one", len(logits), len(labels))
	}
	sides := make([]float64, len(logits)) // divided by the largest, so that β is about 1/its size
	largest := 0.0
	for i, z := range logits {
		if !finite(z) {
			return 0, fmt.Errorf("temperature: logit %d is %v, expected a finite number", i, z)
		}
		largest = max(largest, math.Abs(z))
	}
	sum, wrong := 0.0, false
	for i, z := range logits {
		if largest > 0 {
			sides[i] = z / largest
		}
		if !labels[i] {
			sides[i] = -sides[i]
		}
		sum += sides[i]
		wrong = wrong || sides[i] < 0
	}
	switch {
	case sum <= 0:
		return 0, fmt.Errorf("%w: the logits go against the labels, or tell nothing of them, so that the likelihood only grows with T", ErrNoTemperature)
	case !wrong:
		return 0, fmt.Errorf("%w: every verdict is right, so that the likelihood only grows as T falls", ErrNoTemperature)
	}
	rising := func(beta float64) bool { // the likelihood, with β
		slope := 0.0
		for _, s := range sides {
			slope += s / (1 + math.Exp(beta*s))
		}
		return slope > 0
	}
	low, high := 0.0, 1.0
	for rising(high) {
		low, high = high, 2*high
		if math.IsInf(high, 1) {
			return 0, fmt.Errorf("%w: T would be below %g", ErrNoTemperature, largest/low)
		}
	}
	for {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if rising(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	t := largest / high
	if !(t > 0) || math.IsInf(t, 1) || float32(t) == 0 || math.IsInf(float64(float32(t)), 1) {
		return 0, fmt.Errorf("%w: T would be %g, which float32 cannot hold", ErrNoTemperature, t)
	}
	return t, nil
}
