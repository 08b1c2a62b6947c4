package train

import (
	"cmp"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
)

// testBackend opens $GOMLX_BACKEND, else pure Go, which compiles nothing: `make parity` runs on XLA.
func testBackend(t testing.TB) backend.Choice {
	t.Helper()
	b, err := backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openModel(t testing.TB, dir string) *model.Model {
	t.Helper()
	m, err := model.Open(context.Background(), dir, model.Options{Backend: testBackend(t), DType: dtypes.Float32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// golden is a file of expected tensors.
type golden struct{ fixtures.Golden }

func openGolden(t testing.TB, path ...string) golden {
	t.Helper()
	return golden{fixtures.OpenGolden(t, path...)}
}

// rows are those of a tensor of whole numbers.
func (g golden) rows(name string) [][]int32 {
	g.T.Helper()
	return slices.Collect(slices.Chunk(g.Ints(name), g.Shape(name)[1]))
}

// examples are a base's rows: labels are -100 at the prompt and at padding.
func (g golden) examples() []Example {
	var list []Example
	labels, mask := g.rows("labels"), g.rows("attention_mask")
	for i, row := range g.rows("input_ids") {
		n := 0
		for _, real := range mask[i] {
			n += int(real)
		}
		first := slices.IndexFunc(labels[i], func(l int32) bool { return l != -100 })
		if !slices.Equal(labels[i][first:n], row[first:n]) {
			g.T.Fatalf("row %d: the labels are not the row's end", i)
		}
		list = append(list, Example{Prompt: row[:first], Completion: row[first:n]})
	}
	return list
}

func near(t *testing.T, what string, got, want, rtol, atol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= atol+rtol*math.Abs(want)) {
		t.Errorf("%s is %.8g, expected %.8g", what, got, want)
	}
}

func allNear(t *testing.T, what string, got, want []float32, rtol, atol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d values, expected %d", what, len(got), len(want))
	}
	worst, at := math.Inf(-1), 0
	for i := range got {
		over := math.Abs(float64(got[i])-float64(want[i])) - atol - rtol*math.Abs(float64(want[i]))
		if math.IsNaN(over) || over > worst {
			worst, at = over, i
		}
	}
	if !(worst <= 0) {
		t.Errorf("%s[%d] is %.8g, expected %.8g", what, at, got[at], want[at])
	}
}

func length(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// as torch's defaults, and the fixtures.
func fixtureOptions() Options {
	o := Options{AdamW: optimize.DefaultAdamW(), Schedule: optimize.Schedule{Kind: optimize.Constant}}
	o.AdamW.LearningRate, o.AdamW.MaxGradNorm = 1e-3, 0
	return o
}

// openTrainer trains the adapter of a folder; examples are its base's.
func openTrainer(t *testing.T, base, dir string, o Options) (*Trainer, []Example) {
	t.Helper()
	adapter, err := lora.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	adapter.Config.Dropout = 0
	trainer, err := New(openModel(t, base), adapter, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trainer.Close)
	return trainer, openGolden(t, base, "expected.safetensors").examples()
}

// gradientsOf are by name, and the loss.
func gradientsOf(t *testing.T, trainer *Trainer, examples []Example) (float64, map[string][]float32) {
	t.Helper()
	losses, list, err := trainer.optimizer.Gradients(context.Background(), trainer.inputs(examples, 1/float32(Tokens(examples)), nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer optimize.Finalize(list)
	got := map[string][]float32{}
	for i, p := range trainer.adapting.adapter.Parts() {
		got[p.Name] = tensors.MustCopyFlatData[float32](list[i])
	}
	return losses[0], got
}

// Losses and gradients against PyTorch's with PEFT, in every family.
func TestParityGradients(t *testing.T) {
	for _, dir := range fixtures.Glob(t, "decoders/*/lora_grad") {
		base := filepath.Dir(dir)
		t.Run(filepath.Base(base), func(t *testing.T) {
			trainer, examples := openTrainer(t, base, dir, fixtureOptions())
			want := openGolden(t, dir, "expected.safetensors")
			loss, got := gradientsOf(t, trainer, examples)
			near(t, "the loss", loss, float64(want.Floats("loss")[0]), 0, 1e-5)
			total := 0.0
			for name, gradient := range got {
				allNear(t, "grad."+name, gradient, want.Floats("grad."+name), 1e-3, 1e-6)
				total += length(gradient) * length(gradient)
			}
			near(t, "gradnorm_total", math.Sqrt(total), float64(want.Floats("gradnorm_total")[0]), 1e-4, 1e-6)
		})
	}
}

// fixtureBase is the folder of an adapter's base, which its configuration names as below the fixtures.
func fixtureBase(t *testing.T, dir string) string {
	t.Helper()
	a, err := lora.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(fixtures.Dir(), filepath.FromSlash(a.Config.BaseModel))
}

// The lengths of the gradients of adapters of all kinds: rsLoRA, DoRA, biases, patterns, whole modules.
func TestParityGradientNorms(t *testing.T) {
	for _, dir := range fixtures.Glob(t, "lora/*/*") {
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			trainer, examples := openTrainer(t, fixtureBase(t, dir), dir, fixtureOptions())
			want := openGolden(t, dir, "expected.safetensors")
			loss, got := gradientsOf(t, trainer, examples)
			near(t, "the loss", loss, float64(want.Floats("loss")[0]), 0, 1e-5)
			tested := 0
			for name, gradient := range got {
				if _, ok := want.Tensor("gradnorm." + name); !ok {
					t.Errorf("the fixture has no gradnorm of %s", name)
					continue
				}
				near(t, "gradnorm."+name, length(gradient), float64(want.Floats("gradnorm." + name)[0]), 1e-3, 1e-6)
				tested++
			}
			for _, name := range want.Names() {
				if strings.HasPrefix(name, "gradnorm.") {
					tested--
				}
			}
			if tested != 0 {
				t.Errorf("the fixture has %d gradients more than were compared", -tested)
			}
		})
	}
}

// Five steps of AdamW against torch's: losses, lengths of the gradients, the adapter after one step and after five.
func TestParityTrajectory(t *testing.T) {
	for _, path := range fixtures.Glob(t, "lora/*/*/train5.safetensors") {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			trainer, examples := openTrainer(t, fixtureBase(t, dir), dir, fixtureOptions())
			want := openGolden(t, path)
			losses, norms := want.Floats("losses"), want.Floats("grad_norms")
			for i := range losses {
				u, err := trainer.Step(context.Background(), examples)
				if err != nil {
					t.Fatal(err)
				}
				near(t, "the loss", u.Loss, float64(losses[i]), 0, 1e-5)
				near(t, "the gradients' norm", u.GradNorm, float64(norms[i]), 1e-4, 1e-6)
				if i == 0 {
					compareParts(t, trainer, want, "after1.")
				}
			}
			compareParts(t, trainer, want, "final.")
			sum, err := trainer.Loss(context.Background(), examples)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "the final loss", sum/float64(Tokens(examples)), float64(want.Floats("final_loss")[0]), 0, 1e-5)
			compareLogits(t, trainer, want, fixtureBase(t, dir))
		})
	}
}

// compareParts compares the adapter's values. Adam divides a gradient by its own size, so one that is hardly more than
// rounding moves a value as far as any other, either way: of a thousand values one may be off, by no more than a step.
func compareParts(t *testing.T, trainer *Trainer, want golden, prefix string) {
	t.Helper()
	a, err := trainer.Adapter()
	if err != nil {
		t.Fatal(err)
	}
	if prefix == "after1." && isFinal(a, want) {
		t.Log("after1 of the fixture is what came after the last step (its maker kept a view of the tensors): not compared")
		return
	}
	off, all := 0, 0
	for _, p := range a.Parts() {
		for i, v := range want.Floats(prefix + p.Name) {
			diff := math.Abs(float64(p.Data[i]) - float64(v))
			if !(diff <= trainer.options.AdamW.LearningRate) {
				t.Fatalf("%s%s[%d] is %.8g, expected %.8g", prefix, p.Name, i, p.Data[i], v)
			}
			if all++; diff > 5e-6 {
				off++
			}
		}
	}
	t.Logf("%s: %d of %d values are off by more than 5e-6", prefix, off, all)
	if off > all/1000 {
		t.Errorf("%s: %d of %d values are off", prefix, off, all)
	}
}

// isFinal tells whether a fixture's values after the first step are those after the last.
func isFinal(a *lora.Adapter, want golden) bool {
	for _, p := range a.Parts() {
		if !slices.Equal(want.Floats("after1."+p.Name), want.Floats("final."+p.Name)) {
			return false
		}
	}
	return true
}

// compareLogits saves the trained adapter, opens it live in the model, and compares.
func compareLogits(t *testing.T, trainer *Trainer, want golden, base string) {
	t.Helper()
	a, err := trainer.Adapter()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(context.Background(), base, model.Options{Backend: testBackend(t), DType: dtypes.Float32, Adapters: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // nothing is written
	var rows [][]int32
	for _, e := range openGolden(t, base, "expected.safetensors").examples() {
		rows = append(rows, append(slices.Clone(e.Prompt), e.Completion...))
	}
	states, err := m.States(context.Background(), rows, make([]int, len(rows)), model.StatesOptions{Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	logits := want.Floats("final_logits")
	width := m.Config().VocabSize
	padded := len(logits) / len(rows)
	for i := range rows {
		allNear(t, "final_logits", states.Logits[i], logits[i*padded:i*padded+len(rows[i])*width], 0, 1e-4)
	}
}
