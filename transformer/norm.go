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
	normed := ConvertDType(rmsNormalize(x, eps), x.DType())
	return Mul(normed, ExpandLeftToRank(weight, x.Rank()))
}

// RMSNormPlusOne is [RMSNorm] with weight 1+w, as GemmaRMSNorm stores it; the product too is computed in float32.
func RMSNormPlusOne(x, w *Node, eps float64) *Node {
	weight := ConvertDType(w, dtypes.Float32)
	weight = ExpandLeftToRank(Add(weight, ConstAs(weight, 1)), x.Rank())
	return ConvertDType(Mul(rmsNormalize(x, eps), weight), x.DType())
}

func rmsNormalize(x *Node, eps float64) *Node {
	x32 := ConvertDType(x, dtypes.Float32)
	return Div(x32, Sqrt(Add(meanLast(Mul(x32, x32)), ConstAs(x32, eps))))
}

// LayerNorm is (x-mean)/sqrt(variance+eps)·weight + bias over the last axis, computed in float32 (arXiv:1607.06450).
// x [..., D], weight and bias [D]; the bias may be nil. The result has x's dtype.
func LayerNorm(x, weight, bias *Node, eps float64) *Node {
	x32 := ConvertDType(x, dtypes.Float32)
	centred := Sub(x32, meanLast(x32))
	normed := Div(centred, Sqrt(Add(meanLast(Mul(centred, centred)), ConstAs(x32, eps))))
	normed = Mul(ConvertDType(normed, x.DType()), ExpandLeftToRank(weight, x.Rank()))
	if bias == nil {
		return normed
	}
	return Add(normed, ExpandLeftToRank(bias, x.Rank()))
}

// meanLast is the mean over the last axis, kept as 1.
func meanLast(x *Node) *Node {
	return Mul(ReduceAndKeep(x, ReduceSum, -1), ConstAs(x, 1/float64(x.Shape().Dim(-1))))
}
