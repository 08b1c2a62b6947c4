package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Models from before tokenizer.json have a vocabulary file instead: vocab.json with merges.txt (GPT-2, RoBERTa, CodeBERT,
// CodeT5) or vocab.txt (BERT). What transformers' converters make of them (convert_slow_tokenizer.py) is made here.

// Exists tells whether a model folder has a tokenizer that [Open] reads.
func Exists(dir string) bool {
	return has(dir, "tokenizer.json") || has(dir, "vocab.json", "merges.txt") || has(dir, "vocab.txt")
}

func has(dir string, names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err != nil
	})
}

// fromVocabulary writes the tokenizer.json of a folder that has none.
func fromVocabulary(dir string) ([]byte, error) {
	v := vocabulary{dir: dir, ids: map[string]int{}}
	if err := v.readSettings(); err != nil {
		return nil, err
	}
	build := v.wordPiece
	if has(dir, "vocab.json", "merges.txt") {
		build = v.byteLevel
	}
	document, err := build()
	if err != nil {
		return nil, err
	}
	document["version"], document["added_tokens"] = "1.0", v.added()
	return json.Marshal(document)
}

// vocabulary is a tokenizer in files.
type vocabulary struct {
	dir      string
	ids      map[string]int
	settings struct {
		TokenizerClass string `json:"tokenizer_class"`
		LowerCase      *bool  `json:"do_lower_case"`
		StripAccents   *bool  `json:"strip_accents"`
		ChineseChars   *bool  `json:"tokenize_chinese_chars"`
		AddPrefixSpace bool   `json:"add_prefix_space"`
	}
	modelType string
	special   map[string]string // by role, such as "cls_token"
	more      []string          // additional_special_tokens
}

// readSettings reads what tokenizer_config.json, special_tokens_map.json and config.json say; none of them must be there.
func (v *vocabulary) readSettings() error {
	var model struct {
		ModelType string `json:"model_type"`
	}
	if err := errors.Join(v.read("tokenizer_config.json", &v.settings), v.read("config.json", &model)); err != nil {
		return err
	}
	v.modelType, v.special = model.ModelType, map[string]string{}
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json"} {
		var entries map[string]json.RawMessage
		if err := v.read(name, &entries); err != nil {
			return err
		}
		for role, value := range entries {
			if text, ok := tokenText(value); ok && text != "" && strings.HasSuffix(role, "_token") {
				v.special[role] = text
			}
		}
		var list []json.RawMessage
		_ = json.Unmarshal(entries["additional_special_tokens"], &list) // absent, or of a kind that names no tokens
		for _, value := range list {
			if text, ok := tokenText(value); ok {
				v.more = append(v.more, text)
			}
		}
	}
	return nil
}

// read decodes a file of the folder, if it is there.
func (v *vocabulary) read(name string, into any) error {
	data, err := os.ReadFile(filepath.Join(v.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// role is the special token of a role.
func (v *vocabulary) role(role, otherwise string) string {
	if text := v.special[role]; text != "" {
		return text
	}
	v.special[role] = otherwise
	return otherwise
}

// pair is a special token with its id, as post-processors name it.
func (v *vocabulary) pair(role, otherwise string) ([]any, error) {
	text := v.role(role, otherwise)
	id, ok := v.ids[text]
	if !ok {
		return nil, fmt.Errorf("%s %q is not in the vocabulary", role, text)
	}
	return []any{text, id}, nil
}

// byteLevel is RobertaConverter's or GPT2Converter's result.
func (v *vocabulary) byteLevel() (map[string]any, error) {
	if err := v.read("vocab.json", &v.ids); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(v.dir, "merges.txt"))
	if err != nil {
		return nil, err
	}
	merges := []string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			merges = append(merges, line)
		}
	}
	space := v.settings.AddPrefixSpace
	bytes := map[string]any{"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": true, "use_regex": true}
	document := map[string]any{
		"model": map[string]any{"type": "BPE", "vocab": v.ids, "merges": merges, "dropout": nil, "unk_token": nil,
			"continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false},
		"pre_tokenizer": bytes, "decoder": bytes, "post_processor": bytes,
	}
	class := strings.ToLower(v.settings.TokenizerClass)
	if !strings.Contains(class, "roberta") && (class != "" || v.modelType != "roberta" && v.modelType != "t5") {
		return document, nil
	}
	sep, err := v.pair("sep_token", "</s>")
	if err != nil {
		return nil, err
	}
	cls, err := v.pair("cls_token", "<s>")
	if err != nil {
		return nil, err
	}
	for role, text := range map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"} {
		v.role(role, text)
	}
	document["post_processor"] = map[string]any{"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": true, "add_prefix_space": space}
	return document, nil
}

// wordPiece is BertConverter's result.
func (v *vocabulary) wordPiece() (map[string]any, error) {
	data, err := os.ReadFile(filepath.Join(v.dir, "vocab.txt"))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for id := 0; lines.Scan(); id++ {
		v.ids[strings.TrimRight(lines.Text(), "\r")] = id
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("vocab.txt: %w", err)
	}
	sep, err := v.pair("sep_token", "[SEP]")
	if err != nil {
		return nil, err
	}
	cls, err := v.pair("cls_token", "[CLS]")
	if err != nil {
		return nil, err
	}
	unknown, err := v.pair("unk_token", "[UNK]")
	if err != nil {
		return nil, err
	}
	v.role("pad_token", "[PAD]")
	v.role("mask_token", "[MASK]")
	given := func(setting *bool) bool { return setting == nil || *setting }
	return map[string]any{
		"model": map[string]any{"type": "WordPiece", "vocab": v.ids, "unk_token": unknown[0],
			"continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
		"normalizer": map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": given(v.settings.ChineseChars),
			"strip_accents": v.settings.StripAccents, "lowercase": given(v.settings.LowerCase)},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"decoder":        map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"post_processor": map[string]any{"type": "BertProcessing", "sep": sep, "cls": cls},
	}, nil
}

// added lists the special tokens by rising id. A role whose token is not in the vocabulary has none.
func (v *vocabulary) added() []map[string]any {
	var texts []string
	for _, text := range v.special {
		texts = append(texts, text)
	}
	texts = append(texts, v.more...)
	slices.Sort(texts)
	texts = slices.DeleteFunc(slices.Compact(texts), func(text string) bool {
		_, ok := v.ids[text]
		return !ok
	})
	slices.SortFunc(texts, func(a, b string) int { return v.ids[a] - v.ids[b] })
	list := []map[string]any{}
	for _, text := range texts {
		list = append(list, map[string]any{"id": v.ids[text], "content": text, "special": true,
			"single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	return list
}
