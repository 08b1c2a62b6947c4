package review

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
)

// Embeddings judge by heads of Proposal 2: on the embedding of a finding's text, as a prompt has it, and behind it that of the
// analysis. The model writes the analyses, and its own heads, if it has any, do not matter.
type Embeddings struct {
	Heads    []*classifier.Head
	Embedder *model.Embedder
	Base     string // SHA-256 of the weights of the model that writes; empty: not checked
}

// check refuses heads that were trained with another model, adapter or embedder, and options that ask for verdicts on the way: there
// is one, on the whole analysis.
func (e *Embeddings) check(m *model.Model, o *Options) error {
	switch {
	case m.IsEncoder():
		return fmt.Errorf("model %s: %w, and heads on embeddings read one", m.Dir(), model.ErrEncoder)
	case len(e.Heads) == 0:
		return errors.New("there is no head on embeddings")
	case o.Trajectory || o.Sure > 0:
		return fmt.Errorf("head %q reads embeddings of the whole analysis (Proposal 2): there are no verdicts on the way, as a trajectory and --sure ask for", e.Heads[0].Name)
	}
	base := m.HeadBase()
	base.SHA256 = e.Base
	for _, h := range e.Heads {
		if err := h.CheckEmbeddings(e.Embedder.Width(), e.Embedder.SHA256, base); err != nil {
			return err
		}
	}
	return nil
}

// writer is the engine of reviews by embeddings: it writes analyses and does not judge.
type writer struct{ *model.Model }

// Review implements engine.
func (w writer) Review(ctx context.Context, batch model.Batch, o model.ReviewOptions) ([]model.Verdict, error) {
	return w.Generate(ctx, batch, o)
}

// judge fills in the probabilities of rows whose analyses are written. Analyses are read as far as those that the head was
// trained on.
func (e *Embeddings) judge(ctx context.Context, rows []*row, out []model.Verdict, text func([]int32) string) error {
	inputs, analyses := make([]string, len(rows)), make([]string, len(rows))
	for i, w := range rows {
		inputs[i], out[i].Ps = w.text, [][]float64{make([]float64, len(e.Heads))}
	}
	for k, h := range e.Heads {
		for i := range rows {
			tokens := out[i].Tokens
			analyses[i] = text(tokens[:h.Config.Reads(len(tokens))])
		}
		pairs, err := e.Embedder.Pair(ctx, inputs, analyses, h.Config.MaxInput)
		if err != nil {
			return fmt.Errorf("embeddings: %w", err)
		}
		for i := range rows {
			out[i].Ps[0][k] = h.ProbabilityOf(pairs[i])
		}
	}
	for i := range rows {
		out[i].P = out[i].Ps[0][0]
	}
	return nil
}

// readText keeps what embeddings are of.
func (r *Reviewer) readText(w *row, f *finding.Finding) (err error) {
	if r.options.Embeddings != nil {
		w.text, _, err = r.prompter.text.Prompt(f, 0)
	}
	return err
}

// decoded is the text of an analysis.
func (r *Reviewer) decoded(tokens []int32) string {
	return strings.TrimSpace(r.prompter.tok.Decode(tokens, true))
}
