package lora_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/weights"
)

// fixture is one adapter, its base, and what PEFT made of them.
type fixture struct {
	adapter  *lora.Adapter
	base     *weights.Checkpoint
	expected *weights.Checkpoint
}

// eachFixture runs test for every adapter of the fixtures whose base is there.
func eachFixture(t *testing.T, test func(t *testing.T, f fixture)) {
	for _, dir := range fixtures.Glob(t, "lora/*/*") {
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			adapter, err := lora.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			base := filepath.Join(fixtures.Dir(), filepath.FromSlash(adapter.Config.BaseModel))
			test(t, fixture{adapter, checkpoint(t, base), checkpoint(t, filepath.Join(dir, "expected.safetensors"))})
		})
	}
}

func checkpoint(t *testing.T, path string) *weights.Checkpoint {
	t.Helper()
	c, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// values returns a tensor of a checkpoint in float32.
func values(t *testing.T, c *weights.Checkpoint, name string) ([]float32, []int) {
	t.Helper()
	tensor, ok := c.Tensor(name)
	if !ok {
		t.Fatalf("%s lacks %s", c.Files()[0], name)
	}
	v, err := weights.ToFloat32(tensor)
	if err != nil {
		t.Fatal(err)
	}
	return v, tensor.Shape
}

// merged lists the base tensors whose merged values the fixture holds.
func (f fixture) merged() []string {
	var names []string
	for _, name := range f.expected.Names() {
		if base, ok := strings.CutPrefix(name, "merged."); ok {
			names = append(names, base)
		}
	}
	return names
}

func maxDiff(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.NaN()
	}
	worst := 0.0
	for i := range got {
		worst = math.Max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	return worst
}

// report fails unless diff is at most atol; NaN fails, too.
func report(t *testing.T, what string, diff, atol float64) {
	t.Helper()
	t.Logf("largest error %.2g in %s", diff, what)
	if !(diff <= atol) {
		t.Errorf("%s: largest error %g, allowed %g", what, diff, atol)
	}
}

// Merged weights against PEFT's merge_and_unload.
func TestParityMerge(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		shapeOf := func(name string) ([]int, bool) {
			tensor, ok := f.base.Tensor(name)
			return tensor.Shape, ok
		}
		if err := f.adapter.Check(shapeOf); err != nil {
			t.Fatal(err)
		}
		names := f.merged()
		if len(names) == 0 {
			t.Fatal("the fixture has no merged weights")
		}
		worst := 0.0
		for _, name := range names {
			w, shape := values(t, f.base, name)
			want, _ := values(t, f.expected, "merged."+name)
			if !f.adapter.Changes(name) {
				t.Errorf("%s should be changed", name)
			}
			if maxDiff(w, want) == 0 {
				t.Errorf("%s: the fixture expects no change", name)
			}
			if err := f.adapter.MergeInto(name, w, shape); err != nil {
				t.Fatal(err)
			}
			worst = math.Max(worst, maxDiff(w, want))
		}
		report(t, "merged weights", worst, 1e-5)
	})
}

// Live projections of a random input against the same input times PEFT's merged weights, in a batch whose first row is
// on the bare base and whose second uses the adapter.
func TestParityLive(t *testing.T) {
	be := testBackend(t)
	eachFixture(t, func(t *testing.T, f fixture) {
		bank, err := lora.NewBank([]*lora.Adapter{f.adapter}, lora.BankOptions{Base: func(name string) ([]float32, []int, error) {
			v, shape := values(t, f.base, name)
			return v, shape, nil
		}})
		if len(f.adapter.Config.ModulesToSave) > 0 {
			if !isMustMerge(err) {
				t.Fatalf("got %v, expected ErrMustMerge", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		worst, tested := 0.0, 0
		for _, key := range bank.Keys() {
			want, shape, bias, ok := f.mergedModule(t, key)
			if !ok {
				continue // a layer whose merged weights the fixture leaves out
			}
			tested++
			x := randomInput(uint64(len(key)), 2, 3, shape[1])
			base, _ := values(t, f.base, key+".weight")
			y := live(t, be, bank, key, x, base, shape)
			rows := len(y) / 2
			worst = math.Max(worst, maxDiff(y[:rows], product(x[:len(x)/2], base, shape, nil)))
			worst = math.Max(worst, maxDiff(y[rows:], product(x[len(x)/2:], want, shape, bias)))
		}
		if tested == 0 {
			t.Fatal("no module could be compared")
		}
		report(t, "live projections", worst, 1e-4)
	})
}

// mergedModule returns a module's merged weight and what the adapter adds to its bias (nil: nothing).
func (f fixture) mergedModule(t *testing.T, key string) (w []float32, shape []int, bias []float32, ok bool) {
	names := f.merged()
	_, shape = values(t, f.base, key+".weight")
	if slices.Contains(names, key+".bias") {
		bias, _ = values(t, f.expected, "merged."+key+".bias")
		old, _ := values(t, f.base, key+".bias")
		for i := range bias {
			bias[i] -= old[i]
		}
	}
	if slices.Contains(names, key+".weight") {
		w, _ = values(t, f.expected, "merged."+key+".weight")
		return w, shape, bias, true
	}
	w, _ = values(t, f.base, key+".weight")
	return w, shape, bias, bias != nil
}

// live runs the adapted projection of x [2,S,in] with adapters -1 and 0.
func live(t *testing.T, be backend.Choice, bank *lora.Bank, key string, x, base []float32, shape []int) []float32 {
	t.Helper()
	in := shape[1]
	arguments := []any{
		tensors.FromFlatDataAndDimensions(x, 2, len(x)/2/in, in),
		tensors.FromFlatDataAndDimensions(base, shape...),
		[]int32{-1, 0}, bank.Owner(), bank.Scale(),
	}
	for _, p := range bank.Params() {
		arguments = append(arguments, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
	}
	results, err := MustNewExec(be.Backend, func(n []*Node) *Node {
		rows := lora.NewRows(n[2], n[3], n[4], bank.Slots())
		y := DotGeneral(n[0], []int{-1}, nil, n[1], []int{1}, nil)
		return bank.Bind(n[5:])[key].Apply(n[0], y, rows)
	}).Call(arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](results[0])
}

// product computes x·Wᵀ + bias in float64.
func product(x, w []float32, shape []int, bias []float32) []float32 {
	out, in := shape[0], shape[1]
	var y []float32
	for ; len(x) > 0; x = x[in:] {
		for i := range out {
			sum := 0.0
			for j := range in {
				sum += float64(x[j]) * float64(w[i*in+j])
			}
			if bias != nil {
				sum += float64(bias[i])
			}
			y = append(y, float32(sum))
		}
	}
	return y
}
