package optimize

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/model"
)

// line is Σ weight·(w·x+b−y)², and Σ weight beside it.
func line(_ model.Frozen, params []*Node, in map[string]*Node, _ bool) []*Node {
	wrong := Sub(Add(Mul(in["x"], params[0]), params[1]), in["y"])
	return []*Node{ReduceAllSum(Mul(in["weights"], Mul(wrong, wrong))), ReduceAllSum(in["weights"])}
}

// points are of y = 3x − 1.
func points(weight float32, xs ...float32) []Input {
	ys, weights := make([]float32, len(xs)), make([]float32, len(xs))
	for i, x := range xs {
		ys[i], weights[i] = 3*x-1, weight
	}
	var inputs []Input
	for _, in := range []struct {
		name string
		flat []float32
	}{{"x", xs}, {"y", ys}, {"weights", weights}} {
		inputs = append(inputs, Input{Name: in.name, Tensor: tensors.FromFlatDataAndDimensions(in.flat, len(xs))})
	}
	return inputs
}

func fresh(t *testing.T, o Options) *Optimizer {
	t.Helper()
	return with(t, o, Param{Name: "w", Shape: []int{1}, Data: []float32{0}}, Param{Name: "b", Shape: []int{1}, Data: []float32{0.5}, NoDecay: true})
}

func with(t *testing.T, o Options, params ...Param) *Optimizer {
	t.Helper()
	b, err := backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
	if err != nil {
		t.Fatal(err)
	}
	opt, err := New(b.Backend, OnBackend(b.Backend), params, line, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opt.Close)
	return opt
}

func options() Options {
	o := Options{AdamW: DefaultAdamW(), Schedule: Schedule{Kind: Constant}}
	o.AdamW.LearningRate, o.AdamW.WeightDecay, o.AdamW.MaxGradNorm = 0.1, 0, 0
	return o
}

func step(t *testing.T, opt *Optimizer, batches ...[]Input) Update {
	t.Helper()
	u, err := opt.Step(context.Background(), batches...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func values(t *testing.T, opt *Optimizer) []float32 {
	t.Helper()
	list, err := opt.Values()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(list...)
}

// Without a model: a line is found, from one batch or from two that are added up.
func TestLine(t *testing.T) {
	whole, parts := fresh(t, options()), fresh(t, options())
	for i := range 300 {
		u := step(t, whole, points(0.25, -1, 0, 1, 2))
		v := step(t, parts, points(0.25, -1, 0), points(0.25, 1, 2))
		if i == 0 {
			// (−0−0.5+…)²: at w=0, b=0.5 the errors are 4.5, 1.5, −1.5 and −4.5.
			if want := (20.25 + 2.25 + 2.25 + 20.25) / 4; math.Abs(u.Losses[0]-want) > 1e-5 || math.Abs(v.Losses[0]-want) > 1e-5 {
				t.Errorf("the first loss is %v and %v, expected %v", u.Losses[0], v.Losses[0], want)
			}
			if u.Losses[1] != 1 || v.Losses[1] != 1 {
				t.Errorf("the weights sum to %v and %v", u.Losses[1], v.Losses[1])
			}
			// d/dw = Σ 2·e·x/4 = −7.5; d/db = 0.
			if math.Abs(u.GradNorm-7.5) > 1e-5 {
				t.Errorf("the gradient's norm is %v, expected 7.5", u.GradNorm)
			}
		}
	}
	for _, opt := range []*Optimizer{whole, parts} {
		got := values(t, opt)
		if math.Abs(float64(got[0]-3)) > 1e-2 || math.Abs(float64(got[1]+1)) > 1e-2 {
			t.Errorf("got %v, expected 3 and -1", got)
		}
	}
}

// With a gradient of 0, weight decay alone moves what has it.
func TestNoDecay(t *testing.T) {
	o := options()
	o.AdamW.WeightDecay = 0.5
	opt := fresh(t, o)
	opt.replaceValue(0, 3)
	opt.replaceValue(1, -1)
	step(t, opt, points(0.5, 1, 2))
	if got := values(t, opt); math.Abs(float64(got[0])-3*(1-0.1*0.5)) > 1e-6 || got[1] != -1 {
		t.Errorf("got %v, expected 2.85 and -1", got)
	}
}

// A tensor with a rate moves by that factor, its weight decay included; Evaluate sees where it is.
func TestRate(t *testing.T) {
	o := options()
	o.AdamW.WeightDecay = 0.5
	plain := fresh(t, o)
	fast := with(t, o, Param{Name: "w", Shape: []int{1}, Data: []float32{0.25}, Rate: 3}, Param{Name: "b", Shape: []int{1}, Data: []float32{0.5}, NoDecay: true})
	plain.replaceValue(0, 0.25)
	step(t, plain, points(1, 1, 2))
	step(t, fast, points(1, 1, 2))
	got, want := values(t, fast), values(t, plain)
	if moved := want[0] - 0.25; math.Abs(float64(got[0]-0.25-3*moved)) > 1e-6 || moved == 0 || got[1] != want[1] {
		t.Errorf("got %v, expected 3 times as far as %v from 0.25, and the same second", got, want)
	}
	out, err := fast.Evaluate(context.Background(), "sum", nil, func(_ model.Frozen, params []*Node, _ map[string]*Node) []*Node {
		return []*Node{Add(params[0], params[1])}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer Finalize(out)
	if sum, err := Scalars(out); err != nil || math.Abs(sum[0]-float64(got[0]+got[1])) > 1e-6 {
		t.Errorf("evaluated to %v, %v, expected %v", sum, err, got[0]+got[1])
	}
}

func (t *Optimizer) replaceValue(i int, value float32) {
	Finalize(t.values[i : i+1])
	t.values[i] = tensors.FromFlatDataAndDimensions([]float32{value}, 1)
}

// A saved state goes on to the same bits; one of other params is refused and changes nothing.
func TestState(t *testing.T) {
	first, second := fresh(t, options()), fresh(t, options())
	for range 5 {
		step(t, first, points(1, 1, 2))
	}
	dir := t.TempDir()
	if err := first.SaveState(dir); err != nil {
		t.Fatal(err)
	}
	if err := second.RestoreState(dir); err != nil {
		t.Fatal(err)
	}
	if second.Steps() != 5 {
		t.Errorf("restored at update %d", second.Steps())
	}
	step(t, first, points(1, 3))
	step(t, second, points(1, 3))
	if !slices.Equal(values(t, first), values(t, second)) {
		t.Error("a restored optimiser goes on to other bits")
	}
	other := fresh(t, options())
	other.params[0].Name = "other"
	before := values(t, other)
	if err := other.RestoreState(dir); err == nil {
		t.Error("a state of other params was restored")
	}
	if other.Steps() != 0 || !slices.Equal(before, values(t, other)) {
		t.Error("the refused state changed the optimiser")
	}
}

func TestNotFinite(t *testing.T) {
	opt := fresh(t, options())
	before := values(t, opt)
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		if _, err := opt.Step(context.Background(), points(1, 1), points(float32(bad), 2)); !errors.Is(err, ErrNotFinite) {
			t.Errorf("got %v", err)
		}
	}
	if opt.Steps() != 0 || !slices.Equal(before, values(t, opt)) {
		t.Error("the failed update changed something")
	}
	if _, err := opt.Step(context.Background()); err == nil {
		t.Error("an update of no batch was made")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := opt.Step(ctx, points(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
