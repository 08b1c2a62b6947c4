package tokenizer

import "slices"

// EncodeCut encodes a text by itself, as encoders read one, with the special tokens that the post-processor puts around it
// ([CLS] … [SEP]), in at most limit tokens: where it has more, the text's end is cut off and the special tokens stay. whole
// is how many tokens it has uncut. Special-token text is ordinary text.
func EncodeCut(t Tokenizer, text string, limit int) (ids []int32, whole int, err error) {
	e, err := t.Encode(text, EncodeOptions{AddSpecial: true, LiteralSpecials: true})
	if err != nil {
		return nil, 0, err
	}
	ids, whole = e.IDs, len(e.IDs)
	if whole <= limit {
		return ids, whole, nil
	}
	bare, err := t.Encode(text, EncodeOptions{LiteralSpecials: true})
	if err != nil {
		return nil, 0, err
	}
	around := whole - len(bare.IDs)
	for before := range around + 1 {
		end := before + len(bare.IDs)
		if slices.Equal(ids[before:end], bare.IDs) {
			keep := max(limit-around, 0)
			return slices.Concat(ids[:before], bare.IDs[:keep], ids[end:]), whole, nil
		}
	}
	return ids[:limit], whole, nil // the post-processor changed the text's own tokens
}
