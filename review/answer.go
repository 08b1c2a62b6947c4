package review

import (
	"fmt"
	"slices"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/tokenizer"
)

// answer is what decides where the model has no head: the tokens that lead to the answer, and its two first tokens.
type answer struct {
	closing  []int32
	yes, no  int32
	possible bool
}

// newAnswer finds the closing phrase's tokens. The two answers must go on from the same tokens and part at the next one,
// else the probabilities of two single tokens would not be those of the answers.
func newAnswer(tok tokenizer.Tokenizer) (answer, error) {
	encode := func(text string) ([]int32, error) {
		e, err := tok.Encode(text, tokenizer.EncodeOptions{LiteralSpecials: true})
		return e.IDs, err
	}
	closing, err := encode(finding.Closing())
	if err != nil {
		return answer{}, err
	}
	yes, err := encode(finding.Closing() + finding.AnswerTrue)
	if err != nil {
		return answer{}, err
	}
	no, err := encode(finding.Closing() + finding.AnswerFalse)
	if err != nil {
		return answer{}, err
	}
	n := len(closing)
	starts := func(ids []int32) bool { return len(ids) > n && slices.Equal(ids[:n], closing) }
	if n == 0 || !starts(yes) || !starts(no) || yes[n] == no[n] {
		return answer{}, fmt.Errorf("this model's tokenizer does not tell the answers %q and %q after %q apart by one token (%v, %v after %v): "+
			"judge with a classifier head instead", finding.AnswerTrue, finding.AnswerFalse, finding.Closing(), yes, no, closing)
	}
	return answer{closing: closing, yes: yes[n], no: no[n], possible: true}, nil
}
