package full

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
)

// Options say how a decoder is trained.
type Options struct {
	AdamW    optimize.AdamW
	Schedule optimize.Schedule
	DType    dtypes.DType // of products; unset is float32. The weights are float32
	// Rows is the least number of rows that batches are padded to: those with fewer then need no program of their own.
	Rows int
	// Checkpoints computes the layers' inner values again in the backward pass, which takes a third more time and a fraction
	// of the memory.
	Checkpoints bool
}

// Trainer trains a decoder. It is for one goroutine, and implements [train.Learner].
type Trainer struct {
	network   *Network
	decoder   transformer.Decoder
	options   Options
	optimizer *optimize.Optimizer
}

var _ train.Learner = (*Trainer)(nil)

// New puts a decoder's tensors, and zero moments, on the device. The network's Params are not needed from then on.
func New(b compute.Backend, n *Network, o Options) (*Trainer, error) {
	decoder, ok := n.Layers.(transformer.Decoder)
	if !ok {
		return nil, fmt.Errorf("%s is an architecture of encoders, expected a decoder's", n.Config.ModelType)
	}
	if o.DType == dtypes.InvalidDType {
		o.DType = dtypes.Float32
	}
	t := &Trainer{network: n, decoder: decoder, options: o}
	var err error
	t.optimizer, err = optimize.New(b, optimize.OnBackend(b), n.Params, t.loss, optimize.Options{AdamW: o.AdamW, Schedule: o.Schedule})
	return t, err
}

func (t *Trainer) loss(_ model.Frozen, params []*Node, in map[string]*Node, gradients bool) []*Node {
	w := t.network.Weights(params, t.options.DType)
	return []*Node{train.LanguageLoss(t.network.Config, t.decoder, w, in, t.options.Checkpoints && gradients)}
}

// Step makes one update by the gradients of one or more batches, which are added up (gradient accumulation): the loss is
// one mean over the completions' tokens of all. On an error the weights are as they were; see [optimize.ErrNotFinite].
func (t *Trainer) Step(ctx context.Context, batches ...[]train.Example) (train.Update, error) {
	tokens := 0
	for _, b := range batches {
		if err := t.check(b); err != nil {
			return train.Update{}, err
		}
		tokens += train.Tokens(b)
	}
	if tokens == 0 {
		return train.Update{}, errors.New("there are no examples")
	}
	inputs := make([][]optimize.Input, len(batches))
	for i, b := range batches {
		inputs[i] = train.Inputs(b, t.options.Rows, 1/float32(tokens))
	}
	u, err := t.optimizer.Step(ctx, inputs...)
	if err != nil {
		return train.Update{Step: u.Step, Tokens: tokens}, err
	}
	return train.Update{Step: u.Step, Loss: u.Losses[0], GradNorm: u.GradNorm, LearningRate: u.LearningRate, Tokens: tokens}, nil
}

// Loss is the sum, over the completions' tokens, of the negative log-probability.
func (t *Trainer) Loss(ctx context.Context, batch []train.Example) (float64, error) {
	if err := t.check(batch); err != nil {
		return 0, err
	}
	losses, err := t.optimizer.Losses(ctx, train.Inputs(batch, t.options.Rows, 1))
	if err != nil {
		return 0, err
	}
	return losses[0], nil
}

func (t *Trainer) check(batch []train.Example) error {
	return train.CheckExamples(batch, t.network.Config.VocabSize, t.network.Config.ContextLength)
}

// Steps is how many updates were made.
func (t *Trainer) Steps() int { return t.optimizer.Steps() }

// Values copies the weights from the device, by key.
func (t *Trainer) Values() (map[string][]float32, error) {
	list, err := t.optimizer.Values()
	if err != nil {
		return nil, err
	}
	values := make(map[string][]float32, len(list))
	for i, tensor := range t.network.Tensors {
		values[tensor.Key] = list[i]
	}
	return values, nil
}

// SaveState writes what [Trainer.RestoreState] goes on from, to the same bits.
func (t *Trainer) SaveState(dir string) error { return t.optimizer.SaveState(dir) }

// RestoreState reads what SaveState wrote for a network of the same configuration. On an error the trainer is as it was.
func (t *Trainer) RestoreState(dir string) error { return t.optimizer.RestoreState(dir) }

// Close frees what is on the device.
func (t *Trainer) Close() { t.optimizer.Close() }
