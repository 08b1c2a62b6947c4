package head

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/internal/noise"
)

// nodes are a program's inputs by name.
type nodes map[string]*Node

// logits are the heads' logits [H, B] for a batch x [B, I, D]. params are in the order of the block's names. drop, which may be
// nil, is applied to the hidden layers: the first as [I, S, B], others as [H, out, B].
func (b *block) logits(x *Node, params []*Node, drop func(layer int, x *Node) *Node) *Node {
	heads, batch := len(b.members), x.Shape().Dim(0)
	if drop == nil {
		drop = func(_ int, x *Node) *Node { return x }
	}
	if b.config.LayerNorm {
		x = normalise(x)
	}
	hidden, params := b.firstLayer(x, params)
	if len(params) == 0 {
		return Reshape(hidden, heads, batch)
	}
	hidden = drop(1, b.config.Activation.Apply(hidden))
	if len(b.config.Layers) == 1 {
		return Add(b.sums(Mul(hidden, InsertAxes(params[0], -1))), params[1])
	}
	hidden = b.perHead(hidden)
	for layer := 2; ; layer++ {
		weight, bias := params[0], InsertAxes(params[1], -1) // [H, out, in], [H, out, 1]
		params = params[2:]
		if len(params) == 0 { // one output: a sum is faster than so narrow a product
			sum := ReduceAndKeep(Mul(hidden, TransposeAllDims(weight, 0, 2, 1)), ReduceSum, 1)
			return Reshape(Add(sum, bias), heads, batch)
		}
		hidden = Add(DotGeneral(weight, []int{2}, []int{0}, hidden, []int{1}, []int{0}), bias)
		hidden = drop(layer, b.config.Activation.Apply(hidden))
	}
}

// firstLayer is what the first layers make of x [B, I, D], before the activation: [I, S, B]. It returns the other parameters.
func (b *block) firstLayer(x *Node, params []*Node) (hidden *Node, rest []*Node) {
	var scale, shift *Node
	if b.config.LayerNorm {
		scale, shift, params = b.repeat(params[0]), b.repeat(params[1]), params[2:]
	}
	weight, bias := params[0], params[1]
	if scale != nil {
		// W·(s∘x + t) = (W∘s)·x + W·t: so all heads share the product with the normalised batch.
		bias = Add(bias, ReduceSum(Mul(weight, shift), -1))
		weight = Mul(weight, scale)
	}
	if inputs := len(b.inputs); inputs > 1 {
		hidden = DotGeneral(weight, []int{2}, []int{0}, x, []int{2}, []int{1})
	} else { // a plain product is faster than a stack of one
		hidden = InsertAxes(DotGeneral(Squeeze(weight, 0), []int{1}, nil, Squeeze(x, 1), []int{1}, nil), 0)
	}
	return Add(hidden, InsertAxes(bias, -1)), params[2:]
}

// run is neighbouring heads of an input whose first layers have one width.
type run struct{ heads, width int }

func (b *block) runs() (list []run) {
	for _, layers := range b.layers {
		if n := len(list); n > 0 && list[n-1].width == slots(layers) {
			list[n-1].heads++
		} else {
			list = append(list, run{1, slots(layers)})
		}
	}
	return list
}

// repeat gives each row of the first layers what its head has in x [H, D]: [I, S, D].
func (b *block) repeat(x *Node) *Node {
	inputs, width := len(b.inputs), x.Shape().Dim(1)
	x = Reshape(x, inputs, len(b.layers), 1, width)
	var parts []*Node
	head := 0
	for _, r := range b.runs() {
		part := Slice(x, AxisRange(), AxisRange(head, head+r.heads))
		part = BroadcastToDims(part, inputs, r.heads, r.width, width)
		parts = append(parts, Reshape(part, inputs, r.heads*r.width, width))
		head += r.heads
	}
	return joined(parts, 1)
}

// sums adds up x [I, S, B] over each head's rows: [H, B]. Slabs come first, so that what is cut by heads is small.
func (b *block) sums(x *Node) *Node {
	inputs, batch := len(b.inputs), x.Shape().Dim(2)
	x = ReduceSum(Reshape(x, inputs, x.Shape().Dim(1)/slab, slab, batch), 2)
	var parts []*Node
	row := 0
	for _, r := range b.runs() {
		n := r.width / slab
		part := Slice(x, AxisRange(), AxisRange(row, row+r.heads*n))
		parts = append(parts, ReduceSum(Reshape(part, inputs, r.heads, n, batch), 2))
		row += r.heads * n
	}
	return Reshape(joined(parts, 1), len(b.members), batch)
}

// perHead gives each head its rows of x [I, S, B], padded with 0 to the widest: [H, W, B].
func (b *block) perHead(x *Node) *Node {
	inputs, batch, widest := len(b.inputs), x.Shape().Dim(2), b.config.Layers[0]
	var parts []*Node
	row := 0
	for _, r := range b.runs() {
		part := Slice(x, AxisRange(), AxisRange(row, row+r.heads*r.width))
		part = Reshape(part, inputs, r.heads, r.width, batch)
		if r.width < widest {
			zeros := Zeros(x.Graph(), shapes.Make(x.DType(), inputs, r.heads, widest-r.width, batch))
			part = Concatenate([]*Node{part, zeros}, 2)
		}
		parts = append(parts, part)
		row += r.heads * r.width
	}
	return Reshape(joined(parts, 1), len(b.members), widest, batch)
}

// column gives x axes of 1 at its end, up to a rank.
func column(x *Node, rank int) *Node {
	dims := slices.Clone(x.Shape().Dimensions)
	for len(dims) < rank {
		dims = append(dims, 1)
	}
	return Reshape(x, dims...)
}

// normalise gives each row of x [B, I, D] mean 0 and variance 1, as package classifier's layer norm does.
func normalise(x *Node) *Node {
	const epsilon = 1e-5
	mean := func(v *Node) *Node { return ReduceAndKeep(v, ReduceMean, -1) }
	x = Sub(x, mean(x))
	return Div(x, Sqrt(Add(mean(Mul(x, x)), ConstAs(x, epsilon))))
}

// lossOf is each head's loss [H] on logits z [H, B]: labels y [B], and weights in [B] that are 1 for rows and 0 for padding.
func (b *block) lossOf(z, y, in *Node, hyper nodes) *Node {
	y, in = Reshape(y, 1, y.Shape().Dim(0)), Reshape(in, 1, in.Shape().Dim(0))
	one := ConstAs(z, 1)
	smoothing := column(hyper["smoothing"], 2)
	target := Add(Mul(y, Sub(one, smoothing)), Mul(smoothing, ConstAs(z, 0.5)))
	weight := Add(Mul(y, column(hyper["positive"], 2)), Mul(Sub(one, y), column(hyper["negative"], 2)))
	var loss *Node
	if b.loss == Brier {
		d := Sub(Sigmoid(z), target)
		loss = Mul(d, d)
	} else {
		loss = CrossEntropy(z, target)
	}
	return Div(ReduceSum(Mul(Mul(loss, weight), in), -1), ReduceAllSum(in))
}

// dropped is a hidden layer x with a share of it set to 0 and the rest scaled up (Srivastava et al., JMLR 2014): the first
// layers [I, S, B], or a later one [H, out, B]. Which, is a hash of the head's seed, the step, the layer, the unit and the row's
// place in the batch; so it does not depend on other heads.
func dropped(x *Node, hyper nodes, step *Node, layer int) *Node {
	graph := x.Graph()
	counter := func(axis int) *Node { return Iota(graph, shapes.Make(dtypes.Uint32, x.Shape().Dimensions...), axis) }
	of := func(name string) *Node { return column(hyper[name], 3) }
	unit := counter(1)
	if layer == 1 {
		of = func(name string) *Node { return column(hyper[ofRows(name)], 3) }
		unit = of("unit")
	}
	u32 := func(v uint32) *Node { return Const(graph, v) }
	at := noise.Mix(Add(Mul(step, u32(0x85EBCA6B)), u32(uint32(layer)*0x9E3779B9)))
	h := noise.Mix(Add(unit, Add(of("seed0"), at)))
	h = noise.Mix(BitwiseXor(Add(h, of("seed1")), Mul(counter(2), u32(0x9E3779B9))))
	uniform := Mul(ConvertDType(BitwiseShiftRightLogical(h, u32(8)), dtypes.Float32), Const(graph, float32(1.0/(1<<24))))
	rate := of("dropout")
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

// step is one update of the block on a batch: the new state, and the losses [H] before it.
func (b *block) step(x, y, in *Node, state []*Node, hyper nodes, correct, number *Node) (next []*Node, loss *Node) {
	n := len(b.names)
	params := state[:n]
	var drop func(int, *Node) *Node
	if b.dropout {
		drop = func(layer int, x *Node) *Node { return dropped(x, hyper, number, layer) }
	}
	loss = b.lossOf(b.logits(x, params, drop), y, in, hyper)
	gradients := Gradient(ReduceAllSum(loss), params...) // heads share nothing, so each has its own
	scalar := func(i int) *Node { return Reshape(Slice(correct, AxisElem(i))) }
	next = make([]*Node, 3*n)
	for i, p := range params {
		d := gradients[i]
		first := Add(Mul(state[n+i], ConstAs(d, beta1)), Mul(d, ConstAs(d, 1-beta1)))
		second := Add(Mul(state[2*n+i], ConstAs(d, beta2)), Mul(Mul(d, d), ConstAs(d, 1-beta2)))
		of := func(name string) *Node { return column(hyper[name], p.Rank()) }
		if b.perRow(b.names[i]) {
			of = func(name string) *Node { return column(hyper[ofRows(name)], p.Rank()) }
		}
		rate, decay := of("rate"), of("decay")
		decayed := Sub(p, Mul(p, Mul(rate, decay)))
		move := Div(Mul(first, scalar(0)), Add(Mul(Sqrt(second), scalar(1)), ConstAs(d, epsilon)))
		next[i], next[n+i], next[2*n+i] = Sub(decayed, Mul(rate, move)), first, second
	}
	return next, loss
}

// hyperOf takes the nodes of hyperNames.
func hyperOf(list []*Node) nodes {
	in := nodes{}
	for i, name := range hyperNames() {
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
