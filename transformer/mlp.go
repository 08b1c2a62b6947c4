package transformer

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// activations maps hidden_act to its function, as ACT2FN of transformers/activations.py does.
var activations = map[string]func(x *Node) *Node{
	"silu":              silu,
	"swish":             silu,
	"gelu":              gelu,
	"gelu_new":          geluTanh,
	"gelu_fast":         geluTanh,
	"gelu_pytorch_tanh": geluTanh,
	"relu":              func(x *Node) *Node { return Max(x, ConstAs(x, 0)) },
}

// silu is x·sigmoid(x) (arXiv:1606.08415, arXiv:1702.03118).
func silu(x *Node) *Node { return Mul(x, Logistic(x)) }

// gelu is x·Φ(x) by the error function, in float32 (arXiv:1606.08415).
func gelu(x *Node) *Node {
	x32 := ConvertDType(x, dtypes.Float32)
	phi := Mul(ConstAs(x32, 0.5), Add(ConstAs(x32, 1), Erf(Mul(x32, ConstAs(x32, math.Sqrt(0.5))))))
	return ConvertDType(Mul(x32, phi), x.DType())
}

// geluTanh is gelu by the paper's approximation with tanh, in float32.
func geluTanh(x *Node) *Node {
	x32 := ConvertDType(x, dtypes.Float32)
	cube := Mul(x32, Mul(x32, x32))
	inner := Mul(ConstAs(x32, math.Sqrt(2/math.Pi)), Add(x32, Mul(ConstAs(x32, 0.044715), cube)))
	phi := Mul(ConstAs(x32, 0.5), Add(ConstAs(x32, 1), Tanh(inner)))
	return ConvertDType(Mul(x32, phi), x.DType())
}

func activation(name string) (func(x *Node) *Node, error) {
	if f, ok := activations[name]; ok {
		return f, nil
	}
	known := slices.Sorted(maps.Keys(activations))
	return nil, fmt.Errorf("activation %q is not known; known are %s", name, strings.Join(known, ", "))
}

// Activation is the function that hidden_act names; ParseConfig has refused a name that is not known.
func Activation(name string) func(x *Node) *Node {
	f, err := activation(name)
	if err != nil {
		panic(err)
	}
	return f
}

// GatedMLP is down_proj(act(gate_proj(x))·up_proj(x)) (GLU variants, arXiv:2002.05202). x [..., D] → [..., D].
func GatedMLP(w Weights, prefix string, act func(*Node) *Node, x *Node) *Node {
	gate := act(w.Linear(x, prefix+".gate_proj"))
	return w.Linear(Mul(gate, w.Linear(x, prefix+".up_proj")), prefix+".down_proj")
}

// MLP is down(act(up(x))), the plain feed-forward network of arXiv:1706.03762; up and down name the modules.
// x [..., D] → [..., D].
func MLP(w Weights, up, down string, act func(*Node) *Node, x *Node) *Node {
	return w.Linear(act(w.Linear(x, up)), down)
}
