package review

import (
	"fmt"
	"slices"

	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

// answer is what decides where the model has no head: the tokens that lead to the answer, and its two first tokens.
type answer struct {
	closing []int32
	yes, no int32
}

// newAnswer finds the tokens of a set's closing phrase and of its answers. The two answers must go on from the phrase's own tokens, and part at a token,
// else the probabilities of two single tokens would not be those of the answers.
func newAnswer(tok tokenizer.Tokenizer, text *prompts.Set) (answer, error) {
	phrase := text.Closing()
	closing, err := continued(tok, phrase)
	if err != nil {
		return answer{}, err
	}
	isTrue, isFalse := text.Answers()
	yes, err := continued(tok, phrase+isTrue)
	if err != nil {
		return answer{}, err
	}
	no, err := continued(tok, phrase+isFalse)
	if err != nil {
		return answer{}, err
	}
	// What the answers share (the space, where it is a token of its own) is part of what leads to them.
	n := tokenizer.CommonPrefix([][]int32{yes, no})
	if len(closing) == 0 || n < len(closing) || n == len(yes) || n == len(no) || !slices.Equal(yes[:len(closing)], closing) {
		return answer{}, fmt.Errorf("this model's tokenizer does not tell the answers %q and %q after %q apart by one token (%v, %v after %v): "+
			"judge with a classifier head instead", isTrue, isFalse, phrase, yes, no, closing)
	}
	return answer{closing: yes[:n], yes: yes[n], no: no[n]}, nil
}

// continued is how a text is encoded that follows another: tokenizers of the SentencePiece kind put a space before the first
// word of a text, and the closing phrase is not the first.
func continued(tok tokenizer.Tokenizer, text string) ([]int32, error) {
	const before = "a"
	encode := func(text string) ([]int32, error) {
		e, err := tok.Encode(text, tokenizer.EncodeOptions{LiteralSpecials: true})
		return e.IDs, err
	}
	start, err := encode(before)
	if err != nil {
		return nil, err
	}
	both, err := encode(before + text)
	if err != nil {
		return nil, err
	}
	if len(both) > len(start) && slices.Equal(both[:len(start)], start) {
		return both[len(start):], nil
	}
	return encode(text)
}

// Closing is what a review of a model without heads asks after the analysis: the tokens of the closing phrase, and the first
// tokens of the two answers to it, of which the probabilities are compared. An error says that the model's tokenizer does not
// tell the answers apart.
func (p *Prompter) Closing() (closing []int32, yes, no int32, err error) {
	a, err := newAnswer(p.tok, p.text)
	return a.closing, a.yes, a.no, err
}

// Verdict is what a review's verdict by the closing phrase compares: all tokens of the phrase and of an answer, as they stand
// right behind a prompt where no analysis is asked for. It is what a model is taught that shall be judged so.
func (p *Prompter) Verdict(real bool) ([]int32, error) {
	yes, no := p.text.Answers()
	if !real {
		yes = no
	}
	return continued(p.tok, p.text.Closing()+yes)
}
