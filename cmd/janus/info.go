package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/internal/describe"
)

// described is the path of what is asked about: a folder or file, a pulled model by its name, or by default the model that
// other commands would use.
func described(ctx context.Context, asked string) (string, error) {
	if asked == "" {
		return findModel(ctx, "")
	}
	dir, err := basemodel.Pulled(asked)
	return cmp.Or(dir, asked), err
}

func newInfo() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [DIR|FILE|NAME]",
		Short: "Say what a model, adapter or head is",
		Long: `Say what a model folder, an adapter, a head, a GGUF or a safetensors file is: architecture, sizes, parameters, dtypes,
tokenizer, chat template, SHA-256. Without an argument it is about the model that the other commands would use.`,
		Example: `  janus info
  janus info adapters/web
  janus info model.gguf --json | jq .parameters`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := ""
			if len(args) == 1 {
				path = args[0]
			}
			path, err := described(cmd.Context(), path)
			if err != nil {
				return err
			}
			d, err := describe.Describe(path)
			if err != nil {
				return err
			}
			return printed(asJSON, d, d.Write)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON object")
	return cmd
}
