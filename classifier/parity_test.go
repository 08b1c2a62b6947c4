package classifier_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/weights"
)

// openBackend opens $GOMLX_BACKEND, or pure Go, once: a tensor belongs to the backend that saw it first.
var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// run executes a program and returns its result's values.
func run(t *testing.T, build func(inputs []*Node) *Node, inputs ...any) []float32 {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	results, err := MustNewExec(be.Backend, build).Call(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](results[0])
}

// file is an open safetensors file of the fixtures.
type file struct {
	*weights.Checkpoint
	t *testing.T
}

func open(t *testing.T, path ...string) file {
	t.Helper()
	c, err := weights.Open(filepath.Join(append([]string{fixtures.Dir()}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return file{c, t}
}

func (f file) floats(name string) ([]float32, []int) {
	f.t.Helper()
	tensor, ok := f.Tensor(name)
	if !ok {
		f.t.Fatalf("%s lacks %s", f.Files()[0], name)
	}
	v, err := weights.ToFloat32(tensor)
	if err != nil {
		f.t.Fatal(err)
	}
	return v, tensor.Shape
}

func (f file) device(name string) *tensors.Tensor {
	f.t.Helper()
	v, shape := f.floats(name)
	return tensors.FromFlatDataAndDimensions(v, shape...)
}

// report fails unless the largest difference is at most atol; NaN and other lengths fail, too.
func report(t *testing.T, what string, got, want []float32, atol float64) {
	t.Helper()
	worst := math.NaN()
	if len(got) == len(want) {
		worst = 0
		for i := range got {
			worst = math.Max(worst, math.Abs(float64(got[i])-float64(want[i])))
		}
	}
	t.Logf("largest error %.2g in %s", worst, what)
	if !(worst <= atol) {
		t.Errorf("%s: largest error %g, allowed %g", what, worst, atol)
	}
}

// goldenHead makes a head of the fixture's torch tensors "STAGE.hidden.weight" and so on.
func goldenHead(f file, stage string) *classifier.Head {
	f.t.Helper()
	hidden, shape := f.floats(stage + ".hidden.weight")
	named := map[string][]float32{"layers.0.weight": hidden}
	for name, of := range map[string]string{"layers.0.bias": ".hidden.bias", "layers.1.weight": ".output.weight", "layers.1.bias": ".output.bias"} {
		named[name], _ = f.floats(stage + of)
	}
	config := classifier.DefaultConfig(shape[1])
	config.Layers = []int{shape[0]}
	h, err := classifier.New(stage, config, named)
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

// The head's logits before and after training against torch's, both as made and after being written and read.
func TestParityHead(t *testing.T) {
	fixtures.Glob(t, "head/mlp.safetensors")
	f := open(t, "head", "mlp.safetensors")
	for stage, expected := range map[string]string{
		"init": "logits_before", "final": "logits_after", "weighted.final": "weighted.logits_after",
	} {
		t.Run(stage, func(t *testing.T) {
			dir := t.TempDir()
			if err := goldenHead(f, stage).Save(dir); err != nil {
				t.Fatal(err)
			}
			h, err := classifier.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			inputs := []any{f.device("x")}
			for _, p := range h.Params() {
				inputs = append(inputs, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
			}
			got := run(t, func(n []*Node) *Node { return h.Config.Logit(n[0], n[1:]) }, inputs...)
			want, _ := f.floats(expected)
			report(t, expected, got, want, 1e-4)
		})
	}
}

// Pooled states against transformers', from the states of every decoder fixture.
func TestParityPooling(t *testing.T) {
	for _, path := range fixtures.Glob(t, "decoders/*/expected.safetensors") {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			f := open(t, "decoders", name, "expected.safetensors")
			lengths := promptLengths(f)
			// gen_states begins at the last prompt token: a prompt of one and the generated tokens.
			_, shape := f.floats("gen_states")
			one, all := make([]int32, shape[0]), make([]int32, shape[0])
			for i := range one {
				one[i], all[i] = 1, int32(shape[1])
			}
			for _, test := range []struct {
				kind          classifier.Pooling
				states        string
				prompt, total []int32
				expected      string
			}{
				{classifier.PoolMeanGenerated, "gen_states", one, all, "gen_mean_at"},
				{classifier.PoolMeanFrom, "gen_states", one, all, "gen_mean_from"},
				{classifier.PoolMeanAll, "hidden_last", lengths, lengths, "pooled_mean"},
				{classifier.PoolMeanGenerated, "hidden_last", lengths, lengths, "pooled_last"},
				{classifier.PoolLast, "hidden_last", lengths, lengths, "pooled_last"},
			} {
				got := run(t, func(n []*Node) *Node { return classifier.Over(test.kind, n[0], n[1], n[2]) },
					f.device(test.states), test.prompt, test.total)
				want, _ := f.floats(test.expected)
				report(t, test.expected+" as "+string(test.kind), got, want, 1e-4)
			}
			testRunningMean(t, f, lengths)
		})
	}
}

// testRunningMean feeds gen_states into a running pool that knows the prompt's states.
func testRunningMean(t *testing.T, f file, lengths []int32) {
	t.Helper()
	for kind, expected := range map[classifier.Pooling]string{
		classifier.PoolMeanAll: "prompt_gen_mean", classifier.PoolMeanGenerated: "gen_mean_at", classifier.PoolMeanFrom: "gen_mean_from",
	} {
		pool, err := classifier.NewPool(kind)
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, func(n []*Node) *Node {
			states, active := n[1], Const(n[0].Graph(), make([]float32, len(lengths)))
			state := pool.Init(classifier.PromptOf(n[0], n[2]))
			for step := 1; step < states.Shape().Dim(1); step++ {
				x := Squeeze(Slice(states, AxisRange(), AxisElem(step)), 1)
				state = pool.Update(state, x, Equal(active, ConstAs(active, 0)))
			}
			return pool.Value(state, kind)
		}, f.device("hidden_last"), f.device("gen_states"), lengths)
		want, _ := f.floats(expected)
		report(t, expected+", running", got, want, 1e-4)
	}
}

func promptLengths(f file) []int32 {
	f.t.Helper()
	mask, ok := f.Tensor("attention_mask")
	if !ok {
		f.t.Fatal("no attention_mask")
	}
	values, err := weights.ToInt64(mask)
	if err != nil {
		f.t.Fatal(err)
	}
	lengths := make([]int32, mask.Shape[0])
	for i, v := range values {
		lengths[i/mask.Shape[1]] += int32(v)
	}
	return lengths
}

// Temperature divides the logit: the fixture's mean negative log-likelihoods come out at its temperatures.
func TestParityTemperature(t *testing.T) {
	data, err := os.ReadFile(fixtures.Glob(t, "head/temperature.json")[0])
	if err != nil {
		t.Fatal(err)
	}
	var fixture struct {
		Cases []struct {
			Name        string
			Logits      []float32
			Labels      []float64
			Temperature *float64
			At          float64 `json:"nll_at_temperature"`
			At2         float64 `json:"nll_at_2"`
		}
	}
	if err := json.Unmarshal(data, &fixture); err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, c := range fixture.Cases {
		if c.Temperature == nil {
			continue // no minimum exists, so the fixture has no values
		}
		tested++
		for temperature, want := range map[float64]float64{*c.Temperature: c.At, 2: c.At2} {
			p := run(t, func(n []*Node) *Node { return classifier.Probability(n[0], n[1]) }, c.Logits, float32(temperature))
			nll := 0.0
			for i, label := range c.Labels {
				if label == 1 { // not as one sum: a sure p of 0 or 1 in float32 would make 0·∞
					nll -= math.Log(float64(p[i]))
				} else {
					nll -= math.Log1p(-float64(p[i]))
				}
			}
			report(t, fmt.Sprintf("%s at T = %.3g", c.Name, temperature), []float32{float32(nll / float64(len(p)))}, []float32{float32(want)}, 1e-5)
		}
	}
	if tested == 0 {
		t.Fatal("no case has a temperature")
	}
}
