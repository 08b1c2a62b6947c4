package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

// ErrNotFinite says that a loss or its gradients are NaN or infinite. The update was not made.
var ErrNotFinite = errors.New("the training diverged: try a lower learning rate, a longer warm-up or clipped gradients")

// Options say how an adapter is trained.
type Options struct {
	AdamW    AdamW
	Schedule Schedule
	// Rows is the least number of rows that batches are padded to: those with fewer then need no program of their own.
	Rows int
	// Checkpoints computes the layers' inner values again in the backward pass, which takes a third more time and a fraction
	// of the memory.
	Checkpoints bool
	Seed        uint64 // of dropout
}

// Trainer trains an adapter beside a frozen base. It is for one goroutine.
type Trainer struct {
	model   *model.Model
	decoder transformer.Decoder
	options Options
	adapter *lora.Adapter // as it was given: names, shapes and configuration
	parts   []lora.Part
	modules int

	squares  []model.Input // ‖W‖² of the rows of modules with DoRA
	params   []*tensors.Tensor
	moments  [2][]*tensors.Tensor
	step     int // updates made
	programs map[string]*model.Program
}

// New puts an adapter's tensors, and zero moments, on the device beside a model that is open without adapters. The adapter is one
// of [lora.Init], or one to be trained further.
func New(m *model.Model, a *lora.Adapter, o Options) (*Trainer, error) {
	decoder, ok := m.Layers().(transformer.Decoder)
	if !ok {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), model.ErrEncoder)
	}
	if err := errors.Join(m.CheckTrainable(), o.AdamW.check(), o.Schedule.check()); err != nil {
		return nil, err
	}
	base := m.LoRABase()
	if err := a.Check(base.Shape); err != nil {
		return nil, err
	}
	t := &Trainer{
		model: m, decoder: decoder, options: o, adapter: a, parts: a.Parts(), modules: len(a.Modules()),
		programs: map[string]*model.Program{},
	}
	for _, p := range t.parts {
		t.params = append(t.params, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
		for i := range t.moments {
			t.moments[i] = append(t.moments[i], tensors.FromFlatDataAndDimensions(make([]float32, len(p.Data)), p.Shape...))
		}
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
	return t, nil
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
// one mean over the tokens of all. On an error the adapter is as it was; see [ErrNotFinite].
func (t *Trainer) Step(ctx context.Context, batches ...[]Example) (Update, error) {
	u := Update{Step: t.step + 1, LearningRate: t.options.AdamW.LearningRate * t.options.Schedule.Factor(t.step)}
	for _, b := range batches {
		if err := t.check(b); err != nil {
			return u, err
		}
		u.Tokens += Tokens(b)
	}
	if u.Tokens == 0 {
		return u, errors.New("there are no examples")
	}
	var gradients []*tensors.Tensor
	defer func() { finalize(gradients) }()
	for i, b := range batches {
		loss, sums, err := t.gradients(ctx, b, i, 1/float32(u.Tokens), gradients)
		if err != nil {
			return u, err
		}
		finalize(gradients)
		gradients = sums
		u.Loss += loss
	}
	var err error
	u.GradNorm, err = t.update(ctx, u, gradients)
	return u, err
}

// Loss is the sum, over the completions' tokens, of the negative log-probability, without dropout.
func (t *Trainer) Loss(ctx context.Context, batch []Example) (float64, error) {
	if err := t.check(batch); err != nil {
		return 0, err
	}
	out, err := t.run(ctx, "loss", batch, 1, nil, func(loss *Node, _ map[string]*Node) []*Node { return []*Node{loss} })
	if err != nil {
		return 0, err
	}
	defer finalize(out)
	return scalar(out[0])
}

func (t *Trainer) check(batch []Example) error {
	c := t.model.Config()
	return check(batch, c.VocabSize, c.ContextLength)
}

// gradients adds those of a batch's loss to sums, which may be nil.
func (t *Trainer) gradients(ctx context.Context, batch []Example, index int, weight float32, sums []*tensors.Tensor) (float64, []*tensors.Tensor, error) {
	more := t.named("sum.", sums)
	if t.adapter.Config.Dropout > 0 {
		more = append(more, t.dropoutSeeds(index))
	}
	out, err := t.run(ctx, "gradients", batch, weight, more, func(loss *Node, in map[string]*Node) []*Node {
		list := Gradient(loss, t.nodes("param.", in)...)
		for i := range list {
			if sums != nil {
				list[i] = Add(list[i], in["sum."+t.parts[i].Name])
			}
		}
		return append([]*Node{loss}, list...)
	})
	if err != nil {
		return 0, nil, err
	}
	loss, err := scalar(out[0])
	finalize(out[:1])
	return loss, out[1:], err
}

// run compiles and runs a program of a batch's loss.
func (t *Trainer) run(ctx context.Context, name string, batch []Example, weight float32, more []model.Input, build func(loss *Node, in map[string]*Node) []*Node) ([]*tensors.Tensor, error) {
	shape := shapeOf(batch, t.options.Rows)
	inputs := append(t.named("param.", t.params), t.squares...)
	inputs = append(inputs, shape.inputs(batch, weight)...)
	inputs = append(inputs, more...)
	key := fmt.Sprint(name, shape, len(more))
	return t.execute(ctx, key, inputs, func(f model.Frozen, in map[string]*Node) []*Node {
		squares := map[string]*Node{}
		for _, module := range t.adapter.Modules() {
			squares[module] = in["squares."+module]
		}
		w := adapt(f, t.adapter, t.nodes("param.", in), squares)
		if seeds := in["seeds"]; seeds != nil {
			w.seeds, w.dropout = seeds, t.adapter.Config.Dropout
		}
		return build(languageLoss(t.model.Config(), t.decoder, w, in, t.options.Checkpoints && name == "gradients"), in)
	})
}

func (t *Trainer) execute(ctx context.Context, key string, inputs []model.Input, build func(f model.Frozen, in map[string]*Node) []*Node) ([]*tensors.Tensor, error) {
	p, ok := t.programs[key]
	if !ok {
		var err error
		if p, err = t.model.NewProgram(key, inputs, build); err != nil {
			return nil, err
		}
		t.programs[key] = p
	}
	return p.Run(ctx, inputs)
}

// dropoutSeeds are new ones for each module, update and batch of the update, from the run's seed alone.
func (t *Trainer) dropoutSeeds(batch int) model.Input {
	random := rand.New(rand.NewPCG(t.options.Seed, uint64(t.step)<<16|uint64(batch)))
	seeds := make([]uint32, t.modules)
	for i := range seeds {
		seeds[i] = random.Uint32()
	}
	return model.Input{Name: "seeds", Tensor: tensors.FromFlatDataAndDimensions(seeds, t.modules)}
}

// update makes the optimiser's step, unless the loss or the gradients are not finite.
func (t *Trainer) update(ctx context.Context, u Update, gradients []*tensors.Tensor) (float64, error) {
	scalars := t.options.AdamW.scalars(u.LearningRate, u.Step)
	inputs := append(t.named("param.", t.params), t.named("first.", t.moments[0])...)
	inputs = append(inputs, t.named("second.", t.moments[1])...)
	inputs = append(inputs, t.named("gradient.", gradients)...)
	inputs = append(inputs, model.Input{Name: "scalars", Tensor: tensors.FromFlatDataAndDimensions(scalars[:], len(scalars))})
	out, err := t.execute(ctx, "update", inputs, func(_ model.Frozen, in map[string]*Node) []*Node {
		first, second := t.nodes("first.", in), t.nodes("second.", in)
		state := make([]moments, len(first))
		for i := range state {
			state[i] = moments{first[i], second[i]}
		}
		after, next, norm := t.options.AdamW.update(t.nodes("param.", in), t.nodes("gradient.", in), state, in["scalars"])
		results := append([]*Node{norm}, after...)
		for _, m := range next {
			results = append(results, m.first)
		}
		for _, m := range next {
			results = append(results, m.second)
		}
		return results
	})
	if err != nil {
		return 0, err
	}
	norm, err := scalar(out[0])
	finalize(out[:1])
	out = out[1:]
	if err == nil && !finite(u.Loss, norm) {
		err = fmt.Errorf("update %d: the loss is %v and its gradient's norm %v: %w", u.Step, u.Loss, norm, ErrNotFinite)
	}
	if err != nil {
		finalize(out)
		return norm, err
	}
	t.replace(out)
	t.step++
	return norm, nil
}

// replace takes parameters, first and second moments in one list.
func (t *Trainer) replace(list []*tensors.Tensor) {
	n := len(t.parts)
	for i, to := range []*[]*tensors.Tensor{&t.params, &t.moments[0], &t.moments[1]} {
		finalize(*to)
		*to = list[i*n : (i+1)*n]
	}
}

// Steps is how many updates were made.
func (t *Trainer) Steps() int { return t.step }

// Adapter copies the adapter from the device, as it is now.
func (t *Trainer) Adapter() (*lora.Adapter, error) {
	values, err := download(t.params)
	if err != nil {
		return nil, err
	}
	return t.adapter.With(values)
}

// Close frees what is on the device.
func (t *Trainer) Close() {
	for _, list := range [][]*tensors.Tensor{t.params, t.moments[0], t.moments[1]} {
		finalize(list)
	}
	for _, in := range t.squares {
		finalize([]*tensors.Tensor{in.Tensor})
	}
	for _, p := range t.programs {
		p.Close()
	}
	clear(t.programs)
}

// named are tensors in the order of the parts as inputs.
func (t *Trainer) named(prefix string, list []*tensors.Tensor) []model.Input {
	var inputs []model.Input
	for i, value := range list {
		inputs = append(inputs, model.Input{Name: prefix + t.parts[i].Name, Tensor: value})
	}
	return inputs
}

// nodes are the inputs of named, in order.
func (t *Trainer) nodes(prefix string, in map[string]*Node) []*Node {
	list := make([]*Node, len(t.parts))
	for i, p := range t.parts {
		list[i] = in[prefix+p.Name]
	}
	return list
}

func download(list []*tensors.Tensor) ([][]float32, error) {
	values := make([][]float32, len(list))
	for i, tensor := range list {
		var err error
		if values[i], err = tensors.CopyFlatData[float32](tensor); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func scalar(t *tensors.Tensor) (float64, error) {
	if t.DType() != dtypes.Float32 || t.Size() != 1 {
		return 0, fmt.Errorf("got %s, expected one float32", t.Shape())
	}
	values, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return 0, err
	}
	return float64(values[0]), nil
}

func finalize(list []*tensors.Tensor) {
	for _, t := range list {
		_ = t.FinalizeAll() // only fails where it is freed already
	}
}

func finite(list ...float64) bool {
	for _, x := range list {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}
