package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Scores are labels with the probabilities that a judge gave them.
type Scores struct {
	labels []bool
	p      []float64
	order  []int // indices by falling p
}

// NewScores takes labels (true: a real finding) and the probability of each, from 0 to 1. There may be none. The slices are
// kept and must not be changed.
func NewScores(labels []bool, p []float64) (*Scores, error) {
	if len(labels) != len(p) {
		return nil, fmt.Errorf("metrics: %d labels and %d probabilities, expected as many", len(labels), len(p))
	}
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("metrics: probability %d is %v, expected 0 to 1", i, v)
		}
	}
	return newScores(labels, p), nil
}

func newScores(labels []bool, p []float64) *Scores {
	s := &Scores{labels: labels, p: p, order: make([]int, len(p))}
	for i := range s.order {
		s.order[i] = i
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return s
}

// Take returns the scores at the indices, which may repeat: a sample for [Bootstrap], or a part.
func (s *Scores) Take(indices []int) *Scores {
	t := &Scores{labels: make([]bool, len(indices)), p: make([]float64, len(indices)), order: make([]int, 0, len(indices))}
	// The order follows from that of all: no sorting, as thousands of samples are drawn.
	first, next := make([]int, s.N()), make([]int, len(indices)) // the places of each index, as lists; 0 ends one
	for i, k := range indices {
		t.labels[i], t.p[i] = s.labels[k], s.p[k]
		next[i], first[k] = first[k], i+1
	}
	for _, k := range s.order {
		for i := first[k]; i > 0; i = next[i-1] {
			t.order = append(t.order, i-1)
		}
	}
	return t
}

// N is the number of scores.
func (s *Scores) N() int { return len(s.p) }

// Positives is the number of real findings.
func (s *Scores) Positives() int {
	n := 0
	for _, l := range s.labels {
		if l {
			n++
		}
	}
	return n
}

// Confusion counts the verdicts at a threshold: real where p ≥ threshold.
func (s *Scores) Confusion(threshold float64) Confusion {
	var c Confusion
	for i, l := range s.labels {
		c.Add(l, s.p[i] >= threshold)
	}
	return c
}

// Brier is the mean of (p−y)² (Brier, Monthly Weather Review 78, 1950, of one class of two); NaN of nothing.
func (s *Scores) Brier() float64 {
	sum := 0.0
	for i, l := range s.labels {
		d := s.p[i] - number(l)
		sum += d * d
	}
	return sum / float64(s.N())
}

// LogLoss is the mean of −ln p of real findings and −ln(1−p) of false alarms, with p kept within [ε, 1−ε], ε = 2⁻⁵², as
// scikit-learn's log_loss does: a sure mistake costs 36, not infinity. NaN of nothing.
func (s *Scores) LogLoss() float64 {
	const epsilon = 1.0 / (1 << 52)
	sum := 0.0
	for i, l := range s.labels {
		p := min(max(s.p[i], epsilon), 1-epsilon)
		if !l {
			p = 1 - p
		}
		sum -= math.Log(p)
	}
	return sum / float64(s.N())
}

func number(label bool) float64 {
	if label {
		return 1
	}
	return 0
}
