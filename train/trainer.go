package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

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
}

// Trainer trains an adapter beside a frozen base. It is for one goroutine.
type Trainer struct {
	model     *model.Model
	decoder   transformer.Decoder
	options   Options
	adapter   *lora.Adapter // as it was given: names, shapes and configuration
	modules   int
	squares   []model.Input       // ‖W‖² of the rows of modules with DoRA
	optimizer *optimize.Optimizer // of the adapter's parts, in their order
}

// New puts an adapter's tensors, and zero moments, on the device beside a model that is open without adapters. The adapter is one
// of [lora.Init], or one to be trained further.
func New(m *model.Model, a *lora.Adapter, o Options) (*Trainer, error) {
	decoder, ok := m.Layers().(transformer.Decoder)
	if !ok {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), model.ErrEncoder)
	}
	if err := m.CheckTrainable(); err != nil {
		return nil, err
	}
	base := m.LoRABase()
	if err := a.Check(base.Shape); err != nil {
		return nil, err
	}
	t := &Trainer{model: m, decoder: decoder, options: o, adapter: a, modules: len(a.Modules())}
	var params []optimize.Param
	for _, p := range a.Parts() {
		params = append(params, optimize.Param{Name: p.Name, Shape: p.Shape, Data: p.Data})
		if p.Role != lora.RoleMagnitude {
			continue
		}
		norms, err := base.Norms(p.Of)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", p.Of, err)
		}
		squares := make([]float32, len(norms))
		for i, n := range norms {
			squares[i] = float32(n * n)
		}
		t.squares = append(t.squares, model.Input{Name: "squares." + p.Of, Tensor: tensors.FromFlatDataAndDimensions(squares, len(squares))})
	}
	var err error
	t.optimizer, err = optimize.New(m.Backend().Backend, optimize.OnModel(m), params, t.loss, optimize.Options{AdamW: o.AdamW, Schedule: o.Schedule})
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
		inputs[i] = t.inputs(b, 1/float32(tokens))
		if t.adapter.Config.Dropout > 0 {
			inputs[i] = append(inputs[i], t.dropoutSeeds(i))
		}
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
	losses, err := t.optimizer.Losses(ctx, t.inputs(batch, 1))
	if err != nil {
		return 0, err
	}
	return losses[0], nil
}

func (t *Trainer) check(batch []Example) error {
	c := t.model.Config()
	return CheckExamples(batch, c.VocabSize, c.ContextLength)
}

// inputs are those of a batch's loss, without dropout.
func (t *Trainer) inputs(batch []Example, weight float32) []model.Input {
	return append(slices.Clone(t.squares), Inputs(batch, t.options.Rows, weight)...)
}

// loss is that of a batch, of inputs.
func (t *Trainer) loss(f model.Frozen, params []*Node, in map[string]*Node, gradients bool) []*Node {
	return []*Node{LanguageLoss(t.model.Config(), t.decoder, t.adapted(f, params, in), in, t.options.Checkpoints && gradients)}
}

// adapted is the base with the adapter.
func (t *Trainer) adapted(f model.Frozen, params []*Node, in map[string]*Node) *adapted {
	squares := map[string]*Node{}
	for _, module := range t.adapter.Modules() {
		squares[module] = in["squares."+module]
	}
	w := adapt(f, t.adapter, params, squares)
	if seeds := in["seeds"]; seeds != nil {
		w.seeds, w.dropout = seeds, t.adapter.Config.Dropout
	}
	return w
}

// dropoutSeeds are new ones for each module, update and batch of the update, from the run's seed alone.
func (t *Trainer) dropoutSeeds(batch int) model.Input {
	random := rand.New(rand.NewPCG(t.options.Seed, uint64(t.Steps())<<16|uint64(batch)))
	seeds := make([]uint32, t.modules)
	for i := range seeds {
		seeds[i] = random.Uint32()
	}
	return model.Input{Name: "seeds", Tensor: tensors.FromFlatDataAndDimensions(seeds, t.modules)}
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
	return t.adapter.With(values)
}

// Close frees what is on the device.
func (t *Trainer) Close() {
	t.optimizer.Close()
	for _, in := range t.squares {
		optimize.Finalize([]*tensors.Tensor{in.Tensor})
	}
}
