package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/states"
)

// embeddings judges by each fold's head on embeddings of the input and of the analysis, which the pass has written.
func (p *pass) embeddings(ctx context.Context, v *Variant) (err error) {
	embedder, closer, err := p.embedder(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer()) }()
	byFold, err := p.foldHeads(ctx, v, embedder)
	if err != nil {
		return err
	}
	o := p.options([]*Variant{v})
	h, err := states.HarvestEmbeddings(ctx, p.model, embedder, p.States, pick(p.Rows.Findings, p.tested), o)
	if err != nil {
		return err
	}
	at := map[int]int{} // of rows, among the keys
	var keys []string
	for k, i := range p.tested {
		if h.Keys[k] != "" {
			at[i], keys = len(keys), append(keys, h.Keys[k])
		}
	}
	var inputs []states.Input
	for _, length := range o.Lengths {
		inputs = append(inputs, states.Input{Feature: embedder.Feature(), Length: length})
	}
	matrices, err := states.Load(p.States, keys, inputs)
	if err != nil {
		return err
	}
	return eachAnalysis(ctx, p, v, func(i int, a states.Told) (results.Case, error) {
		c, head := p.Rows.newCase(v, i), byFold[p.Rows.Fold[i]]
		p.tell(&c, a.Tokens[:head.Config.Reads(len(a.Tokens))], a.PromptTokens, a.Seconds)
		row, ok := at[i]
		if !ok {
			return failedCase(c, h.Errors[slices.Index(p.tested, i)]), nil
		}
		x := matrices[slices.Index(o.Lengths, head.Config.MaxTokens)]
		width := len(x) / len(keys)
		decide(&c, head.ProbabilityOf(x[row*width:(row+1)*width]), head.Config.Threshold)
		return c, nil
	})
}

// embedder is the model's own token embeddings, or the encoder that the settings name, and what closes it.
func (p *pass) embedder(ctx context.Context) (*states.Embedder, func() error, error) {
	if p.Config.Embedder == "" {
		e, err := heads.NewEmbedder(p.model, p.base)
		return e, func() error { return nil }, err
	}
	dir, err := basemodel.Find(ctx, p.Config.Embedder, nil)
	if err != nil {
		return nil, nil, err
	}
	sum, err := heads.BaseSHA256(dir)
	if err != nil {
		return nil, nil, err
	}
	m, err := model.Open(ctx, dir, model.Options{Backend: p.Backend})
	if err != nil {
		return nil, nil, fmt.Errorf("embedder: %w", err)
	}
	e, err := heads.NewEmbedder(m, sum)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return e, m.Close, nil
}
