package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// JointRun trains an adapter and a head in a run folder: see [run.Loop].
type JointRun struct {
	Model   *model.Model
	Base    string        // SHA-256 of the base's weights: heads.BaseSHA256
	Adapter *lora.Adapter // a new one, of [Settings.NewAdapter]
	Data    *JointData
	Config  *JointConfig
	Run     *run.Run
	Log     io.Writer // where progress is shown
}

// JointResult is how a run ended.
type JointResult struct {
	Result
	Head string // the folder; "" where the head learned nothing, with head_weight 0
	// Dev are the figures of the head on the dev rows, by which the temperature and the threshold were chosen; nil where they were
	// not, for the reason that Note gives.
	Dev  *metrics.Summary
	Note string
}

// Names of the metrics of both parts, besides those of package run.
const (
	lmLoss, headLoss       = "train/lm_loss", "train/head_loss"
	devLMLoss, devHeadLoss = "dev/lm_loss", "dev/head_loss"
)

// Train does what is left of the run and writes, of the lowest weighted loss on validation, the adapter as a PEFT folder "adapter" and
// the head as a folder "head" in the run folder.
func (l *JointRun) Train(ctx context.Context) (*JointResult, error) {
	c := l.Config
	batches := &run.Batches[JointExample]{Rows: l.Data.Train, Len: JointExample.Len, Pairs: l.Data.Pairs, Size: c.BatchSize, Accumulate: c.Accumulate, Seed: c.Seed}
	total := batches.Total(c.Epochs, c.MaxSteps)
	labelled, real := classes(l.Data.Train)
	spec, err := c.spec(l.Model.Config().HiddenSize, real, labelled-real)
	if err != nil {
		return nil, err
	}
	trainer, err := NewJoint(l.Model, l.Adapter, JointOptions{
		Options: Options{
			AdamW: c.AdamW(), Schedule: c.Rates(total),
			Rows: c.BatchSize, Checkpoints: c.Checkpoints, Seed: c.Seed, Devices: c.Devices,
		},
		Head: *spec, HeadRate: c.HeadRate / c.LearningRate, LMWeight: c.LMWeight, HeadWeight: c.HeadWeight, Lengths: c.Lengths,
	})
	if err != nil {
		return nil, err
	}
	defer trainer.Close()
	task := &jointTask{trainer, batches, l.Data.Dev}
	loop := run.Loop{
		Run: l.Run, Task: task, Log: l.Log, Total: total, Dev: len(l.Data.Dev) > 0,
		EvalEvery: cmp.Or(c.EvalEvery, batches.PerEpoch()), SaveEvery: c.SaveEvery, Patience: c.Patience,
	}
	o, err := loop.Train(ctx)
	if err != nil {
		return nil, err
	}
	r := &JointResult{Result: Result{
		Adapter: filepath.Join(l.Run.Dir, adapterDir), Steps: o.Steps, BestStep: o.BestStep, DevLoss: o.DevLoss, Early: o.Early,
	}, Head: filepath.Join(l.Run.Dir, headDir)}
	if err := trainer.RestoreState(o.Checkpoint); err != nil {
		return nil, err
	}
	if err := l.write(ctx, task, r); err != nil {
		return nil, err
	}
	return r, l.Run.Finish()
}

// write writes the adapter and the head, calibrated and tied to the base and the adapter by their SHA-256.
func (l *JointRun) write(ctx context.Context, task *jointTask, r *JointResult) error {
	a, err := task.Adapter()
	if err != nil {
		return err
	}
	if err := a.Save(r.Adapter); err != nil {
		return err
	}
	if l.Config.HeadWeight == 0 {
		r.Head, r.Note = "", "head_weight is 0: there is no head"
		return nil
	}
	if a, err = lora.Open(r.Adapter); err != nil { // for its SHA-256
		return err
	}
	h, err := task.Head()
	if err != nil {
		return err
	}
	c := &h.Config
	c.BaseSHA256, c.AdapterSHA256 = l.Base, a.SHA256
	c.MaxTokens = l.analysis()
	c.Trained = map[string]any{
		"by": "janus train joint", "seed": l.Config.Seed, "step": r.BestStep, "prompt": l.Config.Prompt,
		"lm_weight": l.Config.LMWeight, "head_weight": l.Config.HeadWeight, "states": "of given analyses",
	}
	if err := l.calibrate(ctx, task, c, r); err != nil {
		return err
	}
	return h.Save(r.Head)
}

// analysis is the most tokens of an analysis that the head has read.
func (l *JointRun) analysis() (most int) {
	for _, e := range l.Data.Train {
		if e.Labelled {
			most = max(most, e.Analysis)
		}
	}
	if len(l.Config.Lengths) > 0 {
		most = min(most, slices.Max(l.Config.Lengths))
	}
	return most
}

// calibrate chooses temperature and threshold on the dev rows, as far as they have both classes.
func (l *JointRun) calibrate(ctx context.Context, task *jointTask, c *classifier.Config, r *JointResult) error {
	judged, err := task.judge(ctx)
	if err != nil {
		return err
	}
	logits, labels := judged.last()
	if !slices.Contains(labels, true) || !slices.Contains(labels, false) {
		r.Note = "the dev rows have not both classes: temperature 1 and threshold 0.5 were kept"
		return nil
	}
	calibration, err := heads.Calibrate(logits, labels, l.Config.Calibrate, l.Config.Threshold)
	if err != nil {
		return err
	}
	r.Dev, r.Note = &calibration.Dev, calibration.Note
	c.Temperature, c.Threshold = calibration.Temperature, calibration.Dev.Threshold
	c.Trained["dev"] = calibration.Dev
	return nil
}

// jointTask implements [run.Task].
type jointTask struct {
	*JointTrainer
	batches *run.Batches[JointExample]
	dev     []JointExample
}

// Step makes the next update.
func (t *jointTask) Step(ctx context.Context) (run.Step, error) {
	batches := t.batches.Of(t.Steps())
	u, err := t.JointTrainer.Step(ctx, batches...)
	read := 0
	for _, e := range slices.Concat(batches...) {
		read += e.Len()
	}
	return run.Step{
		Tokens: read, Note: fmt.Sprintf("loss %.4f = answers %.4f, head %.4f", u.Loss, u.LM, u.Head),
		Values: map[string]float64{
			run.TrainLoss: u.Loss, lmLoss: u.LM, headLoss: u.Head, run.LearningRate: u.LearningRate, run.GradNorm: u.GradNorm,
		},
	}, err
}

// judged is what a trainer makes of the dev rows.
type judged struct {
	rows   []JointExample
	logits [][]float64
	loss   float64 // Σ −log p
}

func (t *jointTask) judge(ctx context.Context) (*judged, error) {
	j := &judged{rows: slices.Clone(t.dev)}
	slices.SortStableFunc(j.rows, func(a, b JointExample) int { return a.Len() - b.Len() })
	for batch := range slices.Chunk(j.rows, t.batches.Size) {
		loss, logits, err := t.Judge(ctx, batch)
		if err != nil {
			return nil, err
		}
		j.loss, j.logits = j.loss+loss, append(j.logits, logits...)
	}
	return j, nil
}

// last are the labelled rows' logits after the longest reading, and their labels.
func (j *judged) last() (logits []float64, labels []bool) {
	for i, e := range j.rows {
		if e.Labelled {
			logits, labels = append(logits, j.logits[i][len(j.logits[i])-1]), append(labels, e.Real)
		}
	}
	return logits, labels
}

// crossEntropy is the mean over labelled rows and lengths, without class weights and smoothing.
func (j *judged) crossEntropy() float64 {
	sum, n := 0.0, 0
	for i, e := range j.rows {
		for _, z := range j.logits[i] {
			if !e.Labelled {
				continue
			}
			if e.Real {
				z = -z
			}
			sum, n = sum+math.Max(z, 0)+math.Log1p(math.Exp(-math.Abs(z))), n+1
		}
	}
	return sum / float64(max(n, 1))
}

// Validate is the weighted sum of the mean losses on the dev side, and the head's quality at 0.5.
func (t *jointTask) Validate(ctx context.Context) (float64, map[string]float64, error) {
	j, err := t.judge(ctx)
	if err != nil {
		return 0, nil, err
	}
	lm, own := j.loss/float64(max(jointTokens(j.rows), 1)), j.crossEntropy()
	loss := t.options.LMWeight*lm + t.options.HeadWeight*own
	values := map[string]float64{run.DevLoss: loss, devLMLoss: lm, devHeadLoss: own}
	var counts metrics.Confusion
	logits, labels := j.last()
	for i, z := range logits {
		counts.Add(labels[i], z >= 0)
	}
	for name, value := range map[string]float64{
		run.DevAccuracy: counts.Accuracy(), run.DevPrecision: counts.Precision(), run.DevRecall: counts.Recall(), run.DevF1: counts.F1(),
	} {
		if !math.IsNaN(value) {
			values[name] = value
		}
	}
	return loss, values, nil
}

// Write writes the adapter and the head as they are.
func (t *jointTask) Write(dir string) error {
	a, errA := t.Adapter()
	h, errH := t.Head()
	if err := errors.Join(errA, errH); err != nil {
		return err
	}
	return errors.Join(a.Save(filepath.Join(dir, adapterDir)), h.Save(filepath.Join(dir, headDir)))
}
