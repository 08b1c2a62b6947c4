package train

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/transformer"
)

// LanguageLoss is Σ weight·(−log p(target)) over the labelled positions, a scalar: the cross-entropy of Transformers'
// CausalLM models where weights are 1/labels. in are those of [Inputs]. See [Layers] for checkpoints.
func LanguageLoss(c *transformer.Config, d transformer.Decoder, w transformer.Weights, in map[string]*Node, checkpoints bool) *Node {
	f, h := Layers(c, d, w, in, nil, checkpoints)
	return labelLoss(d, f, h, in)
}

// labelLoss is [LanguageLoss] of what [Layers] returns.
func labelLoss(d transformer.Decoder, f *transformer.Forward, h *Node, in map[string]*Node) *Node {
	b, s, width := h.Shape().Dim(0), h.Shape().Dim(1), h.Shape().Dim(2)
	// Only states that predict a label go on: the logits of all positions would be a fifth of the work.
	h = Gather(Reshape(h, b*s, width), InsertAxes(in["from"], -1))
	h = d.Norm(f, Reshape(h, 1, h.Shape().Dim(0), width))
	logits := ConvertDType(d.Logits(f, h), dtypes.Float32)
	return ReduceAllSum(Neg(Mul(transformer.LogProbability(logits, in["targets"]), in["weights"])))
}

// Layers runs whole rows through a model's layers: in has "ids" [B, S], right-padded, and "lengths" [B]. It returns the pass, and
// the residual stream [B, S, D] before the final norm. embedded, which may be nil, changes what enters the first layer.
//
// With checkpoints, the layers' inner values are computed again in the backward pass instead of kept.
func Layers(c *transformer.Config, l transformer.Layers, w transformer.Weights, in map[string]*Node, embedded func(h *Node) *Node, checkpoints bool) (*transformer.Forward, *Node) {
	f, h := start(c, l, w, in)
	if embedded != nil {
		h = embedded(h)
	}
	return f, through(l, f, h, 0, c.NumHiddenLayers, checkpoints)
}

// start is the pass of [Layers], and what enters the first layer.
func start(c *transformer.Config, l transformer.Layers, w transformer.Weights, in map[string]*Node) (*transformer.Forward, *Node) {
	ids := in["ids"]
	b, s := ids.Shape().Dim(0), ids.Shape().Dim(1)
	columns := Iota(ids.Graph(), shapes.Make(dtypes.Int32, b, s), 1)
	valid := LessThan(columns, BroadcastToDims(Reshape(in["lengths"], b, 1), b, s))
	f := &transformer.Forward{
		Config: c, Weights: w, Positions: columns,
		Cache: &transformer.PrefillCache{Span: &transformer.Span{Positions: columns, Valid: valid}},
	}
	return f, l.Embed(f, ids)
}

// through runs the layers of a range, the second index left out.
func through(l transformer.Layers, f *transformer.Forward, h *Node, from, to int, checkpoints bool) *Node {
	for i := from; i < to; i++ {
		if checkpoints {
			h = h.Checkpoint()
		}
		h = l.Layer(f, i, h)
	}
	if checkpoints {
		h = h.StopCheckpoint()
	}
	return h
}
