package encoder

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/transformer"
)

// Names of metrics besides those of package run.
const devAUC = "dev/roc_auc"

// tuned is what a run changes of an encoder: all its weights, or an adapter beside them.
type tuned interface {
	params() ([]optimize.Param, error)
	// inputs are those of the weights, besides params and a batch's. random is nil in evaluation.
	inputs(random *rand.Rand) []model.Input
	weights(f model.Frozen, params []*Node, in map[string]*Node, drop dropout) transformer.Weights
	// write puts the values of params into a folder of the run, and returns the SHA-256 that a head records.
	write(ctx context.Context, run string, values [][]float32) (base, adapter string, err error)
	Close()
}

// task is what a loop trains: see [run.Task].
type task struct {
	config    *Config
	data      *Data
	network   network
	tuned     tuned
	optimizer *optimize.Optimizer
	batches   run.Batches[Example]
	positive  float64 // class weights
	negative  float64
}

var _ run.Task = (*task)(nil)

// Steps implements [run.Task].
func (t *task) Steps() int { return t.optimizer.Steps() }

// Step implements [run.Task].
func (t *task) Step(ctx context.Context) (run.Step, error) {
	group := t.batches.Of(t.Steps())
	rows, tokens := 0, 0
	for _, examples := range group {
		rows += len(examples)
		for _, e := range examples {
			tokens += len(e.IDs)
		}
	}
	inputs := make([][]model.Input, len(group))
	for i, examples := range group {
		b := batch{rows: t.config.BatchSize, smoothing: t.config.Smoothing, weight: func(real bool) float64 {
			if real {
				return t.positive / float64(rows)
			}
			return t.negative / float64(rows)
		}}
		random := rand.New(rand.NewPCG(t.config.Seed, uint64(t.Steps())<<16|uint64(i)))
		inputs[i] = append(b.inputs(examples), t.tuned.inputs(random)...)
		if t.config.HeadDropout > 0 || t.config.HiddenDropout > 0 {
			seed := tensors.FromScalar(random.Uint32())
			inputs[i] = append(inputs[i], model.Input{Name: seedInput, Tensor: seed})
		}
	}
	u, err := t.optimizer.Step(ctx, inputs...)
	if err != nil {
		return run.Step{}, err
	}
	return run.Step{
		Tokens: tokens, Note: fmt.Sprintf("loss %.4f", u.Losses[0]),
		Values: map[string]float64{run.TrainLoss: u.Losses[0], run.LearningRate: u.LearningRate, run.GradNorm: u.GradNorm},
	}, nil
}

// Validate implements [run.Task]. The figures are at a threshold of 0.5.
func (t *task) Validate(ctx context.Context) (worse float64, values map[string]float64, err error) {
	logits, err := t.logits(ctx, t.data.Dev)
	if err != nil {
		return 0, nil, err
	}
	labels, p := labelsOf(t.data.Dev), make([]float64, len(logits))
	loss := 0.0
	for i, z := range logits {
		p[i] = 1 / (1 + math.Exp(-z))
		side := z // of the label
		if !labels[i] {
			side = -z
		}
		loss += max(-side, 0) + math.Log1p(math.Exp(-math.Abs(side)))
	}
	loss /= float64(len(logits))
	if !optimize.Finite(loss) { // then there are no figures either, and the loop stops
		return loss, nil, nil
	}
	scores, err := metrics.NewScores(labels, p)
	if err != nil {
		return 0, nil, err
	}
	s := scores.Summary(0.5)
	values = map[string]float64{
		run.DevLoss: loss, run.DevAccuracy: float64(s.Accuracy), run.DevPrecision: float64(s.Precision), run.DevRecall: float64(s.Recall),
		run.DevF1: float64(s.F1), devAUC: float64(s.ROCAUC),
	}
	switch t.config.Best {
	case ByAUC:
		return 1 - float64(s.ROCAUC), values, nil
	case ByF1:
		at, err := scores.MaxF1()
		return 1 - float64(scores.Summary(at).F1), values, err
	}
	return loss, values, nil
}

// SaveState implements [run.Task].
func (t *task) SaveState(dir string) error { return t.optimizer.SaveState(dir) }

// RestoreState implements [run.Task].
func (t *task) RestoreState(dir string) error { return t.optimizer.RestoreState(dir) }

// Write implements [run.Task]: the state is all there is.
func (t *task) Write(string) error { return nil }

// logits are the head's, before temperature, in the order of the examples.
func (t *task) logits(ctx context.Context, examples []Example) ([]float64, error) {
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(examples[a].IDs) - len(examples[b].IDs) })
	all := make([]float64, len(examples))
	b := batch{rows: t.config.BatchSize, weight: func(bool) float64 { return 1 }}
	for indices := range slices.Chunk(order, t.config.BatchSize) {
		some := make([]Example, len(indices))
		for i, at := range indices {
			some[i] = examples[at]
		}
		inputs := append(b.inputs(some), t.tuned.inputs(nil)...)
		out, err := t.optimizer.Evaluate(ctx, "logits", inputs, func(f model.Frozen, params []*Node, in map[string]*Node) []*Node {
			return []*Node{t.build(f, params, in, false)}
		})
		if err != nil {
			return nil, err
		}
		flat, err := tensors.CopyFlatData[float32](out[0])
		optimize.Finalize(out)
		if err != nil {
			return nil, err
		}
		for i, at := range indices {
			all[at] = float64(flat[i])
		}
	}
	return all, nil
}

// loss is that of a batch.
func (t *task) loss(f model.Frozen, params []*Node, in map[string]*Node, gradients bool) []*Node {
	return []*Node{lossOf(t.build(f, params, in, gradients && t.config.Checkpoints), in["targets"], in["weights"])}
}

// build makes the logits of a batch. The head's params come after those of what is tuned.
func (t *task) build(f model.Frozen, params []*Node, in map[string]*Node, checkpoints bool) *Node {
	n := len(params) - len(t.network.head.ParamNames())
	drop := newDropout(t.network.dropout, in[seedInput])
	return t.network.logits(t.tuned.weights(f, params[:n], in, drop), params[n:], in, drop, checkpoints)
}

func labelsOf(examples []Example) []bool {
	labels := make([]bool, len(examples))
	for i, e := range examples {
		labels[i] = e.Real
	}
	return labels
}
