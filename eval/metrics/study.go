package metrics

import (
	"fmt"
	"math"
)

// Control is the share of runs whose number of tokens lies within [least, most]: how well reasoning is held to its budget
// (Muennighoff et al., s1: Simple test-time scaling, 2025, section 2.2, equation 1). NaN of no runs.
func Control(tokens []int, least, most int) float64 {
	within := 0
	for _, n := range tokens {
		if n >= least && n <= most {
			within++
		}
	}
	return float64(within) / float64(len(tokens))
}

// Scaling is the mean slope of a figure f over budgets of reasoning: the mean of (f(b)−f(a))/(b−a) over all pairs a < b
// (Muennighoff et al., s1, section 2.2, equation 2). Positive where thinking longer helps. Budgets must differ; with fewer
// than two it is NaN.
func Scaling(budgets, figures []float64) (float64, error) {
	if len(budgets) != len(figures) {
		return 0, fmt.Errorf("metrics: %d budgets and %d figures, expected as many", len(budgets), len(figures))
	}
	sum, pairs := 0.0, 0
	for i := range budgets {
		for j := range i {
			if budgets[i] == budgets[j] {
				return 0, fmt.Errorf("metrics: budget %v stands twice: a slope needs different ones", budgets[i])
			}
			sum += (figures[i] - figures[j]) / (budgets[i] - budgets[j])
			pairs++
		}
	}
	if pairs == 0 {
		return math.NaN(), nil
	}
	return sum / float64(pairs), nil
}

// Pairwise are the verdicts on linked pairs of a vulnerable sample and its fixed twin, which a judge that goes by looks
// alone cannot tell apart (Ding et al., PrimeVul, ICSE 2025, section 4.4, whose names stand in brackets).
type Pairwise struct {
	Right    int // both right (P-C)
	BothReal int // both called real (P-V)
	BothFake int // both called false (P-B)
	Reversed int // both wrong (P-R)
	// Ranked counts the pairs whose vulnerable side has the higher probability; of equal ones half is counted.
	Ranked float64
}

// N is the number of pairs.
func (p Pairwise) N() int { return p.Right + p.BothReal + p.BothFake + p.Reversed }

// Accuracy is the share of pairs with both verdicts right; 0 of none.
func (p Pairwise) Accuracy() float64 { return ratio(p.Right, p.N()) }

// Ranking is the share of pairs that are in the right order; NaN of none. It needs no threshold.
func (p Pairwise) Ranking() float64 { return p.Ranked / float64(p.N()) }

// Pairs judges the pairs among the scores. pairs names each score's pair; scores whose name is empty, and pairs that are
// not one real finding and one false alarm, are left out, the latter counted in odd.
func (s *Scores) Pairs(pairs []string, threshold float64) (result Pairwise, odd int, err error) {
	if len(pairs) != s.N() {
		return result, 0, fmt.Errorf("metrics: %d names of pairs and %d scores, expected as many", len(pairs), s.N())
	}
	members := map[string][]int{}
	for i, name := range pairs {
		if name != "" {
			members[name] = append(members[name], i)
		}
	}
	for _, m := range members { // only counted, so the order does not matter: halves add up exactly
		if len(m) != 2 || s.labels[m[0]] == s.labels[m[1]] {
			odd++
			continue
		}
		real, fixed := s.p[m[0]], s.p[m[1]]
		if s.labels[m[1]] {
			real, fixed = fixed, real
		}
		result.add(real, fixed, threshold)
	}
	return result, odd, nil
}

func (p *Pairwise) add(real, fixed, threshold float64) {
	switch realCalled, fixedCalled := real >= threshold, fixed >= threshold; {
	case realCalled && !fixedCalled:
		p.Right++
	case realCalled:
		p.BothReal++
	case !fixedCalled:
		p.BothFake++
	default:
		p.Reversed++
	}
	switch {
	case real > fixed:
		p.Ranked++
	case real == fixed:
		p.Ranked += 0.5
	}
}
