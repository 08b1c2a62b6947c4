package weights

import "slices"

// preTokenizer is how a byte-level BPE splits text before merging. The file
// only has a name for it (tokenizer.ggml.pre); what the names mean is written
// in llama.cpp's code (llama-vocab.cpp), and in the tokenizer.json that each
// model was published with.
type preTokenizer struct {
	digits       bool   // split single digits before all else
	split        string // pattern to split by, "" for GPT-2's
	nfc          bool   // normalise to NFC
	ignoreMerges bool   // a piece that is a token is taken whole
	addBOS       bool   // llama.cpp's default where the file does not say
}

var (
	gpt2Split  = preTokenizer{}
	digitSplit = preTokenizer{digits: true}
	llama3     = preTokenizer{
		split:        `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
		ignoreMerges: true, addBOS: true,
	}
	qwen2 = preTokenizer{
		split: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
		nfc:   true,
	}
)

// preTokenizers are the names that can be converted. Files from before the key
// existed have none; they and "default" come from converters that only knew GPT-2's.
var preTokenizers = map[string]preTokenizer{
	"": gpt2Split, "default": gpt2Split, "gpt-2": gpt2Split, "gpt2": gpt2Split, "phi-2": gpt2Split, "olmo": gpt2Split,
	"smollm": digitSplit, "starcoder": digitSplit, "refact": digitSplit, "codeshell": digitSplit,
	"llama-bpe": llama3, "llama3": llama3, "llama-v3": llama3,
	"qwen2": qwen2, "deepseek-r1-qwen": qwen2,
}

// file returns the contents of tokenizer.json.
func (t *ggufTokenizer) file() (*tokenizerFile, error) {
	out := &tokenizerFile{Version: "1.0", AddedTokens: t.added(), PostProcessor: t.postProcessor()}
	if t.kind == "llama" {
		t.sentencePiece(out)
		return out, nil
	}
	merges, err := t.pairs()
	if err != nil {
		return nil, err
	}
	empty := ""
	byteLevel := func(space, regex bool) object {
		return object{"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": true, "use_regex": regex}
	}
	var steps []any
	if t.pre.digits {
		steps = append(steps, object{"type": "Digits", "individual_digits": true})
	}
	if t.pre.split != "" {
		steps = append(steps, object{"type": "Split", "pattern": object{"Regex": t.pre.split}, "behavior": "Isolated", "invert": false})
	}
	steps = append(steps, byteLevel(t.addSpace, t.pre.split == ""))
	out.PreTokenizer = object{"type": "Sequence", "pretokenizers": steps}
	if t.pre.nfc {
		out.Normalizer = object{"type": "NFC"}
	}
	out.Decoder = byteLevel(true, true)
	out.Model = bpeModel{
		Type: "BPE", ContinuingSubwordPrefix: empty, EndOfWordSuffix: empty,
		IgnoreMerges: t.pre.ignoreMerges, Vocab: t.learned(out.AddedTokens), Merges: merges,
	}
	return out, nil
}

// learned returns the tokens without the added ones at their end, as published
// files of Llama 3 and Qwen have them, and without the unused ones by which
// llama.cpp fills up the embedding. With ignore_merges an added token in the
// vocabulary could be had by writing its name. Added tokens amid the others have
// to stay: readers number those that the vocabulary lacks from its end.
func (t *ggufTokenizer) learned(added []addedToken) vocabulary {
	n := len(t.tokens)
	for n > 0 && t.typeOf(n-1) == tokenUnused {
		n--
	}
	for _, a := range slices.Backward(added) {
		if a.ID != n-1 {
			break
		}
		n--
	}
	return t.tokens[:n]
}
