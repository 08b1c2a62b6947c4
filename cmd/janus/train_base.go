package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/gomlx/compute/dtypes"
	"github.com/spf13/cobra"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/train/base"
	"github.com/januslm/janus/train/full"
	runs "github.com/januslm/janus/train/run"
)

func newTrainBase() *cobra.Command {
	var config base.Config
	cmd := &cobra.Command{
		Use:   "base",
		Short: "Train a small model from scratch on text, or a model further",
		Long: `Train a decoder on plain text, with the loss of every token. Without --from it is a new one: a small llama, or what the
config.json of any decoder family says (--arch), with a byte-level BPE tokenizer learned of the same text. The settings come from
--config, a YAML file, and from flags, which win.

The run folder --out gets metrics and checkpoints, and at its end "model", a Hugging Face folder with config.json, weights and
tokenizer, for --model and for transformers. A run that was interrupted, by Ctrl-C or in any other way, goes on with the same command
and --resume, to the same bytes.`,
		Example: `  janus train base --text docs --out runs/tiny
  janus generate --model runs/tiny/model --raw "The model"
  janus train base --text corpus.jsonl --arch qwen3.json --vocab-size 8192 --out runs/qwen
  janus train base --text notes.txt --from runs/tiny/model --learning-rate 1e-4 --out runs/further`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/runs.md", full.ModelDir, "model", func(ctx context.Context, f trainFlags) error {
		return trainBase(ctx, &config, f)
	})
	return cmd
}

func trainBase(ctx context.Context, config *base.Config, f trainFlags) error {
	texts, err := base.ReadTexts(config.Text)
	if err != nil {
		return err
	}
	spec := &runs.Spec{
		Command: "train base", Config: config, Seeds: map[string]uint64{"seed": config.Seed}, Versions: versions(backend.Expected(f.backend)),
	}
	var data *base.Data
	from := ""
	if config.From == "" {
		data, err = base.PrepareNew(ctx, texts, config)
	} else if from, err = findModel(ctx, config.From); err == nil {
		data, err = base.PrepareFrom(ctx, texts, from, config)
	}
	if err != nil {
		return err
	}
	note("%s", data)
	spec.Data = []runs.File{{Path: "tokens of the text", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}}
	if config.From != "" {
		weights, err := runs.HashFile(from)
		if err != nil {
			return err
		}
		spec.Weights = []runs.File{weights}
	}
	for _, name := range []string{"config.json", "tokenizer.json"} { // of a new model
		if file, ok := data.Files[name]; ok {
			sum := sha256.Sum256(file)
			spec.Data = append(spec.Data, runs.File{Path: name, Bytes: int64(len(file)), SHA256: hex.EncodeToString(sum[:])})
		}
	}
	job := &full.Run{Rows: data.Train, Dev: data.Dev}
	if config.From == "" {
		job.Network, err = full.Init(data.Config, config.Seed)
		job.Save = func(ctx context.Context, dir string, values map[string][]float32) error {
			return job.Network.SaveNew(ctx, dir, values, data.Files)
		}
	} else {
		job.Network, err = full.Read(from)
		job.Save = savingAs(job, from)
	}
	if err != nil {
		return err
	}
	return trainAll(ctx, job, config.Plan, config.DType, spec, config.Output, f)
}

// savingAs saves a job's model in the likeness of the one that it was.
func savingAs(job *full.Run, base string) func(ctx context.Context, dir string, values map[string][]float32) error {
	return func(ctx context.Context, dir string, values map[string][]float32) error {
		return job.Network.SaveAs(ctx, base, dir, values)
	}
}

// trainAll trains all weights of a decoder, and says what came out.
func trainAll(ctx context.Context, job *full.Run, plan func(dtypes.DType) full.Plan, dtype string, spec *runs.Spec, output runs.Output, f trainFlags) (err error) {
	choice, err := backend.New(f.backend)
	if err != nil {
		return err
	}
	if choice.Note != "" {
		note("%s", choice.Note)
	}
	products := dtypes.Float32
	if dtype == "bf16" || dtype == "" && !choice.IsCPU() {
		products = dtypes.BFloat16
	}
	r, err := startRun(f.out, *spec, f.resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	note("%s of %d parameters", job.Network.Config.ModelType, job.Network.Size())
	job.Backend, job.Plan, job.Run, job.Log = choice.Backend, plan(products), r, os.Stderr
	result, err := job.Train(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("model of update %d of %d", result.BestStep, result.Steps)
	if len(job.Dev) > 0 {
		text += fmt.Sprintf(", dev loss %.4f", result.DevLoss)
	}
	if result.Early {
		text += "; ended early, as the dev loss fell no more"
	}
	fmt.Printf("%s: %s\n", text, result.Model)
	return output.Write(f.out)
}
