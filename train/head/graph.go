package head

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/internal/noise"
)

// nodes are a program's inputs by name.
type nodes map[string]*Node

// logits are the stacked heads' logits [H, B] for a batch x [B, D]. params are in the order of the group's names. drop, which
// may be nil, is applied to the hidden layers [H, B, out].
func (g *group) logits(x *Node, params []*Node, drop func(layer int, x *Node) *Node) *Node {
	heads := len(g.members)
	var scale, shift *Node
	if g.config.LayerNorm {
		x = normalise(x)
		scale, shift, params = params[0], params[1], params[2:]
	}
	var hidden *Node // [H, B, out]
	for layer := 0; len(params) > 0; layer++ {
		weight, bias := params[0], params[1]
		params = params[2:]
		if layer > 0 {
			hidden = g.config.Activation.Apply(hidden)
			if drop != nil {
				hidden = drop(layer, hidden)
			}
			hidden = DotGeneral(hidden, []int{2}, []int{0}, weight, []int{2}, []int{0})
		} else {
			if scale != nil {
				// W·(s∘x + t) = (W∘s)·x + W·t: so all heads share the product with the normalised batch.
				bias = Add(bias, ReduceSum(Mul(weight, rows(shift)), -1))
				weight = Mul(weight, rows(scale))
			}
			product := DotGeneral(weight, []int{2}, nil, x, []int{1}, nil) // [H, out, B]
			hidden = TransposeAllDims(product, 0, 2, 1)
		}
		hidden = Add(hidden, rows(bias))
	}
	return Reshape(hidden, heads, hidden.Shape().Dim(1))
}

// rows turns [H, D] into [H, 1, D].
func rows(x *Node) *Node { return Reshape(x, x.Shape().Dim(0), 1, x.Shape().Dim(1)) }

// column turns [H] into [H, 1, …] of a rank.
func column(x *Node, rank int) *Node {
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = 1
	}
	dims[0] = x.Shape().Dim(0)
	return Reshape(x, dims...)
}

// normalise gives each row of x [B, D] mean 0 and variance 1, as package classifier's layer norm does.
func normalise(x *Node) *Node {
	const epsilon = 1e-5
	mean := func(v *Node) *Node { return ReduceAndKeep(v, ReduceMean, -1) }
	x = Sub(x, mean(x))
	return Div(x, Sqrt(Add(mean(Mul(x, x)), ConstAs(x, epsilon))))
}

// lossOf is each head's loss [H] on logits z [H, B]: labels y [B], and weights in [B] that are 1 for rows and 0 for padding.
func (g *group) lossOf(z, y, in *Node, hyper nodes) *Node {
	y, in = Reshape(y, 1, y.Shape().Dim(0)), Reshape(in, 1, in.Shape().Dim(0))
	one := ConstAs(z, 1)
	smoothing := column(hyper["smoothing"], 2)
	target := Add(Mul(y, Sub(one, smoothing)), Mul(smoothing, ConstAs(z, 0.5)))
	weight := Add(Mul(y, column(hyper["positive"], 2)), Mul(Sub(one, y), column(hyper["negative"], 2)))
	var loss *Node
	if g.loss == Brier {
		d := Sub(Sigmoid(z), target)
		loss = Mul(d, d)
	} else {
		// −t·ln σ(z) − (1−t)·ln σ(−z) = max(z, 0) − z·t + ln(1 + e^−|z|), without overflow.
		loss = Add(Sub(Max(z, ConstAs(z, 0)), Mul(z, target)), Log1P(Exp(Neg(Abs(z)))))
	}
	return Div(ReduceSum(Mul(Mul(loss, weight), in), -1), ReduceAllSum(in))
}

// dropped is a hidden layer x [H, B, out] with a share of it set to 0 and the rest scaled up (Srivastava et al., JMLR 2014).
// Which, is a hash of the head's seed, the step, the layer, the row's place in the batch and the unit.
func dropped(x *Node, hyper nodes, step *Node, layer int) *Node {
	graph := x.Graph()
	shape := shapes.Make(dtypes.Uint32, x.Shape().Dimensions...)
	u32 := func(v uint32) *Node { return Const(graph, v) }
	counter := Add(Mul(Iota(graph, shape, 1), u32(uint32(x.Shape().Dim(2)))), Iota(graph, shape, 2))
	at := noise.Mix(Add(Mul(step, u32(0x85EBCA6B)), u32(uint32(layer)*0x9E3779B9)))
	h := noise.Mix(BitwiseXor(counter, Add(column(hyper["seed0"], 3), at)))
	h = noise.Mix(Add(h, column(hyper["seed1"], 3)))
	uniform := Mul(ConvertDType(BitwiseShiftRightLogical(h, u32(8)), dtypes.Float32), Const(graph, float32(1.0/(1<<24))))
	rate := column(hyper["dropout"], 3)
	kept := GreaterOrEqual(uniform, rate)
	return Where(kept, Div(x, Sub(ConstAs(rate, 1), rate)), ConstAs(x, 0))
}

// Adam's constants: torch's defaults.
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

// corrections are 1/(1−β₁ᵗ) and 1/√(1−β₂ᵗ) of step t, counted from 1: what makes up for moments that begin at 0.
func corrections(t int) []float32 {
	return []float32{
		float32(1 / (1 - math.Pow(beta1, float64(t)))),
		float32(1 / math.Sqrt(1-math.Pow(beta2, float64(t)))),
	}
}

// step is one update of the group on a batch: the new state, and the losses [H] before it.
func (g *group) step(x, y, in *Node, state []*Node, hyper nodes, correct, number *Node) (next []*Node, loss *Node) {
	n := len(g.names)
	params := state[:n]
	var drop func(int, *Node) *Node
	if g.dropout {
		drop = func(layer int, x *Node) *Node { return dropped(x, hyper, number, layer) }
	}
	loss = g.lossOf(g.logits(x, params, drop), y, in, hyper)
	gradients := Gradient(ReduceAllSum(loss), params...) // heads share nothing, so each has its own
	scalar := func(i int) *Node { return Reshape(Slice(correct, AxisElem(i))) }
	next = make([]*Node, 3*n)
	for i, p := range params {
		d := gradients[i]
		first := Add(Mul(state[n+i], ConstAs(d, beta1)), Mul(d, ConstAs(d, 1-beta1)))
		second := Add(Mul(state[2*n+i], ConstAs(d, beta2)), Mul(Mul(d, d), ConstAs(d, 1-beta2)))
		rate := column(hyper["rate"], p.Rank())
		decayed := Sub(p, Mul(p, Mul(rate, column(hyper["decay"], p.Rank()))))
		move := Div(Mul(first, scalar(0)), Add(Mul(Sqrt(second), scalar(1)), ConstAs(d, epsilon)))
		next[i], next[n+i], next[2*n+i] = Sub(decayed, Mul(rate, move)), first, second
	}
	return next, loss
}

// hyperOf takes the nodes of hyperNames.
func hyperOf(list []*Node) nodes {
	in := nodes{}
	for i, name := range hyperNames {
		in[name] = list[i]
	}
	return in
}

// recoverTo turns a panic of a graph builder into an error.
func recoverTo(err *error, doing string) {
	switch r := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("%s: %w", doing, r)
	default:
		*err = fmt.Errorf("%s: %v", doing, r)
	}
}
