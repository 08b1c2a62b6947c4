package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/internal/backend"
)

// newTrain is the command that trains. Each of its commands stands in a file train_NAME.go.
func newTrain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train adapters and heads for the model",
		Args:  arguments(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTrainLoRA(), newTrainHead())
	return cmd
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
