package ablate

import (
	"context"
	"fmt"
)

// tuned is a base model, bare or fine-tuned.
type tuned struct {
	dir     string // the base's, or that of what became of it
	weights string // SHA-256
	adapter string // a PEFT folder, or empty
}

// canTune says why an approach cannot be had, if it cannot.
func (s *Study) canTune(approach string) error {
	if approach != approachNone {
		return fmt.Errorf("%s cannot be computed yet, expected %s", approach, approachNone)
	}
	return nil
}

// tune fine-tunes a base model where that was not done before.
func (r *runner) tune(_ context.Context, at setting) (*tuned, error) {
	b := r.bases[at.Model]
	return &tuned{dir: b.dir, weights: b.weights}, nil
}
