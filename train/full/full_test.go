package full

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// golden lists the models of one kind in testdata/golden: tiny ones, with random weights.
func golden(t *testing.T, kind string) []string {
	t.Helper()
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(root, "testdata", "golden", kind, "*", "config.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no models", err)
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

// choice is $GOMLX_BACKEND, else the pure-Go backend, which compiles faster.
func choice(t *testing.T) backend.Choice {
	t.Helper()
	c, err := backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func options() Options {
	o := Options{AdamW: optimize.DefaultAdamW(), Schedule: optimize.Schedule{Kind: optimize.Constant}}
	o.AdamW.LearningRate = 1e-2
	return o
}

// examples are of random tokens, of several lengths.
func examples(vocabulary int) []train.Example {
	random := rand.New(rand.NewPCG(7, 7))
	list := make([]train.Example, 3)
	for i := range list {
		ids := make([]int32, 6+2*i)
		for k := range ids {
			ids[k] = random.Int32N(int32(vocabulary))
		}
		list[i] = train.Example{Prompt: ids[:1+i], Completion: ids[1+i:]}
	}
	return list
}

func newTrainer(t *testing.T, n *Network, o Options) *Trainer {
	t.Helper()
	trainer, err := New(choice(t).Backend, n, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trainer.Close)
	return trainer
}

// TestFamilies makes a new model of each family, which knows nothing at first and learns; what is saved of it opens as any model
// and gives the same loss.
func TestFamilies(t *testing.T) {
	seen := map[string]bool{}
	for _, dir := range golden(t, "decoders") {
		c, err := transformer.LoadConfig(dir)
		if err != nil {
			t.Fatal(err)
		}
		seen[c.ModelType] = true
		t.Run(filepath.Base(dir), func(t *testing.T) {
			n, err := Init(c, 1)
			if err != nil {
				t.Fatal(err)
			}
			checkInit(t, n)
			trainer := newTrainer(t, n, options())
			batch := examples(c.VocabSize)
			loss := func() float64 {
				sum, err := trainer.Loss(context.Background(), batch)
				if err != nil {
					t.Fatal(err)
				}
				return sum / float64(train.Tokens(batch))
			}
			first := loss()
			if uniform := math.Log(float64(c.VocabSize)); math.Abs(first-uniform) > 0.2 {
				t.Errorf("the first loss is %v, expected about ln(vocabulary) = %v", first, uniform)
			}
			for range 2 {
				if _, err := trainer.Step(context.Background(), batch); err != nil {
					t.Fatal(err)
				}
			}
			after := loss()
			if after > first-0.1 {
				t.Errorf("the loss was %v and is %v after two updates", first, after)
			}
			out := t.TempDir()
			values, err := trainer.Values()
			if err != nil {
				t.Fatal(err)
			}
			config, err := os.ReadFile(filepath.Join(dir, "config.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := n.SaveNew(context.Background(), out, values, map[string][]byte{"config.json": config}); err != nil {
				t.Fatal(err)
			}
			if got := opened(t, out, batch); math.Abs(got-after) > 1e-5 {
				t.Errorf("the saved model has a loss of %v, its trainer of %v", got, after)
			}
		})
	}
	for _, name := range []string{"llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "olmo2", "smollm3", "starcoder2", "gpt_neox"} {
		if !seen[name] {
			t.Errorf("no model is a %s", name)
		}
	}
}

// opened is the mean loss that package model computes.
func opened(t *testing.T, dir string, batch []train.Example) float64 {
	t.Helper()
	m, err := model.Open(context.Background(), dir, model.Options{Backend: choice(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // the test ends
	var texts []model.Text
	for _, e := range batch {
		texts = append(texts, model.Text{Prompt: e.Prompt, Continuation: e.Completion, Adapter: -1})
	}
	scores, err := m.Score(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, score := range slices.Concat(scores...) {
		sum -= score
	}
	return sum / float64(train.Tokens(batch))
}

// checkInit expects the values that a new model begins with.
func checkInit(t *testing.T, n *Network) {
	t.Helper()
	for i, p := range n.Params {
		sum, squares := 0.0, 0.0
		for _, v := range p.Data {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		count := float64(len(p.Data))
		mean, deviation := sum/count, math.Sqrt(squares/count)
		switch n.Tensors[i].Kind {
		case transformer.Vector:
			want := 1.0
			if strings.HasSuffix(p.Name, ".bias") || strings.HasPrefix(n.Config.ModelType, "gemma") {
				want = 0
			}
			if mean != want || deviation != want || !p.NoDecay {
				t.Errorf("%s: mean %v, without decay: %v; expected %v, and no decay", p.Name, mean, p.NoDecay, want)
			}
		default:
			if std := n.Config.InitializerRange; math.Abs(mean) > 5*std/math.Sqrt(count) || math.Abs(deviation/std-1) > 4/math.Sqrt(count) || p.NoDecay {
				t.Errorf("%s: mean %v, deviation %v, expected 0 and %v", p.Name, mean, deviation, std)
			}
		}
	}
}

func TestInitSeeds(t *testing.T) {
	c, err := transformer.LoadConfig(golden(t, "decoders")[0])
	if err != nil {
		t.Fatal(err)
	}
	values := func(seed uint64) [][]float32 {
		n, err := Init(c, seed)
		if err != nil {
			t.Fatal(err)
		}
		var list [][]float32
		for i, p := range n.Params {
			if n.Tensors[i].Kind != transformer.Vector {
				list = append(list, p.Data)
			}
		}
		return list
	}
	one, again, two := values(1), values(1), values(2)
	for i := range one {
		if !slices.Equal(one[i], again[i]) {
			t.Error("the same seed gave other values")
		}
		if slices.Equal(one[i], two[i]) {
			t.Error("another seed gave the same values")
		}
		if i > 0 && len(one[i]) == len(one[i-1]) && slices.Equal(one[i], one[i-1]) {
			t.Error("two tensors have the same values")
		}
	}
}

// TestGradients compares gradients with differences of the loss, where they are largest in each kind of tensor.
func TestGradients(t *testing.T) {
	for _, name := range []string{"llama_gqa_tied", "gemma3", "gpt_neox"} {
		t.Run(name, func(t *testing.T) {
			root, err := testmodel.Root()
			if err != nil {
				t.Fatal(err)
			}
			n, err := Read(filepath.Join(root, "testdata", "golden", "decoders", name))
			if err != nil {
				t.Fatal(err)
			}
			batch := examples(n.Config.VocabSize)
			weight := 1 / float32(train.Tokens(batch))
			trainer := newTrainer(t, n, options())
			_, list, err := trainer.optimizer.Gradients(context.Background(), train.Inputs(batch, 0, weight), nil)
			if err != nil {
				t.Fatal(err)
			}
			loss, seen := lossOf(t, trainer, batch), map[string]bool{}
			for i, p := range n.Params {
				kind := p.Name[strings.LastIndexAny(strings.TrimSuffix(strings.TrimSuffix(p.Name, ".weight"), ".bias"), ".")+1:]
				if seen[kind] {
					continue
				}
				seen[kind] = true
				gradient, err := tensors.CopyFlatData[float32](list[i])
				if err != nil {
					t.Fatal(err)
				}
				at := 0
				for k, g := range gradient {
					if math.Abs(float64(g)) > math.Abs(float64(gradient[at])) {
						at = k
					}
				}
				compareDifference(t, loss, &n.Params[i], at, float64(gradient[at]))
			}
			optimize.Finalize(list)
		})
	}
}

// compareDifference holds a gradient against the slope between two losses.
func compareDifference(t *testing.T, loss func() float64, p *optimize.Param, at int, gradient float64) {
	t.Helper()
	const step = 5e-3
	value := p.Data[at]
	high, low := value+step, value-step
	p.Data[at] = high
	slope := loss()
	p.Data[at] = low
	slope = (slope - loss()) / float64(high-low)
	p.Data[at] = value
	if math.Abs(slope-gradient) > 2e-4+0.03*math.Abs(slope) {
		t.Errorf("%s[%d]: the gradient is %v, the slope of the loss %v", p.Name, at, gradient, slope)
	}
}

// lossOf computes the mean loss by the network's params as they are, with one program.
func lossOf(t *testing.T, trainer *Trainer, batch []train.Example) func() float64 {
	b := choice(t).Backend
	var shared optimize.Program
	compile := func(name string, inputs []optimize.Input, build optimize.Build) (p optimize.Program, err error) {
		if shared == nil {
			shared, err = optimize.OnBackend(b)(name, inputs, build)
		}
		return unclosed{shared}, err
	}
	t.Cleanup(func() { shared.Close() })
	return func() float64 {
		t.Helper()
		o, err := optimize.New(b, compile, trainer.network.Params, trainer.loss, optimize.Options{AdamW: optimize.DefaultAdamW(), Schedule: trainer.options.Schedule})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		losses, err := o.Losses(context.Background(), train.Inputs(batch, 0, 1/float32(train.Tokens(batch))))
		if err != nil {
			t.Fatal(err)
		}
		return losses[0]
	}
}

// unclosed is a program that several optimisers share.
type unclosed struct{ optimize.Program }

func (unclosed) Close() {}

// TestResume goes on from a saved state to the same bits, and refuses another network's.
func TestResume(t *testing.T) {
	dirs := golden(t, "decoders")
	n, err := Read(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	batch := examples(n.Config.VocabSize)
	step := func(trainer *Trainer) {
		t.Helper()
		if _, err := trainer.Step(context.Background(), batch[:2], batch[2:]); err != nil {
			t.Fatal(err)
		}
	}
	whole, state := newTrainer(t, n, options()), t.TempDir()
	step(whole)
	if err := whole.SaveState(state); err != nil {
		t.Fatal(err)
	}
	step(whole)
	resumed := newTrainer(t, n, options())
	if err := resumed.RestoreState(state); err != nil {
		t.Fatal(err)
	}
	saved, err := optimize.ReadParams(state)
	if err != nil {
		t.Fatal(err)
	}
	now, err := resumed.Values()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(saved, now, slices.Equal[[]float32]) {
		t.Error("ReadParams gives other values than the state has")
	}
	step(resumed)
	want, err := whole.Values()
	if err != nil {
		t.Fatal(err)
	}
	if now, err = resumed.Values(); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(want, now, slices.Equal[[]float32]) {
		t.Error("the resumed training has other weights")
	}
	other, err := Read(dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := newTrainer(t, other, options()).RestoreState(state); err == nil || !strings.Contains(err.Error(), "another training") {
		t.Error(err)
	}
}

// TestSaveAs writes checkpoints back by their own names, all families' and encoders' too.
func TestSaveAs(t *testing.T) {
	for _, dir := range slices.Concat(golden(t, "decoders"), golden(t, "encoders")) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			n, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			values := map[string][]float32{}
			for _, p := range n.Params {
				values[p.Name] = slices.Clone(p.Data)
				for i := range values[p.Name] {
					values[p.Name][i] += 1
				}
			}
			out := filepath.Join(t.TempDir(), "model")
			for range 2 { // the second replaces the first
				if err := n.SaveAs(context.Background(), dir, out, values); err != nil {
					t.Fatal(err)
				}
			}
			again, err := Read(out)
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range again.Params {
				if p.Name != n.Params[i].Name || !slices.Equal(p.Data, values[p.Name]) {
					t.Errorf("%s is not what was saved", p.Name)
				}
			}
			before, after := names(t, dir), names(t, out)
			if !slices.Equal(before, after) {
				t.Errorf("the saved tensors are %v, the checkpoint's %v", after, before)
			}
		})
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	c, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // only read
	return c.Names()
}

func TestTrainerErrors(t *testing.T) {
	n, err := Read(golden(t, "encoders")[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(choice(t).Backend, n, options()); err == nil || !strings.Contains(err.Error(), "expected a decoder's") {
		t.Error(err)
	}
	if n, err = Read(golden(t, "decoders")[0]); err != nil {
		t.Fatal(err)
	}
	trainer := newTrainer(t, n, options())
	if _, err := trainer.Step(context.Background()); err == nil {
		t.Error("an update of nothing is no error")
	}
	if _, err := trainer.Loss(context.Background(), []train.Example{{Prompt: []int32{0}, Completion: []int32{int32(n.Config.VocabSize)}}}); err == nil {
		t.Error("a token outside the vocabulary is no error")
	}
	o := options()
	o.AdamW.LearningRate, o.AdamW.MaxGradNorm = 1e30, 0
	wild := newTrainer(t, n, o)
	batch := examples(n.Config.VocabSize)
	for range 3 {
		if _, err = wild.Step(context.Background(), batch); err != nil {
			break
		}
	}
	if !errors.Is(err, optimize.ErrNotFinite) {
		t.Error(err)
	}
}
