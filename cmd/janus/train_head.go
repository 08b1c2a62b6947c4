package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/progress"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/heads"
	runs "github.com/januslm/janus/train/run"
	"github.com/januslm/janus/train/states"
)

func newTrainHead() *cobra.Command {
	var config heads.Config
	cmd := &cobra.Command{
		Use:   "head",
		Short: "Train classifier heads on the states of the model's own analyses",
		Long: `Train classifier heads. The model reviews each labelled finding once, and its pooled states are kept in Parquet files, so
that no later training runs it again on the same findings. Lists of widths, poolings, layers, lengths and seeds make a head
for each combination; all are trained together. Each gets its temperature and its threshold on dev rows: the rows' own split,
or a share of them (--dev) that has no group, file or near duplicate in common with the others.

The run folder --out gets "best", a head's folder for --head, heads/NAME for each, and their figures in heads.md and
heads.json beside those of accepting every finding.`,
		Example: `  janus train head --data labelled.jsonl --out runs/head
  janus train head --data labelled.jsonl --adapter runs/lora/adapter --out runs/head --threshold recall:0.95
  janus train head --data labelled.jsonl --out runs/many --hidden none,32,64x16 --lengths 0,32,128 --seeds 0,1,2
  janus review report.sarif --head runs/head/best`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/heads.md", "best", "best head", func(ctx context.Context, f trainFlags) error {
		return trainHead(ctx, &config, f.out, f.backend, f.resume)
	})
	return cmd
}

func trainHead(ctx context.Context, config *heads.Config, out, asked string, resume bool) (err error) {
	rows, problems, err := labelledRows(ctx, config.Data, config.DB, config.Dev, config.Seed)
	if err != nil {
		return err
	}
	note("%s", rows)
	if err := rows.Check(); err != nil {
		return err
	}
	flags := modelFlags{model: config.Model, backend: asked, dtype: config.DType, lazy: true}
	if config.Adapter != "" {
		flags.adapters = []string{config.Adapter}
	}
	if flags.features, err = config.Features(); err != nil {
		return err
	}
	m, err := flags.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	job := heads.Job{Config: config, Rows: rows, Model: m, Backend: m.Backend().Backend, Limits: review.DefaultLimits(flags.cpu), States: config.States}
	if job.Prompts, err = prompts.Open(config.Prompt, config.Prompts); err != nil {
		return err
	}
	base, err := heads.BaseFile(m.Dir())
	if err != nil {
		return err
	}
	job.Base = base.SHA256
	spec := runs.Spec{
		Command: "train head", Config: config, Seeds: map[string]uint64{"seed": config.Seed}, Versions: versions(backend.Expected(asked)),
		Data: rows.Files(), Weights: []runs.File{base},
	}
	if config.Reads == classifier.ReadsEmbeddings {
		embedder, file, closer, openErr := openEmbedder(ctx, m, base, config.Embedder, asked)
		if openErr != nil {
			return openErr
		}
		job.Embedder = embedder
		defer func() { err = errors.Join(err, closer()) }()
		spec.Weights = append(spec.Weights, file)
	}
	if job.States == "" {
		user, err := backend.UserCache()
		if err != nil {
			return fmt.Errorf("where to keep states: %w (--states names a folder)", err)
		}
		job.States = filepath.Join(user, "states")
	}
	if config.Adapter != "" {
		file, err := runs.HashFile(config.Adapter)
		if err != nil {
			return err
		}
		spec.Weights = append(spec.Weights, file)
	}
	r, err := startRun(out, spec, resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	result, err := trainHeads(ctx, &job)
	if err != nil {
		return err
	}
	if result.Known > 0 {
		note("the states of %d of %d findings were there", result.Known, len(rows.Findings))
	}
	if result.Cut > 0 {
		note("%d prompts were cut to %d tokens (--max-prompt, or what the model's context leaves)", result.Cut, result.Limit)
	}
	if result.Long > 0 {
		note("%d analyses are longer than %d tokens, and were read so far (--max-tokens)", result.Long, config.MaxTokens)
	}
	if err := result.Log(r.Log); err != nil {
		return err
	}
	if err := result.Write(out); err != nil {
		return err
	}
	if err := r.Finish(); err != nil {
		return err
	}
	if err := config.Write(out); err != nil {
		return err
	}
	fmt.Print(result.Table())
	fmt.Printf("\nbest head: %s\n", filepath.Join(out, "best"))
	if bad := len(problems) + len(result.Failed); bad > 0 {
		return &partialError{fmt.Sprintf("%d rows or heads were left out: see above", bad)}
	}
	return nil
}

// openEmbedder makes the embeddings of an encoder, or of m's own tokens where none is named; base are m's weights. file are the
// weights that embed, and closer closes the encoder.
func openEmbedder(ctx context.Context, m *model.Model, base runs.File, encoder, asked string) (e *states.Embedder, file runs.File, closer func() error, err error) {
	file, closer = base, func() error { return nil }
	if encoder != "" {
		flags := modelFlags{model: encoder, backend: asked, lazy: true}
		if m, err = flags.open(ctx); err != nil {
			return nil, file, nil, fmt.Errorf("embedder: %w", err)
		}
		closer = m.Close
		file, err = heads.BaseFile(m.Dir())
	}
	if err == nil {
		e, err = heads.NewEmbedder(m, file.SHA256)
	}
	if err != nil {
		return nil, file, nil, errors.Join(err, closer())
	}
	return e, file, closer, nil
}

// trainHeads shows a job's progress.
func trainHeads(ctx context.Context, job *heads.Job) (*heads.Result, error) {
	var bar *progress.Bar
	doing := ""
	job.Progress = func(now string, done, total int) {
		if now != doing {
			bar.Finish()
			bar, doing = progress.Start(os.Stderr, progress.Options{Title: now, Total: int64(total)}), now
		}
		bar.Set(int64(done))
	}
	defer func() { bar.Finish() }()
	return job.Train(ctx)
}
