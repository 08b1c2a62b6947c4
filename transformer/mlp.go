package transformer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// activation maps hidden_act to its function, as ACT2FN of transformers/activations.py does.
func activation(name string) (func(x *Node) *Node, error) {
	switch name {
	case "silu", "swish":
		return func(x *Node) *Node { return Mul(x, Logistic(x)) }, nil
	}
	return nil, fmt.Errorf("activation %q is not known; known are silu, swish", name)
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
