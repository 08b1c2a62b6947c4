package base

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/januslm/janus/transformer"
)

// The special tokens of a learned tokenizer. The first ends a text; a chat template has two more.
const endOfText = "<|endoftext|>"

// architecture is the config.json of a new model, before its vocabulary is known.
type architecture struct {
	keys map[string]json.RawMessage
	from string // the file, or what else it is of
}

// newArchitecture is that of --arch, or a llama's, with the sizes that are given.
func newArchitecture(c *Config) (*architecture, error) {
	a := &architecture{keys: map[string]json.RawMessage{}, from: "a llama of the given sizes"}
	if c.Arch == "" {
		a.llama(c)
	} else if err := a.read(c.Arch); err != nil {
		return nil, err
	}
	for key, value := range map[string]int{
		"hidden_size": c.Hidden, "intermediate_size": c.Intermediate, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "vocab_size": c.Vocab,
	} {
		if value > 0 {
			a.set(key, value)
		}
	}
	if c.Layers > 0 { // lists with an entry a layer; their families make them of what they default to
		delete(a.keys, "layer_types")
		delete(a.keys, "no_rope_layers")
	}
	for _, key := range []string{"_name_or_path", "transformers_version", "torch_dtype", "dtype", "quantization_config"} {
		delete(a.keys, key) // of the checkpoint that the file came with
	}
	a.set("torch_dtype", "float32") // which transformers 4 and 5 both read
	return a, nil
}

// llama gives the keys of a small Llama, by default of 256 × 4.
func (a *architecture) llama(c *Config) {
	hidden, heads := c.Hidden, c.Heads
	if hidden == 0 {
		hidden = 256
	}
	if heads == 0 {
		heads = 4
	}
	for key, value := range map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_act": "silu", "hidden_size": hidden,
		"intermediate_size": (8*hidden/3 + 31) / 32 * 32, "num_hidden_layers": 4, "num_attention_heads": heads, "num_key_value_heads": heads,
		"max_position_embeddings": max(1024, c.Length), "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
		"initializer_range": 0.02, "vocab_size": 4096,
	} {
		a.set(key, value)
	}
}

func (a *architecture) read(path string) error {
	a.from = path
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &a.keys); err != nil {
		return fmt.Errorf("%s: expected a JSON object: %w", path, err)
	}
	if a.keys == nil {
		return fmt.Errorf("%s: expected a JSON object, found null", path)
	}
	return nil
}

func (a *architecture) set(key string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // numbers, texts and lists of them always encode
	}
	a.keys[key] = data
}

// vocabulary is the number of tokens that is asked for. The family must be a decoder's.
func (a *architecture) vocabulary() (int, error) {
	c, _, err := a.config()
	if err != nil {
		return 0, err
	}
	return c.VocabSize, nil
}

// withTokens sets what hangs on the vocabulary that was learned; chatEnd is the token that ends a turn, below 0 where there is none.
func (a *architecture) withTokens(size int, chatEnd int32) (*transformer.Config, map[string][]byte, error) {
	a.set("vocab_size", size)
	generation := map[string]any{}
	for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id"} {
		a.set(key, 0) // endOfText
		generation[key] = 0
	}
	if chatEnd >= 0 {
		generation["eos_token_id"] = []int32{0, chatEnd}
	}
	c, document, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	second, err := indented(generation)
	return c, map[string][]byte{"config.json": document, "generation_config.json": second}, err
}

// config checks the document as that of a decoder.
func (a *architecture) config() (*transformer.Config, []byte, error) {
	document, err := indented(a.keys)
	if err != nil {
		return nil, nil, err
	}
	c, err := transformer.ParseConfig(document)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.from, err)
	}
	family, err := transformer.Lookup(c.ModelType)
	if err != nil {
		return nil, nil, err
	}
	if family.IsEncoder() {
		return nil, nil, fmt.Errorf("%s: model_type %q is an encoder's, which writes no text: give the config.json of a decoder, such as a llama's "+
			"(`janus train encoder` tunes encoders)", a.from, c.ModelType)
	}
	return c, document, nil
}

func indented(document any) ([]byte, error) {
	data, err := json.MarshalIndent(document, "", "  ")
	return append(data, '\n'), err
}
