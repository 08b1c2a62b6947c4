package full

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/transformer"
)

// Weights are a network's tensors as nodes: it implements [transformer.Weights]. They are float32; what is computed of them is
// of another dtype where that is asked for.
type Weights struct {
	nodes map[string]*Node
	dtype dtypes.DType
}

var _ transformer.Weights = (*Weights)(nil)

// Weights names the nodes of the network's params. They may be followed by others, of a head for instance.
func (n *Network) Weights(params []*Node, dtype dtypes.DType) *Weights {
	w := &Weights{nodes: make(map[string]*Node, len(n.Tensors)), dtype: dtype}
	for i, t := range n.Tensors {
		w.nodes[t.Key] = params[i]
	}
	return w
}

// Param implements [transformer.Weights].
func (w *Weights) Param(key string) *Node {
	n, ok := w.nodes[key]
	if !ok {
		panic(fmt.Errorf("tensor %q is not among the family's tensors", key))
	}
	return ConvertDType(n, w.dtype)
}

// Linear implements [transformer.Weights].
func (w *Weights) Linear(x *Node, module string) *Node {
	y := DotGeneral(x, []int{-1}, nil, w.Param(module+".weight"), []int{1}, nil)
	if bias := module + ".bias"; w.nodes[bias] != nil {
		y = Add(y, ExpandLeftToRank(w.Param(bias), y.Rank()))
	}
	return y
}
