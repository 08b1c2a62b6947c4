package weights

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// space is the character that SentencePiece puts in place of blanks.
const space = "▁"

// sentencePiece fills in a tokenizer of SentencePiece's BPE kind, which the
// file describes by a score for each token and no merges, the way transformers
// does (LlamaConverter in convert_slow_tokenizer.py).
func (t *ggufTokenizer) sentencePiece(out *tokenizerFile) {
	replace := func(from, to string) object {
		return object{"type": "Replace", "pattern": object{"String": from}, "content": to}
	}
	normalizers := []any{replace(" ", space)}
	decoders := []any{replace(space, " "), object{"type": "ByteFallback"}, object{"type": "Fuse"}}
	if t.addSpace {
		normalizers = append([]any{object{"type": "Prepend", "prepend": space}}, normalizers...)
		decoders = append(decoders, object{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	out.Normalizer = object{"type": "Sequence", "normalizers": normalizers}
	out.Decoder = object{"type": "Sequence", "decoders": decoders}
	unknown := t.tokens[t.ids["unk"]]
	out.Model = bpeModel{
		Type: "BPE", UnkToken: &unknown, FuseUnk: true, ByteFallback: true,
		Vocab: t.tokens, Merges: t.scoredMerges(),
	}
}

// scoredMerges recovers the merges: every way to cut a token into two tokens
// is one, and those that make the token with the highest score come first.
// Only ordinary tokens take part. Else the pieces of "<s>", written in a text,
// might merge into the control token of that name.
func (t *ggufTokenizer) scoredMerges() [][2]string {
	ids := make(map[string]int, len(t.tokens))
	for id, token := range t.tokens {
		if t.typeOf(id) == tokenNormal {
			ids[token] = id
		}
	}
	type merge struct {
		left, right string
		score       float32
	}
	var merges []merge
	for id, token := range t.tokens {
		if _, ok := ids[token]; !ok {
			continue
		}
		var cuts []merge
		for at := range token {
			left, right := token[:at], token[at:]
			_, leftOK := ids[left]
			if _, ok := ids[right]; ok && leftOK {
				cuts = append(cuts, merge{left, right, t.scores[id]})
			}
		}
		slices.SortStableFunc(cuts, func(a, b merge) int {
			return cmp.Or(cmp.Compare(ids[a.left], ids[b.left]), cmp.Compare(ids[a.right], ids[b.right]))
		})
		merges = append(merges, cuts...)
	}
	slices.SortStableFunc(merges, func(a, b merge) int {
		return cmp.Or(cmp.Compare(b.score, a.score),
			cmp.Compare(utf8.RuneCountInString(b.left), utf8.RuneCountInString(a.left)),
			cmp.Compare(utf8.RuneCountInString(b.right), utf8.RuneCountInString(a.right)))
	})
	out := make([][2]string, len(merges))
	for i, m := range merges {
		out[i] = [2]string{m.left, m.right}
	}
	return out
}
