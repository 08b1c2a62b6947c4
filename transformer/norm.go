package transformer

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// RMSNorm is x/sqrt(mean(x²)+eps)·weight over the last axis, computed in float32 (arXiv:1910.07467; LlamaRMSNorm of
// modeling_llama.py). x [..., D], weight [D]; the result has x's dtype.
//
// It divides by Sqrt because GoMLX has no gradient for Rsqrt.
func RMSNorm(x, weight *Node, eps float64) *Node {
	x32 := ConvertDType(x, dtypes.Float32)
	mean := Mul(ReduceAndKeep(Mul(x32, x32), ReduceSum, -1), ConstAs(x32, 1/float64(x.Shape().Dim(-1))))
	normed := ConvertDType(Div(x32, Sqrt(Add(mean, ConstAs(x32, eps)))), x.DType())
	return Mul(normed, ExpandLeftToRank(weight, x.Rank()))
}
