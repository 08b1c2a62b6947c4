package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/full"
	runs "github.com/januslm/janus/train/run"
)

func newTrainFull() *cobra.Command {
	var config full.Config
	cmd := &cobra.Command{
		Use:   "full",
		Short: "Teach the model to write analyses, with all of its weights",
		Long: `Teach the model to write analyses by changing all of its weights: what janus train lora does with a small adapter, on the same
rows and with the same loss, that of the answers alone. It takes the memory of four models: weights, gradients and AdamW's two
moments, in float32. The settings come from --config, a YAML file, and from flags, which win.

The run folder --out gets metrics and checkpoints, and at its end "model", a Hugging Face folder for --model. A run that was
interrupted, by Ctrl-C or in any other way, goes on with the same command and --resume, to the same bytes.`,
		Example: `  janus train full --data rows.jsonl --out runs/full
  janus review report.sarif --model runs/full/model`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/runs.md", full.ModelDir, "model", func(ctx context.Context, f trainFlags) error {
		return trainFull(ctx, &config, f)
	})
	return cmd
}

func trainFull(ctx context.Context, config *full.Config, f trainFlags) error {
	rows, source, err := conversations(ctx, config.Rows())
	if err != nil {
		return err
	}
	data, dir, err := prepareFull(ctx, config, rows, f.backend)
	if err != nil {
		return err
	}
	note("%s: %s", source, data)
	weights, err := runs.HashFile(dir)
	if err != nil {
		return err
	}
	spec := &runs.Spec{
		Command: "train full", Config: config, Seeds: map[string]uint64{"seed": config.Seed}, Versions: versions(backend.Expected(f.backend)),
		Data:    []runs.File{{Path: "tokens of the examples", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}},
		Weights: []runs.File{weights},
	}
	job := &full.Run{Rows: data.Train, Dev: data.Dev}
	if job.Network, err = full.Read(dir); err != nil {
		return err
	}
	job.Save = savingAs(job, dir)
	return trainAll(ctx, job, config.Plan, config.DType, spec, config.Output, f)
}

// prepareFull makes examples of rows with the tokenizer and template of the model, which is closed again: its weights would be in
// memory twice.
func prepareFull(ctx context.Context, config *full.Config, rows []train.Conversation, asked string) (data *train.Data, dir string, err error) {
	flags := modelFlags{model: config.Model, backend: asked}
	m, err := flags.open(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	data, err = train.Prepare(m, rows, config.Rows())
	return data, m.Dir(), err
}
