package review

import (
	"context"
	"fmt"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/tokenizer"
)

// Question is what a model is asked, outside of reviews.
type Question struct {
	System string // may be empty
	User   string
	Raw    bool // User is the beginning of a text to go on with, in no chat format
}

// Generate returns a model's answer. It uses the first adapter, where the model has one.
func Generate(ctx context.Context, m *model.Model, q Question, s model.Sampling) (string, error) {
	if m.IsEncoder() {
		return "", fmt.Errorf("model %s %w", m.Dir(), model.ErrEncoder)
	}
	p, err := NewPrompter(m, nil)
	if err != nil {
		return "", err
	}
	if err := (Options{Sampling: s}).Validate(); err != nil {
		return "", err
	}
	var ids []int32
	if q.Raw {
		var e tokenizer.Encoding
		e, err = p.tok.Encode(q.User, tokenizer.EncodeOptions{AddSpecial: true})
		ids = e.IDs
	} else {
		ids, err = p.Encode(q.System, q.User)
	}
	if err != nil {
		return "", err
	}
	if context := m.Config().ContextLength; len(ids)+s.MaxTokens > context {
		return "", fmt.Errorf("the prompt has %d tokens, which with %d new ones exceed the model's context of %d (--context-length, by default what config.json says)",
			len(ids), s.MaxTokens, context)
	}
	adapter := -1
	if len(m.Adapters()) > 0 {
		adapter = 0
	}
	out, err := m.Generate(ctx, model.Batch{Rows: []model.Row{{Prompt: ids, Adapter: adapter, Sampling: s}}}, model.ReviewOptions{})
	if err != nil {
		return "", err
	}
	return p.tok.Decode(out[0].Tokens, true), nil
}
