package review

import (
	"errors"
	"fmt"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

// Prompter writes prompts in a model's own chat format, or, for an encoder, the finding's text alone.
type Prompter struct {
	tok  tokenizer.Tokenizer
	chat *tokenizer.ChatTemplate
	text *prompts.Set
	// extra are names for the chat template: see setThinking.
	extra map[string]any
	// start comes before the text of a model without a chat template: its beginning-of-text token, if it has one.
	start []int32
	own   []int32 // the instructions' prompt without a finding: see Fit
	// joined says that the template refuses a system message, so that it goes in front of the user's.
	joined bool
	// encoder says that the model follows no instructions: what it reads is the user's message between its special tokens.
	encoder bool
}

// NewPrompter prepares a model for text; nil is the default text. A model without a chat template gets the messages as
// plain text.
func NewPrompter(m *model.Model, text *prompts.Set) (*Prompter, error) {
	if text == nil {
		text = prompts.Plain()
	}
	if m.IsEncoder() && m.Tokenizer() != nil {
		p := &Prompter{tok: m.Tokenizer(), text: text, encoder: true}
		var err error
		if p.own, err = p.Encode("", ""); err != nil {
			return nil, fmt.Errorf("model %s: %w", m.Dir(), err)
		}
		return p, nil
	}
	return newPrompter(m.Dir(), m.Tokenizer(), m.Chat(), text)
}

func newPrompter(dir string, tok tokenizer.Tokenizer, chat *tokenizer.ChatTemplate, text *prompts.Set) (*Prompter, error) {
	if tok == nil {
		return nil, fmt.Errorf("model %s has no tokenizer.json: Janus needs it to write prompts (save one with transformers' save_pretrained)", dir)
	}
	p := &Prompter{tok: tok, chat: chat, text: text}
	if chat == nil {
		p.chat = tokenizer.PlainChat()
		e, err := tok.Encode("", tokenizer.EncodeOptions{AddSpecial: true})
		if err != nil {
			return nil, err
		}
		p.start = e.IDs
	}
	_, err := p.Encode("system", "user")
	var refused *tokenizer.TemplateError
	if errors.As(err, &refused) {
		p.joined = true
		_, err = p.Encode("system", "user")
	}
	if err == nil {
		p.own, err = p.Encode(p.text.Instructions(), "")
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", dir, err)
	}
	return p, nil
}

// Encode is the prompt of a system message (none where it is empty) and a user's message, up to where the model's answer
// begins. Neither message can bring in control tokens.
func (p *Prompter) Encode(system, user string) ([]int32, error) {
	if p.encoder {
		e, err := p.tok.Encode(user, tokenizer.EncodeOptions{AddSpecial: true, LiteralSpecials: true})
		return e.IDs, err
	}
	messages := []tokenizer.Message{{Role: "system", Content: system}, {Role: "user", Content: user}}
	switch {
	case system == "":
		messages = messages[1:]
	case p.joined:
		messages = []tokenizer.Message{{Role: "user", Content: system + "\n\n" + user}}
	}
	ids, err := tokenizer.EncodeChat(p.tok, p.chat, messages, true, p.extra)
	if err != nil {
		return nil, err
	}
	return append(append([]int32{}, p.start...), ids...), nil
}

// Encoding a text takes time in proportion to it, so a huge finding is cut before its tokens are counted for the first
// time: to the bytes that would fill the limit if tokens were longBytes long, which few texts exceed.
const (
	longBytes   = 6
	fitTries    = 8
	fullEnough  = 0.92 // of the limit: not worth another try
	fitMargin   = 0.98 // aimed at below the limit, as bytes a token vary
	leastBudget = 1    // bytes: leaves only what prompts.Set.Prompt never cuts
)

// ErrTooLong says that a prompt does not fit, whatever is cut of it.
var ErrTooLong = errors.New("the prompt is too long")

// Fit asks about a finding in at most limit tokens. A finding that is longer is cut, as little as a few tries find, and
// note tells so. One that does not fit is [ErrTooLong].
func (p *Prompter) Fit(f *finding.Finding, limit int) (ids []int32, note string, err error) {
	whole, _, err := p.text.Prompt(f, 0)
	if err != nil {
		return nil, "", err
	}
	budget := min(len(whole), longBytes*limit)
	fits, tooLong := 0, len(whole)+1 // budgets known to fit and not to
	for range fitTries {
		text, cut, err := p.text.Prompt(f, budget)
		if err != nil {
			return nil, "", err
		}
		try, err := p.Encode(p.text.Instructions(), text)
		if err != nil {
			return nil, "", err
		}
		if len(try) <= limit {
			ids, note, fits = try, cut, budget
			if cut == "" || float64(len(try)) >= fullEnough*float64(limit) {
				return ids, note, nil
			}
		} else {
			tooLong = budget
		}
		// In proportion to the tokens that are the finding's own.
		budget = int(fitMargin * float64(budget) * float64(limit-len(p.own)) / float64(max(len(try)-len(p.own), 1)))
		if budget <= fits || budget >= tooLong {
			budget = (fits + tooLong) / 2
		}
		if budget <= fits {
			break
		}
	}
	if ids != nil {
		return ids, note, nil
	}
	text, note, err := p.text.Prompt(f, leastBudget)
	if err != nil {
		return nil, "", err
	}
	if p.encoder {
		ids, whole, err := tokenizer.EncodeCut(p.tok, text, limit)
		if whole > limit {
			note += fmt.Sprintf(", and what is left at %d of %d tokens", limit, whole)
		}
		return ids, note, err
	}
	if ids, err = p.Encode(p.text.Instructions(), text); err != nil {
		return nil, "", err
	}
	if len(ids) > limit {
		return nil, "", fmt.Errorf("%w: it has %d tokens even with all code and traffic cut away, and %d are allowed: "+
			"allow longer prompts or fewer new tokens, or use a model with a longer context", ErrTooLong, len(ids), limit)
	}
	return ids, note, nil
}
