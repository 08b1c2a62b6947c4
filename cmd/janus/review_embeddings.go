package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/heads"
)

// openModels are those of a review: the one that judges, or writes for heads on embeddings, and the encoder that these read.
type openModels struct {
	judge, embedder *model.Model
}

// open opens what f names. Heads on embeddings are not the model's own: they become an option of the review.
func (m *openModels) open(ctx context.Context, f *reviewFlags) (err error) {
	flags := f.model
	var list []*classifier.Head
	flags.heads = nil
	for _, dir := range f.model.heads {
		h, err := classifier.Open(dir)
		if err != nil {
			return err
		}
		if h.Config.Features == classifier.ReadsEmbeddings {
			list = append(list, h)
		} else {
			flags.heads = append(flags.heads, dir)
		}
	}
	switch {
	case len(list) > 0 && len(flags.heads) > 0:
		return fmt.Errorf("head %q reads embeddings (Proposal 2), others states: one review judges by heads of one kind", list[0].Name)
	case len(list) == 0 && f.embedder != "":
		return errors.New("--embedder is given, and no --head that reads embeddings")
	}
	if m.judge, err = flags.open(ctx); err != nil {
		return err
	}
	f.model.cpu = flags.cpu
	if len(list) == 0 {
		return nil
	}
	e := &review.Embeddings{Heads: list}
	if e.Base, err = heads.BaseSHA256(m.judge.Dir()); err != nil {
		return err
	}
	of, sum := m.judge, e.Base
	if f.embedder != "" {
		encoder := modelFlags{model: f.embedder, backend: f.model.backend}
		if m.embedder, err = encoder.open(ctx); err != nil {
			return fmt.Errorf("embedder: %w", err)
		}
		of = m.embedder
		if sum, err = heads.BaseSHA256(of.Dir()); err != nil {
			return err
		}
	}
	made, err := heads.NewEmbedder(of, sum)
	if err != nil {
		return err
	}
	e.Embedder, f.options.Embeddings = made.Embedder, e
	return nil
}

// close frees the models: the process ends after it.
func (m *openModels) close() {
	for _, one := range []*model.Model{m.judge, m.embedder} {
		if one != nil {
			_ = one.Close()
		}
	}
}
