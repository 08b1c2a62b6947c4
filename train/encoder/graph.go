package encoder

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/transformer"
)

// network is an encoder with a head, as a graph.
type network struct {
	config  *transformer.Config
	layers  transformer.Layers
	head    classifier.Config
	dropout float64 // of the embedding, and of what attention and MLP add where the weights see to it
}

// seedInput is what dropout follows from, [] uint32; it is missing in evaluation.
const seedInput = "seed"

// logits are the head's [B] float32 for the rows of in: "ids" [B, S] right-padded and "lengths" [B]. w are the encoder's weights,
// headParams those of [classifier.Config.ParamNames]; With checkpoints, the layers' inner
// values are computed again in the backward pass instead of kept.
func (n *network) logits(w transformer.Weights, headParams []*Node, in map[string]*Node, drop dropout, checkpoints bool) *Node {
	f, h := train.Layers(n.config, n.layers, w, in, drop.apply, checkpoints)
	pooled := classifier.Over(n.head.Pooling, n.layers.Norm(f, h), in["lengths"], in["lengths"])
	return n.head.Logit(drop.at(n.head.Dropout).apply(pooled), headParams)
}

// lossOf is Σ weight·ℓ(z, target), a scalar: the binary cross-entropy
//
//	−t·ln σ(z) − (1−t)·ln σ(−z) = max(z, 0) − z·t + ln(1 + e^−|z|)
//
// which does not overflow. Weights are 0 for padding.
func lossOf(z, targets, weights *Node) *Node {
	loss := Add(Sub(Max(z, ConstAs(z, 0)), Mul(z, targets)), Log1P(Exp(Neg(Abs(z)))))
	return ReduceAllSum(Mul(weights, loss))
}

// batch lays examples out for a program of so many rows. weights are those of real findings and of false alarms, in the mean.
type batch struct {
	rows      int
	smoothing float64
	weight    func(real bool) float64
}

func (b batch) inputs(examples []Example) []model.Input {
	longest := 0
	for _, e := range examples {
		longest = max(longest, len(e.IDs))
	}
	columns := train.RoundLength(longest)
	rows := max(b.rows, len(examples))
	ids := make([]int32, rows*columns)
	lengths := make([]int32, rows)
	targets, weights := make([]float32, rows), make([]float32, rows)
	for i := range rows {
		if i >= len(examples) { // a row that fills the batch up has one token, and no weight
			lengths[i] = 1
			continue
		}
		e := examples[i]
		copy(ids[i*columns:], e.IDs)
		lengths[i] = int32(len(e.IDs))
		target := 0.0
		if e.Real {
			target = 1
		}
		targets[i] = float32(target*(1-b.smoothing) + b.smoothing/2)
		weights[i] = float32(b.weight(e.Real))
	}
	return []model.Input{
		{Name: "ids", Tensor: tensors.FromFlatDataAndDimensions(ids, rows, columns)},
		{Name: "lengths", Tensor: tensors.FromFlatDataAndDimensions(lengths, rows)},
		{Name: "targets", Tensor: tensors.FromFlatDataAndDimensions(targets, rows)},
		{Name: "weights", Tensor: tensors.FromFlatDataAndDimensions(weights, rows)},
	}
}
