package optimize

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/model"
)

// ErrNotFinite says that a loss or its gradients are NaN or infinite. The update was not made.
var ErrNotFinite = errors.New("the training diverged: try a lower learning rate, a longer warm-up or clipped gradients")

// Param is a tensor that is trained.
type Param struct {
	Name  string
	Shape []int
	Data  []float32 // row by row
	// NoDecay leaves weight decay out, as is usual for biases and norms where all weights are trained.
	NoDecay bool
	// Rate is a factor of the learning rate, such as for a new head on a pretrained base; 0 is 1.
	Rate float64
}

// Loss makes scalars of the params, in the optimiser's order, and of a batch's inputs by name. The first is what an update
// makes smaller; others are only reported, such as its parts. An update's loss is the sum over its batches: means are made by
// weights that come in as inputs. gradients tells whether the gradients are wanted, so whether it pays to checkpoint.
type Loss func(frozen model.Frozen, params []*Node, in map[string]*Node, gradients bool) []*Node

// Options say how tensors are trained.
type Options struct {
	AdamW    AdamW
	Schedule Schedule
}

// Optimizer holds tensors in training, and AdamW's moments, on the device. It is for one goroutine.
type Optimizer struct {
	compile  Compile
	backend  Compile // of updates, which need no more than the tensors
	loss     Loss
	options  Options
	params   []Param // as they were given, without their data
	values   []*tensors.Tensor
	moments  [2][]*tensors.Tensor
	step     int // updates made
	programs map[string]Program
}

// New puts tensors and zero moments on the device. The names of params must differ.
func New(b compute.Backend, compile Compile, params []Param, loss Loss, o Options) (*Optimizer, error) {
	if err := errors.Join(o.AdamW.Check(), o.Schedule.Check()); err != nil {
		return nil, err
	}
	t := &Optimizer{compile: compile, backend: OnBackend(b), loss: loss, options: o, programs: map[string]Program{}}
	for _, p := range params {
		t.params = append(t.params, Param{Name: p.Name, Shape: p.Shape, NoDecay: p.NoDecay, Rate: p.Rate})
		t.values = append(t.values, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
		for i := range t.moments {
			t.moments[i] = append(t.moments[i], tensors.FromFlatDataAndDimensions(make([]float32, len(p.Data)), p.Shape...))
		}
	}
	return t, nil
}

// Update is what [Optimizer.Step] did.
type Update struct {
	Step         int       // counted from 1
	Losses       []float64 // what the [Loss] gave before the update, each summed over the batches
	GradNorm     float64   // before clipping
	LearningRate float64
}

// Step makes one update by the gradients of one or more batches, which are added up (gradient accumulation). A program is
// compiled for each new set of names and shapes of a batch's inputs. On an error the tensors are as they were; see
// [ErrNotFinite].
func (t *Optimizer) Step(ctx context.Context, batches ...[]Input) (Update, error) {
	u := Update{Step: t.step + 1, LearningRate: t.LearningRate()}
	if len(batches) == 0 {
		return u, errors.New("there is no batch")
	}
	var gradients []*tensors.Tensor
	defer func() { Finalize(gradients) }()
	for _, b := range batches {
		losses, sums, err := t.Gradients(ctx, b, gradients)
		if err != nil {
			return u, err
		}
		Finalize(gradients)
		gradients = sums
		if u.Losses == nil {
			u.Losses = make([]float64, len(losses))
		}
		for i, loss := range losses {
			u.Losses[i] += loss
		}
	}
	var err error
	u.GradNorm, err = t.update(ctx, u, gradients)
	return u, err
}

// LearningRate is that of the next update.
func (t *Optimizer) LearningRate() float64 {
	return t.options.AdamW.LearningRate * t.options.Schedule.Factor(t.step)
}

// Losses are what the [Loss] gives of a batch, without gradients.
func (t *Optimizer) Losses(ctx context.Context, batch []Input) ([]float64, error) {
	out, err := t.run(ctx, "loss", batch, nil, func(losses, _ []*Node, _ map[string]*Node) []*Node { return losses })
	if err != nil {
		return nil, err
	}
	defer Finalize(out)
	return Scalars(out)
}

// Evaluate runs a function of the tensors, as they are now, and of a batch's inputs: the logits of dev rows, for instance. name
// tells it from others. The caller frees what it gives.
func (t *Optimizer) Evaluate(ctx context.Context, name string, batch []Input, build func(frozen model.Frozen, params []*Node, in map[string]*Node) []*Node) ([]*tensors.Tensor, error) {
	inputs := append(t.named("param.", t.values), batch...)
	return t.execute(ctx, t.compile, programKey("evaluate "+name, batch, false), inputs, func(f model.Frozen, in map[string]*Node) []*Node {
		return build(f, t.nodes("param.", in), in)
	})
}

// Gradients adds those of a batch's loss to sums, which may be nil: the sum is a new list in the order of the params, which the
// caller frees.
func (t *Optimizer) Gradients(ctx context.Context, batch []Input, sums []*tensors.Tensor) (losses []float64, list []*tensors.Tensor, err error) {
	out, err := t.run(ctx, "gradients", batch, t.named("sum.", sums), func(losses, params []*Node, in map[string]*Node) []*Node {
		gradients := Gradient(losses[0], params...)
		for i := range gradients {
			if sums != nil {
				gradients[i] = Add(gradients[i], in["sum."+t.params[i].Name])
			}
		}
		return append(gradients, losses...)
	})
	if err != nil {
		return nil, nil, err
	}
	list, out = out[:len(t.params)], out[len(t.params):]
	defer Finalize(out)
	if losses, err = Scalars(out); err != nil {
		Finalize(list)
		return nil, nil, err
	}
	return losses, list, nil
}

// run compiles and runs a program of a batch's losses.
func (t *Optimizer) run(ctx context.Context, name string, batch, more []Input, build func(losses, params []*Node, in map[string]*Node) []*Node) ([]*tensors.Tensor, error) {
	inputs := append(t.named("param.", t.values), batch...)
	inputs = append(inputs, more...)
	return t.execute(ctx, t.compile, programKey(name, batch, len(more) > 0), inputs, func(f model.Frozen, in map[string]*Node) []*Node {
		params := t.nodes("param.", in)
		return build(t.loss(f, params, in, name == "gradients"), params, in)
	})
}

// programKey names a program by what it is compiled for.
func programKey(name string, batch []Input, sums bool) string {
	var key strings.Builder
	fmt.Fprint(&key, name, sums)
	for _, in := range batch {
		fmt.Fprint(&key, " ", in.Name, in.Tensor.Shape())
	}
	return key.String()
}

func (t *Optimizer) execute(ctx context.Context, compile Compile, key string, inputs []Input, build Build) ([]*tensors.Tensor, error) {
	p, ok := t.programs[key]
	if !ok {
		var err error
		if p, err = compile(key, inputs, build); err != nil {
			return nil, err
		}
		t.programs[key] = p
	}
	return p.Run(ctx, inputs)
}

// update makes AdamW's step, unless the loss or the gradients are not finite.
func (t *Optimizer) update(ctx context.Context, u Update, gradients []*tensors.Tensor) (float64, error) {
	scalars := t.options.AdamW.scalars(u.LearningRate, u.Step)
	inputs := append(t.named("param.", t.values), t.named("first.", t.moments[0])...)
	inputs = append(inputs, t.named("second.", t.moments[1])...)
	inputs = append(inputs, t.named("gradient.", gradients)...)
	inputs = append(inputs, Input{Name: "scalars", Tensor: tensors.FromFlatDataAndDimensions(scalars[:], len(scalars))})
	out, err := t.execute(ctx, t.backend, "update", inputs, func(_ model.Frozen, in map[string]*Node) []*Node {
		first, second := t.nodes("first.", in), t.nodes("second.", in)
		state := make([]moments, len(first))
		for i := range state {
			state[i] = moments{first[i], second[i], !t.params[i].NoDecay, t.params[i].Rate}
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
	norms, err := Scalars(out[:1])
	Finalize(out[:1])
	out = out[1:]
	if err != nil {
		Finalize(out)
		return 0, err
	}
	if !Finite(norms...) || !Finite(u.Losses...) {
		Finalize(out)
		return norms[0], fmt.Errorf("update %d: the loss is %v and its gradient's norm %v: %w", u.Step, u.Losses[0], norms[0], ErrNotFinite)
	}
	t.replace(out)
	t.step++
	return norms[0], nil
}

// replace takes values, first and second moments in one list.
func (t *Optimizer) replace(list []*tensors.Tensor) {
	n := len(t.params)
	for i, to := range []*[]*tensors.Tensor{&t.values, &t.moments[0], &t.moments[1]} {
		Finalize(*to)
		*to = list[i*n : (i+1)*n]
	}
}

// Steps is how many updates were made.
func (t *Optimizer) Steps() int { return t.step }

// Values copies the tensors from the device, as they are now, in the order of the params.
func (t *Optimizer) Values() ([][]float32, error) { return download(t.values) }

// Close frees what is on the device.
func (t *Optimizer) Close() {
	for _, list := range [][]*tensors.Tensor{t.values, t.moments[0], t.moments[1]} {
		Finalize(list)
	}
	for _, p := range t.programs {
		p.Close()
	}
	clear(t.programs)
}

// named are tensors in the order of the params as inputs.
func (t *Optimizer) named(prefix string, list []*tensors.Tensor) []Input {
	var inputs []Input
	for i, value := range list {
		inputs = append(inputs, Input{Name: prefix + t.params[i].Name, Tensor: value})
	}
	return inputs
}

// nodes are the inputs of named, in order.
func (t *Optimizer) nodes(prefix string, in map[string]*Node) []*Node {
	list := make([]*Node, len(t.params))
	for i, p := range t.params {
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

// Scalars reads tensors of one float32 each.
func Scalars(list []*tensors.Tensor) ([]float64, error) {
	values := make([]float64, len(list))
	for i, t := range list {
		if t.DType() != dtypes.Float32 || t.Size() != 1 {
			return nil, fmt.Errorf("got %s, expected one float32", t.Shape())
		}
		flat, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return nil, err
		}
		values[i] = float64(flat[0])
	}
	return values, nil
}

// Finalize frees tensors.
func Finalize(list []*tensors.Tensor) {
	for _, t := range list {
		_ = t.FinalizeAll() // only fails where it is freed already
	}
}

// Finite tells whether no number is NaN or infinite.
func Finite(list ...float64) bool {
	for _, x := range list {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}
