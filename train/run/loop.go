package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/januslm/janus/train/optimize"
)

// progressFile is what a checkpoint holds of the loop.
const progressFile = "progress.json"

// ErrNoCheckpoint says that a run has ended before its first checkpoint.
var ErrNoCheckpoint = errors.New("the run has no checkpoint to take its result from")

// Task is what a [Loop] trains.
type Task interface {
	Steps() int // updates made
	// Step makes one update. On an error nothing is changed.
	Step(ctx context.Context) (Step, error)
	// Validate measures dev rows: loss is what the best state has least of, values are logged by name. It is not called where
	// the loop has no dev rows.
	Validate(ctx context.Context) (loss float64, values map[string]float64, err error)
	SaveState(dir string) error
	RestoreState(dir string) error
	// Write puts into a folder, beside the state, what is made of the state as it is: an adapter, a model.
	Write(dir string) error
}

// Step is what an update did.
type Step struct {
	Tokens int                // that were read
	Note   string             // a word to show, such as "loss 0.31"
	Values map[string]float64 // metrics by name, such as [TrainLoss]
}

// Loop trains a task in a run folder: validation, early stopping and checkpoints. A run that was interrupted in any way goes
// on from its last checkpoint to the same bytes.
type Loop struct {
	Run   *Run
	Task  Task
	Log   io.Writer // where progress is shown
	Total int       // updates
	Dev   bool      // there are dev rows
	// EvalEvery is the updates between validations; the last update has one, too. SaveEvery is the updates between further
	// checkpoints; 0 is none.
	EvalEvery, SaveEvery int
	Patience             int // validations without a lower loss after which the run ends; 0 goes on

	meter    *Meter
	standing standing
}

// standing is what a checkpoint holds besides the task's state.
type standing struct {
	BestStep int     `json:"best_step"`
	BestLoss float64 `json:"best_dev_loss"`
	Worse    int     `json:"validations_since"` // without a lower loss
	// Due are the metrics of the last update where its validation was interrupted.
	Due map[string]float64 `json:"due,omitempty"`
}

// Outcome is how a loop ended.
type Outcome struct {
	Checkpoint string // that of the lowest loss, or the last one where nothing was validated on
	Steps      int
	BestStep   int     // the checkpoint's
	DevLoss    float64 // of the checkpoint; 0 without dev rows
	Early      bool    // it ended before the last update, for want of a lower loss
}

// Train does what is left of the run. The caller then makes the result of the outcome's checkpoint, and finishes the run.
func (l *Loop) Train(ctx context.Context) (*Outcome, error) {
	l.standing = standing{BestLoss: math.MaxFloat64}
	if dir, step, ok := l.Run.Latest(); ok {
		if err := l.restore(dir, step); err != nil {
			return nil, err
		}
	}
	l.meter = NewMeter(l.Log, "training", l.Task.Steps(), l.Total)
	defer l.meter.Finish()
	if values := l.standing.Due; values != nil {
		l.standing.Due = nil
		if err := l.after(ctx, l.Task.Steps(), values); err != nil {
			return nil, err
		}
	}
	for l.Task.Steps() < l.Total && !l.stopped() {
		if err := l.step(ctx); err != nil {
			return nil, err
		}
	}
	o := &Outcome{Steps: l.Task.Steps(), Early: l.Task.Steps() < l.Total}
	var ok bool
	if o.Checkpoint, o.BestStep, ok = l.Run.Best(); ok {
		o.DevLoss = l.standing.BestLoss
	} else if o.Checkpoint, o.BestStep, ok = l.Run.Latest(); !ok {
		return nil, ErrNoCheckpoint
	}
	return o, nil
}

func (l *Loop) restore(dir string, step int) error {
	if err := l.Task.RestoreState(dir); err != nil {
		return err
	}
	if l.Task.Steps() != step {
		return fmt.Errorf("checkpoint %s: its state is of update %d, expected %d", dir, l.Task.Steps(), step)
	}
	data, err := os.ReadFile(filepath.Join(dir, progressFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &l.standing); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, progressFile), err)
	}
	return nil
}

// stopped tells whether validation has asked for an early end.
func (l *Loop) stopped() bool { return l.Patience > 0 && l.standing.Worse >= l.Patience }

// step makes an update, and does what is due after it.
func (l *Loop) step(ctx context.Context) error {
	l.meter.Begin()
	did, err := l.Task.Step(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return l.interrupted(ctx)
	case err != nil:
		return fmt.Errorf("%w; %s", advised(err), l.lastGood(errors.Is(err, optimize.ErrNotFinite)))
	}
	step := l.Task.Steps()
	l.meter.Step(step, did.Tokens, did.Note)
	if err := l.Run.LogTiming(step, l.meter.Values()); err != nil {
		return err
	}
	return l.after(ctx, step, did.Values)
}

// after does what is due after an update, whose metrics it logs: validation and a checkpoint.
func (l *Loop) after(ctx context.Context, step int, values map[string]float64) error {
	best, due := false, l.due(step)
	if due && l.Dev {
		loss, more, err := l.Task.Validate(ctx)
		if err == nil && !optimize.Finite(loss) {
			err = fmt.Errorf("the loss is %v: %w", loss, optimize.ErrNotFinite)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			l.standing.Due = values
			return l.interrupted(ctx)
		case err != nil:
			return fmt.Errorf("validating after update %d of %d: %w; %s", step, l.Total, advised(err), l.lastGood(false))
		}
		maps.Copy(values, more)
		best = l.note(step, loss)
	}
	if err := l.Run.Log(step, values); err != nil {
		return err
	}
	switch {
	case best:
		return l.Run.CheckpointBest(step, l.write)
	case due, l.SaveEvery > 0 && step%l.SaveEvery == 0:
		return l.Run.Checkpoint(step, l.write)
	}
	return nil
}

// interrupted keeps what was done since the last checkpoint.
func (l *Loop) interrupted(ctx context.Context) error {
	err := fmt.Errorf("stopped after update %d of %d; --resume goes on: %w", l.Task.Steps(), l.Total, ctx.Err())
	_, last, ok := l.Run.Latest()
	if step := l.Task.Steps(); step > 0 && (!ok || step > last) {
		return errors.Join(err, l.Run.Checkpoint(step, l.write))
	}
	return err
}

// lastGood names the last checkpoint that is known to be good: where an update diverged, the weights that it began with are not.
func (l *Loop) lastGood(diverged bool) string {
	dir, step, ok := l.Run.Latest()
	if ok && diverged && step == l.Task.Steps() {
		dir, ok = l.Run.before(step)
	}
	if !ok {
		return "there is no good checkpoint yet"
	}
	return "the last good checkpoint is " + dir
}

// advised adds to an error of a device without enough memory what takes less of it. It is RESOURCE_EXHAUSTED of PJRT's C API.
func advised(err error) error {
	for _, sign := range []string{"PJRT error (code=8)", "RESOURCE_EXHAUSTED", "Out of memory"} {
		if strings.Contains(err.Error(), sign) {
			return fmt.Errorf("the memory does not suffice: lower batch_size (and raise gradient_accumulation as much), lower the length of rows, "+
				"or set gradient_checkpointing: %w", err)
		}
	}
	return err
}

// due tells whether validation comes after an update.
func (l *Loop) due(step int) bool { return step%l.EvalEvery == 0 || step == l.Total }

// note tells whether a loss is the lowest so far.
func (l *Loop) note(step int, loss float64) bool {
	if loss < l.standing.BestLoss {
		l.standing = standing{BestStep: step, BestLoss: loss}
		return true
	}
	l.standing.Worse++
	return false
}

// write fills a checkpoint.
func (l *Loop) write(dir string) error {
	if err := l.Task.SaveState(dir); err != nil {
		return err
	}
	data, err := json.Marshal(l.standing)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, progressFile), data, 0o644); err != nil {
		return err
	}
	return l.Task.Write(dir)
}
