package tokenizer_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/januslm/janus/tokenizer"
)

// A vocabulary of 256 bytes, a special token and the three most frequent pairs.
func ExampleLearnBPE() {
	texts := []string{"low lower lowest", "newer newest", "wide wider widest"}
	learned, err := tokenizer.LearnBPE(context.Background(), slices.Values(texts),
		tokenizer.BPEOptions{VocabSize: 260, Special: []string{"<|endoftext|>"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(learned.Tokens[0], learned.Tokens[257:])
	tok, err := learned.Tokenizer()
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := tok.Encode("low", tokenizer.EncodeOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.IDs, tok.Decode(e.IDs, false))
	// Output:
	// <|endoftext|> [we de ide]
	// [76 79 87] low
}
