package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/train/encoder"
	runs "github.com/januslm/janus/train/run"
)

func newTrainEncoder() *cobra.Command {
	var config encoder.Config
	cmd := &cobra.Command{
		Use:   "encoder",
		Short: "Fine-tune an encoder, such as CodeBERT, to tell real findings from false alarms",
		Long: `Fine-tune an encoder (BERT, RoBERTa and CodeBERT, the encoder of T5 and CodeT5, ModernBERT) with a classifier head on labelled
findings: all of its weights, or with --method lora an adapter beside them. The settings come from --config, a YAML file, and
from flags, which win.

The run folder --out gets metrics and checkpoints, and at its end "model", a Hugging Face folder (or with lora "adapter", a PEFT
folder), and "head", calibrated on dev rows, with its threshold. A run that was interrupted, by Ctrl-C or in any other way, goes
on with the same command and --resume, to the same bytes.`,
		Example: `  janus train encoder --model microsoft/codebert-base --data labelled.jsonl --out runs/codebert
  janus review report.sarif --model runs/codebert/model --head runs/codebert/head
  janus train encoder --config configs/encoder-minilm.yaml --data labelled.jsonl --out runs/minilm --method lora --learning-rate 2e-4
  janus review report.sarif --model MINILM --adapter runs/minilm/adapter --head runs/minilm/head`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/runs.md", encoder.HeadDir, "head", func(ctx context.Context, f trainFlags) error {
		return trainEncoder(ctx, &config, f)
	})
	return cmd
}

func trainEncoder(ctx context.Context, config *encoder.Config, f trainFlags) (err error) {
	rows, problems, err := labelledRows(ctx, config.Data, config.DB, config.Dev, config.Seed)
	if err != nil {
		return err
	}
	note("%s", rows)
	flags := modelFlags{model: config.Model, backend: f.backend, dtype: config.DType}
	m, err := flags.open(ctx)
	if err != nil {
		return err
	}
	closeModel := sync.OnceValue(m.Close)
	defer func() { err = errors.Join(err, closeModel()) }()
	text, err := prompts.Open(config.Prompt, config.Prompts)
	if err != nil {
		return err
	}
	data, err := encoder.Prepare(m, rows, text, config.MaxLen)
	if err != nil {
		return err
	}
	if data.Cut > 0 {
		note("%d findings were cut to %d tokens (--max-length)", data.Cut, config.MaxLen)
	}
	for _, problem := range data.Failed {
		note("left out: %v", problem)
	}
	spec, err := adapterSpec("train encoder", m, config, config.Seed, f.backend, "")
	if err != nil {
		return err
	}
	spec.Data = []runs.File{{Path: "tokens of the findings", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}}
	job, err := encoder.New(m, data, config)
	if err != nil {
		return err
	}
	defer job.Close()
	if config.Method == encoder.Full { // its weights are the job's now, and need not be in memory twice
		if err := closeModel(); err != nil {
			return err
		}
	}
	r, err := startRun(f.out, spec, f.resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	result, err := job.Train(ctx, r, os.Stderr)
	if err != nil {
		return err
	}
	if err := config.Write(f.out); err != nil {
		return err
	}
	fmt.Print(result.Figures.Table())
	early := ""
	if result.Early {
		early = "; ended early, as the dev rows were judged no better"
	}
	fmt.Printf("\nupdate %d of %d%s: %s, %s\n", result.BestStep, result.Steps, early, filepath.Join(f.out, result.Tuned), filepath.Join(f.out, encoder.HeadDir))
	if bad := len(problems) + len(data.Failed); bad > 0 {
		return &partialError{fmt.Sprintf("%d rows were left out: see above", bad)}
	}
	return nil
}
