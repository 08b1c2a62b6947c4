package base

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/train/full"
	"github.com/januslm/janus/train/run"
)

// Config are the settings of `janus train base`.
type Config struct {
	Text  []string `yaml:"text" default:"" resume:"free" doc:"text to learn: files, folders of them, and .jsonl files with a text in the key text of each line"`
	From  string   `yaml:"from" default:"" resume:"free" doc:"a model to train further, with its own tokenizer: a Hugging Face folder or the name of a pulled model; none: a new one"`
	Arch  string   `yaml:"arch" default:"" resume:"free" doc:"config.json of the new model: any decoder family; none: a llama of the sizes below"`
	DType string   `yaml:"dtype" default:"" choices:",f32,bf16" doc:"of products: f32 or bf16; none: f32 on a CPU, bf16 on a GPU. The weights are float32"`

	Hidden       int `yaml:"hidden_size" default:"0" doc:"width of the new model; 0: that of arch, else 256"`
	Intermediate int `yaml:"intermediate_size" default:"0" doc:"width of its MLP; 0: that of arch, else 8/3 of hidden_size, rounded up to 32"`
	Layers       int `yaml:"num_hidden_layers" default:"0" doc:"its layers; 0: those of arch, else 4"`
	Heads        int `yaml:"num_attention_heads" default:"0" doc:"its heads; 0: those of arch, else 4"`
	KVHeads      int `yaml:"num_key_value_heads" default:"0" doc:"its heads of keys and values; 0: those of arch, else as num_attention_heads"`

	Vocab    int    `yaml:"vocab_size" default:"0" doc:"tokens to learn at most, the 256 bytes and the special ones among them; 0: those of arch, else 4096"`
	Pattern  string `yaml:"pattern" default:"gpt2" choices:"gpt2,llama3" doc:"how the tokenizer cuts text into words, which no token goes beyond"`
	MinCount int    `yaml:"min_pair_count" default:"2" doc:"a pair of tokens that occurs less often becomes none"`
	Chat     bool   `yaml:"chat" default:"false" doc:"give the tokenizer ChatML's tokens and template, for a training on conversations later"`

	Length   int     `yaml:"sequence_length" default:"256" doc:"tokens that are read at once"`
	DevShare float64 `yaml:"dev_share" default:"0.05" doc:"share of the sequences to validate on; 0 validates on none"`

	run.Updates `defaults:"epochs=1 batch_size=8 gradient_accumulation=1 learning_rate=1e-3 weight_decay=0.1 adam_beta2=0.95"`
	Seed        uint64 `yaml:"seed" default:"1" doc:"of the new weights and of the order of texts and sequences"`

	run.Output
}

// Check refuses values that no run can have.
func (c *Config) Check() error {
	if len(c.Text) == 0 {
		return errors.New("text, what to learn from, is not given: name files or folders (--text)")
	}
	if err := cmp.Or(
		run.AtLeast("hidden_size", c.Hidden, 0), run.AtLeast("intermediate_size", c.Intermediate, 0),
		run.AtLeast("num_hidden_layers", c.Layers, 0),
		run.AtLeast("num_attention_heads", c.Heads, 0), run.AtLeast("num_key_value_heads", c.KVHeads, 0),
		run.AtLeast("vocab_size", c.Vocab, 0), run.AtLeast("min_pair_count", c.MinCount, 0),
		run.AtLeast("sequence_length", c.Length, 2), run.Share("dev_share", c.DevShare), c.Updates.Check(),
	); err != nil {
		return err
	}
	if c.From != "" {
		if key := c.ofNew(); key != "" {
			return fmt.Errorf("%s is a setting of a new model, and from names one that is there", key)
		}
	}
	return nil
}

// ofNew is the key of a setting that only a new model has, "" where none is given.
func (c *Config) ofNew() string {
	for _, f := range []struct {
		key   string
		given bool
	}{
		{"arch", c.Arch != ""}, {"hidden_size", c.Hidden > 0}, {"intermediate_size", c.Intermediate > 0}, {"num_hidden_layers", c.Layers > 0},
		{"num_attention_heads", c.Heads > 0}, {"num_key_value_heads", c.KVHeads > 0}, {"vocab_size", c.Vocab > 0}, {"chat", c.Chat},
	} {
		if f.given {
			return f.key
		}
	}
	return ""
}

// Plan is what the settings say of the run; dtype is that of products.
func (c *Config) Plan(dtype dtypes.DType) full.Plan {
	return full.Plan{Updates: c.Updates, DType: dtype, Seed: c.Seed}
}
