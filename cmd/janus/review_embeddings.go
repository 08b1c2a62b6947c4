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

// openModels are those of a review: the one that judges, or writes for heads on embeddings, and what closes the encoder that these read.
type openModels struct {
	judge         *model.Model
	closeEmbedder func() error
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
	base, err := heads.BaseFile(m.judge.Dir())
	if err != nil {
		return err
	}
	embedder, _, closer, err := openEmbedder(ctx, m.judge, base, f.embedder, f.model.backend)
	if err != nil {
		return err
	}
	m.closeEmbedder = closer
	f.options.Embeddings = &review.Embeddings{Heads: list, Embedder: embedder.Embedder, Base: base.SHA256}
	return nil
}

// close frees the models: the process ends after it.
func (m *openModels) close() {
	if m.judge != nil {
		_ = m.judge.Close()
	}
	if m.closeEmbedder != nil {
		_ = m.closeEmbedder()
	}
}
