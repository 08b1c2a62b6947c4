package weights_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/go-cmp/cmp"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/weights"
)

// reference is what testdata/make_models.py wrote beside each GGUF.
type reference struct {
	Tensors map[string]struct {
		Shape  []int
		SHA256 string
	}
	Texts []struct {
		Text, Decoded string
		IDs           []int32
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func convert(t *testing.T, name string, dtype dtypes.DType) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deep", name)
	if err := weights.ConvertGGUF(t.Context(), filepath.Join("testdata", name+".gguf"), dir, dtype, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, dir string) *weights.Checkpoint {
	t.Helper()
	c, err := weights.Open(dir)
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

var converted = []string{"llama3", "smollm", "mistral", "qwen2", "qwen3"}

// TestConvertedTensors holds every tensor, bit by bit, against transformers' own reading of the same GGUF.
func TestConvertedTensors(t *testing.T) {
	for _, name := range converted {
		t.Run(name, func(t *testing.T) {
			var want reference
			readJSON(t, filepath.Join("testdata", name+".json"), &want)
			c := open(t, convert(t, name, dtypes.InvalidDType))
			if len(c.Names()) != len(want.Tensors) {
				t.Errorf("%d tensors, want %d: %v", len(c.Names()), len(want.Tensors), c.Names())
			}
			for key, w := range want.Tensors {
				tensor, ok := c.Tensor(key)
				if !ok || !slices.Equal(tensor.Shape, w.Shape) {
					t.Errorf("%s: found %t, shape %v, want %v", key, ok, tensor.Shape, w.Shape)
					continue
				}
				values, err := weights.ToFloat32(tensor)
				if err != nil {
					t.Fatal(err)
				}
				hash := sha256.New()
				for _, v := range values {
					_ = binary.Write(hash, binary.LittleEndian, math.Float32bits(v))
				}
				if got := hex.EncodeToString(hash.Sum(nil)); got != w.SHA256 {
					t.Errorf("%s: the values differ", key)
				}
			}
		})
	}
}

// TestConvertedTokenizers holds ids and decoded text against the tokenizers that the GGUFs were made from.
func TestConvertedTokenizers(t *testing.T) {
	for _, name := range converted {
		t.Run(name, func(t *testing.T) {
			var want reference
			readJSON(t, filepath.Join("testdata", name+".json"), &want)
			tok, err := tokenizer.OpenGo(convert(t, name, dtypes.InvalidDType))
			if err != nil {
				t.Fatal(err)
			}
			defer tok.Close() //nolint:errcheck // read only
			if len(want.Texts) < 10 {
				t.Fatalf("only %d texts", len(want.Texts))
			}
			for _, w := range want.Texts {
				got, err := tok.Encode(w.Text, tokenizer.EncodeOptions{AddSpecial: true})
				if err != nil || !slices.Equal(got.IDs, w.IDs) {
					t.Errorf("%q: got %v, want %v, %v", w.Text, got.IDs, w.IDs, err)
				}
				if decoded := tok.Decode(w.IDs, true); decoded != w.Decoded {
					t.Errorf("%q decodes to %q, want %q", w.Text, decoded, w.Decoded)
				}
			}
		})
	}
}

func TestConvertedConfigs(t *testing.T) {
	common := map[string]any{
		"attention_dropout": 0.0, "bos_token_id": 1.0, "hidden_act": "silu", "hidden_size": 32.0,
		"initializer_range": 0.02, "intermediate_size": 64.0, "max_position_embeddings": 512.0, "num_attention_heads": 4.0,
		"num_hidden_layers": 2.0, "num_key_value_heads": 2.0, "rms_norm_eps": 1e-6, "rope_theta": 5e5, "use_cache": true,
	}
	llama3Rope := map[string]any{
		"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192.0,
	}
	ends := []any{0.0, 2.0}
	for name, special := range map[string]map[string]any{
		"llama3": {
			"architectures": []any{"LlamaForCausalLM"}, "model_type": "llama", "attention_bias": false, "mlp_bias": false, "pretraining_tp": 1.0,
			"head_dim": 16.0, "rope_scaling": llama3Rope, "tie_word_embeddings": false, "torch_dtype": "float32", "vocab_size": 342.0, "eos_token_id": ends,
		},
		"smollm": {
			"architectures": []any{"LlamaForCausalLM"}, "model_type": "llama", "attention_bias": false, "mlp_bias": false, "pretraining_tp": 1.0,
			"head_dim": 8.0, "rope_scaling": nil, "tie_word_embeddings": true, "torch_dtype": "float32", "vocab_size": 342.0, "eos_token_id": ends,
		},
		"mistral": {
			"architectures": []any{"MistralForCausalLM"}, "model_type": "mistral", "attention_bias": false, "mlp_bias": false, "pretraining_tp": 1.0,
			"head_dim": 8.0, "rope_scaling": nil, "tie_word_embeddings": false, "torch_dtype": "float32", "vocab_size": 420.0, "eos_token_id": 2.0, "sliding_window": 64.0,
		},
		"qwen2": {
			"architectures": []any{"Qwen2ForCausalLM"}, "model_type": "qwen2", "use_sliding_window": false,
			"head_dim": 8.0, "rope_scaling": nil, "tie_word_embeddings": true, "torch_dtype": "float32", "vocab_size": 342.0, "eos_token_id": ends,
		},
		"qwen3": {
			"architectures": []any{"Qwen3ForCausalLM"}, "model_type": "qwen3", "use_sliding_window": false, "attention_bias": false,
			"head_dim": 16.0, "rope_scaling": nil, "tie_word_embeddings": true, "torch_dtype": "float32", "vocab_size": 342.0, "eos_token_id": ends,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, want := convert(t, name, dtypes.InvalidDType), map[string]any{}
			for _, m := range []map[string]any{common, special} {
				for k, v := range m {
					want[k] = v
				}
			}
			var config, generation, tok map[string]any
			readJSON(t, filepath.Join(dir, "config.json"), &config)
			if diff := cmp.Diff(want, config); diff != "" {
				t.Errorf("config.json (-want +got):\n%s", diff)
			}
			readJSON(t, filepath.Join(dir, "generation_config.json"), &generation)
			if !reflect.DeepEqual(generation["eos_token_id"], special["eos_token_id"]) {
				t.Errorf("generation_config.json: %v", generation)
			}
			readJSON(t, filepath.Join(dir, "tokenizer_config.json"), &tok)
			if name == "mistral" {
				if tok["bos_token"] != "<s>" || tok["unk_token"] != "<unk>" || tok["add_bos_token"] != true || tok["chat_template"] != nil {
					t.Errorf("tokenizer_config.json: %v", tok)
				}
			} else if tok["eos_token"] != "<|endoftext|>" || tok["chat_template"] != "{{ messages }}" || tok["add_bos_token"] != (name == "llama3") {
				t.Errorf("tokenizer_config.json: %v", tok)
			}
		})
	}
}

func TestConvertDTypes(t *testing.T) {
	names := map[dtypes.DType]string{dtypes.Float32: "float32", dtypes.Float16: "float16", dtypes.BFloat16: "bfloat16"}
	kept := open(t, convert(t, "llama3", dtypes.InvalidDType))
	types := map[dtypes.DType]bool{}
	for _, key := range kept.Names() {
		tensor, _ := kept.Tensor(key)
		types[tensor.DType] = true
	}
	if len(types) != 3 {
		t.Errorf("F16 and BF16 were not kept: %v", types)
	}
	for dtype, spelling := range names {
		dir := convert(t, "llama3", dtype)
		c := open(t, dir)
		for _, key := range c.Names() {
			got, _ := c.Tensor(key)
			if got.DType != dtype {
				t.Fatalf("%s is %s, want %s", key, got.DType, dtype)
			}
			exact, _ := kept.Tensor(key)
			values, err := weights.ToFloat32(exact)
			if err != nil {
				t.Fatal(err)
			}
			if want, err := weights.FromFloat32(key, exact.Shape, values, dtype); err != nil || !slices.Equal(want.Data, got.Data) {
				t.Errorf("%s in %s: the values differ, %v", key, dtype, err)
			}
		}
		var config map[string]any
		readJSON(t, filepath.Join(dir, "config.json"), &config)
		if config["torch_dtype"] != spelling {
			t.Errorf("torch_dtype %v, want %s", config["torch_dtype"], spelling)
		}
	}
	err := weights.ConvertGGUF(t.Context(), "testdata/llama3.gguf", t.TempDir(), dtypes.Int8, nil)
	if err == nil || !strings.Contains(err.Error(), "found I8") {
		t.Errorf("converted to I8: %v", err)
	}
}

func TestConvertLeavesNothingBehind(t *testing.T) {
	parent := t.TempDir()
	dst := filepath.Join(parent, "model")
	ctx, cancel := context.WithCancel(t.Context())
	err := weights.ConvertGGUF(ctx, "testdata/llama3.gguf", dst, 0, func(done, total int64) {
		if done > total/2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	whole, err := os.ReadFile("testdata/llama3.gguf")
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short.gguf")
	if err := os.WriteFile(short, whole[:len(whole)*3/4], 0o644); err != nil {
		t.Fatal(err)
	}
	err = weights.ConvertGGUF(t.Context(), short, dst, 0, nil)
	if err == nil || !strings.Contains(err.Error(), "cut short") || !strings.Contains(err.Error(), "blk.") {
		t.Errorf("cut short: %v", err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	var done, total int64
	if err := os.Mkdir(dst, 0o755); err != nil { // an empty folder may be there
		t.Fatal(err)
	}
	if err := weights.ConvertGGUF(t.Context(), "testdata/smollm.gguf", dst, 0, func(d, n int64) { done, total = d, n }); err != nil {
		t.Fatal(err)
	}
	if done != total || total == 0 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	err = weights.ConvertGGUF(t.Context(), "testdata/smollm.gguf", dst, 0, nil)
	if err == nil || !strings.Contains(err.Error(), "expected an empty or new folder, found config.json") {
		t.Errorf("over an old folder: %v", err)
	}
}

// TestConvertTwice gives the same bytes.
func TestConvertTwice(t *testing.T) {
	a, b := convert(t, "mistral", 0), convert(t, "mistral", 0)
	files, err := os.ReadDir(a)
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		x, errX := os.ReadFile(filepath.Join(a, f.Name()))
		y, errY := os.ReadFile(filepath.Join(b, f.Name()))
		if err := errors.Join(errX, errY); err != nil || !slices.Equal(x, y) {
			t.Errorf("%s differs, %v", f.Name(), err)
		}
	}
}
