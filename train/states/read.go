package states

import (
	"context"
	"slices"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
)

// given are the tokens of a finding's given analysis that are read: none where the model writes its own.
func (h *harvest) given(i int) []int32 {
	if h.options.Given == nil {
		return nil
	}
	return h.options.Given[i][:min(len(h.options.Given[i]), h.options.Sampling.MaxTokens)]
}

// force is run with given analyses.
func (h *harvest) force(ctx context.Context, prefix []int32, rows []int, adapter int, b review.Batch) ([]pooled, error) {
	texts := make([]model.Given, len(rows))
	for k, i := range rows {
		texts[k] = model.Given{Prompt: h.prompts[i][len(prefix):], Analysis: h.given(i), Adapter: adapter}
	}
	kept, err := h.model.PoolGiven(ctx, prefix, texts, model.GivenOptions{Lengths: h.options.Lengths, Slots: b.Slots, Room: b.Room})
	if err != nil {
		return nil, err
	}
	list := make([]pooled, len(rows))
	for k := range rows {
		list[k].tokens = len(texts[k].Analysis)
		for _, f := range h.features() {
			list[k].states = append(list[k].states, kept[k][f])
		}
	}
	return list, nil
}

// embed is run of an encoder.
func (h *harvest) embed(ctx context.Context, rows []int, adapter int) ([]pooled, error) {
	texts, adapters := make([][]int32, len(rows)), make([]int, len(rows))
	for k, i := range rows {
		texts[k], adapters[k] = h.prompts[i], adapter
	}
	list := make([]pooled, len(rows))
	for _, f := range h.options.Features {
		states, err := h.model.Embed(ctx, texts, adapters, f)
		if err != nil {
			return nil, err
		}
		for k := range rows {
			list[k].states = append(list[k].states, [][]float32{states[k]})
		}
	}
	return list, nil
}

// features are the indices of the options' features among the model's.
func (h *harvest) features() (list []int) {
	all := h.model.Features()
	for _, f := range h.options.Features {
		list = append(list, slices.Index(all, f))
	}
	return list
}
