package encoder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/internal/noise"
	"github.com/januslm/janus/transformer"
)

// trained are an encoder's weights where all of them are trained: it implements [transformer.Weights]. They are float32, and
// products are in dtype.
type trained struct {
	params map[string]*Node // by the family's key, shaped as in the file
	dtype  dtypes.DType
	drop   dropout
}

var _ transformer.Weights = (*trained)(nil)

// Param implements [transformer.Weights].
func (w *trained) Param(key string) *Node {
	n, ok := w.params[key]
	if !ok {
		panic(fmt.Errorf("tensor %q is not among the family's tensors", key))
	}
	return ConvertDType(n, w.dtype)
}

// Linear implements [transformer.Weights].
func (w *trained) Linear(x *Node, module string) *Node {
	y := DotGeneral(x, []int{-1}, nil, w.Param(module+".weight"), []int{1}, nil)
	if bias := module + ".bias"; w.params[bias] != nil {
		y = Add(y, ExpandLeftToRank(w.Param(bias), y.Rank()))
	}
	if writesResidual(module) {
		y = w.drop.apply(y)
	}
	return y
}

// residualModules are the projections whose output is added to the residual stream, by the end of their names: what the Hugging
// Face classes drop a share of (hidden_dropout_prob, dropout_rate, mlp_dropout).
var residualModules = []string{
	"attention.output.dense", "output.dense", // BERT, RoBERTa
	"SelfAttention.o", "DenseReluDense.wo", // T5
	"attn.Wo", "mlp.Wo", // ModernBERT
}

func writesResidual(module string) bool {
	return slices.ContainsFunc(residualModules, func(end string) bool { return strings.HasSuffix(module, "."+end) })
}

// dropout sets a share of values to 0 and divides the others by what is left of 1 (Srivastava et al., JMLR 2014). Which values,
// is a hash of the seed, the place in the graph and the value's index.
type dropout struct {
	rate  float64
	seed  *Node // [] uint32; nil in evaluation
	place *uint32
}

// newDropout begins with the first place of a graph.
func newDropout(rate float64, seed *Node) dropout { return dropout{rate, seed, new(uint32)} }

// at is a dropout of another share in the same graph.
func (d dropout) at(rate float64) dropout { return dropout{rate, d.seed, d.place} }

func (d dropout) apply(x *Node) *Node {
	if d.seed == nil || d.rate == 0 {
		return x
	}
	*d.place++
	seed := noise.Mix(Add(d.seed, Const(x.Graph(), *d.place*0x9E3779B9)))
	return noise.Drop(x, seed, d.rate)
}
