package encoder

import (
	"cmp"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/train/run"
)

// families are tiny encoders of package transformer's, with the poolings that testdata/make_fixtures.py chose for them. Their
// checkpoints spell keys in ways of their own.
var families = map[string]string{
	"bert_tensorflow_names": "cls", "roberta_classifier": "mean", "t5_few_buckets": "mean", "modernbert_narrow": "last",
}

var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// base is the folder of a tiny encoder.
func base(name string) string {
	return filepath.Join("..", "..", "transformer", "testdata", "encoders", name)
}

func open(t *testing.T, dir string, o model.Options) *model.Model {
	t.Helper()
	var err error
	if o.Backend, err = openBackend(); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// settings are the defaults without dropout, at a constant learning rate.
func settings(t *testing.T, pooling string) *Config {
	t.Helper()
	c := &Config{}
	if err := run.LoadConfig("", c); err != nil {
		t.Fatal(err)
	}
	c.Pooling, c.Hidden, c.Schedule, c.Warmup, c.HiddenDropout, c.HeadDropout, c.LoRADropout = pooling, "5", optimize.Constant, 0, 0, 0, 0
	c.LearningRate, c.HeadRate, c.WeightDecay, c.MaxGradNorm = 1e-3, 5e-3, 0.1, 0.5
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return c
}

// golden are the tensors of a fixture.
type golden struct{ fixtures.Golden }

func openGolden(t testing.TB, path ...string) golden {
	t.Helper()
	return golden{fixtures.OpenGolden(t, path...)}
}

// input is a tensor as a batch has it.
func (g golden) input(name string) model.Input {
	g.T.Helper()
	if name == "targets" || name == "weights" {
		return model.Input{Name: name, Tensor: tensors.FromFlatDataAndDimensions(g.Floats(name), g.Shape(name)...)}
	}
	return model.Input{Name: name, Tensor: tensors.FromFlatDataAndDimensions(g.Ints(name), g.Shape(name)...)}
}

// Loss, gradients of all weights and three updates against torch's, in every family.
func TestParityFull(t *testing.T) {
	for name, pooling := range families {
		t.Run(name, func(t *testing.T) {
			g := openGolden(t, "testdata", name+".safetensors")
			m := open(t, base(name), model.Options{})
			job, err := New(m, &Data{Train: make([]Example, 2)}, settings(t, pooling))
			if err != nil {
				t.Fatal(err)
			}
			job.Close()
			task := job.task
			own, err := task.tuned.params()
			if err != nil {
				t.Fatal(err)
			}
			params := append(own, newHead(&task.network.head, task.config)...)
			for i, p := range params {
				if key, ok := strings.CutPrefix(p.Name, headPrefix); ok {
					params[i].Data = g.Floats("head." + key)
				}
			}
			opt, err := optimize.New(m.Backend().Backend, optimize.OnBackend(m.Backend().Backend), params, task.loss,
				optimize.Options{AdamW: task.config.AdamW(), Schedule: optimize.Schedule{Kind: optimize.Constant}})
			if err != nil {
				t.Fatal(err)
			}
			defer opt.Close()
			batch := []model.Input{g.input("ids"), g.input("lengths"), g.input("targets"), g.input("weights")}
			losses, gradients, err := opt.Gradients(context.Background(), batch, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer optimize.Finalize(gradients)
			if want := float64(g.Floats("loss")[0]); math.Abs(losses[0]-want) > 1e-5 {
				t.Errorf("the loss is %v, torch's %v", losses[0], want)
			}
			for range 3 {
				if _, err := opt.Step(context.Background(), batch); err != nil {
					t.Fatal(err)
				}
			}
			after, err := opt.Values()
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range params {
				key := strings.Replace(p.Name, headPrefix, "head.", 1)
				compareTensor(t, key, tensors.MustCopyFlatData[float32](gradients[i]), after[i], g)
			}
		})
	}
}

// compareTensor holds a tensor's gradient, and its values after three updates, to torch's. Where the gradient is nothing but
// rounding, so is the direction of AdamW's step.
func compareTensor(t *testing.T, key string, gradient, after []float32, g golden) {
	t.Helper()
	wantGradient, wantAfter := g.Floats("grad."+key), g.Floats("after."+key)
	for k := range gradient {
		want := float64(wantGradient[k])
		if diff := math.Abs(float64(gradient[k]) - want); diff > 1e-6+1e-3*math.Abs(want) {
			t.Errorf("%s: the gradient of element %d is %g, torch's %g", key, k, gradient[k], want)
			return
		}
		if diff := math.Abs(float64(after[k] - wantAfter[k])); math.Abs(want) > 1e-4 && diff > 2e-5 {
			t.Errorf("%s: element %d is %g after three updates, torch's %g", key, k, after[k], wantAfter[k])
			return
		}
	}
}
