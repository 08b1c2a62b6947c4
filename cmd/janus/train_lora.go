package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	runs "github.com/januslm/janus/train/run"
)

func newTrainLoRA() *cobra.Command {
	var config train.LoRAConfig
	cmd := &cobra.Command{
		Use:   "lora",
		Short: "Teach the model to write analyses, with a LoRA adapter",
		Long: `Teach the model to write analyses: supervised fine-tuning of a low-rank adapter on the rows that have one. The loss is that
of the answers alone. The settings come from --config, a YAML file, and from flags, which win.

The run folder --out gets the settings, metrics (JSON lines and TensorBoard), checkpoints, and at its end "adapter", a PEFT
folder for --adapter, which Python's PEFT reads too. A run that was interrupted, by Ctrl-C or in any other way, goes on with the
same command and --resume, to the same bytes.`,
		Example: `  janus train lora --out runs/first
  janus train lora --config lora.yaml --out runs/second --learning-rate 1e-4
  janus train lora --out runs/first --resume
  janus review report.sarif --adapter runs/first/adapter`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/training.md", "adapter", "adapter", func(ctx context.Context, f trainFlags) error {
		return trainLoRA(ctx, &config, f.out, f.backend, f.resume)
	})
	return cmd
}

func trainLoRA(ctx context.Context, config *train.LoRAConfig, out, asked string, resume bool) (err error) {
	rows, source, err := conversations(ctx, config)
	if err != nil {
		return err
	}
	flags := modelFlags{model: config.Model, backend: asked, dtype: config.DType}
	m, err := flags.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	data, err := train.Prepare(m, rows, config)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "janus: %s: %s\n", source, data)
	adapter, err := config.NewAdapter(m)
	if err != nil {
		return err
	}
	spec, err := adapterSpec("train lora", m, config, config.Seed, asked, config.InitAdapter)
	if err != nil {
		return err
	}
	spec.Data = []runs.File{{Path: "tokens of the examples", Rows: len(data.Train) + len(data.Dev), SHA256: data.SHA256}}
	r, err := startRun(out, spec, resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	task := train.LoRARun{Model: m, Adapter: adapter, Data: data, Config: config, Run: r, Log: os.Stderr}
	result, err := task.Train(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("adapter of update %d of %d", result.BestStep, result.Steps)
	if len(data.Dev) > 0 {
		text += fmt.Sprintf(", dev loss %.4f", result.DevLoss)
	}
	if result.Early {
		text += "; ended early, as the dev loss fell no more"
	}
	fmt.Printf("%s: %s\n", text, result.Adapter)
	return config.Write(out)
}

// conversations reads the rows to learn from, from files or from the data base, and says where they are from.
func conversations(ctx context.Context, config *train.LoRAConfig) (rows []train.Conversation, source string, err error) {
	if len(config.Data) > 0 {
		for _, path := range config.Data {
			list, err := train.ReadConversations(path)
			if err != nil {
				return nil, "", err
			}
			rows = append(rows, list...)
		}
		return rows, strings.Join(config.Data, ", "), nil
	}
	db := dataBase(config.DB)
	store, err := db.open()
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	without := 0
	for e, err := range store.Examples(ctx, dataset.Filter{}) {
		switch {
		case err != nil:
			return nil, "", err
		case strings.TrimSpace(e.Analysis) == "":
			without++
		default:
			rows = append(rows, train.ConversationOf(&e))
		}
	}
	source = db.db
	if without > 0 {
		source += fmt.Sprintf(" (%d rows without an analysis left out)", without)
	}
	return rows, source, nil
}

// adapterSpec is what a run that trains an adapter, or an encoder, depends on, but for its data. The adapter that it goes on from may
// be "".
func adapterSpec(command string, m *model.Model, config any, seed uint64, asked, adapter string) (runs.Spec, error) {
	spec := runs.Spec{
		Command: command, Config: config, Seeds: map[string]uint64{"seed": seed}, Versions: versions(backend.Expected(asked)),
	}
	for _, path := range []string{m.Dir(), adapter} {
		if path == "" {
			continue
		}
		weights, err := runs.HashFile(path)
		if err != nil {
			return spec, err
		}
		spec.Weights = append(spec.Weights, weights)
	}
	return spec, nil
}

// startRun makes a run folder or goes on with it, and says so.
func startRun(out string, spec runs.Spec, resume bool) (*runs.Run, error) {
	r, err := runs.Start(out, spec, resume)
	if err != nil {
		return nil, err
	}
	for _, warning := range r.Warnings {
		note("the result may differ: %s", warning)
	}
	if _, step, ok := r.Latest(); ok {
		note("going on after update %d", step)
	}
	return r, nil
}
