package main

import (
	"context"
	"errors"

	"github.com/januslm/janus/internal/backend"
	shipped "github.com/januslm/janus/models"
	"github.com/januslm/janus/prompts"
)

// useShipped makes the adapter, head and prompts that Janus ships those of a review that names none of them, where the base model
// is the one that they were made for. What keeps them from being used is told, unless it is that the model is another.
func (f *reviewFlags) useShipped(ctx context.Context) error {
	if f.bare || len(f.model.adapters)+len(f.model.heads) > 0 || f.prompts != (promptFlags{variant: prompts.VariantPlain}) {
		return nil
	}
	dir, err := findModel(ctx, f.model.model)
	if err != nil {
		return err
	}
	f.model.model = dir // found once
	fits, err := shipped.Fit(dir)
	if !fits {
		if errors.Is(err, shipped.ErrOtherWeights) {
			note("%v: the bare model judges", err)
			err = nil
		}
		return err
	}
	cache, err := backend.UserCache()
	if err != nil {
		note("the shipped adapter and head are not used, as there is no folder to unpack them to: %v", err)
		return nil
	}
	folders, err := shipped.Unpack(ctx, cache)
	if err != nil {
		note("the shipped adapter and head are not used: %v", err)
		return ctx.Err()
	}
	if f.options.Prompts, err = prompts.Open(prompts.VariantPlain, folders.Prompts); err != nil {
		return err
	}
	f.model.adapters, f.model.heads = []string{folders.Adapter}, []string{folders.Head}
	if !f.lengthGiven {
		f.options.Sampling.MaxTokens = max(shipped.Shipped().MaxTokens, f.options.Sampling.MinTokens)
	}
	return nil
}
