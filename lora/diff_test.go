package lora_test

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/januslm/janus/lora"
)

// delta is s·B·A in full.
func delta(a *lora.Adapter, name string) []float64 {
	m, _ := a.Module(name)
	out := make([]float64, m.Out*m.In)
	for i := range m.Out {
		for j := range m.In {
			for r := range m.Rank {
				out[i*m.In+j] += a.Config.Scale(name) * float64(m.B[i*m.Rank+r]) * float64(m.A[r*m.In+j])
			}
		}
	}
	return out
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// TestCompare holds the figures to those of the full matrices.
func TestCompare(t *testing.T) {
	const vProj, kProj = "model.layers.0.self_attn.v_proj", "model.layers.0.self_attn.k_proj"
	a := adapter(t, "a", lora.Config{R: 2, Alpha: 4}, module(qProj, 2, 4, 6), module(vProj, 2, 4, 6))
	b := adapter(t, "b", lora.Config{R: 3, Alpha: 5, RSLoRA: true}, module(qProj, 3, 4, 6), module(kProj, 3, 4, 6))
	d, err := lora.Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Modules) != 3 || d.Modules[0].Name != kProj || d.Modules[0].Only != "b" || d.Modules[2].Only != "a" || d.Modules[2].Relative != 1 {
		t.Errorf("modules %+v", d.Modules)
	}
	x, y := delta(a, qProj), delta(b, qProj)
	difference := make([]float64, len(x))
	for i := range x {
		difference[i] = x[i] - y[i]
	}
	q := d.Modules[1]
	for name, pair := range map[string][2]float64{
		"norm a": {q.NormA, math.Sqrt(dot(x, x))}, "norm b": {q.NormB, math.Sqrt(dot(y, y))},
		"relative": {q.Relative, math.Sqrt(dot(difference, difference) / max(dot(x, x), dot(y, y)))},
		"cosine":   {q.Cosine, dot(x, y) / math.Sqrt(dot(x, x)*dot(y, y))}, "total": {d.Cosine, q.Cosine},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
	keys := map[string]lora.SettingDiff{}
	for _, s := range d.Settings {
		keys[s.Key] = s
	}
	if len(keys) != 3 || keys["r"].A != "2" || keys["r"].B != "3" || keys["use_rslora"].B != "true" || keys["lora_alpha"].A != "4" {
		t.Errorf("settings %+v", d.Settings)
	}
	same, err := lora.Compare(a, a)
	if err != nil || len(same.Settings) > 0 || same.Relative > 1e-7 || math.Abs(same.Cosine-1) > 1e-12 {
		t.Errorf("an adapter differs from itself: %+v, %v", same, err)
	}
	other := adapter(t, "c", lora.Config{R: 2, Alpha: 4}, module(qProj, 2, 5, 6))
	if d, err = lora.Compare(a, other); err != nil || d.Modules[0].Misfit != "[6 4] against [6 5]" {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestOpenTorch reads an adapter that torch.save wrote: the same values as the safetensors file's.
func TestOpenTorch(t *testing.T) {
	old, err := lora.Open(filepath.Join("..", "weights", "testdata", "torch", "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := lora.Open(filepath.Join("..", "testdata", "golden", "lora", "llama", "plain_qv"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := lora.Compare(old, golden)
	if err != nil || len(d.Settings)+len(d.Replaced) > 0 || len(d.Modules) == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, name := range golden.Modules() {
		want, _ := golden.Module(name)
		got, ok := old.Module(name)
		if !ok || !slices.Equal(got.A, want.A) || !slices.Equal(got.B, want.B) {
			t.Errorf("%s has other values", name)
		}
	}
	if len(old.SHA256) != 64 || old.SHA256 == golden.SHA256 {
		t.Errorf("SHA-256 %q", old.SHA256)
	}
}
