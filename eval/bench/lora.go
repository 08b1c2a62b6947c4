package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/run"
)

// adapterOf names the adapters for a prompt, which the variants with that prompt share.
func adapterOf(prompt string) string { return "adapter for the " + prompt + " prompt" }

// tune gives a fold's adapter for a variant's prompt: the one that is there, or one that it trains on the fold's training rows
// with an analysis. The run of training goes on where it was stopped.
func (j *Job) tune(ctx context.Context, v *Variant, fold int) (_ string, err error) {
	what := fmt.Sprintf("%s fold %d", adapterOf(v.prompt), fold)
	dir := filepath.Join("adapters", v.prompt, fmt.Sprint("fold-", fold))
	if t, ok := j.journal.trained[what]; ok {
		return filepath.Join(j.Dir, t.Dir), nil
	}
	start := time.Now()
	result, err := j.trainAdapter(ctx, v, fold, what, filepath.Join(j.Dir, dir))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	t := trained{What: what, Dir: filepath.Join(dir, filepath.Base(result.Adapter)), Seconds: time.Since(start).Seconds()}
	if t.Curve, err = curve(filepath.Join(j.Dir, dir)); err != nil {
		return "", err
	}
	adapter, err := lora.Open(result.Adapter)
	if err != nil {
		return "", err
	}
	t.SHA256 = adapter.SHA256
	return result.Adapter, j.journal.add(entry{Trained: &t})
}

func (j *Job) trainAdapter(ctx context.Context, v *Variant, fold int, what, dir string) (_ *train.Result, err error) {
	set, err := prompts.Open(v.prompt, j.Config.Prompts)
	if err != nil {
		return nil, err
	}
	conversations, err := j.conversations(set, fold)
	if err != nil {
		return nil, err
	}
	m, err := j.openFor(ctx, j.Model)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	config := j.Config.loraSettings
	config.Model, config.DType, config.Data, config.DB, config.Prompts = j.Model, j.Config.DType, nil, "", set
	data, err := train.Prepare(m, train.Labelled(conversations), &config)
	if err != nil {
		return nil, err
	}
	j.note("%s: %s", what, data)
	adapter, err := config.NewAdapter(m)
	if err != nil {
		return nil, err
	}
	r, err := run.Start(dir, run.Spec{
		Command: "bench", Config: &config, Seeds: map[string]uint64{"seed": config.Seed}, Versions: j.Versions,
		Data:    []run.File{{Path: "tokens of the examples", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}},
		Weights: []run.File{{Path: j.Model, SHA256: j.base}},
	}, true)
	if errors.Is(err, run.ErrFinished) { // killed before the journal had it
		return &train.Result{Adapter: filepath.Join(dir, "adapter")}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	task := train.LoRARun{Model: m, Adapter: adapter, Data: data, Config: &config, Run: r, Log: j.Log}
	return task.Train(ctx)
}

// conversations are what a fold's adapter learns from: its training rows that have an analysis, asked with a prompt.
func (j *Job) conversations(set *prompts.Set, fold int) (rows []dataset.ReasoningRow, err error) {
	list, dev, err := j.Rows.training(fold, j.Config)
	if err != nil {
		return nil, err
	}
	for k, i := range list {
		e := j.Rows.examples[i]
		if e == nil || strings.TrimSpace(e.Analysis) == "" {
			continue
		}
		row, err := dataset.ReasoningWith(e, set)
		if err != nil {
			return nil, err
		}
		row.Split = dataset.Train
		if dev[k] {
			row.Split = dataset.Dev
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("none of its %d training rows has an analysis to learn from: give training data with analyses (janus data generate), or an adapter", len(list))
	}
	return rows, nil
}
