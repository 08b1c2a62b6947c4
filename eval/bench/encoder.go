package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/encoder"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// runEncoders judges by encoders: by one with its head, as `janus train encoder` leaves them in a folder, or by one that is
// fine-tuned on each fold's training rows.
func (j *Job) runEncoders(ctx context.Context) error {
	for _, v := range j.of(byEncoder) {
		err := j.encoder(ctx, v)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

func (j *Job) encoder(ctx context.Context, v *Variant) error {
	_, err := os.Stat(filepath.Join(v.of, encoder.HeadDir))
	if err == nil {
		return j.encode(ctx, v, v.of, "", -1, j.Config.MaxPrompt)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for fold := range j.Rows.Folds {
		if len(j.missing(v, fold)) == 0 {
			continue
		}
		base, err := basemodel.Find(ctx, v.of, nil)
		if err != nil {
			return err
		}
		dir, err := j.tuneEncoder(ctx, v, base, fold)
		if err == nil {
			err = j.encode(ctx, v, dir, base, fold, j.Config.encoderSettings.MaxLen)
		}
		if err != nil {
			return fmt.Errorf("fold %d: %w", fold, err)
		}
	}
	return nil
}

// encode judges the missing test rows of a fold, below 0 of all, by the encoder and the head in a folder. base is what an adapter
// is for; empty is what the adapter names.
func (j *Job) encode(ctx context.Context, v *Variant, dir, base string, fold, maxPrompt int) (err error) {
	missing := j.missing(v, fold)
	if len(missing) == 0 {
		return nil
	}
	peak := newPeak()
	o := model.Options{Backend: j.Backend, Heads: []string{filepath.Join(dir, encoder.HeadDir)}}
	weights := filepath.Join(dir, encoder.ModelDir)
	if _, err := os.Stat(weights); errors.Is(err, fs.ErrNotExist) {
		o.Adapters = []string{filepath.Join(dir, encoder.AdapterDir)}
		if weights, err = baseOf(ctx, o.Adapters[0], base); err != nil {
			return err
		}
	}
	m, err := model.Open(ctx, weights, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	text, err := prompts.Open(j.Config.encoderSettings.Prompt, j.Config.Prompts)
	if err != nil {
		return err
	}
	ro := review.Options{Limits: review.DefaultLimits(j.Backend.IsCPU()), MaxPrompt: maxPrompt, Prompts: text}
	threshold := m.Heads()[0].Config.Threshold
	if err := j.reviewRows(ctx, v, m, ro, missing, func(c *results.Case, verdict *finding.Verdict) { decide(c, verdict.P, threshold) }); err != nil {
		return err
	}
	u := used{Parameters: parameters(weights), WeightBytes: m.WeightBytes(), PeakBytes: peak.bytes()}
	if u.ModelSHA256, err = heads.BaseSHA256(weights); err != nil {
		return err
	}
	if a := m.Adapters(); len(a) > 0 {
		u.AdapterSHA256 = a[0].SHA256
	}
	head, err := run.HashFile(o.Heads[0])
	if err != nil {
		return err
	}
	u.HeadSHA256 = head.SHA256
	return j.use([]*Variant{v}, u)
}

// baseOf is the folder of the model that an adapter is for.
func baseOf(ctx context.Context, adapter, base string) (string, error) {
	if base != "" {
		return base, nil
	}
	a, err := lora.Open(adapter)
	if err != nil {
		return "", err
	}
	return basemodel.Find(ctx, a.Config.BaseModel, nil)
}

// tuneEncoder gives the folder with a fold's encoder and its head: the one that is there, or one that it trains. The run of
// training goes on where it was stopped.
func (j *Job) tuneEncoder(ctx context.Context, v *Variant, base string, fold int) (string, error) {
	what := fmt.Sprintf("%s fold %d", v.Name, fold)
	name := strings.NewReplacer("/", "-", "\\", "-").Replace(filepath.Base(filepath.Dir(v.of)) + "-" + filepath.Base(v.of))
	dir := filepath.Join("encoders", name, fmt.Sprint("fold-", fold))
	if _, ok := j.journal.trained[what]; ok {
		return filepath.Join(j.Dir, dir), nil
	}
	start := time.Now()
	if err := j.trainEncoder(ctx, what, base, fold, filepath.Join(j.Dir, dir)); err != nil {
		return "", err
	}
	t := trained{What: what, Dir: dir, Seconds: time.Since(start).Seconds()}
	var err error
	if t.Curve, err = curve(filepath.Join(j.Dir, dir)); err != nil {
		return "", err
	}
	return filepath.Join(j.Dir, dir), j.journal.add(entry{Trained: &t})
}

func (j *Job) trainEncoder(ctx context.Context, what, base string, fold int, dir string) (err error) {
	rows, err := j.Rows.forHeads(fold, j.Config)
	if err != nil {
		return err
	}
	m, err := j.openFor(ctx, base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	config := j.Config.encoderSettings
	text, err := prompts.Open(config.Prompt, config.Prompts)
	if err != nil {
		return err
	}
	data, err := encoder.Prepare(m, rows, text, config.MaxLen)
	if err != nil {
		return err
	}
	j.note("%s: %d rows to learn from, %d to validate on, %d cut to %d tokens", what, len(data.Train), len(data.Dev), data.Cut, config.MaxLen)
	for _, problem := range data.Failed {
		j.note("%s: left out: %v", what, problem)
	}
	job, err := encoder.New(m, data, &config)
	if err != nil {
		return err
	}
	defer job.Close()
	hash, err := heads.BaseSHA256(base)
	if err != nil {
		return err
	}
	r, err := run.Start(dir, run.Spec{
		Command: "bench", Config: &config, Seeds: map[string]uint64{"seed": config.Seed}, Versions: j.Versions,
		Data:    []run.File{{Path: "tokens of the findings", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}},
		Weights: []run.File{{Path: base, SHA256: hash}},
	}, true)
	if errors.Is(err, run.ErrFinished) { // killed before the journal had it
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = job.Train(ctx, r, j.Log)
	return err
}

// openFor opens a model for training, with the settings' dtype.
func (j *Job) openFor(ctx context.Context, dir string) (*model.Model, error) {
	o := model.Options{Backend: j.Backend}
	if err := o.SetDType(j.Config.DType); err != nil {
		return nil, err
	}
	return model.Open(ctx, dir, o)
}

// curve is what a run of training logged.
func curve(dir string) (list []results.Step, err error) {
	rows, err := run.ReadMetrics(dir)
	for _, r := range rows {
		list = append(list, results.Step{Step: r.Step, Values: r.Values})
	}
	return list, err
}
