package weights

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
)

func convert(t *testing.T, src string, o ConvertOptions) (*Checkpoint, string, []Overflow) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "out")
	over, err := Convert(context.Background(), src, dst, o)
	if err != nil {
		t.Fatal(err)
	}
	return openTest(t, dst), dst, over
}

// TestConvertRoundTrips widens and narrows: what bf16 and f16 hold comes back as it was.
func TestConvertRoundTrips(t *testing.T) {
	for _, short := range []dtypes.DType{dtypes.BFloat16, dtypes.Float16} {
		first, dir, over := convert(t, torchFile("llama_safetensors"), ConvertOptions{DType: short})
		if len(over) > 0 {
			t.Errorf("overflows %v", over)
		}
		_, wide, _ := convert(t, dir, ConvertOptions{DType: dtypes.Float32})
		again, _, _ := convert(t, wide, ConvertOptions{DType: short})
		sameTensors(t, again, first)
		config, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil || !strings.Contains(string(config), `"dtype": "`+dtypeConfigNames[short]+`"`) {
			t.Errorf("config.json %s, %v", config, err)
		}
	}
	kept, dir, _ := convert(t, torchFile("llama_sharded"), ConvertOptions{})
	sameTensors(t, kept, openTest(t, torchFile("llama_safetensors")))
	want, _ := os.ReadFile(torchFile("llama_sharded/config.json"))
	if got, err := os.ReadFile(filepath.Join(dir, "config.json")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("config.json has changed: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("the folder has %v", entries)
	}
}

func TestConvertShards(t *testing.T) {
	got, dir, _ := convert(t, torchFile("llama_torch"), ConvertOptions{MaxShardBytes: 4096})
	if len(got.Files()) < 3 {
		t.Errorf("%d shards", len(got.Files()))
	}
	sameTensors(t, got, openTest(t, torchFile("llama_safetensors")))
	if _, err := os.Stat(filepath.Join(dir, IndexFile)); err != nil {
		t.Error(err)
	}
}

// TestConvertFiles takes single files, and leaves what is no float alone.
func TestConvertFiles(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile(torchFile("zip.bin"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "weights.pt")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	got, _, _ := convert(t, path, ConvertOptions{DType: dtypes.BFloat16})
	for name, want := range map[string]dtypes.DType{"f64": dtypes.BFloat16, "f16": dtypes.BFloat16, "i64": dtypes.Int64, "flags": dtypes.Bool, "empty": dtypes.BFloat16} {
		if x, ok := got.Tensor(name); !ok || x.DType != want {
			t.Errorf("%s is %s, want %s", name, DTypeName(x.DType), DTypeName(want))
		}
	}
	// A folder with one GGUF file.
	gguf, err := os.ReadFile(filepath.Join("testdata", "qwen2.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "model.gguf"), gguf, 0o644); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := convert(t, folder, ConvertOptions{DType: dtypes.Float16, MaxShardBytes: 10_000}); len(c.Files()) < 2 {
		t.Errorf("%d shards of a GGUF", len(c.Files()))
	}
}

// TestConvertOverflow reports what F16 cannot hold.
func TestConvertOverflow(t *testing.T) {
	dir := t.TempDir()
	values := []float32{1, 65504, 65519.9, 65520, -1e9, float32(math.Inf(1))}
	x, err := FromFloat32("x", []int{6}, values, dtypes.Float32)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(filepath.Join(dir, SingleFile), []Tensor{x}, nil); err != nil {
		t.Fatal(err)
	}
	got, _, over := convert(t, dir, ConvertOptions{DType: dtypes.Float16})
	if want := []Overflow{{"x", 2, 1e9}}; !slices.Equal(over, want) {
		t.Errorf("overflows %v, want %v", over, want)
	}
	half, _ := got.Tensor("x")
	back, err := ToFloat32(half)
	inf := float32(math.Inf(1))
	if want := []float32{1, 65504, 65504, inf, -inf, inf}; err != nil || !slices.Equal(back, want) {
		t.Errorf("got %v, want %v, %v", back, want, err)
	}
}

// TestFromFloat64 compares rounding by way of float32 with the nearest of the shorter type, in float64.
func TestFromFloat64(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		// Near a tie of bfloat16, where rounding twice errs.
		b := uint32(random.Uint64())&0x7fff0000 | 0x8000
		if b>>23 >= 0xfe || b>>23 < 2 {
			continue
		}
		x := float64(math.Float32frombits(b))
		x += math.Ldexp(x, -30) * float64(random.IntN(3)-1)
		low, high := float64(math.Float32frombits(b&0xffff0000)), float64(math.Float32frombits(b&0xffff0000+0x10000))
		want := low
		if x-low > high-x || x-low == high-x && b>>16&1 == 1 {
			want = high
		}
		f := fromFloat64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)), dtypes.BFloat16)
		if got := float64(math.Float32frombits(uint32(toBFloat16(f[0])) << 16)); got != want {
			t.Fatalf("%v becomes %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{0, 1, -1, math.Inf(1), 1e-310, -1e-50, 1e300} {
		f := fromFloat64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)), dtypes.Float32)
		if f[0] != float32(x) {
			t.Errorf("%v becomes %v", x, f[0])
		}
	}
}

type doubling struct{}

func (doubling) Changes(name string) bool { return strings.HasSuffix(name, "q_proj.weight") }

func (doubling) MergeInto(_ string, w []float32, _ []int) error {
	for i := range w {
		w[i] *= 2
	}
	return nil
}

func TestConvertMerges(t *testing.T) {
	got, _, _ := convert(t, torchFile("llama_torch"), ConvertOptions{Merge: doubling{}, DType: dtypes.Float32})
	base := openTest(t, torchFile("llama_safetensors"))
	for _, name := range base.Names() {
		g, _ := got.Tensor(name)
		b, _ := base.Tensor(name)
		a, err := ToFloat32(b)
		if err != nil {
			t.Fatal(err)
		}
		factor := float32(1)
		if (doubling{}).Changes(name) {
			factor = 2
		}
		values, err := ToFloat32(g)
		if err != nil || values[3] != factor*a[3] {
			t.Errorf("%s: %v, want %v times %v, %v", name, values[3], factor, a[3], err)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	full := t.TempDir()
	adapter := t.TempDir()
	quantised := t.TempDir()
	config := []byte(`{"model_type":"llama","quantization_config":{"quant_method":"gptq"}}`)
	data, err := os.ReadFile(torchFile("newer.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{
		filepath.Join(full, "x"): nil, filepath.Join(adapter, "adapter_config.json"): []byte("{}"),
		filepath.Join(quantised, "config.json"): config, filepath.Join(quantised, "pytorch_model.bin"): data,
	} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	for name, test := range map[string]struct {
		src, dst string
		dtype    dtypes.DType
		want     string
	}{
		"not there":    {"none", out, dtypes.Float32, "nothing to convert"},
		"full":         {torchFile("llama_torch"), full, dtypes.Float32, "empty or new folder"},
		"adapter":      {adapter, out, dtypes.Float32, "is an adapter"},
		"quantised":    {quantised, out, dtypes.Float32, "quantization_config"},
		"integer type": {torchFile("llama_torch"), out, dtypes.Int8, "F32, F16 or BF16"},
		"hostile":      {torchFile("bad_eval.bin"), out, dtypes.Float32, "nothing was run"},
		"no weights":   {full, out, dtypes.Float32, "no checkpoint"},
	} {
		_, err := Convert(context.Background(), test.src, test.dst, ConvertOptions{DType: test.dtype})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Convert(ctx, torchFile("llama_torch"), out, ConvertOptions{}); err == nil {
		t.Error("a cancelled conversion succeeds")
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a cancelled conversion is there")
	}
	if _, err := withDType([]byte("null"), dtypes.Float32); err == nil {
		t.Error("null is a config")
	}
	both, err := withDType([]byte(`{"dtype":"float32","torch_dtype":"float32","eps":1e-05}`), dtypes.BFloat16)
	var got map[string]any
	if err != nil || json.Unmarshal(both, &got) != nil || got["dtype"] != "bfloat16" || got["torch_dtype"] != "bfloat16" || !strings.Contains(string(both), "1e-05") {
		t.Errorf("%s, %v", both, err)
	}
}
