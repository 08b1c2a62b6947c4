package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/run"
)

// Names in a run folder and in its checkpoints.
const (
	adapterDir   = "adapter"
	progressFile = "progress.json"
)

// LoRARun trains an adapter in a run folder: epochs, validation, early stopping and checkpoints. A run that was interrupted in
// any way goes on from its last checkpoint to the same bytes.
type LoRARun struct {
	Model   *model.Model
	Adapter *lora.Adapter // a new one, of [LoRAConfig.NewAdapter]
	Data    *Data
	Config  *LoRAConfig
	Run     *run.Run
	Log     io.Writer // where progress is shown

	trainer  *Trainer
	meter    *run.Meter
	progress progress
	perEpoch int
	total    int
	epoch    int // of batches
	batches  [][]Example
}

// progress is what a checkpoint holds besides the trainer's state.
type progress struct {
	BestStep int     `json:"best_step"`
	BestLoss float64 `json:"best_dev_loss"`
	Worse    int     `json:"validations_since"` // without a lower loss
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
	if err := l.start(); err != nil {
		return nil, err
	}
	defer l.trainer.Close()
	l.meter = run.NewMeter(l.Log, "training", l.trainer.Steps(), l.total)
	defer l.meter.Finish()
	for l.trainer.Steps() < l.total && !l.stopped() {
		if err := l.step(ctx); err != nil {
			return nil, err
		}
	}
	return l.finish()
}

// start makes the trainer, or restores it.
func (l *LoRARun) start() error {
	c := l.Config
	if len(l.Data.Train) == 0 {
		return errors.New("there are no examples to learn from")
	}
	l.perEpoch = stepsOf(len(l.Data.Train), c.BatchSize, c.Accumulate)
	l.total = l.perEpoch * c.Epochs
	if c.MaxSteps > 0 {
		l.total = min(l.total, c.MaxSteps)
	}
	l.progress = progress{BestLoss: math.MaxFloat64}
	var err error
	l.trainer, err = New(l.Model, l.Adapter, Options{
		AdamW: c.adamW(), Schedule: Schedule{c.Schedule, int(math.Ceil(c.Warmup * float64(l.total))), l.total},
		Rows: c.BatchSize, Checkpoints: c.Checkpoints, Seed: c.Seed,
	})
	if err != nil {
		return err
	}
	dir, step, ok := l.Run.Latest()
	if !ok {
		return nil
	}
	if err := l.restore(dir, step); err != nil {
		l.trainer.Close()
		return err
	}
	return nil
}

func (l *LoRARun) restore(dir string, step int) error {
	if err := l.trainer.RestoreState(dir); err != nil {
		return err
	}
	if l.trainer.Steps() != step {
		return fmt.Errorf("checkpoint %s: its state is of update %d, expected %d", dir, l.trainer.Steps(), step)
	}
	data, err := os.ReadFile(filepath.Join(dir, progressFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &l.progress); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, progressFile), err)
	}
	return nil
}

// stopped tells whether validation has asked for an early end.
func (l *LoRARun) stopped() bool {
	return l.Config.Patience > 0 && l.progress.Worse >= l.Config.Patience
}

// step makes an update, and what is due after it: validation and a checkpoint.
func (l *LoRARun) step(ctx context.Context) error {
	group := l.group(l.trainer.Steps())
	u, err := l.trainer.Step(ctx, group...)
	switch {
	case errors.Is(err, ErrNotFinite):
		dir, _, ok := l.Run.Latest()
		if !ok {
			dir = "none yet"
		}
		return fmt.Errorf("%w; the last good checkpoint is %s", err, dir)
	case err != nil && ctx.Err() != nil:
		return errors.Join(fmt.Errorf("stopped after update %d of %d; --resume goes on: %w", l.trainer.Steps(), l.total, ctx.Err()), l.keep())
	case err != nil:
		return err
	}
	values := map[string]float64{run.TrainLoss: u.Loss, run.LearningRate: u.LearningRate, run.GradNorm: u.GradNorm}
	read := 0
	for _, e := range slices.Concat(group...) {
		read += e.Len()
	}
	l.meter.Step(u.Step, read, fmt.Sprintf("loss %.4f", u.Loss))
	best, due := false, l.due(u.Step)
	if due && len(l.Data.Dev) > 0 {
		loss, err := l.validate(ctx)
		if err != nil {
			return err
		}
		values[run.DevLoss] = loss
		best = l.note(u.Step, loss)
	}
	if err := errors.Join(l.Run.Log(u.Step, values), l.Run.LogTiming(u.Step, l.meter.Values())); err != nil {
		return err
	}
	switch {
	case best:
		return l.Run.CheckpointBest(u.Step, l.write)
	case due, l.Config.SaveEvery > 0 && u.Step%l.Config.SaveEvery == 0:
		return l.Run.Checkpoint(u.Step, l.write)
	}
	return nil
}

// group is the batches of the update after so many.
func (l *LoRARun) group(steps int) [][]Example {
	epoch := steps / l.perEpoch
	if l.batches == nil || epoch != l.epoch {
		l.batches, l.epoch = epochBatches(l.Data.Train, l.Config.BatchSize, l.Config.Seed, epoch), epoch
	}
	first := steps % l.perEpoch * l.Config.Accumulate
	return l.batches[first:min(first+l.Config.Accumulate, len(l.batches))]
}

// due tells whether validation comes after an update.
func (l *LoRARun) due(step int) bool {
	every := l.Config.EvalEvery
	if every == 0 {
		every = l.perEpoch
	}
	return step%every == 0 || step == l.total
}

// validate is the mean loss over the tokens of the dev side.
func (l *LoRARun) validate(ctx context.Context) (float64, error) {
	rows := slices.Clone(l.Data.Dev)
	slices.SortStableFunc(rows, func(a, b Example) int { return a.Len() - b.Len() })
	sum := 0.0
	for batch := range slices.Chunk(rows, l.Config.BatchSize) {
		loss, err := l.trainer.Loss(ctx, batch)
		if err != nil {
			return 0, err
		}
		sum += loss
	}
	return sum / float64(Tokens(rows)), nil
}

// note tells whether a loss is the lowest so far.
func (l *LoRARun) note(step int, loss float64) bool {
	if loss < l.progress.BestLoss {
		l.progress = progress{BestStep: step, BestLoss: loss}
		return true
	}
	l.progress.Worse++
	return false
}

// keep makes a checkpoint of what was done since the last one, of which validation is not due.
func (l *LoRARun) keep() error {
	_, last, ok := l.Run.Latest()
	if step := l.trainer.Steps(); step > 0 && (!ok || step > last) {
		return l.Run.Checkpoint(step, l.write)
	}
	return nil
}

// write fills a checkpoint.
func (l *LoRARun) write(dir string) error {
	if err := l.trainer.SaveState(dir); err != nil {
		return err
	}
	data, err := json.Marshal(l.progress)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, progressFile), data, 0o644); err != nil {
		return err
	}
	a, err := l.trainer.Adapter()
	if err != nil {
		return err
	}
	return a.Save(filepath.Join(dir, adapterDir))
}

// finish writes the adapter.
func (l *LoRARun) finish() (*Result, error) {
	r := &Result{Adapter: filepath.Join(l.Run.Dir, adapterDir), Steps: l.trainer.Steps(), Early: l.trainer.Steps() < l.total}
	dir, step, ok := l.Run.Best()
	if ok {
		r.DevLoss = l.progress.BestLoss
	} else if dir, step, ok = l.Run.Latest(); !ok {
		return nil, errors.New("the run has no checkpoint to take its adapter from")
	}
	r.BestStep = step
	a, err := lora.Open(filepath.Join(dir, adapterDir))
	if err != nil {
		return nil, err
	}
	if err := a.Save(r.Adapter); err != nil {
		return nil, err
	}
	return r, l.Run.Finish()
}
