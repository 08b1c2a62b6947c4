package head

import . "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

// CrossEntropy is the binary cross-entropy of logits z with targets of 0 to 1, both of one shape, value by value:
// −t·ln σ(z) − (1−t)·ln σ(−z) = max(z, 0) − z·t + ln(1 + e^−|z|), without overflow.
func CrossEntropy(z, target *Node) *Node {
	return Add(Sub(Max(z, ConstAs(z, 0)), Mul(z, target)), Log1P(Exp(Neg(Abs(z)))))
}

// FirstWeights are a head's weights before training, by tensor, from its seed.
func (s *Spec) FirstWeights() map[string][]float32 {
	weights := map[string][]float32{}
	for name, shape := range s.Config.ParamShapes() {
		size := 1
		for _, n := range shape {
			size *= n
		}
		weights[name] = initial(s, name, size)
	}
	return weights
}
