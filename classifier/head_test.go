package classifier

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/weights"
)

// randomHead makes a head with normally distributed tensors.
func randomHead(t *testing.T, seed uint64, change func(*Config)) *Head {
	t.Helper()
	c := DefaultConfig(6)
	change(&c)
	h, err := New("random", c, randomParams(seed, c))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func randomParams(seed uint64, c Config) map[string][]float32 {
	named := map[string][]float32{}
	for name, shape := range c.ParamShapes() {
		named[name] = tensors.MustCopyFlatData[float32](randomTensor(seed+uint64(len(named)), shape...))
	}
	return named
}

func TestParamNames(t *testing.T) {
	c := DefaultConfig(6)
	c.Layers, c.LayerNorm = []int{5, 4}, true
	want := []string{"norm.weight", "norm.bias", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"}
	if diff := gocmp.Diff(want, c.ParamNames()); diff != "" {
		t.Error(diff)
	}
	shapes := map[string][]int{
		"norm.weight": {6}, "norm.bias": {6},
		"layers.0.weight": {5, 6}, "layers.0.bias": {5}, "layers.1.weight": {4, 5}, "layers.1.bias": {4}, "layers.2.weight": {1, 4}, "layers.2.bias": {1},
	}
	if diff := gocmp.Diff(shapes, c.ParamShapes()); diff != "" {
		t.Error(diff)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(c *Config, named map[string][]float32)
		want   string
	}{
		"missing":    {func(_ *Config, n map[string][]float32) { delete(n, "layers.1.bias") }, `"layers.1.bias" is missing, expected shape [1]`},
		"extra":      {func(_ *Config, n map[string][]float32) { n["layers.7.bias"] = nil }, `"layers.7.bias" does not belong to this head`},
		"short":      {func(_ *Config, n map[string][]float32) { n["layers.0.bias"] = []float32{1} }, `"layers.0.bias" has 1 values, expected 32`},
		"NaN":        {func(_ *Config, n map[string][]float32) { n["layers.0.bias"][3] = float32(math.NaN()) }, `"layers.0.bias" holds NaN at 3`},
		"infinite":   {func(_ *Config, n map[string][]float32) { n["layers.0.weight"][5] = float32(math.Inf(-1)) }, `"layers.0.weight" holds -Inf at 5`},
		"bad config": {func(c *Config, _ map[string][]float32) { c.Temperature = math.NaN() }, "temperature is NaN"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := DefaultConfig(6)
			named := randomParams(1, c)
			test.change(&c, named)
			if _, err := New("x", c, named); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	sum, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	h := randomHead(t, 1, func(c *Config) { c.Layer, c.BaseSHA256, c.AdapterSHA256 = 2, sum, sum })
	fits := Base{HiddenSize: 6, Layers: 3, SHA256: strings.ToUpper(sum), AdapterSHA256: sum}
	tests := map[string]struct {
		change func(*Base)
		want   string // "" if it fits
	}{
		"fits":          {func(*Base) {}, ""},
		"unknown base":  {func(b *Base) { b.SHA256 = "" }, ""},
		"hidden size":   {func(b *Base) { b.HiddenSize = 8 }, "is for hidden size 6, but the model's is 8"},
		"few layers":    {func(b *Base) { b.Layers = 2 }, "reads layer 2, but the model has layers 0 to 1"},
		"other base":    {func(b *Base) { b.SHA256 = other }, "trained on base weights with SHA-256 abab"},
		"other adapter": {func(b *Base) { b.AdapterSHA256 = other }, "found cdcd"},
		"no adapter":    {func(b *Base) { b.AdapterSHA256 = "" }, "found no adapter"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			base := fits
			test.change(&base)
			err := h.Check(base)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, expected %q", err, test.want)
			}
		})
	}
	unbound := randomHead(t, 1, func(*Config) {})
	if err := unbound.Check(Base{HiddenSize: 6, Layers: 1, SHA256: other, AdapterSHA256: other}); err != nil {
		t.Errorf("a head without sums was refused: %v", err)
	}
}

func TestSaveThenOpen(t *testing.T) {
	h := randomHead(t, 3, func(c *Config) { c.Layers, c.LayerNorm, c.Temperature = []int{4, 3}, true, 2.5 })
	dir := filepath.Join(t.TempDir(), "random")
	for range 2 { // the second time over what is there
		if err := h.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(h, again, gocmp.AllowUnexported(Head{})); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v, expected two files and no temporary ones (%v)", entries, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	saved := func(t *testing.T) string {
		dir := t.TempDir()
		if err := randomHead(t, 1, func(*Config) {}).Save(dir); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	replace := func(t *testing.T, path, old, with string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"other width": {func(t *testing.T, dir string) {
			replace(t, filepath.Join(dir, configFile), `"hidden_size": 6`, `"hidden_size": 7`)
		}, `tensor "layers.0.weight" has shape [32 6], but head.json makes it [32 7]`},
		"misspelt key": {func(t *testing.T, dir string) {
			replace(t, filepath.Join(dir, configFile), `"pooling"`, `"poolin"`)
		}, `head.json: unknown key "poolin", did you mean "pooling"?`},
		"no tensors": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, weightsFile)); err != nil {
				t.Fatal(err)
			}
		}, weightsFile},
		"cut file": {func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, weightsFile), 300); err != nil {
				t.Fatal(err)
			}
		}, weightsFile},
		"NaN": {func(t *testing.T, dir string) {
			damaged, err := weights.FromFloat32("layers.0.bias", []int{32}, make([]float32, 32), dtypes.Float32)
			if err != nil {
				t.Fatal(err)
			}
			copy(damaged.Data[8:], []byte{0, 0, 0xc0, 0x7f})
			writeWith(t, dir, damaged)
		}, `head.safetensors: tensor "layers.0.bias" holds NaN at 2`},
		"extra tensor": {func(t *testing.T, dir string) {
			extra, err := weights.FromFloat32("layers.9.bias", []int{1}, []float32{1}, dtypes.Float32)
			if err != nil {
				t.Fatal(err)
			}
			writeWith(t, dir, extra)
		}, `tensor "layers.9.bias" does not belong to this head`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := saved(t)
			test.spoil(t, dir)
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, expected %q and the folder in it", err, test.want)
			}
		})
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), configFile) {
		t.Errorf("an empty folder: got %v", err)
	}
}

// writeWith writes the random head's tensors with one put in or exchanged.
func writeWith(t *testing.T, dir string, changed weights.Tensor) {
	t.Helper()
	all := []weights.Tensor{changed}
	for _, p := range randomHead(t, 1, func(*Config) {}).Params() {
		if p.Name == changed.Name {
			continue
		}
		tensor, err := weights.FromFloat32(p.Name, p.Shape, p.Data, dtypes.Float32)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tensor)
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, weightsFile), all, nil); err != nil {
		t.Fatal(err)
	}
}
