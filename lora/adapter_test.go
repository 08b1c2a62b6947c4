package lora_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/weights"
)

const qProj = "model.layers.0.self_attn.q_proj"

// module returns a module with random matrices.
func module(name string, rank, in, out int) *lora.Module {
	seed := uint64(rank*1000 + len(name))
	return &lora.Module{
		Name: name, Rank: rank, In: in, Out: out,
		A: randomInput(seed, rank, in), B: randomInput(seed+1, out, rank),
	}
}

func adapter(t *testing.T, name string, c lora.Config, modules ...*lora.Module) *lora.Adapter {
	t.Helper()
	if c.Bias == "" {
		c.Bias = "none"
	}
	a, err := lora.New(name, c, modules, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNewRefuses(t *testing.T) {
	plain := lora.Config{R: 2, Alpha: 4, Bias: "none"}
	dora := lora.Config{R: 2, Alpha: 4, Bias: "none", DoRA: true}
	short := module(qProj, 2, 4, 6)
	short.B = short.B[1:]
	magnitude := module(qProj, 2, 4, 6)
	magnitude.Magnitude = make([]float32, 6)
	diverged := module(qProj, 2, 4, 6)
	diverged.B[7] = float32(math.NaN())
	infinite := map[string]lora.Values{qProj + ".bias": {Shape: []int{1}, Data: []float32{float32(math.Inf(1))}}}
	tests := map[string]struct {
		config   lora.Config
		modules  []*lora.Module
		replaced map[string]lora.Values
		want     string
	}{
		"nothing":           {plain, nil, nil, "no tensors"},
		"other rank":        {plain, []*lora.Module{module(qProj, 3, 4, 6)}, nil, qProj + ": lora_A has rank 3, but the configuration gives it 2"},
		"short B":           {plain, []*lora.Module{short}, nil, "lora_B 11, expected [2,4] and [6,2]"},
		"twice":             {plain, []*lora.Module{module(qProj, 2, 4, 6), module(qProj, 2, 4, 6)}, nil, "twice"},
		"no magnitude":      {dora, []*lora.Module{module(qProj, 2, 4, 6)}, nil, "lora_magnitude_vector has 0 values, expected 6"},
		"unasked magnitude": {plain, []*lora.Module{magnitude}, nil, "use_dora is false"},
		"short bias":        {plain, nil, map[string]lora.Values{qProj + ".bias": {Shape: []int{6}, Data: make([]float32, 5)}}, "has 5 values, expected 6"},
		"NaN":               {plain, []*lora.Module{diverged}, nil, qProj + ": lora_B holds NaN at 7"},
		"infinite bias":     {plain, nil, infinite, ".bias holds +Inf at 0"},
		"bad config":        {lora.Config{Bias: "none"}, nil, nil, "r is 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := lora.New("x", test.config, test.modules, test.replaced)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
		})
	}
}

func TestCheckNamesEveryMisfit(t *testing.T) {
	a, err := lora.New("sql", lora.Config{R: 2, Alpha: 4, Bias: "all", BaseModel: "org/base"},
		[]*lora.Module{module(qProj, 2, 4, 6), module("model.layers.9.self_attn.q_proj", 2, 4, 6)},
		map[string]lora.Values{
			qProj + ".bias":  {Shape: []int{6}, Data: make([]float32, 6)},
			"lm_head.weight": {Shape: []int{5, 4}, Data: make([]float32, 20)},
		})
	if err != nil {
		t.Fatal(err)
	}
	base := map[string][]int{qProj + ".weight": {8, 4}, "lm_head.weight": {7, 4}}
	err = a.Check(func(name string) ([]int, bool) { shape, ok := base[name]; return shape, ok })
	if err == nil {
		t.Fatal("an adapter for another base was taken")
	}
	for _, want := range []string{
		`"sql" is for another base model (its own is org/base)`,
		"module " + qProj + ": the adapter is for a weight of shape [6 4], the base's is [8 4]",
		"the base has no module model.layers.9.self_attn.q_proj",
		"the base has no tensor " + qProj + ".bias",
		"tensor lm_head.weight: the adapter's has shape [5 4], the base's [7 4]",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
}

func TestMergeIntoRefusesAnotherShape(t *testing.T) {
	a := adapter(t, "x", lora.Config{R: 2, Alpha: 4}, module(qProj, 2, 4, 6))
	if err := a.MergeInto(qProj+".weight", make([]float32, 24), []int{4, 6}); err == nil || !strings.Contains(err.Error(), "shape [6 4], the base's is [4 6]") {
		t.Errorf("got %v", err)
	}
	if err := a.MergeInto(qProj+".weight", make([]float32, 23), []int{6, 4}); err == nil || !strings.Contains(err.Error(), "23 values, expected 24") {
		t.Errorf("got %v", err)
	}
	other := []float32{1, 2}
	if err := a.MergeInto("model.norm.weight", other, []int{2}); err != nil || !slices.Equal(other, []float32{1, 2}) {
		t.Errorf("an untouched tensor became %v, error %v", other, err)
	}
}

// Every adapter of the fixtures, written and read again, is the same.
func TestSaveThenOpen(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		dir := filepath.Join(t.TempDir(), f.adapter.Name)
		if err := f.adapter.Save(dir); err != nil {
			t.Fatal(err)
		}
		again, err := lora.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f.adapter.Config, again.Config); diff != "" {
			t.Errorf("configuration (-original +read again):\n%s", diff)
		}
		if diff := cmp.Diff(f.adapter.Modules(), again.Modules()); diff != "" {
			t.Errorf("modules:\n%s", diff)
		}
		for _, name := range f.adapter.Modules() {
			want, _ := f.adapter.Module(name)
			got, _ := again.Module(name)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
		if diff := cmp.Diff(f.adapter.Replaced(), again.Replaced()); diff != "" {
			t.Errorf("replaced tensors:\n%s", diff)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 {
			t.Errorf("the folder has %v, expected two files and no temporary ones (%v)", entries, err)
		}
	})
}

// Settings that no fixture combines, written and read again.
func TestSaveKeepsTheConfiguration(t *testing.T) {
	config := lora.Config{
		BaseModel: "org/base", TaskType: "CAUSAL_LM", R: 2, Alpha: 0.5, Dropout: 0.1, RSLoRA: true, Bias: "none",
		RankPattern: lora.Patterns{{Key: "z_proj", Value: 4}, {Key: "a_proj", Value: 1}}, AlphaPattern: lora.Patterns{{Key: "x", Value: 1.5}},
		TargetModules: lora.Targets{Pattern: `.*\.(q|v)_proj`}, LayersToAdapt: []int{0, 2}, LayersPattern: []string{"layers"},
		ModulesToSave: []string{"lm_head"}, PEFTVersion: "0.21.2",
	}
	dir := t.TempDir()
	if err := adapter(t, "x", config, module(qProj, 2, 4, 6)).Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := lora.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config, again.Config); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// The bias of an adapted module has another name in PEFT's file than in the base.
func TestSaveNamesBiasesAsPEFTDoes(t *testing.T) {
	values := lora.Values{Shape: []int{6}, Data: make([]float32, 6)}
	a, err := lora.New("x", lora.Config{R: 2, Alpha: 4, Bias: "all"}, []*lora.Module{module(qProj, 2, 4, 6)},
		map[string]lora.Values{qProj + ".bias": values, "model.layers.0.self_attn.k_proj.bias": values})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"base_model.model.model.layers.0.self_attn.k_proj.bias",
		"base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias",
		"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
		"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
	}
	if diff := cmp.Diff(want, checkpoint(t, filepath.Join(dir, "adapter_model.safetensors")).Names()); diff != "" {
		t.Error(diff)
	}
	again, err := lora.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Replaced(), again.Replaced()); diff != "" {
		t.Error(diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	const config = `{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}`
	const q = "base_model.model." + qProj
	tensor := func(name string, shape ...int) weights.Tensor {
		t.Helper()
		tensor, err := weights.FromFloat32(name, shape, randomInput(1, shape...), dtypes.Float32)
		if err != nil {
			t.Fatal(err)
		}
		return tensor
	}
	tests := map[string]struct {
		config  string
		tensors []weights.Tensor
		want    string
	}{
		"only A":           {config, []weights.Tensor{tensor(q+".lora_A.weight", 2, 4)}, qProj + ": needs both lora_A.weight and lora_B.weight"},
		"ranks that clash": {config, []weights.Tensor{tensor(q+".lora_A.weight", 2, 4), tensor(q+".lora_B.weight", 6, 3)}, "lora_A has shape [2 4] and lora_B [6 3]"},
		"rank of a cube":   {config, []weights.Tensor{tensor(q+".lora_A.weight", 2, 4, 1), tensor(q+".lora_B.weight", 6, 2)}, "expected [r,in] and [out,r]"},
		"embedding":        {config, []weights.Tensor{tensor("base_model.model.model.embed_tokens.lora_embedding_A", 2, 4)}, "lora_embedding_A: this kind of LoRA tensor is not supported"},
		"another prefix":   {config, []weights.Tensor{tensor(qProj+".lora_A.weight", 2, 4)}, "the name should begin with base_model.model."},
		"no tensors":       {config, nil, ""},
		"refused config":   {`{"peft_type": "LORA", "layer_replication": [[0, 1]]}`, nil, "adapter_config.json: unsupported setting layer_replication"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "adapter_config.json"), test.config)
			if err := weights.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), test.tensors, nil); err != nil {
				t.Fatal(err)
			}
			_, err := lora.Open(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, expected %q and the folder in it", err, test.want)
			}
		})
	}
}

func TestOpenDamagedFolder(t *testing.T) {
	if _, err := lora.Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "adapter_config.json") {
		t.Errorf("an empty folder: got %v", err)
	}
	source := filepath.Join("..", "testdata", "golden", "lora", "llama", "plain_qv")
	for _, keep := range []int{0, 7, 100, 5000} {
		dir := t.TempDir()
		config, err := os.ReadFile(filepath.Join(source, "adapter_config.json"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(source, "adapter_model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "adapter_config.json"), string(config))
		write(t, filepath.Join(dir, "adapter_model.safetensors"), string(data[:keep]))
		if _, err := lora.Open(dir); err == nil || !strings.Contains(err.Error(), "adapter_model.safetensors") {
			t.Errorf("cut to %d bytes: got %v", keep, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
