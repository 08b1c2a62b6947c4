package metrics

import (
	"cmp"
	"slices"
)

// Holm adjusts the p-values of several tests, so that the chance of even one false alarm among them stays below the level: the
// k-th smallest of m is multiplied by m−k+1, and none is below one before it (Holm, Scandinavian Journal of Statistics 6,
// 1979). The result is in the order of ps.
func Holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	adjusted := make([]float64, len(ps))
	least := 0.0
	for k, i := range order {
		least = max(least, min(1, ps[i]*float64(len(ps)-k)))
		adjusted[i] = least
	}
	return adjusted
}
