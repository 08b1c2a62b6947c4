package full

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/train/run"
)

// ModelDir is the name of the result in a run folder.
const ModelDir = "model"

// Plan are the settings of a run that commands share.
type Plan struct {
	run.Updates
	DType dtypes.DType // of products
	Seed  uint64
}

// Run trains a decoder in a run folder: see [run.Loop].
type Run struct {
	Backend   compute.Backend
	Network   *Network // its Params are gone after Train
	Rows, Dev []train.Example
	Plan      Plan
	Run       *run.Run
	Log       io.Writer // where progress is shown
	// Save writes the result into a folder: [Network.SaveNew] or [Network.SaveAs].
	Save func(ctx context.Context, dir string, values map[string][]float32) error
}

// Result is how a run ended.
type Result struct {
	Model    string // the folder
	Steps    int
	BestStep int     // the model's
	DevLoss  float64 // of the model; 0 without rows to validate on
	Early    bool    // it ended before the last update, for want of a lower loss
}

// Train does what is left of the run and writes its model, that of the lowest loss on validation, or the last one where there is
// none, as the folder [ModelDir] in the run folder.
func (r *Run) Train(ctx context.Context) (*Result, error) {
	o, err := r.loop(ctx)
	if err != nil {
		return nil, err
	}
	// A checkpoint has the weights in its state already; a model folder beside it would only take room.
	values, err := optimize.ReadParams(o.Checkpoint)
	if err != nil {
		return nil, err
	}
	result := &Result{Model: filepath.Join(r.Run.Dir, ModelDir), Steps: o.Steps, BestStep: o.BestStep, DevLoss: o.DevLoss, Early: o.Early}
	if err := r.Save(ctx, result.Model, values); err != nil {
		return nil, err
	}
	return result, r.Run.Finish()
}

func (r *Run) loop(ctx context.Context) (*run.Outcome, error) {
	p := r.Plan
	if len(r.Rows) == 0 {
		return nil, errors.New("there are no examples to learn from")
	}
	batches := &run.Batches[train.Example]{Rows: r.Rows, Len: train.Example.Len, Size: p.BatchSize, Accumulate: p.Accumulate, Seed: p.Seed}
	total := batches.Total(p.Epochs, p.MaxSteps)
	trainer, err := New(r.Backend, r.Network, Options{
		AdamW: p.AdamW(), Schedule: p.Rates(total),
		DType: p.DType, Rows: p.BatchSize, Checkpoints: p.Checkpoints,
	})
	if err != nil {
		return nil, err
	}
	defer trainer.Close()
	r.Network.Params = nil
	loop := run.Loop{
		Run: r.Run, Task: &task{train.Examples{Learner: trainer, Batches: batches, Dev: r.Dev}}, Log: r.Log, Total: total, Dev: len(r.Dev) > 0,
		EvalEvery: cmp.Or(p.EvalEvery, batches.PerEpoch()), SaveEvery: p.SaveEvery, Patience: p.Patience,
	}
	return loop.Train(ctx)
}

// task implements [run.Task].
type task struct{ train.Examples }

// Write adds nothing to the state.
func (*task) Write(string) error { return nil }
