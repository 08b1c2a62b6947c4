package review

import (
	"context"
	"fmt"
	"strings"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/tokenizer"
)

// Question is what a model is asked, outside of reviews.
type Question struct {
	System   string // may be empty
	User     string
	Raw      bool  // User is the beginning of a text to go on with, in no chat format
	Thinking *bool // see [Options.Thinking]
}

// GenerateOptions say how an answer is written.
type GenerateOptions struct {
	Sampling model.Sampling
	Adapter  string   // the name of the adapter that writes; "" is the first, where the model has one
	Stop     []string // texts that end the answer; they are not part of it
	// Write, where it is set, gets the answer in pieces as it is written.
	Write func(text string) error
}

// Tokens of a piece of an answer: few where somebody watches, more where only stop texts are looked for between pieces.
const (
	watchedPiece = 2
	stopPiece    = 16
)

// Generate returns a model's answer. When ctx ends, the error comes with what was written until then.
func Generate(ctx context.Context, m *model.Model, q Question, o GenerateOptions) (string, error) {
	if m.IsEncoder() {
		return "", fmt.Errorf("model %s %w", m.Dir(), model.ErrEncoder)
	}
	for _, stop := range o.Stop {
		if stop == "" {
			return "", fmt.Errorf("a stop text is empty: it would end every answer before its first word")
		}
	}
	p, err := NewPrompter(m, nil)
	if err == nil {
		err = p.setThinking(q.Thinking)
	}
	if err != nil {
		return "", err
	}
	if err := o.Sampling.Validate(); err != nil {
		return "", err
	}
	ids, err := p.question(q)
	if err != nil {
		return "", err
	}
	if context := m.Config().ContextLength; len(ids)+o.Sampling.MaxTokens > context {
		return "", fmt.Errorf("the prompt has %d tokens, which with %d new ones exceed the model's context of %d (--context-length, by default what config.json says)",
			len(ids), o.Sampling.MaxTokens, context)
	}
	adapter := -1
	if o.Adapter != "" {
		if adapter, err = m.AdapterIndex(o.Adapter); err != nil {
			return "", err
		}
	} else if len(m.Adapters()) > 0 {
		adapter = 0
	}
	batch := model.Batch{Rows: []model.Row{{Prompt: ids, Adapter: adapter, Sampling: o.Sampling}}}
	return o.run(ctx, m, p.tok, batch)
}

// question is the prompt of a question.
func (p *Prompter) question(q Question) ([]int32, error) {
	if !q.Raw {
		return p.Encode(q.System, q.User)
	}
	e, err := p.tok.Encode(q.User, tokenizer.EncodeOptions{AddSpecial: true})
	return e.IDs, err
}

func (o GenerateOptions) run(ctx context.Context, m *model.Model, tok tokenizer.Tokenizer, batch model.Batch) (string, error) {
	if o.Write == nil && len(o.Stop) == 0 {
		out, err := m.Generate(ctx, batch, model.ReviewOptions{})
		if err != nil {
			return "", err
		}
		return tok.Decode(out[0].Tokens, true), nil
	}
	piece := stopPiece
	if o.Write != nil {
		piece = watchedPiece
	}
	var answer strings.Builder
	var writing error
	give := func(text string) {
		answer.WriteString(text)
		if o.Write != nil && writing == nil && text != "" {
			writing = o.Write(text)
		}
	}
	text, stops := tokenizer.NewStream(tok, true), stopper{stops: o.Stop}
	stopped := false
	_, err := m.Stream(ctx, batch, model.ReviewOptions{}, piece, func(_ int, tokens []int32) bool {
		for _, id := range tokens {
			var fresh string
			if fresh, stopped = stops.add(text.Add(id)); fresh != "" {
				give(fresh)
			}
			if stopped {
				return true
			}
		}
		return writing != nil
	})
	if !stopped {
		rest, found := stops.add(text.Flush())
		give(rest)
		if !found {
			give(stops.held)
		}
	}
	if err == nil {
		err = writing
	}
	return answer.String(), err
}

// stopper finds stop texts in a text that comes in pieces, and holds back what may be the beginning of one.
type stopper struct {
	stops []string
	held  string
}

// add takes a piece and returns what can be given out. found says that a stop text came; all before it is given out.
func (s *stopper) add(piece string) (out string, found bool) {
	s.held += piece
	at := len(s.held)
	for _, stop := range s.stops {
		if i := strings.Index(s.held, stop); i >= 0 && i < at {
			at, found = i, true
		}
	}
	if !found {
		at = len(s.held) - s.pending()
	}
	out = s.held[:at]
	s.held = s.held[at:]
	return out, found
}

// pending is how many of the last bytes held may be the beginning of a stop text.
func (s *stopper) pending() int {
	most := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(s.held)); n > most; n-- {
			if strings.HasSuffix(s.held, stop[:n]) {
				most = n
			}
		}
	}
	return most
}
