package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/januslm/janus/train/run"
)

// Learner learns from examples, as a [Trainer] does.
type Learner interface {
	Steps() int
	Step(ctx context.Context, batches ...[]Example) (Update, error)
	Loss(ctx context.Context, batch []Example) (float64, error)
	SaveState(dir string) error
	RestoreState(dir string) error
}

// Examples is a [run.Task] but for its Write: a learner, what it learns from and what it is validated on.
type Examples struct {
	Learner
	Batches *run.Batches[Example]
	Dev     []Example
}

// Step makes the next update.
func (t *Examples) Step(ctx context.Context) (run.Step, error) {
	batches := t.Batches.Of(t.Steps())
	u, err := t.Learner.Step(ctx, batches...)
	read := 0
	for _, e := range slices.Concat(batches...) {
		read += e.Len()
	}
	return run.Step{
		Tokens: read, Note: fmt.Sprintf("loss %.4f", u.Loss),
		Values: map[string]float64{run.TrainLoss: u.Loss, run.LearningRate: u.LearningRate, run.GradNorm: u.GradNorm},
	}, err
}

// Validate is the mean loss over the tokens of the dev side.
func (t *Examples) Validate(ctx context.Context) (float64, map[string]float64, error) {
	rows := slices.Clone(t.Dev)
	slices.SortStableFunc(rows, func(a, b Example) int { return a.Len() - b.Len() })
	sum := 0.0
	for batch := range slices.Chunk(rows, t.Batches.Size) {
		loss, err := t.Loss(ctx, batch)
		if err != nil {
			return 0, nil, err
		}
		sum += loss
	}
	loss := sum / float64(Tokens(rows))
	return loss, map[string]float64{run.DevLoss: loss}, nil
}
