package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/train/run"
)

// adapterDir is the name of the adapter in a run folder and in its checkpoints.
const adapterDir = "adapter"

// LoRARun trains an adapter in a run folder: see [run.Loop].
type LoRARun struct {
	Model   *model.Model
	Adapter *lora.Adapter // a new one, of [LoRAConfig.NewAdapter]
	Data    *Data
	Config  *LoRAConfig
	Run     *run.Run
	Log     io.Writer // where progress is shown
}

// Result is how a run ended.
type Result struct {
	Adapter  string // the folder
	Steps    int
	BestStep int     // the adapter's
	DevLoss  float64 // of the adapter; 0 without rows to validate on
	Early    bool    // it ended before the last update, for want of a lower loss
}

// Train does what is left of the run and writes its adapter, that of the lowest loss on validation, or the last one where there is
// none, as a PEFT folder "adapter" in the run folder.
func (l *LoRARun) Train(ctx context.Context) (*Result, error) {
	c := l.Config
	if len(l.Data.Train) == 0 {
		return nil, errors.New("there are no examples to learn from")
	}
	batches := &run.Batches[Example]{Rows: l.Data.Train, Len: Example.Len, Size: c.BatchSize, Accumulate: c.Accumulate, Seed: c.Seed}
	total := batches.Total(c.Epochs, c.MaxSteps)
	trainer, err := New(l.Model, l.Adapter, Options{
		AdamW: c.adamW(), Schedule: optimize.Schedule{Kind: c.Schedule, Warmup: run.WarmupSteps(c.Warmup, total), Total: total},
		Rows: c.BatchSize, Checkpoints: c.Checkpoints, Seed: c.Seed,
	})
	if err != nil {
		return nil, err
	}
	defer trainer.Close()
	loop := run.Loop{
		Run: l.Run, Task: &loraTask{trainer, batches, l.Data.Dev}, Log: l.Log, Total: total, Dev: len(l.Data.Dev) > 0,
		EvalEvery: c.EvalEvery, SaveEvery: c.SaveEvery, Patience: c.Patience,
	}
	if loop.EvalEvery == 0 {
		loop.EvalEvery = batches.PerEpoch()
	}
	o, err := loop.Train(ctx)
	if err != nil {
		return nil, err
	}
	r := &Result{Adapter: filepath.Join(l.Run.Dir, adapterDir), Steps: o.Steps, BestStep: o.BestStep, DevLoss: o.DevLoss, Early: o.Early}
	a, err := lora.Open(filepath.Join(o.Checkpoint, adapterDir))
	if err != nil {
		return nil, err
	}
	if err := a.Save(r.Adapter); err != nil {
		return nil, err
	}
	return r, l.Run.Finish()
}

// loraTask implements [run.Task].
type loraTask struct {
	*Trainer
	batches *run.Batches[Example]
	dev     []Example
}

// Step makes the next update.
func (t *loraTask) Step(ctx context.Context) (run.Step, error) {
	batches := t.batches.Of(t.Steps())
	u, err := t.Trainer.Step(ctx, batches...)
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
func (t *loraTask) Validate(ctx context.Context) (float64, map[string]float64, error) {
	rows := slices.Clone(t.dev)
	slices.SortStableFunc(rows, func(a, b Example) int { return a.Len() - b.Len() })
	sum := 0.0
	for batch := range slices.Chunk(rows, t.batches.Size) {
		loss, err := t.Loss(ctx, batch)
		if err != nil {
			return 0, nil, err
		}
		sum += loss
	}
	loss := sum / float64(Tokens(rows))
	return loss, map[string]float64{run.DevLoss: loss}, nil
}

// Write writes the adapter.
func (t *loraTask) Write(dir string) error {
	a, err := t.Adapter()
	if err != nil {
		return err
	}
	return a.Save(filepath.Join(dir, adapterDir))
}
