// Package describe tells people and programs what a model, an adapter or a head is.
package describe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// Description is what the files say, with what they are good for.
type Description struct {
	weights.Description
	Tokenizer    string `json:"tokenizer,omitempty"` // which implementation reads it; empty where there is none
	Vocabulary   int    `json:"vocabulary,omitempty"`
	ChatTemplate bool   `json:"chat_template"`
	Encoder      bool   `json:"encoder,omitempty"` // the architecture is one of encoders, which write no text
}

// Describe looks at a folder or a file. A config.json that Janus cannot run, and a tokenizer or template that cannot be read,
// are errors.
func Describe(path string) (*Description, error) {
	described, err := weights.Describe(path)
	if err != nil {
		return nil, err
	}
	d := &Description{Description: described}
	if family, err := transformer.Lookup(d.Architecture); err == nil {
		d.Encoder = family.IsEncoder()
	}
	if d.Kind != "model" || d.Format == "gguf" {
		d.ChatTemplate = d.Config["tokenizer.chat_template"] != nil
		if model, ok := d.Config["tokenizer.ggml.model"].(string); ok {
			d.Tokenizer = model
		}
		return d, nil
	}
	if _, err := os.Stat(filepath.Join(path, "config.json")); err == nil {
		if _, err := transformer.LoadConfig(path); err != nil {
			return nil, err
		}
	}
	if !tokenizer.Exists(path) {
		return d, nil
	}
	t, err := tokenizer.Open(path)
	if err != nil {
		return nil, err
	}
	d.Tokenizer, d.Vocabulary = t.Name(), t.VocabSize()
	_, err = tokenizer.LoadChat(path)
	d.ChatTemplate = err == nil
	if errors.Is(err, tokenizer.ErrNoChatTemplate) {
		err = nil
	}
	return d, errors.Join(err, t.Close())
}

// shown are the settings that tell a model's, adapter's or head's shape, in the order in which they are shown: those of
// config.json, adapter_config.json, head.json and GGUF (without the architecture's name in front).
var shown = []string{
	"architectures", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads",
	"head_dim", "vocab_size", "max_position_embeddings", "rope_theta", "rope_scaling", "rope_parameters", "tie_word_embeddings",
	"type_vocab_size", "local_attention", "global_attn_every_n_layers", // encoders'
	"num_layers", "d_model", "d_ff", "num_heads", "d_kv", "feed_forward_proj", "relative_attention_num_buckets", // T5's names
	"base_model_name_or_path", "peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "target_modules",
	"layers", "activation", "pooling", "layer", "temperature", "threshold", "base_sha256", "adapter_sha256",
	"general.name", "block_count", "embedding_length", "feed_forward_length", "attention.head_count",
	"attention.head_count_kv", "context_length",
}

// Write shows the description to people. Names come from files of strangers, so they are cleaned.
func (d *Description) Write(w io.Writer) error {
	var t table
	line := t.line
	line(d.Kind, d.Path)
	line("format", d.Format)
	architecture := d.Architecture
	if d.Encoder {
		architecture += ", an encoder: it writes no text, and reviews with a head"
	}
	line("architecture", architecture)
	for _, key := range shown {
		value, ok := d.Config[key]
		if !ok {
			value = d.Config[d.Architecture+"."+key]
		}
		if value != nil {
			line(key, text(value))
		}
	}
	line("parameters", fmt.Sprintf("%s in %d tensors", thousands(d.Parameters), d.Tensors))
	for _, share := range d.DTypes {
		line("  "+share.Name, fmt.Sprintf("%s in %d tensors, %s", thousands(share.Parameters), share.Tensors, size(share.Bytes)))
	}
	if d.Kind == "model" {
		vocabulary := d.Tokenizer
		if d.Vocabulary > 0 {
			vocabulary = fmt.Sprintf("%d tokens, read by %s", d.Vocabulary, d.Tokenizer)
		}
		line("tokenizer", orNone(vocabulary))
		line("chat template", map[bool]string{true: "yes", false: "no"}[d.ChatTemplate])
	}
	for _, f := range d.Files {
		line("file "+f.Name, size(f.Bytes))
	}
	line("sha256 of the weights", d.SHA256)
	return t.write(w)
}

// size is bytes for people, in powers of ten as disks are sold.
func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// text is a setting as JSON, without quotes around a plain string.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}

// thousands writes 134515008 as 134,515,008.
func thousands(n int64) string {
	digits := []byte(fmt.Sprint(n))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}
