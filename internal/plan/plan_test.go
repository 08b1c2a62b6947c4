package plan

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

func config(t *testing.T, name string) *transformer.Config {
	t.Helper()
	c, err := Config(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func of(t *testing.T, c *transformer.Config, o Options) *Plan {
	t.Helper()
	o.Rank = max(o.Rank, 1)
	p, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestParameters holds what the families' tables of keys add up to to the models' published numbers of parameters.
func TestParameters(t *testing.T) {
	for name, want := range map[string]int64{
		"llama-3.1-8b": 8_030_261_248, "qwen3-4b": 4_022_468_096, "gemma-2-9b": 9_241_705_984, "qwen2.5-7b": 7_615_616_512,
		"mistral-7b-v0.1": 7_241_732_096, "smollm2-135m": 134_515_008, "codebert-base": 124_055_040, // RobertaModel without its pooler
	} {
		p := of(t, config(t, name), Options{DType: BF16, Batch: 1, Prompt: 100})
		if p.Parameters != want || p.Weights != 2*want {
			t.Errorf("%s: %d parameters in %d bytes, want %d", name, p.Parameters, p.Weights, want)
		}
	}
}

// TestLlama8B is the arithmetic done by hand: 8 billion parameters in bf16 fit a card of 24 GB.
func TestLlama8B(t *testing.T) {
	c := config(t, "llama-3.1-8b")
	o := Options{DType: BF16, Batch: 4, Prompt: 1025, MaxTokens: 100, Memory: 24e9}
	p := of(t, c, o)
	const perToken = 2 * 8 * 128 * 2 * 32 // k and v, heads, width, bytes, layers
	if len(p.Cache) != 1 || p.Cache[0].PerToken != perToken || p.Cache[0].Layers != 32 {
		t.Errorf("cache %+v, want %d bytes a token", p.Cache, perToken)
	}
	// 1024 columns prefilled; the loop's has 1 + 112 more, and is there twice beside it.
	if want := int64(4*perToken*(1024+2*(1024+113)) + 4*4*4*128256); p.Decode != want {
		t.Errorf("decode %d, want %d", p.Decode, want)
	}
	if want := p.Weights + p.Heads + p.Runtime + max(p.Prefill, p.Decode); p.Total != want || p.Fits == nil || !*p.Fits || p.LargestBatch < 4 {
		t.Errorf("total %d, want %d; fits %v, largest batch %d", p.Total, want, p.Fits, p.LargestBatch)
	}
	// The largest batch fits and one more does not.
	for _, n := range []int{p.LargestBatch, p.LargestBatch + 1} {
		o.Batch = n
		if fits := *of(t, c, o).Fits; fits != (n == p.LargestBatch) {
			t.Errorf("batch %d fits: %t; the largest is said to be %d", n, fits, p.LargestBatch)
		}
	}
	o.DType, o.Batch = F32, 1
	if p := of(t, c, o); *p.Fits || p.LargestBatch != 0 {
		t.Errorf("in f32 on 24 GB: fits %t, batch %d", *p.Fits, p.LargestBatch)
	}
	o.DType = Int8
	if p := of(t, c, o); p.Weights > 8.7e9 || p.Weights < 8.03e9 {
		t.Errorf("%d bytes in int8", p.Weights)
	}
	// Two matrices [4096, r] and [r, 4096] or like sizes, for seven projections of 32 layers.
	o.DType, o.Adapters, o.Rank = BF16, 2, 8
	if p, want := of(t, c, o), int64(2*2*8*32*(2*(4096+4096)+2*(4096+1024)+3*(4096+14336))); p.Adapters != want {
		t.Errorf("adapters %d, want %d", p.Adapters, want)
	}
}

// TestMeasured holds plans to the largest resident size of the process, measured of SmolLM2-135M-Instruct in float32 with
// XLA on 2 cores of an AMD EPYC (VmHWM after one batch of Generate; see docs/models.md).
func TestMeasured(t *testing.T) {
	for _, m := range []struct{ batch, prompt, tokens, kib int }{
		{1, 32, 1, 917_864}, {1, 512, 16, 992_240}, {8, 512, 16, 1_485_628}, {8, 1024, 16, 2_268_312},
	} {
		p := of(t, config(t, "smollm2-135m"), Options{DType: F32, Batch: m.batch, Prompt: m.prompt, MaxTokens: m.tokens})
		ratio := float64(p.Total) / float64(m.kib<<10)
		t.Logf("batch %d, prompt %d: planned %.0f MB, measured %.0f MB, ratio %.3f", m.batch, m.prompt, float64(p.Total)/1e6, float64(m.kib<<10)/1e6, ratio)
		if ratio < 0.95 || ratio > 1.15 { // rather too much than too little
			t.Errorf("batch %d, prompt %d: planned %d bytes, measured %d: ratio %.3f", m.batch, m.prompt, p.Total, m.kib<<10, ratio)
		}
	}
}

// TestWeightsAreWhatIsLoaded compares with a model that was loaded.
func TestWeightsAreWhatIsLoaded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := testmodel.Write(dir, 512, 1); err != nil {
		t.Fatal(err)
	}
	b, err := backend.New("go")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Config(dir)
	if err != nil {
		t.Fatal(err)
	}
	for dtype, o := range map[DType]model.Options{F32: {DType: dtypes.Float32}, BF16: {DType: dtypes.BFloat16}, Int8: {DType: dtypes.BFloat16, Int8: true}} {
		o.Backend = b
		m, err := model.Open(context.Background(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if p := of(t, c, Options{DType: dtype, Batch: 1, Prompt: 10}); p.Weights != m.WeightBytes() {
			t.Errorf("%s: planned %d bytes of weights, loaded %d", dtype, p.Weights, m.WeightBytes())
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSlidingLayers(t *testing.T) {
	p := of(t, config(t, "gemma-2-9b"), Options{DType: BF16, Batch: 1, Prompt: 100, MaxTokens: 10})
	if len(p.Cache) != 2 || p.Cache[0].Window != 4096 || p.Cache[0].Layers != 21 || p.Cache[1].Window != 0 || p.Cache[1].Layers != 21 {
		t.Errorf("cache %+v", p.Cache)
	}
	if p := of(t, config(t, "codebert-base"), Options{DType: F32, Batch: 1, Prompt: 100}); len(p.Cache) > 0 || p.Decode != 0 || p.Prefill == 0 {
		t.Errorf("an encoder has %+v", p)
	}
}

func TestRefuses(t *testing.T) {
	c := config(t, "qwen3-4b")
	for want, o := range map[string]Options{
		"dtype":               {DType: "f64", Batch: 1, Prompt: 1, Rank: 1},
		"batch":               {DType: F32, Prompt: 1, Rank: 1},
		"prompt":              {DType: F32, Batch: 1, Rank: 1},
		"max-tokens":          {DType: F32, Batch: 1, Prompt: 1, MaxTokens: -1, Rank: 1},
		"at most 16":          {DType: F32, Batch: 1, Prompt: 1, Adapters: 17, Rank: 1},
		"rank":                {DType: F32, Batch: 1, Prompt: 1, Adapters: 1},
		"exceed the model's ": {DType: F32, Batch: 1, Prompt: 40000, MaxTokens: 1000, Rank: 1},
	} {
		if _, err := New(c, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v gives %v, want %q", o, err, want)
		}
	}
	for path, want := range map[string]string{"testdata": "config.json", "none": "config.json", filepath.Join("testdata", "README.md"): "README.md"} {
		if _, err := Config(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWrite(t *testing.T) {
	for _, test := range []struct {
		memory int64
		want   string
	}{{24e9, "fits 24.00 GB; the largest batch"}, {19e9, "does not fit 19.00 GB; the largest batch that does has"}, {1e9, "not even one row"}, {0, "at its peak"}} {
		var b strings.Builder
		p := of(t, config(t, "llama-3.1-8b"), Options{DType: BF16, Batch: 2, Prompt: 2000, MaxTokens: 100, Adapters: 1, Rank: 8, Memory: test.memory})
		if test.memory == 19e9 {
			p = of(t, config(t, "llama-3.1-8b"), Options{DType: BF16, Batch: 64, Prompt: 200, MaxTokens: 100, Rank: 8, Memory: test.memory})
		}
		if err := p.Write(&b); err != nil || !strings.Contains(b.String(), test.want) {
			t.Errorf("%s\n%v: %q is missing", &b, err, test.want)
		}
	}
}
