package optimize

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// AdamW is Adam with decoupled weight decay (arXiv:1711.05101), computed as torch.optim.AdamW does, in float32.
type AdamW struct {
	LearningRate float64 // before the schedule
	Beta1, Beta2 float64
	Eps          float64
	WeightDecay  float64 // of tensors without NoDecay
	MaxGradNorm  float64 // gradients are scaled down to this length all together; 0 leaves them
}

// DefaultAdamW has torch's defaults, and Transformers' for clipping.
func DefaultAdamW() AdamW {
	return AdamW{LearningRate: 2e-4, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, MaxGradNorm: 1}
}

// Check refuses values that no training can have.
func (o AdamW) Check() error {
	switch {
	case !(o.LearningRate > 0) || math.IsInf(o.LearningRate, 0):
		return fmt.Errorf("the learning rate is %v, expected above 0", o.LearningRate)
	case !(o.Beta1 >= 0 && o.Beta1 < 1), !(o.Beta2 >= 0 && o.Beta2 < 1):
		return fmt.Errorf("the betas are %v and %v, expected at least 0 and below 1", o.Beta1, o.Beta2)
	case !(o.Eps > 0), !(o.WeightDecay >= 0), !(o.MaxGradNorm >= 0):
		return fmt.Errorf("eps is %v, weight decay %v and the largest gradient norm %v, expected above 0, at least 0 and at least 0",
			o.Eps, o.WeightDecay, o.MaxGradNorm)
	}
	return nil
}

// scalars are what changes from step to step (counted from 1): the learning rate, and the corrections of the moments' bias.
func (o AdamW) scalars(rate float64, step int) [3]float32 {
	return [3]float32{
		float32(rate),
		float32(rate / (1 - math.Pow(o.Beta1, float64(step)))),
		float32(1 / math.Sqrt(1-math.Pow(o.Beta2, float64(step)))),
	}
}

// moments are a tensor's running means of the gradient and of its square.
type moments struct {
	first, second *Node
	decay         bool    // whether the tensor has weight decay
	factor        float64 // of the learning rate; 0 is 1
}

// update takes one step: params, gradients and moments in one order, scalars [3]. norm is the gradients' length before
// clipping.
func (o AdamW) update(params, gradients []*Node, state []moments, scalars *Node) (after []*Node, next []moments, norm *Node) {
	norm = globalNorm(gradients)
	scalar := func(i int) *Node { return Reshape(Slice(scalars, AxisElem(i))) }
	rate, step, correction := scalar(0), scalar(1), scalar(2)
	for i, p := range params {
		g, rate, step := gradients[i], rate, step
		if f := state[i].factor; f != 0 && f != 1 {
			rate, step = Mul(rate, ConstAs(rate, f)), Mul(step, ConstAs(step, f))
		}
		if o.MaxGradNorm > 0 {
			// As torch.nn.utils.clip_grad_norm_.
			factor := Div(ConstAs(norm, o.MaxGradNorm), Add(norm, ConstAs(norm, 1e-6)))
			g = Mul(g, Min(factor, ConstAs(factor, 1)))
		}
		first := mix(state[i].first, g, o.Beta1)
		second := mix(state[i].second, Mul(g, g), o.Beta2)
		decayed := p
		if state[i].decay {
			decayed = Sub(p, Mul(p, Mul(rate, ConstAs(rate, o.WeightDecay))))
		}
		root := Add(Mul(Sqrt(second), correction), ConstAs(p, o.Eps))
		after = append(after, Sub(decayed, Mul(step, Div(first, root))))
		next = append(next, moments{first, second, state[i].decay, state[i].factor})
	}
	return after, next, norm
}

// mix is the running mean: beta·mean + (1−beta)·x.
func mix(mean, x *Node, beta float64) *Node {
	return Add(Mul(mean, ConstAs(mean, beta)), Mul(x, ConstAs(x, 1-beta)))
}

// globalNorm is the length of all tensors as one vector, a scalar.
func globalNorm(list []*Node) *Node {
	var sum *Node
	for _, x := range list {
		square := ReduceAllSum(Mul(x, x))
		if sum == nil {
			sum = square
			continue
		}
		sum = Add(sum, square)
	}
	return Sqrt(ConvertDType(sum, dtypes.Float32))
}
