package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/heads"
	runs "github.com/januslm/janus/train/run"
)

func newTrainJoint() *cobra.Command {
	var config train.JointConfig
	cmd := &cobra.Command{
		Use:   "joint",
		Short: "Train an adapter and a head together",
		Long: `Train a LoRA adapter and a classifier head together: the loss is that of the written analyses and that of the head's verdict,
weighted (--lm-weight, --head-weight), and the head's gradient goes into the adapter too. Rows with an analysis teach both; rows
with a label alone teach the head, which then reads the state after the prompt.

The run folder --out gets the settings, metrics, checkpoints, and at its end "adapter" and "head", for --adapter and --head of
janus review. The head's temperature and threshold are chosen on the dev rows. A run that was interrupted, by Ctrl-C or in any
other way, goes on with the same command and --resume, to the same bytes.`,
		Example: `  janus train joint --data labelled.jsonl --out runs/joint
  janus train joint --data labelled.jsonl,reasoning.jsonl --out runs/joint --head-weight 2 --lengths 0,32
  janus review report.sarif --adapter runs/joint/adapter --head runs/joint/head`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/runs.md", "head", "head", func(ctx context.Context, f trainFlags) error {
		return trainJoint(ctx, &config, f.out, f.backend, f.resume)
	})
	return cmd
}

func trainJoint(ctx context.Context, config *train.JointConfig, out, asked string, resume bool) (err error) {
	rows, problems, err := jointRows(ctx, config)
	if err != nil {
		return err
	}
	for _, p := range problems {
		note("left out: %v", p)
	}
	text, err := prompts.Open(config.Prompt, config.Prompts)
	if err != nil {
		return err
	}
	flags := modelFlags{model: config.Model, backend: asked, dtype: config.DType}
	m, err := flags.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	data, err := train.PrepareJoint(m, rows, text, config)
	if err != nil {
		return err
	}
	note("%s", data)
	task := train.JointRun{Model: m, Data: data, Config: config, Log: os.Stderr}
	if task.Adapter, err = config.NewAdapter(m); err != nil {
		return err
	}
	if task.Base, err = heads.BaseSHA256(m.Dir()); err != nil {
		return err
	}
	spec, err := adapterSpec("train joint", m, config, config.Seed, asked, config.InitAdapter)
	if err != nil {
		return err
	}
	spec.Data = []runs.File{{Path: "tokens of the examples", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}}
	if task.Run, err = startRun(out, spec, resume); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, task.Run.Close()) }()
	result, err := task.Train(ctx)
	if err != nil {
		return err
	}
	fmt.Println(describeJoint(result))
	if err := config.Write(out); err != nil {
		return err
	}
	if len(problems) > 0 {
		return &partialError{fmt.Sprintf("%d rows were left out: see above", len(problems))}
	}
	return nil
}

func describeJoint(r *train.JointResult) string {
	what, where := "adapter and head", r.Adapter+" and "+r.Head
	if r.Head == "" {
		what, where = "adapter", r.Adapter
	}
	lines := []string{fmt.Sprintf("%s of update %d of %d, dev loss %.4f: %s", what, r.BestStep, r.Steps, r.DevLoss, where)}
	if r.Early {
		lines[0] += "; ended early, as the dev loss fell no more"
	}
	if d := r.Dev; d != nil {
		lines = append(lines, fmt.Sprintf("%d dev rows (%d TP), by which the threshold %.3f was chosen: ROC AUC %.3f, F1 %.3f, precision %.3f, recall %.3f, FPR %.3f, Brier %.3f",
			d.N, d.Positives, d.Threshold, float64(d.ROCAUC), float64(d.F1), float64(d.Precision), float64(d.Recall), float64(d.FPR), float64(d.Brier)))
	}
	if r.Note != "" {
		lines = append(lines, r.Note)
	}
	return strings.Join(lines, "\n")
}

// jointRows reads the rows to learn from, from files or from the data base.
func jointRows(ctx context.Context, config *train.JointConfig) (rows *train.JointRows, problems []error, err error) {
	if len(config.Data) > 0 {
		return train.ReadJoint(ctx, config.Data)
	}
	db := dataBase(config.DB)
	store, err := db.open()
	if err != nil {
		return nil, nil, fmt.Errorf("no --data is given, and %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	rows, err = train.ReadJointStore(ctx, store)
	return rows, nil, err
}
