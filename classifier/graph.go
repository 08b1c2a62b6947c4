package classifier

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // graph code reads as formulas, as everywhere in GoMLX
	"github.com/gomlx/gomlx/support/exceptions"
)

// normEpsilon is torch's default for LayerNorm.
const normEpsilon = 1e-5

// Logit returns the head's logits [B] float32, before temperature.
//
//   - pooled [B,D]: the pooled state that the configuration asks for, of any float dtype.
//   - weights: the head's tensors in the order of [Config.ParamNames]; the temperature is not one of them.
func (c *Config) Logit(pooled *Node, weights []*Node) *Node {
	if names := c.ParamNames(); len(weights) != len(names) {
		exceptions.Panicf("classifier.Config.Logit: got %d tensors, expected %d: %v", len(weights), len(names), names)
	}
	x := ConvertDType(pooled, dtypes.Float32)
	if c.LayerNorm {
		x = layerNorm(x, weights[0], weights[1])
		weights = weights[2:]
	}
	for i := 0; len(weights) > 0; i++ {
		if i > 0 {
			x = c.Activation.Apply(x)
		}
		bias := Reshape(weights[1], 1, weights[1].Shape().Dim(0))
		x = Add(DotGeneral(x, []int{1}, nil, weights[0], []int{1}, nil), bias)
		weights = weights[2:]
	}
	return Reshape(x, x.Shape().Dim(0))
}

// layerNorm normalises each row of x [B,D] to mean 0 and variance 1 and scales and shifts it.
func layerNorm(x, weight, bias *Node) *Node {
	size := x.Shape().Dim(1)
	mean := func(v *Node) *Node { return column(Div(ReduceSum(v, 1), ConstAs(v, float64(size)))) }
	x = Sub(x, mean(x))
	x = Div(x, Sqrt(Add(mean(Mul(x, x)), ConstAs(x, normEpsilon))))
	return Add(Mul(x, Reshape(weight, 1, size)), Reshape(bias, 1, size))
}

// Probability returns sigmoid(z / T) for logits z [B] and a temperature T [].
func Probability(logit, temperature *Node) *Node { return Sigmoid(Div(logit, temperature)) }

// Heads are several heads on one model, judged together. They may differ in shape, pooling and layer.
type Heads []*Head

// Param is one tensor of a head, to be handed to a program.
type Param struct {
	Name  string
	Shape []int
	Data  []float32 // row-major
}

// Feature names one pooled state that a head reads.
type Feature struct {
	Layer   Layer
	Pooling Pooling
}

// Features returns the pooled states that the heads read, without repeats, in the order in which heads first ask for them.
func (hs Heads) Features() []Feature {
	var all []Feature
	for _, h := range hs {
		if hs.index(all, h) < 0 {
			all = append(all, h.Config.Feature())
		}
	}
	return all
}

func (Heads) index(features []Feature, h *Head) int {
	for i, f := range features {
		if f == h.Config.Feature() {
			return i
		}
	}
	return -1
}

// Params returns the tensors of all heads, head by head: those of [Config.ParamNames], then the temperature [], so that
// a head may be swapped for another of the same shape without a new compilation. Names begin with the head's number.
func (hs Heads) Params() []Param {
	var all []Param
	for i, h := range hs {
		for _, p := range append(h.Params(), Param{Name: "temperature", Data: []float32{float32(h.Config.Temperature)}}) {
			p.Name = headName(i, p.Name)
			all = append(all, p)
		}
	}
	return all
}

// Probabilities returns p [B,H] float32: every head's probability for every row.
//
//   - pooled: one [B,D] for each of [Heads.Features].
//   - params: one node for each of [Heads.Params].
func (hs Heads) Probabilities(pooled, params []*Node) *Node {
	features := hs.Features()
	if len(pooled) != len(features) {
		exceptions.Panicf("classifier.Heads.Probabilities: got %d pooled states, expected %d: %v", len(pooled), len(features), features)
	}
	columns := make([]*Node, len(hs))
	for i, h := range hs {
		n := len(h.Config.ParamNames())
		if len(params) < n+1 {
			exceptions.Panicf("classifier.Heads.Probabilities: %d tensors are left for head %d, expected %d", len(params), i, n+1)
		}
		logit := h.Config.Logit(pooled[hs.index(features, h)], params[:n])
		columns[i] = column(Probability(logit, params[n]))
		params = params[n+1:]
	}
	if len(params) > 0 {
		exceptions.Panicf("classifier.Heads.Probabilities: %d tensors too many", len(params))
	}
	if len(columns) == 1 {
		return columns[0]
	}
	return Concatenate(columns, 1)
}
