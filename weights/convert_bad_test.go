package weights

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// miniature is a GGUF in the making: a llama of one layer, all zeros, that tests then spoil.
type miniature struct {
	meta    map[string]any
	tensors map[string][]int // row-major shapes, F32
}

func newMiniature() *miniature {
	m := &miniature{
		meta: map[string]any{
			"general.architecture": "llama", "llama.context_length": uint32(64), "llama.embedding_length": uint32(8),
			"llama.feed_forward_length": uint32(12), "llama.block_count": uint32(1), "llama.attention.head_count": uint32(2),
			"llama.attention.layer_norm_rms_epsilon": float32(1e-5),
			"tokenizer.ggml.model":                   "gpt2", "tokenizer.ggml.tokens": []string{"a", "b", "ab", "<s>"},
			"tokenizer.ggml.merges": []string{"a b"}, "tokenizer.ggml.token_type": []int32{1, 1, 1, 3},
		},
		tensors: map[string][]int{
			"token_embd.weight": {6, 8}, "output_norm.weight": {8}, "blk.0.attn_norm.weight": {8}, "blk.0.ffn_norm.weight": {8},
			"blk.0.attn_q.weight": {8, 8}, "blk.0.attn_k.weight": {8, 8}, "blk.0.attn_v.weight": {8, 8}, "blk.0.attn_output.weight": {8, 8},
			"blk.0.ffn_gate.weight": {12, 8}, "blk.0.ffn_up.weight": {12, 8}, "blk.0.ffn_down.weight": {8, 12},
		},
	}
	return m
}

// write puts the file into a fresh folder.
func (m *miniature) write(t *testing.T) string {
	b := newGGUF(3, uint64(len(m.tensors)), uint64(len(m.meta)))
	for _, key := range slices.Sorted(maps.Keys(m.meta)) {
		b.add(key)
		switch v := m.meta[key].(type) {
		case string:
			b.add(uint32(ggufString), v)
		case bool:
			b.add(uint32(ggufBool), v)
		case uint32:
			b.add(uint32(ggufU32), v)
		case float32:
			b.add(uint32(ggufF32), v)
		case []int32:
			b.add(uint32(ggufArray), uint32(ggufI32), uint64(len(v)), v)
		case []float32:
			b.add(uint32(ggufArray), uint32(ggufF32), uint64(len(v)), v)
		case []string:
			b.add(uint32(ggufArray), uint32(ggufString), uint64(len(v)))
			for _, s := range v {
				b.add(s)
			}
		default:
			t.Fatalf("%s: %T", key, v)
		}
	}
	at := 0
	for _, name := range slices.Sorted(maps.Keys(m.tensors)) {
		n, dims := 1, []uint64{}
		for _, d := range slices.Backward(m.tensors[name]) {
			dims = append(dims, uint64(d))
			n *= d
		}
		b.tensor(name, 0, uint64(at), dims...)
		at += (4*n + 31) / 32 * 32
	}
	return put(t, "mini.gguf", b.data(32, at))
}

// TestUnfitModels gives each complaint of the converter.
func TestUnfitModels(t *testing.T) {
	type change func(m *miniature)
	set := func(key string, value any) change { return func(m *miniature) { m.meta[key] = value } }
	without := func(key string) change { return func(m *miniature) { delete(m.meta, key) } }
	shape := func(name string, dims ...int) change { return func(m *miniature) { m.tensors[name] = dims } }
	spm := func(m *miniature) { m.meta["tokenizer.ggml.model"] = "llama" }
	for name, tc := range map[string]struct {
		change change
		want   []string
	}{
		"no architecture":      {without("general.architecture"), []string{"general.architecture", "missing"}},
		"unknown architecture": {set("general.architecture", "mamba"), []string{"unknown architecture", "llama, qwen2, qwen3", `"mamba"`}},
		"split file":           {set("split.count", uint32(3)), []string{"gguf-split --merge", "found 3"}},
		"experts":              {set("llama.expert_count", uint32(8)), []string{"mixtures of experts", "8"}},
		"no layers":            {set("llama.block_count", uint32(0)), []string{"llama.block_count", "≥ 1", "found uint32 0"}},
		"no embedding length":  {without("llama.embedding_length"), []string{"llama.embedding_length", "missing"}},
		"heads a string":       {set("llama.attention.head_count", "2"), []string{"llama.attention.head_count", "whole number", "string 2"}},
		"heads a list":         {set("llama.attention.head_count", []int32{2}), []string{"llama.attention.head_count", "[2]"}},
		"key and value heads":  {set("llama.attention.head_count_kv", uint32(3)), []string{"head_count_kv", "divisor of the 2 heads"}},
		"layer count lies":     {set("llama.block_count", uint32(1<<31-1)), []string{"missing  blk.1.attn_norm.weight"}},
		"tensor missing":       {func(m *miniature) { delete(m.tensors, "blk.0.ffn_up.weight") }, []string{"missing  blk.0.ffn_up.weight: expected shape [12 8], found nothing"}},
		"tensor misshaped":     {shape("blk.0.attn_k.weight", 8, 7), []string{"shape    blk.0.attn_k.weight: expected [8 8], found [8 7]"}},
		"no embedding":         {func(m *miniature) { delete(m.tensors, "token_embd.weight") }, []string{"missing  token_embd.weight"}},
		"tensor unknown":       {shape("blk.0.ssm.weight", 2), []string{"extra    blk.0.ssm.weight", "F32 [2]"}},
		"no epsilon":           {without("llama.attention.layer_norm_rms_epsilon"), []string{"layer_norm_rms_epsilon", "missing"}},
		"epsilon a string":     {set("llama.attention.layer_norm_rms_epsilon", "x"), []string{"floating-point", "string x"}},
		"partial rotary":       {set("llama.rope.dimension_count", uint32(2)), []string{"rope.dimension_count", "4, the even head size", "2"}},
		"value length":         {set("llama.attention.value_length", uint32(2)), []string{"attention.value_length", "4, as attention.key_length"}},
		"rope scaling type":    {set("llama.rope.scaling.type", "longrope"), []string{"rope.scaling.type", "none, linear or yarn", "longrope"}},
		"rope without factor":  {set("llama.rope.scaling.type", "linear"), []string{"rope.scaling.factor", "missing"}},
		"rope factors":         {shape("rope_freqs.weight", 2), []string{"rope_freqs.weight", "cannot be expressed", "from 0 to 0"}},
		"rope factors' shape":  {shape("rope_freqs.weight", 3), []string{"rope_freqs.weight", "F32 [2]", "F32 [3]"}},
		"no tokenizer":         {without("tokenizer.ggml.model"), []string{"tokenizer.ggml.model", "missing"}},
		"other tokenizer":      {set("tokenizer.ggml.model", "bert"), []string{"tokenizer.ggml.model", "gpt2 or llama", "bert"}},
		"no tokens":            {without("tokenizer.ggml.tokens"), []string{"tokenizer.ggml.tokens", "1 to 6 tokens"}},
		"too many tokens":      {set("tokenizer.ggml.tokens", []string{"a", "b", "c", "d", "e", "f", "g"}), []string{"1 to 6 tokens"}},
		"tokens are numbers":   {set("tokenizer.ggml.tokens", []int32{1}), []string{"an array of string", "[]int32"}},
		"token twice":          {set("tokenizer.ggml.tokens", []string{"a", "b", "a", "c"}), []string{`"a" with ids 0 and 2`}},
		"token not UTF-8":      {set("tokenizer.ggml.tokens", []string{"a", "b", "\xff", "c"}), []string{"not valid UTF-8", "id 2"}},
		"types too few":        {set("tokenizer.ggml.token_type", []int32{1}), []string{"token_type", "4, one for each token", "found 1"}},
		"eos beyond":           {set("tokenizer.ggml.eos_token_id", uint32(4)), []string{"eos_token_id", "below 4", "4"}},
		"pre-tokenizer":        {set("tokenizer.ggml.pre", "klingon"), []string{"tokenizer.ggml.pre", "llama-bpe", "smollm", "klingon"}},
		"no merges":            {without("tokenizer.ggml.merges"), []string{"tokenizer.ggml.merges", "missing"}},
		"merge of one":         {set("tokenizer.ggml.merges", []string{"a b", "ab"}), []string{"merge 1", "two pieces", `"ab"`}},
		"merge of three":       {set("tokenizer.ggml.merges", []string{"a b c"}), []string{"merge 0", `"a b c"`}},
		"no scores":            {spm, []string{"tokenizer.ggml.scores", "missing"}},
		"add_bos a number":     {set("tokenizer.ggml.add_bos_token", uint32(1)), []string{"add_bos_token", "true or false"}},
		"template a number":    {set("tokenizer.chat_template", uint32(1)), []string{"chat_template", "a string"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMiniature()
			tc.change(m)
			path := m.write(t)
			dst := filepath.Join(t.TempDir(), "out")
			wantError(t, ConvertGGUF(t.Context(), path, dst, 0, nil), append(tc.want, path)...)
			if _, err := os.Stat(dst); !os.IsNotExist(err) {
				t.Errorf("something is at the destination: %v", err)
			}
		})
	}
}

// TestRopeScaling covers the kinds of scaling that the fixtures lack, and no frequency base.
func TestRopeScaling(t *testing.T) {
	for name, tc := range map[string]struct {
		meta map[string]any
		want string
	}{
		"none":       {map[string]any{"llama.rope.scaling.type": "none"}, `null`},
		"linear":     {map[string]any{"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": float32(4)}, `{"factor":4.0,"rope_type":"linear"}`},
		"old linear": {map[string]any{"llama.rope.scale_linear": float32(2.5)}, `{"factor":2.5,"rope_type":"linear"}`},
		"yarn": {
			map[string]any{"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": float32(4), "llama.rope.scaling.original_context_length": uint32(4096)},
			`{"factor":4.0,"original_max_position_embeddings":4096,"rope_type":"yarn"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMiniature()
			maps.Copy(m.meta, tc.meta)
			dst := filepath.Join(t.TempDir(), "out")
			if err := ConvertGGUF(t.Context(), m.write(t), dst, 0, nil); err != nil {
				t.Fatal(err)
			}
			var config map[string]json.RawMessage
			text, err := os.ReadFile(filepath.Join(dst, "config.json"))
			if err == nil {
				err = json.Unmarshal(text, &config)
			}
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, r := range string(config["rope_scaling"]) {
				if r != ' ' && r != '\n' {
					got.WriteRune(r)
				}
			}
			if got.String() != tc.want || string(config["rope_theta"]) != "10000.0" {
				t.Errorf("rope_scaling %s, want %s; rope_theta %s", got.String(), tc.want, config["rope_theta"])
			}
		})
	}
}

// TestTokenizerDetails covers what the fixtures lack: several templates, an
// end token added, unused tokens at the end, no token types.
func TestTokenizerDetails(t *testing.T) {
	m := newMiniature()
	m.meta["tokenizer.ggml.tokens"] = []string{"a", "b", "ab", "<s>", "</s>", "[PAD5]"}
	m.meta["tokenizer.ggml.token_type"] = []int32{1, 1, 1, 3, 3, 5}
	m.meta["tokenizer.ggml.bos_token_id"] = uint32(3)
	m.meta["tokenizer.ggml.eos_token_id"] = uint32(4)
	m.meta["tokenizer.ggml.add_bos_token"] = true
	m.meta["tokenizer.ggml.add_eos_token"] = true
	m.meta["tokenizer.chat_template"] = "plain <&>"
	m.meta["tokenizer.chat_template.tool_use"] = "with tools"
	g, err := OpenGGUF(m.write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read only
	tok, err := readGGUFTokenizer(g, 6)
	if err != nil {
		t.Fatal(err)
	}
	file, err := tok.file()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(file.Model.Vocab, vocabulary{"a", "b", "ab"}) || len(file.AddedTokens) != 2 || file.AddedTokens[1].ID != 4 {
		t.Errorf("vocabulary %q, added %+v", file.Model.Vocab, file.AddedTokens)
	}
	single, err := json.Marshal(file.PostProcessor)
	want := `"single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}]`
	if err != nil || !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(string(single), `\u003c`, "<"), `\u003e`, ">"), want) {
		t.Errorf("post-processor %s, want %s", single, want)
	}
	config, err := tok.config(64)
	if err != nil {
		t.Fatal(err)
	}
	text, err := indented(config["chat_template"])
	if err != nil || !strings.Contains(string(text), `"plain <&>"`) || !strings.Contains(string(text), `"tool_use"`) {
		t.Errorf("templates %s, %v", text, err)
	}

	m = newMiniature()
	delete(m.meta, "tokenizer.ggml.token_type")
	m.meta["tokenizer.ggml.eos_token_id"] = uint32(3)
	plain, err := OpenGGUF(m.write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close() //nolint:errcheck // read only
	if tok, err = readGGUFTokenizer(plain, 6); err != nil {
		t.Fatal(err)
	}
	if added := tok.added(); len(added) != 1 || added[0].Content != "<s>" || !added[0].Special {
		t.Errorf("without types: %+v", added)
	}
}

// TestControlTokensCannotBeSpelt: no merge of a SentencePiece vocabulary makes a control token.
func TestControlTokensCannotBeSpelt(t *testing.T) {
	tok := &ggufTokenizer{
		kind: "llama", tokens: []string{"<unk>", "<s>", "<", "s>", "s", ">", "<s"}, types: []int32{2, 3, 1, 1, 1, 1, 1},
		scores: []float32{0, 0, -1, -2, -3, -4, -5},
	}
	want := [][2]string{{"s", ">"}, {"<", "s"}}
	if got := tok.scoredMerges(); !slices.Equal(got, want) {
		t.Errorf("merges %q, want %q", got, want)
	}
}
