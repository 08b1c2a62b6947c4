package metrics

import (
	"fmt"
	"math"
)

// McNemarResult tells whether two judges differ on the same findings.
type McNemarResult struct {
	OnlyFirst  int // findings that only the first judge has right (b)
	OnlySecond int // findings that only the second one has right (c)
	// Exact is the two-sided p-value of the sign test: were both as good, either of the b+c would be right with
	// probability ½. min(1, 2·P(X ≤ min(b,c))), X binomial.
	Exact float64
	// ChiSquare is (|b−c|−1)²/(b+c) with Edwards's continuity correction, 0 where |b−c| ≤ 1, and ChiSquareP its p-value
	// with one degree of freedom. Good from b+c of about 25 on; Exact always is.
	ChiSquare, ChiSquareP float64
}

// McNemar compares two judges by the findings on which one is right and the other wrong (McNemar, Psychometrika 12, 1947;
// Edwards, Psychometrika 13, 1948). first and second say of each finding whether the judge was right.
func McNemar(first, second []bool) (McNemarResult, error) {
	if len(first) != len(second) {
		return McNemarResult{}, fmt.Errorf("metrics: %d and %d verdicts, expected as many", len(first), len(second))
	}
	b, c := 0, 0
	for i := range first {
		switch {
		case first[i] && !second[i]:
			b++
		case second[i] && !first[i]:
			c++
		}
	}
	return mcNemar(b, c), nil
}

func mcNemar(b, c int) McNemarResult {
	r := McNemarResult{OnlyFirst: b, OnlySecond: c, Exact: 1, ChiSquareP: 1}
	if b+c == 0 {
		return r
	}
	r.Exact = min(1, 2*binomialBelow(min(b, c), b+c))
	excess := max(math.Abs(float64(b-c))-1, 0)
	r.ChiSquare = excess * excess / float64(b+c)
	r.ChiSquareP = math.Erfc(math.Sqrt(r.ChiSquare / 2))
	return r
}

// binomialBelow is P(X ≤ k) of n tosses of a fair coin. Terms are added from the smallest, in logarithms, as 2ⁿ outgrows a
// float64.
func binomialBelow(k, n int) float64 {
	whole, _ := math.Lgamma(float64(n + 1))
	sum := 0.0
	for i := range k + 1 {
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(whole - a - b - float64(n)*math.Ln2)
	}
	return sum
}
