package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
)

const tinyBase = "decoders/llama_gqa_untied"

// fresh makes a new adapter and its trainer on a tiny model.
func fresh(t *testing.T, m *model.Model, c lora.Config, o Options) *Trainer {
	t.Helper()
	if c.Bias == "" {
		c.Bias = "none"
	}
	a, err := lora.Init("fresh", c, m.LoRABase(), 7)
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := New(m, a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trainer.Close)
	return trainer
}

func tiny(t *testing.T) (*model.Model, []Example) {
	t.Helper()
	base := fixtures.Glob(t, tinyBase)[0]
	return openModel(t, base), openGolden(t, base, "expected.safetensors").examples()
}

func qv(dropout float64, dora bool) lora.Config {
	return lora.Config{R: 4, Alpha: 8, Dropout: dropout, DoRA: dora, TargetModules: lora.Targets{Names: []string{"q_proj", "v_proj"}}}
}

func steps(t *testing.T, trainer *Trainer, n int, batches ...[]Example) (last Update) {
	t.Helper()
	var err error
	for range n {
		if last, err = trainer.Step(context.Background(), batches...); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

func paramsOf(t *testing.T, trainer *Trainer) []float32 {
	t.Helper()
	values, err := trainer.optimizer.Values()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(values...)
}

// A new adapter changes nothing, and a few updates bring its loss down.
func TestTrainingLearns(t *testing.T) {
	m, examples := tiny(t)
	for name, c := range map[string]lora.Config{
		"plain":      qv(0, false),
		"dora":       qv(0.1, true),
		"all-linear": {R: 2, Alpha: 4, RSLoRA: true, Bias: "all", TargetModules: lora.Targets{Pattern: "all-linear"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := fixtureOptions()
			o.AdamW.LearningRate = 1e-2
			trainer := fresh(t, m, c, o)
			want := openGolden(t, fixtures.Glob(t, tinyBase)[0], "expected.safetensors").Floats("loss")[0]
			before, err := trainer.Loss(context.Background(), examples)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "the loss of a new adapter", before/float64(Tokens(examples)), float64(want), 0, 1e-5)
			if last := steps(t, trainer, 12, examples); last.Loss > float64(want)-0.5 {
				t.Errorf("after 12 updates the loss is %v, it was %v", last.Loss, want)
			}
		})
	}
}

// Gradients added up over batches, and with checkpoints, are those of all examples at once.
func TestAccumulationAndCheckpoints(t *testing.T) {
	m, examples := tiny(t)
	results := [][]float32{}
	for _, checkpoints := range []bool{false, true} {
		for _, batches := range [][][]Example{{examples}, {examples[:1], examples[1:]}} {
			o := fixtureOptions()
			o.Checkpoints, o.AdamW.MaxGradNorm, o.AdamW.Eps = checkpoints, 1, 1e-3 // so that rounding is not made a whole step
			trainer := fresh(t, m, qv(0, true), o)
			steps(t, trainer, 2, batches...)
			results = append(results, paramsOf(t, trainer))
		}
	}
	for _, other := range results[1:] {
		allNear(t, "param", other, results[0], 0, 2e-6)
	}
}

// A trainer that restores a state goes on to the same bits, dropout included; one seed gives one result, another another.
func TestResumeAndSeeds(t *testing.T) {
	m, examples := tiny(t)
	o := fixtureOptions()
	o.Schedule = optimize.Schedule{Kind: optimize.Cosine, Warmup: 2, Total: 6}
	whole := fresh(t, m, qv(0.2, false), o)
	steps(t, whole, 6, examples)

	dir := t.TempDir()
	first := fresh(t, m, qv(0.2, false), o)
	steps(t, first, 3, examples)
	if err := first.SaveState(dir); err != nil {
		t.Fatal(err)
	}
	second := fresh(t, m, qv(0.2, false), o)
	if err := second.RestoreState(dir); err != nil {
		t.Fatal(err)
	}
	if second.Steps() != 3 {
		t.Fatalf("restored at update %d, expected 3", second.Steps())
	}
	steps(t, second, 3, examples)
	if !slices.Equal(paramsOf(t, whole), paramsOf(t, second)) {
		t.Error("a resumed run gives other bits")
	}

	o.Seed = 1
	other := fresh(t, m, qv(0.2, false), o)
	steps(t, other, 6, examples)
	if slices.Equal(paramsOf(t, whole), paramsOf(t, other)) {
		t.Error("another seed gives the same dropout")
	}

	third := fresh(t, m, qv(0.2, true), o)
	if err := third.RestoreState(dir); err == nil {
		t.Error("a state of another adapter was restored")
	}
	if err := os.Truncate(filepath.Join(dir, optimize.StateFile), 100); err != nil {
		t.Fatal(err)
	}
	if err := second.RestoreState(dir); err == nil {
		t.Error("a damaged state was restored")
	}
}

// Values are dropped as often as asked for, and what is left keeps the mean.
func TestDropout(t *testing.T) {
	m, examples := tiny(t)
	o := fixtureOptions()
	losses := []float64{}
	for _, dropout := range []float64{0, 0.5} {
		trainer := fresh(t, m, qv(dropout, false), o)
		steps(t, trainer, 1, examples)
		sum, err := trainer.Loss(context.Background(), examples)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, sum)
	}
	if losses[0] == losses[1] {
		t.Error("dropout changes nothing")
	}
}

// A loss that is not a number ends the training; no adapter comes of values that are infinite.
func TestNotFinite(t *testing.T) {
	m, examples := tiny(t)
	c := qv(0, false)
	c.Bias = "none"
	a, err := lora.Init("infinite", c, m.LoRABase(), 7)
	if err != nil {
		t.Fatal(err)
	}
	a.Parts()[0].Data[0] = float32(math.Inf(1))
	trainer, err := New(m, a, fixtureOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	if _, err := trainer.Step(context.Background(), examples); !errors.Is(err, optimize.ErrNotFinite) {
		t.Fatalf("got %v", err)
	}
	if trainer.Steps() != 0 {
		t.Errorf("the failed update counts: %d", trainer.Steps())
	}
	if _, err := trainer.Adapter(); err == nil {
		t.Error("an adapter with an infinite value was given")
	}
}

func TestBadInput(t *testing.T) {
	m, examples := tiny(t)
	trainer := fresh(t, m, qv(0, false), fixtureOptions())
	long := make([]int32, m.Config().ContextLength)
	for name, batch := range map[string][]Example{
		"none":          nil,
		"no prompt":     {{Completion: []int32{1}}},
		"no completion": {{Prompt: []int32{1}}},
		"too long":      {{Prompt: long, Completion: []int32{1}}},
		"token":         {{Prompt: []int32{1}, Completion: []int32{int32(m.Config().VocabSize)}}},
	} {
		if _, err := trainer.Step(context.Background(), batch); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := trainer.Step(ctx, examples); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestShapes(t *testing.T) {
	for n, want := range map[int]int{1: 32, 32: 32, 33: 64, 256: 256, 257: 320, 513: 640, 1025: 1280} {
		if got := RoundLength(n); got != want {
			t.Errorf("RoundLength(%d) is %d, expected %d", n, got, want)
		}
	}
	for n, want := range map[int]int{1: 8, 8: 8, 64: 64, 65: 80, 129: 160, 200: 224} {
		if got := roundLabels(n); got != want {
			t.Errorf("roundLabels(%d) is %d, expected %d", n, got, want)
		}
	}
}
