package train

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
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
		AdamW: c.AdamW(), Schedule: c.Rates(total),
		Rows: c.BatchSize, Checkpoints: c.Checkpoints, Seed: c.Seed, Devices: c.Devices,
	})
	if err != nil {
		return nil, err
	}
	defer trainer.Close()
	loop := run.Loop{
		Run: l.Run, Task: &loraTask{Examples{trainer, batches, l.Data.Dev}, trainer}, Log: l.Log, Total: total, Dev: len(l.Data.Dev) > 0,
		EvalEvery: cmp.Or(c.EvalEvery, batches.PerEpoch()), SaveEvery: c.SaveEvery, Patience: c.Patience,
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
	Examples
	trainer *Trainer
}

// Write writes the adapter.
func (t *loraTask) Write(dir string) error {
	a, err := t.trainer.Adapter()
	if err != nil {
		return err
	}
	return a.Save(filepath.Join(dir, adapterDir))
}
