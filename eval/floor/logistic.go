package floor

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"
)

// tolerance is the largest part of the gradient, a row, at which the fit is done; rounds are the most steps to there.
const (
	tolerance = 1e-8
	rounds    = 2000
)

// fitLogistic finds the weights and intercept with the least ½‖w‖² + c·Σ ln(1 + e^(−y·z)), y = ±1, z = w·x + b: the objective of
// scikit-learn's LogisticRegression. It is strictly convex but for the intercept, so there is one answer; L-BFGS (Liu and Nocedal,
// Mathematical Programming 45, 1989) starts from 0 and draws nothing, so the same rows give the same bytes.
func fitLogistic(rows []vector, labels []bool, columns int, c float64) (weights []float64, intercept float64, err error) {
	n := float64(len(rows))
	scale := 1 / (c * n) // of the whole objective, so that the tolerance is one of a row
	objective := func(w, gradient []float64) float64 {
		loss := 0.0
		for i, v := range w[:columns] {
			loss += v * v / 2 * scale
			if gradient != nil {
				gradient[i] = v * scale
			}
		}
		if gradient != nil {
			gradient[columns] = 0
		}
		for i, row := range rows {
			y := -1.0
			if labels[i] {
				y = 1
			}
			m := y * row.dot(w, columns)
			loss += softplus(-m) / n
			if gradient == nil {
				continue
			}
			d := -y * sigmoid(-m) / n
			for k, column := range row.columns {
				gradient[column] += d * row.values[k]
			}
			gradient[columns] += d
		}
		return loss
	}
	result, err := optimize.Minimize(optimize.Problem{
		Func: func(w []float64) float64 { return objective(w, nil) },
		Grad: func(gradient, w []float64) { objective(w, gradient) },
	}, make([]float64, columns+1), &optimize.Settings{
		GradientThreshold: tolerance, MajorIterations: rounds, Converger: optimize.NeverTerminate{},
	}, &optimize.LBFGS{})
	// Near the optimum the loss no longer changes in float64 and a line search may give up: what counts is the gradient.
	if result == nil {
		return nil, 0, fmt.Errorf("floor: fitting the logistic regression: %w", err)
	}
	w := result.X
	gradient := make([]float64, columns+1)
	objective(w, gradient)
	for _, g := range gradient {
		if !(math.Abs(g) <= 1000*tolerance) {
			return nil, 0, fmt.Errorf("floor: the logistic regression's fit ended with a gradient of %g, expected at most %g", g, 1000*tolerance)
		}
	}
	return w[:columns], w[columns], nil
}

// dot is w·x + b, with b behind the columns of w.
func (v vector) dot(w []float64, columns int) float64 {
	z := w[columns]
	for k, column := range v.columns {
		z += w[column] * v.values[k]
	}
	return z
}

// softplus is ln(1 + e^x) without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}
