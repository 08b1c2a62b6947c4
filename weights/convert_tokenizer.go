package weights

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The token types of tokenizer.ggml.token_type (llama_token_type).
const (
	tokenNormal      = 1
	tokenUnknown     = 2
	tokenControl     = 3
	tokenUserDefined = 4
	tokenUnused      = 5 // and 6 is a byte
)

// ggufTokenizer is the tokenizer of a GGUF file.
type ggufTokenizer struct {
	gguf   *GGUF
	kind   string // tokenizer.ggml.model: "gpt2" or "llama"
	pre    preTokenizer
	tokens []string
	types  []int32
	scores []float32      // of kind "llama"
	merges []string       // of kind "gpt2"
	ids    map[string]int // "bos", "eos", ... to the token's id

	addBOS, addEOS, addSpace bool
}

// The JSON of tokenizer.json. Parts that differ a lot from one kind to another are maps.
type (
	tokenizerFile struct {
		Version       string       `json:"version"`
		Truncation    any          `json:"truncation"`
		Padding       any          `json:"padding"`
		AddedTokens   []addedToken `json:"added_tokens"`
		Normalizer    any          `json:"normalizer"`
		PreTokenizer  any          `json:"pre_tokenizer"`
		PostProcessor any          `json:"post_processor"`
		Decoder       any          `json:"decoder"`
		Model         bpeModel     `json:"model"`
	}
	addedToken struct {
		ID         int    `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
		Special    bool   `json:"special"`
	}
	bpeModel struct {
		Type                    string      `json:"type"`
		Dropout                 any         `json:"dropout"`
		UnkToken                *string     `json:"unk_token"`
		ContinuingSubwordPrefix any         `json:"continuing_subword_prefix"`
		EndOfWordSuffix         any         `json:"end_of_word_suffix"`
		FuseUnk                 bool        `json:"fuse_unk"`
		ByteFallback            bool        `json:"byte_fallback"`
		IgnoreMerges            bool        `json:"ignore_merges"`
		Vocab                   vocabulary  `json:"vocab"`
		Merges                  [][2]string `json:"merges"`
	}
	// vocabulary is written as an object of token to id, in the order of the ids.
	vocabulary []string
	object     = map[string]any
)

// MarshalJSON implements json.Marshaler.
func (v vocabulary) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for id, token := range v {
		if id > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%d", quote(token), id)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// readGGUFTokenizer reads and checks the tokenizer; rows is the vocabulary of
// the embedding, which may be padded beyond the tokens.
func readGGUFTokenizer(g *GGUF, rows int) (*ggufTokenizer, error) {
	const model = "tokenizer.ggml.model"
	t := &ggufTokenizer{gguf: g, ids: map[string]int{}}
	var found bool
	var err error
	if t.kind, found, err = g.text(model); err != nil {
		return nil, err
	} else if !found {
		return nil, g.missing(model, "gpt2 or llama")
	}
	if t.tokens, err = list[string](g, "tokenizer.ggml.tokens", 0); err != nil {
		return nil, err
	}
	if len(t.tokens) == 0 || len(t.tokens) > rows {
		return nil, g.wrong("tokenizer.ggml.tokens", fmt.Sprintf("1 to %d tokens, the rows of token_embd.weight", rows))
	}
	if t.types, err = list[int32](g, "tokenizer.ggml.token_type", len(t.tokens)); err != nil {
		return nil, err
	}
	seen := make(map[string]int, len(t.tokens))
	for id, token := range t.tokens {
		if other, twice := seen[token]; twice {
			return nil, &FormatError{File: g.path, Tensor: "tokenizer.ggml.tokens", Problem: "token occurs twice",
				Expected: "each once", Found: fmt.Sprintf("%q with ids %d and %d", token, other, id)}
		}
		if !utf8.ValidString(token) {
			return nil, &FormatError{File: g.path, Tensor: "tokenizer.ggml.tokens", Problem: "token is not valid UTF-8",
				Expected: "UTF-8", Found: fmt.Sprintf("%q with id %d", token, id)}
		}
		seen[token] = id
	}
	return t, cmp.Or(t.readIDs(), t.readKind(model))
}

// list returns an array of the file. It has count elements, or is absent and
// nil; with count 0 it has any number.
func list[T any](g *GGUF, key string, count int) ([]T, error) {
	v := g.Value(key)
	if v == nil {
		return nil, nil
	}
	values, ok := v.([]T)
	if !ok {
		return nil, g.wrong(key, fmt.Sprintf("an array of %T", *new(T)))
	}
	if count > 0 && len(values) != count {
		return nil, &FormatError{File: g.path, Tensor: key, Problem: "length of the array",
			Expected: fmt.Sprintf("%d, one for each token", count), Found: fmt.Sprint(len(values))}
	}
	return values, nil
}

// readIDs reads the ids of the tokens that have a role.
func (t *ggufTokenizer) readIDs() error {
	for role, key := range map[string]string{
		"bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id", "pad": "padding_token_id",
		"eot": "eot_token_id", "eom": "eom_token_id",
	} {
		id, found, err := t.gguf.integer("tokenizer.ggml." + key)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if id >= len(t.tokens) {
			return t.gguf.wrong("tokenizer.ggml."+key, fmt.Sprintf("an id below %d, the number of tokens", len(t.tokens)))
		}
		t.ids[role] = id
	}
	return nil
}

// readKind reads what differs between the kinds. The defaults are llama.cpp's.
func (t *ggufTokenizer) readKind(key string) (err error) {
	switch t.kind {
	case "gpt2":
		name, _, err := t.gguf.text("tokenizer.ggml.pre")
		if err != nil {
			return err
		}
		var known bool
		if t.pre, known = preTokenizers[name]; !known {
			return t.gguf.wrong("tokenizer.ggml.pre", "one of "+strings.Join(slices.Sorted(maps.Keys(preTokenizers)), ", "))
		}
		if t.merges, err = list[string](t.gguf, "tokenizer.ggml.merges", 0); err != nil {
			return err
		}
		if t.merges == nil {
			return t.gguf.missing("tokenizer.ggml.merges", "an array of strings")
		}
	case "llama":
		if t.scores, err = list[float32](t.gguf, "tokenizer.ggml.scores", len(t.tokens)); err != nil {
			return err
		}
		if t.scores == nil {
			return t.gguf.missing("tokenizer.ggml.scores", "an array of float32")
		}
		if _, ok := t.ids["unk"]; !ok {
			t.ids["unk"] = 0
		}
	default:
		return t.gguf.wrong(key, "gpt2 or llama")
	}
	if t.addSpace, err = t.gguf.flag("tokenizer.ggml.add_space_prefix", t.kind == "llama"); err != nil {
		return err
	}
	if t.addBOS, err = t.gguf.flag("tokenizer.ggml.add_bos_token", t.kind == "llama" || t.pre.addBOS); err != nil {
		return err
	}
	t.addEOS, err = t.gguf.flag("tokenizer.ggml.add_eos_token", false)
	return err
}

// typeOf returns a token's type.
func (t *ggufTokenizer) typeOf(id int) int32 {
	if t.types == nil {
		return tokenNormal
	}
	return t.types[id]
}

// added returns the tokens that are matched in the text before anything else:
// control tokens, which are special, and those that a user defined, which are
// ordinary text. Tokens with a role are special whatever their type.
func (t *ggufTokenizer) added() []addedToken {
	special := map[int]bool{}
	for _, id := range t.ids {
		special[id] = true
	}
	out := []addedToken{}
	for id, token := range t.tokens {
		kind := t.typeOf(id)
		isSpecial := special[id] || kind == tokenControl || kind == tokenUnknown
		if isSpecial || kind == tokenUserDefined {
			out = append(out, addedToken{ID: id, Content: token, Special: isSpecial})
		}
	}
	return out
}

// pairs splits merges, "left right", at their one space.
func (t *ggufTokenizer) pairs() ([][2]string, error) {
	out := make([][2]string, len(t.merges))
	for i, merge := range t.merges {
		left, right, ok := strings.Cut(merge, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return nil, &FormatError{File: t.gguf.path, Tensor: "tokenizer.ggml.merges", Problem: fmt.Sprintf("merge %d", i),
				Expected: "two pieces with one space between", Found: fmt.Sprintf("%q", merge)}
		}
		out[i] = [2]string{left, right}
	}
	return out, nil
}

// postProcessor adds bos and eos as the file asks for, nil if it does not.
func (t *ggufTokenizer) postProcessor() any {
	specials := object{}
	piece := func(role string, sequence int) []any {
		token := t.tokens[t.ids[role]]
		specials[token] = object{"id": token, "ids": []int{t.ids[role]}, "tokens": []string{token}}
		return []any{object{"SpecialToken": object{"id": token, "type_id": sequence}}}
	}
	segment := func(sequence int) (out []any) {
		if _, ok := t.ids["bos"]; ok && t.addBOS {
			out = append(out, piece("bos", sequence)...)
		}
		out = append(out, object{"Sequence": object{"id": string(rune('A' + sequence)), "type_id": sequence}})
		if _, ok := t.ids["eos"]; ok && t.addEOS {
			out = append(out, piece("eos", sequence)...)
		}
		return out
	}
	single := segment(0)
	if len(specials) == 0 {
		return nil
	}
	return object{"type": "TemplateProcessing", "single": single, "pair": append(segment(0), segment(1)...), "special_tokens": specials}
}

// modelIDs returns the ids that config.json and generation_config.json name. A
// chat model may end with more than one token: then eos_token_id is a list.
func (t *ggufTokenizer) modelIDs() map[string]any {
	out := map[string]any{}
	for role, key := range map[string]string{"bos": "bos_token_id", "eos": "eos_token_id", "pad": "pad_token_id"} {
		if id, ok := t.ids[role]; ok {
			out[key] = id
		}
	}
	var ends []int
	for _, role := range []string{"eos", "eot", "eom"} {
		if id, ok := t.ids[role]; ok && !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	if len(ends) > 1 {
		out["eos_token_id"] = ends
	}
	return out
}

// config returns the contents of tokenizer_config.json. context is the model's.
func (t *ggufTokenizer) config(context int) (map[string]any, error) {
	out := object{
		"add_bos_token": t.addBOS, "add_eos_token": t.addEOS, "add_prefix_space": t.addSpace,
		"clean_up_tokenization_spaces": false, "model_max_length": context, "tokenizer_class": "PreTrainedTokenizerFast",
	}
	for role, key := range map[string]string{"bos": "bos_token", "eos": "eos_token", "unk": "unk_token", "pad": "pad_token"} {
		if id, ok := t.ids[role]; ok {
			out[key] = t.tokens[id]
		}
	}
	const key = "tokenizer.chat_template"
	template, found, err := t.gguf.text(key)
	if err != nil {
		return nil, err
	}
	var named []map[string]string
	for _, k := range t.gguf.keys { // tokenizer.chat_template.tool_use and the like
		if name, ok := strings.CutPrefix(k, key+"."); ok {
			text, _, err := t.gguf.text(k)
			if err != nil {
				return nil, err
			}
			named = append(named, map[string]string{"name": name, "template": text})
		}
	}
	switch {
	case len(named) > 0 && found:
		out["chat_template"] = append([]map[string]string{{"name": "default", "template": template}}, named...)
	case len(named) > 0:
		out["chat_template"] = named
	case found:
		out["chat_template"] = template
	}
	return out, nil
}
