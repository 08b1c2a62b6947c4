package encoder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/train/run"
)

// The folders that a run ends with.
const (
	ModelDir   = "model"   // of Full: the tuned encoder
	AdapterDir = "adapter" // of LoRA
	HeadDir    = "head"    // for that model, or for that adapter on its base
)

// Job is the training of one encoder.
type Job struct {
	config *Config
	task   *task
}

// New prepares a training. With Full the model may be closed afterwards, since its weights have been copied; with LoRA it must
// stay open until the job is closed.
func New(m *model.Model, data *Data, c *Config) (*Job, error) {
	if err := checkEncoder(m); err != nil {
		return nil, err
	}
	head, err := c.head(m.Config().HiddenSize)
	if err != nil {
		return nil, err
	}
	head.MaxInput = min(c.MaxLen, m.Config().ContextLength)
	t := &task{config: c, data: data, network: network{config: m.Config(), layers: m.Layers(), head: head}}
	positives := countReal(data.Train)
	if t.positive, t.negative, err = heads.ClassWeights(c.ClassWeights, positives, len(data.Train)-positives); err != nil {
		return nil, err
	}
	compile := optimize.OnModel(m)
	if c.Method == LoRA {
		t.tuned, err = newAdapted(m, c)
	} else {
		compile = optimize.OnBackend(m.Backend().Backend)
		t.network.dropout = c.HiddenDropout
		t.tuned, err = newFull(m)
	}
	if err != nil {
		return nil, err
	}
	t.batches = run.Batches[Example]{Rows: data.Train, Len: Example.Len, Size: c.BatchSize, Accumulate: c.Accumulate, Seed: c.Seed}
	if err := t.start(m, compile); err != nil {
		t.tuned.Close()
		return nil, err
	}
	return &Job{c, t}, nil
}

// start puts what is trained on the device.
func (t *task) start(m *model.Model, compile optimize.Compile) error {
	params, err := t.tuned.params()
	if err != nil {
		return err
	}
	c, total := t.config, t.batches.Total(t.config.Epochs, t.config.MaxSteps)
	t.optimizer, err = optimize.New(m.Backend().Backend, compile, append(params, newHead(&t.network.head, c)...), t.loss, optimize.Options{
		AdamW: c.AdamW(), Schedule: c.Rates(total),
	})
	return err
}

// Close frees what is on the device.
func (j *Job) Close() {
	j.task.optimizer.Close()
	j.task.tuned.Close()
}

// Train does what is left of a run, and writes the folders and figures that it ends with. log shows the progress.
func (j *Job) Train(ctx context.Context, r *run.Run, log io.Writer) (*Result, error) {
	return j.train(ctx, j.task, r, log)
}

// train runs a task, which is the job's own or does what that does.
func (j *Job) train(ctx context.Context, task run.Task, r *run.Run, log io.Writer) (*Result, error) {
	t, c := j.task, j.config
	loop := run.Loop{
		Run: r, Task: task, Log: log, Total: t.batches.Total(c.Epochs, c.MaxSteps), Dev: true,
		EvalEvery: cmp.Or(c.EvalEvery, t.batches.PerEpoch()), SaveEvery: c.SaveEvery, Patience: c.Patience,
	}
	outcome, err := loop.Train(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.RestoreState(outcome.Checkpoint); err != nil {
		return nil, err
	}
	result, err := j.finish(ctx, r.Dir, outcome)
	if err != nil {
		return nil, err
	}
	return result, r.Finish()
}

// finish calibrates the head of the best checkpoint, which the optimiser holds, and writes it with the encoder.
func (j *Job) finish(ctx context.Context, dir string, o *run.Outcome) (*Result, error) {
	t, c := j.task, j.config
	logits, err := t.logits(ctx, t.data.Dev)
	if err != nil {
		return nil, err
	}
	calibration, err := heads.Calibrate(logits, labelsOf(t.data.Dev), c.Calibrate, c.Threshold)
	if err != nil {
		return nil, err
	}
	values, err := t.optimizer.Values()
	if err != nil {
		return nil, err
	}
	n := len(values) - len(t.network.head.ParamNames())
	head := t.network.head
	if head.BaseSHA256, head.AdapterSHA256, err = t.tuned.write(ctx, dir, values[:n]); err != nil {
		return nil, err
	}
	head.Temperature, head.Threshold = calibration.Temperature, calibration.Dev.Threshold
	head.Trained = map[string]any{
		"by": "janus train encoder", "method": c.Method, "seed": c.Seed, "step": o.BestStep, "dev": calibration.Dev, "prompt": c.Prompt,
	}
	tensors := map[string][]float32{}
	for i, name := range head.ParamNames() {
		tensors[name] = values[n+i]
	}
	h, err := classifier.New(HeadDir, head, tensors)
	if err != nil {
		return nil, err
	}
	if err := h.Save(filepath.Join(dir, HeadDir)); err != nil {
		return nil, err
	}
	r := &Result{Tuned: ModelDir, Steps: o.Steps, BestStep: o.BestStep, Early: o.Early}
	if c.Method == LoRA {
		r.Tuned = AdapterDir
	}
	r.Figures, err = t.figures(calibration, o.BestStep)
	return r, errors.Join(err, r.write(dir))
}

// checkEncoder refuses models that are none.
func checkEncoder(m *model.Model) error {
	if m.IsEncoder() {
		return nil
	}
	return fmt.Errorf("model %s (%s) is a decoder, which `janus train lora` and `janus train head` tune: give an encoder (--model), such as CodeBERT",
		m.Dir(), m.Config().ModelType)
}
