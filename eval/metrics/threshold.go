package metrics

import (
	"fmt"
	"math"
)

// MaxF1 returns the threshold with the highest F1, and of several the highest threshold. It lies halfway between the lowest
// score that it calls real and the next one below (or 0), so that rounding does not decide. Without a real finding there is
// none: an error.
func (s *Scores) MaxF1() (float64, error) {
	if s.Positives() == 0 {
		return 0, fmt.Errorf("no threshold has an F1: none of %d findings is real", s.N())
	}
	points := s.Points()
	best := 1
	for k := 2; k < len(points); k++ {
		if points[k].Confusion.F1() > points[best].Confusion.F1() {
			best = k
		}
	}
	return between(points, best), nil
}

// RecallAtLeast returns the highest threshold at which the recall is at least floor: the most false alarms removed while so
// many real findings are kept. It lies as [Scores.MaxF1]'s. Without a real finding there is none: an error.
func (s *Scores) RecallAtLeast(floor float64) (float64, error) {
	if !(floor > 0 && floor <= 1) {
		return 0, fmt.Errorf("recall floor is %v, expected above 0 to 1", floor)
	}
	if s.Positives() == 0 {
		return 0, fmt.Errorf("no threshold has a recall: none of %d findings is real", s.N())
	}
	points := s.Points()
	for k := 1; k < len(points); k++ {
		if points[k].Confusion.Recall() >= floor {
			return between(points, k), nil
		}
	}
	return 0, nil // not reached: the last point calls all real
}

// between is the middle of the k-th point's threshold and the next lower.
func between(points []Point, k int) float64 {
	low := 0.0
	if k+1 < len(points) {
		low = points[k+1].Threshold
	}
	middle := low + (points[k].Threshold-low)/2
	if middle <= low && k+1 < len(points) { // neighbours among the floats
		return points[k].Threshold
	}
	return math.Max(middle, 0)
}
