package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
)

// Options say how an adapter is trained.
type Options struct {
	AdamW    optimize.AdamW
	Schedule optimize.Schedule
	// Rows is the least number of rows that batches are padded to: those with fewer then need no program of their own.
	Rows int
	// Checkpoints computes the layers' inner values again in the backward pass, which takes a third more time and a fraction
	// of the memory.
	Checkpoints bool
	Seed        uint64 // of dropout
	// Devices divide the rows of a batch among themselves; 0 is 1. What is learned differs from one device's by rounding.
	Devices int
}

// rowAxes are the axes that have the rows, or the labels, of [Inputs].
var rowAxes = map[string]int{"ids": 0, "lengths": 0, "from": 0, "targets": 1, "weights": 1}

// compile is how programs are compiled for so many devices; replicas are nil for one.
func (o *Options) compile(m *model.Model, axes map[string]int) (optimize.Compile, *model.Replicas, error) {
	if o.Devices <= 1 {
		return optimize.OnModel(m), nil, nil
	}
	replicas, err := m.Replicate(o.Devices)
	if err != nil {
		return nil, nil, err
	}
	return optimize.OnReplicas(replicas, axes), replicas, nil
}

// rows is the number of rows that a batch is padded to.
func (o *Options) rows(batch int) int {
	n, devices := max(o.Rows, batch), max(o.Devices, 1)
	return (n + devices - 1) / devices * devices
}

// Trainer trains an adapter beside a frozen base. It is for one goroutine.
type Trainer struct {
	model     *model.Model
	decoder   transformer.Decoder
	options   Options
	adapting  *Adapting
	optimizer *optimize.Optimizer // of the adapter's parts, in their order
	replicas  *model.Replicas     // nil for one device
}

// New puts an adapter's tensors, and zero moments, on the device beside a model that is open without adapters. The adapter is one
// of [lora.Init], or one to be trained further.
func New(m *model.Model, a *lora.Adapter, o Options) (*Trainer, error) {
	decoder, ok := m.Layers().(transformer.Decoder)
	if !ok {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), model.ErrEncoder)
	}
	adapting, err := NewAdapting(m, a)
	if err != nil {
		return nil, err
	}
	t := &Trainer{model: m, decoder: decoder, options: o, adapting: adapting}
	var compile optimize.Compile
	if compile, t.replicas, err = o.compile(m, rowAxes); err != nil {
		return nil, err
	}
	t.optimizer, err = optimize.New(m.Backend().Backend, compile, adapting.Params(), t.loss, optimize.Options{AdamW: o.AdamW, Schedule: o.Schedule})
	return t, err
}

// Update is what [Trainer.Step] did.
type Update struct {
	Step         int     // counted from 1
	Loss         float64 // before the update: the mean over the completions' tokens
	GradNorm     float64 // before clipping
	LearningRate float64
	Tokens       int // of the completions
}

// Step makes one update by the gradients of one or more batches, which are added up (gradient accumulation): the loss is
// one mean over the tokens of all. On an error the adapter is as it was; see [optimize.ErrNotFinite].
func (t *Trainer) Step(ctx context.Context, batches ...[]Example) (Update, error) {
	tokens := 0
	for _, b := range batches {
		if err := t.check(b); err != nil {
			return Update{}, err
		}
		tokens += Tokens(b)
	}
	if tokens == 0 {
		return Update{}, errors.New("there are no examples")
	}
	inputs := make([][]model.Input, len(batches))
	for i, b := range batches {
		// From the run's seed, the update and the batch alone, so that a run can be resumed.
		random := rand.New(rand.NewPCG(t.options.Seed, uint64(t.Steps())<<16|uint64(i)))
		inputs[i] = t.inputs(b, 1/float32(tokens), random)
	}
	u, err := t.optimizer.Step(ctx, inputs...)
	if err != nil {
		return Update{Step: u.Step, Tokens: tokens}, err
	}
	return Update{Step: u.Step, Loss: u.Losses[0], GradNorm: u.GradNorm, LearningRate: u.LearningRate, Tokens: tokens}, nil
}

// Loss is the sum, over the completions' tokens, of the negative log-probability, without dropout.
func (t *Trainer) Loss(ctx context.Context, batch []Example) (float64, error) {
	if err := t.check(batch); err != nil {
		return 0, err
	}
	losses, err := t.optimizer.Losses(ctx, t.inputs(batch, 1, nil))
	if err != nil {
		return 0, err
	}
	return losses[0], nil
}

func (t *Trainer) check(batch []Example) error {
	c := t.model.Config()
	return CheckExamples(batch, c.VocabSize, c.ContextLength)
}

// inputs are those of a batch's loss; without random there is no dropout.
func (t *Trainer) inputs(batch []Example, weight float32, random *rand.Rand) []model.Input {
	return append(t.adapting.Inputs(random), Inputs(batch, t.options.rows(len(batch)), weight)...)
}

// loss is that of a batch, of inputs.
func (t *Trainer) loss(f model.Frozen, params []*Node, in map[string]*Node, gradients bool) []*Node {
	return []*Node{LanguageLoss(t.model.Config(), t.decoder, t.adapting.Weights(f, params, in), in, t.options.Checkpoints && gradients)}
}

// Steps is how many updates were made.
func (t *Trainer) Steps() int { return t.optimizer.Steps() }

// SaveState writes what [Trainer.RestoreState] goes on from, to the same bits.
func (t *Trainer) SaveState(dir string) error { return t.optimizer.SaveState(dir) }

// RestoreState reads what SaveState wrote for an adapter of the same configuration. On an error the trainer is as it was.
func (t *Trainer) RestoreState(dir string) error { return t.optimizer.RestoreState(dir) }

// Adapter copies the adapter from the device, as it is now.
func (t *Trainer) Adapter() (*lora.Adapter, error) {
	values, err := t.optimizer.Values()
	if err != nil {
		return nil, err
	}
	return t.adapting.Adapter(values)
}

// Close frees what is on the device.
func (t *Trainer) Close() {
	t.optimizer.Close()
	t.adapting.Close()
	if t.replicas != nil {
		t.replicas.Close()
	}
}
