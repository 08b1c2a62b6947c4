// Package testmodel writes small models with random weights and SmolLM2's own tokenizer and chat template, for tests that
// need text to go through a whole model in a fraction of a second. What they say means nothing.
package testmodel

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// Sizes of the models. Hidden and the number of layers are what adapters and heads must fit.
const (
	Hidden = 32
	Layers = 2

	vocabulary   = 49152 // the tokenizer's
	intermediate = 64
	heads        = 4
	kvHeads      = 2
	scale        = 0.2 // of the weights: large enough that prompts make a difference
)

// Write fills dir with a model whose context has so many tokens.
func Write(dir string, context int, seed uint64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_act": "silu",
		"vocab_size": vocabulary, "hidden_size": Hidden, "intermediate_size": intermediate, "num_hidden_layers": Layers,
		"num_attention_heads": heads, "num_key_value_heads": kvHeads, "max_position_embeddings": context,
		"rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true, "torch_dtype": "float32",
		"bos_token_id": 1, "eos_token_id": 2,
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644); err != nil {
		return err
	}
	if err := writeWeights(dir, seed); err != nil {
		return err
	}
	return writeTokenizer(dir)
}

// WriteEncoder fills dir with a BERT whose context has so many tokens, and a tokenizer that knows letters.
func WriteEncoder(dir string, context int, seed uint64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	vocab := map[string]int{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
	for c := rune('!'); c <= '~'; c++ {
		vocab[string(c)] = len(vocab)
		vocab["##"+string(c)] = len(vocab)
	}
	special := func(name string) map[string]any {
		return map[string]any{"id": name, "ids": []int{vocab[name]}, "tokens": []string{name}}
	}
	var added []map[string]any
	for id, name := range []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]"} {
		added = append(added, map[string]any{"id": id, "content": name, "special": true,
			"single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	token := func(name string) map[string]any {
		return map[string]any{"SpecialToken": map[string]any{"id": name, "type_id": 0}}
	}
	text := map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}
	tokenizer := map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
			"strip_accents": nil, "lowercase": false},
		"pre_tokenizer": map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{
			"type": "TemplateProcessing", "single": []any{token("[CLS]"), text, token("[SEP]")},
			"pair":           []any{token("[CLS]"), text, token("[SEP]"), map[string]any{"Sequence": map[string]any{"id": "B", "type_id": 1}}, token("[SEP]")},
			"special_tokens": map[string]any{"[CLS]": special("[CLS]"), "[SEP]": special("[SEP]")},
		},
		"decoder": map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model": map[string]any{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
			"max_input_chars_per_word": 100, "vocab": vocab},
	}
	config := map[string]any{
		"architectures": []string{"BertModel"}, "model_type": "bert", "hidden_act": "gelu", "vocab_size": len(vocab),
		"hidden_size": Hidden, "intermediate_size": intermediate, "num_hidden_layers": Layers, "num_attention_heads": heads,
		"max_position_embeddings": context, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
	}
	for name, document := range map[string]any{"config.json": config, "tokenizer.json": tokenizer} {
		data, err := json.MarshalIndent(document, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return writeWeights(dir, seed)
}

func writeWeights(dir string, seed uint64) error {
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		return err
	}
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 1))
	var tensors []weights.Tensor
	for _, t := range family.Tensors(config) {
		if t.Kind == transformer.Unused {
			continue
		}
		offset := 0.0
		if t.Kind == transformer.Vector { // norms
			offset = 1
		}
		x, err := weights.FromFloat32(t.Key, t.Shape, normal(random, offset, t.Shape...), dtypes.Float32)
		if err != nil {
			return err
		}
		tensors = append(tensors, x)
	}
	return weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, map[string]string{"format": "pt"})
}

func normal(random *rand.Rand, offset float64, shape ...int) []float32 {
	n := 1
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(offset + scale*random.NormFloat64())
	}
	return values
}

// writeTokenizer copies SmolLM2's from the golden fixtures.
func writeTokenizer(dir string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	from := filepath.Join(root, "testdata", "golden", "smollm2", "tokenizer")
	for _, name := range []string{"tokenizer_config.json", "chat_template.jinja"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Open(filepath.Join(from, "tokenizer.json.gz"))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "tokenizer.json"), data, 0o644)
}

// WriteHead fills dir with a random head.
func WriteHead(dir string, hidden int, seed uint64) error {
	return WriteHeadOf(dir, classifier.DefaultConfig(hidden), seed)
}

// WriteHeadOf fills dir with a random head of one hidden layer and else of that configuration.
func WriteHeadOf(dir string, config classifier.Config, seed uint64) error {
	config.Layers = []int{8}
	random := rand.New(rand.NewPCG(seed, 2))
	tensors := map[string][]float32{}
	shapes := config.ParamShapes()
	for _, name := range config.ParamNames() {
		tensors[name] = normal(random, 0, shapes[name]...)
	}
	h, err := classifier.New(filepath.Base(dir), config, tensors)
	if err != nil {
		return err
	}
	return h.Save(dir)
}

// WriteAdapter fills dir with a random adapter on the first layers' q_proj, for models of so many layers.
func WriteAdapter(dir string, layers int, seed uint64) error {
	const rank = 4
	random := rand.New(rand.NewPCG(seed, 3))
	var modules []*lora.Module
	for i := range layers {
		modules = append(modules, &lora.Module{
			Name: fmt.Sprintf("model.layers.%d.self_attn.q_proj", i), Rank: rank, In: Hidden, Out: Hidden,
			A: normal(random, 0, rank, Hidden), B: normal(random, 0, Hidden, rank),
		})
	}
	config := lora.Config{R: rank, Alpha: 2 * rank, Bias: "none", TaskType: "CAUSAL_LM", TargetModules: lora.Targets{Names: []string{"q_proj"}}}
	a, err := lora.New(filepath.Base(dir), config, modules, nil)
	if err != nil {
		return err
	}
	return a.Save(dir)
}

// Root is the top of the checkout that the test runs in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testmodel: no go.mod above the working folder")
		}
		dir = parent
	}
}
