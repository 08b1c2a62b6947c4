package head_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/train/head"
)

// openBackend opens $GOMLX_BACKEND, or pure Go, once.
var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

func options(t testing.TB) head.Options {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	return head.Options{Backend: be.Backend, Epochs: 10}
}

// golden is head/mlp.safetensors: tensors by name.
type golden struct{ fixtures.Golden }

// torchNames are the fixture's names of a head's tensors.
var torchNames = map[string]string{
	"layers.0.weight": "hidden.weight", "layers.0.bias": "hidden.bias",
	"layers.1.weight": "output.weight", "layers.1.bias": "output.bias",
}

func (g golden) weights(stage string) map[string][]float32 {
	w := map[string][]float32{}
	for name, torch := range torchNames {
		w[name] = g.Floats(stage + "." + torch)
	}
	return w
}

func near(t *testing.T, what string, got, want []float64, atol, rtol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, expected %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		d := math.Abs(got[i] - want[i])
		worst = math.Max(worst, d)
		if !(d <= atol+rtol*math.Abs(want[i])) {
			t.Errorf("%s: value %d is %v, expected %v", what, i, got[i], want[i])
			break
		}
	}
	t.Logf("largest error %.2g in %s", worst, what)
}

func widen[T float32 | float64](x []T) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// Ten steps of torch's Adam, plain and with pos_weight: losses before each, weights and logits after the last. Both heads,
// and one more that must not matter, train in one program.
func TestParityHeadTraining(t *testing.T) {
	for _, path := range fixtures.Glob(t, "head/mlp.safetensors") {
		f := golden{fixtures.OpenGolden(t, path)}
		x := f.Floats("x")
		y := f.Floats("y")
		data := &head.Data{Inputs: [][]float32{x}}
		for _, v := range y {
			data.Labels = append(data.Labels, v == 1)
		}
		shape := f.Shape("init.hidden.weight")
		config := classifier.DefaultConfig(shape[1])
		config.Layers = []int{shape[0]}
		spec := head.DefaultSpec(config)
		spec.LearningRate, spec.WeightDecay = 1e-2, 0
		weighted, other := spec, spec
		weighted.PosWeight = 2.5
		other.Config.Layers = []int{5, 3}
		o := options(t)
		o.Weights = map[int]map[string][]float32{0: f.weights("init"), 2: f.weights("init")}
		specs := []head.Spec{spec, other, weighted}
		results, err := head.Train(context.Background(), data, data, specs, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, prefix := range map[int]string{0: "", 2: "weighted."} {
			want := f.Floats(prefix + "losses")
			near(t, prefix+"losses", results[i].Losses, widen(want), 1e-5, 0)
		}
		// By dev rows the best epoch's weights are kept; without them the last one's.
		results, err = head.Train(context.Background(), data, nil, specs, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, prefix := range map[int]string{0: "", 2: "weighted."} {
			for name, want := range f.weights(prefix + "final") {
				near(t, prefix+name, widen(results[i].Tensors[name]), widen(want), 1e-4, 1e-3)
			}
			checkGradient(t, f, prefix, data, specs[i], o, i)
			after := o
			after.Epochs, after.Weights = 1, map[int]map[string][]float32{0: results[i].Tensors}
			more, err := head.Train(context.Background(), data, nil, specs[i:i+1], after)
			if err != nil {
				t.Fatal(err)
			}
			want := f.Floats(prefix + "final_loss")
			near(t, prefix+"final_loss", more[0].Losses, widen(want), 1e-5, 0)
		}
	}
}

// checkGradient finds the first gradient from what one step of nearly plain gradient descent changes: Adam's first step
// is rate·g/(|g|+ε), which for the fixture's gradients says their sign alone, so the sign is what is compared, where it is
// not drowned by rounding.
func checkGradient(t *testing.T, f golden, prefix string, data *head.Data, spec head.Spec, o head.Options, index int) {
	t.Helper()
	o.Epochs = 1
	o.Weights = map[int]map[string][]float32{0: o.Weights[index]}
	results, err := head.Train(context.Background(), data, nil, []head.Spec{spec}, o)
	if err != nil {
		t.Fatal(err)
	}
	for name, before := range o.Weights[0] {
		gradient := f.Floats(prefix + "grad0." + torchNames[name])
		for i, g := range gradient {
			if math.Abs(float64(g)) < 1e-6 {
				continue
			}
			moved := float64(results[0].Tensors[name][i] - before[i])
			want := -spec.LearningRate * float64(g) / (math.Abs(float64(g)) + 1e-8)
			if math.Abs(moved-want) > 1e-3*spec.LearningRate {
				t.Fatalf("%s%s[%d] moved by %v, expected %v of the gradient %v", prefix, name, i, moved, want, g)
			}
		}
	}
}

func TestParityTemperature(t *testing.T) {
	for _, path := range fixtures.Glob(t, "head/temperature.json") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Cases []struct {
				Name           string
				Logits, Labels []float64
				Temperature    *float64
			}
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		if len(file.Cases) == 0 {
			t.Fatal("no cases")
		}
		for _, c := range file.Cases {
			labels := make([]bool, len(c.Labels))
			for i, y := range c.Labels {
				labels[i] = y == 1
			}
			got, err := head.FitTemperature(c.Logits, labels)
			if c.Temperature == nil {
				if !errors.Is(err, head.ErrNoTemperature) {
					t.Errorf("%s: got %v, %v, expected ErrNoTemperature", c.Name, got, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			near(t, c.Name, []float64{got}, []float64{*c.Temperature}, 0, 1e-6)
		}
	}
}

func TestTemperatureEdges(t *testing.T) {
	// Three right and one wrong, all as sure: σ(1/T) = 3/4, so T = 1/ln 3. At any size of the logits.
	for _, size := range []float64{1, 1e-30, 1e30, 300} {
		got, err := head.FitTemperature([]float64{size, size, -size, size}, []bool{true, true, false, false})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "temperature", []float64{got / size}, []float64{1 / math.Log(3)}, 0, 1e-12)
	}
	for what, c := range map[string]struct {
		logits []float64
		labels []bool
	}{
		"tell nothing":       {[]float64{0, 0}, []bool{true, false}},
		"every verdict":      {[]float64{2, -1}, []bool{true, false}},
		"against the labels": {[]float64{-2, 1}, []bool{true, false}},
		"expected a finite":  {[]float64{math.NaN()}, []bool{true}},
		"expected as many":   {[]float64{1}, nil},
	} {
		if got, err := head.FitTemperature(c.logits, c.labels); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, %v, expected an error with %q", got, err, what)
		}
	}
}
