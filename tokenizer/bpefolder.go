package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// How a byte-level tokenizer cuts text into words, which no token goes beyond.
const (
	PatternGPT2   = "gpt2"   // letters, digits, others, white space
	PatternLlama3 = "llama3" // the same with at most three digits in a word, and line ends at the end of one
)

// bpePatterns are the scanner of each, and what tokenizer.json calls it.
var bpePatterns = map[string]struct {
	scan scanner
	pre  any
}{
	PatternGPT2: {scanGPT2, byteLevel{"ByteLevel", false, true, true}},
	PatternLlama3: {scanWords(3), map[string]any{"type": "Sequence", "pretokenizers": []any{
		map[string]any{"type": "Split", "pattern": map[string]string{"Regex": llama3Pattern}, "behavior": "Isolated", "invert": false},
		byteLevel{"ByteLevel", false, true, false},
	}}},
}

// BPEPatterns lists the patterns.
func BPEPatterns() []string { return slices.Sorted(maps.Keys(bpePatterns)) }

type byteLevel struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       bool   `json:"use_regex"`
}

// Folder is what a model's folder says of its tokenizer besides tokenizer.json. Tokens are among the special ones.
type Folder struct {
	BOS, EOS, Pad string // "" where there is none
	MaxLength     int    // model_max_length
	ChatTemplate  string // "" without one
}

// ChatML is a chat template with a token before and one after each turn: ChatMLStart and ChatMLEnd.
const (
	ChatMLStart = "<|im_start|>"
	ChatMLEnd   = "<|im_end|>"
	ChatML      = "{% for message in messages %}{{ '" + ChatMLStart + "' + message['role'] + '\n' + message['content'] + '" + ChatMLEnd +
		"' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '" + ChatMLStart + "assistant\n' }}{% endif %}"
)

// Save writes the files of [LearnedBPE.Files] into a model's folder.
func (b *LearnedBPE) Save(dir string, f Folder) error {
	files, err := b.Files(f)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		if err := renameio.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Files are tokenizer.json and tokenizer_config.json, as Hugging Face's tokenizers and transformers read them.
func (b *LearnedBPE) Files(f Folder) (map[string][]byte, error) {
	data, err := b.tokenizerJSON()
	if err != nil {
		return nil, err
	}
	config := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false}
	for name, token := range map[string]string{"bos_token": f.BOS, "eos_token": f.EOS, "pad_token": f.Pad} {
		if token == "" {
			continue
		}
		if !slices.Contains(b.Special, token) {
			return nil, fmt.Errorf("%s %q is not among the special tokens %q", name, token, b.Special)
		}
		config[name] = token
	}
	if f.MaxLength > 0 {
		config["model_max_length"] = f.MaxLength
	}
	if f.ChatTemplate != "" {
		config["chat_template"] = f.ChatTemplate
	}
	settings, err := indented(config)
	return map[string][]byte{"tokenizer.json": data, "tokenizer_config.json": settings}, err
}

// Tokenizer is that of the vocabulary, in pure Go.
func (b *LearnedBPE) Tokenizer() (Tokenizer, error) {
	data, err := b.tokenizerJSON()
	if err != nil {
		return nil, err
	}
	return parse(data)
}

// tokenizerJSON is the text of tokenizer.json, as the tokenizers crate writes it.
func (b *LearnedBPE) tokenizerJSON() ([]byte, error) {
	added := make([]map[string]any, len(b.Special))
	for i, s := range b.Special {
		added[i] = map[string]any{"id": i, "content": s, "special": true,
			"single_word": false, "lstrip": false, "rstrip": false, "normalized": false}
	}
	return indented(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": bpePatterns[b.Pattern].pre, "post_processor": nil,
		"decoder": byteLevel{"ByteLevel", true, true, true},
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": inOrder(b.Tokens), "merges": b.Merges,
		},
	})
}

// inOrder writes a vocabulary as an object from tokens to ids, by id.
type inOrder []string

// MarshalJSON implements [json.Marshaler].
func (v inOrder) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for id, token := range v {
		if id > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(token)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%s:%d", name, id)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func indented(document any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(document)
	return out.Bytes(), err
}
