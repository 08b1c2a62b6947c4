package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/internal/backend"
	runs "github.com/januslm/janus/train/run"
)

// newTrain is the command that trains. Each of its commands stands in a file train_NAME.go.
func newTrain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train adapters and heads for the model, and encoders",
		Args:  arguments(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTrainLoRA(), newTrainHead(), newTrainJoint(), newTrainEncoder(), newTrainBase(), newTrainFull())
	return cmd
}

// trainFlags are the flags of a training besides its settings.
type trainFlags struct {
	file, out, backend string
	cpu, resume        bool
}

// trainable are the settings of a training. They may have the method Write of [runs.Output].
type trainable interface{ Check() error }

// bindTraining gives cmd the flags of a training and of its settings, and runs it where it is not finished. result is what
// a finished run is known by, a name in its folder, and what it is called.
func bindTraining(cmd *cobra.Command, config trainable, docs, name, result string, train func(ctx context.Context, f trainFlags) error) {
	var f trainFlags
	settings := runs.Bind(cmd.Flags(), config)
	cmd.Flags().StringVar(&f.file, "config", "", "YAML file of settings; "+docs+" lists them")
	cmd.Flags().StringVar(&f.out, "out", "", "run folder, new or empty")
	cmd.Flags().StringVar(&f.backend, "backend", "", "what computes: go, xla:cuda, xla:/path/plugin.so (default $GOMLX_BACKEND, else the best that is there)")
	cmd.Flags().BoolVar(&f.cpu, "cpu", false, "compute on the CPU even where there is a GPU")
	cmd.Flags().BoolVar(&f.resume, "resume", false, "go on with the run in --out where there is one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := settings.Load(f.file); err != nil {
			return err
		}
		if f.out == "" {
			return withHelp(cmd, errors.New("--out, the run folder, is not given"))
		}
		if err := config.Check(); err != nil {
			return err
		}
		if f.resume {
			_, command, _ := strings.Cut(cmd.CommandPath(), " ")
			finished, err := runs.FinishedAs(f.out, command, config)
			if err != nil {
				return err
			}
			if finished {
				fmt.Printf("%s is finished: its %s is %s\n", f.out, result, filepath.Join(f.out, name))
				if w, ok := config.(interface{ Write(dir string) error }); ok {
					return w.Write(f.out)
				}
				return nil
			}
		}
		if f.cpu {
			f.backend = onCPU(f.backend)
		}
		return train(cmd.Context(), f)
	}
}

// onCPU is the backend to ask for where only the CPU may compute: the one that was asked for, if that is not a GPU's.
func onCPU(asked string) string {
	if asked == "" {
		asked = os.Getenv(backend.EnvBackend)
	}
	if asked != "" && !strings.Contains(asked, "cuda") {
		return asked
	}
	if name := backend.Expected("xla"); name != "xla" {
		return "xla"
	}
	return "go"
}

// versions are what a run's result hangs on besides its settings and data.
func versions(backend string) map[string]string {
	list := map[string]string{"janus": version + " " + commit, "go": runtime.Version(), "backend": backend}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/gomlx/gomlx" || m.Path == "github.com/gomlx/go-xla" || m.Path == "github.com/gomlx/compute" {
				list[m.Path] = m.Version
			}
		}
	}
	return list
}
