package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/internal/bytesize"
	"github.com/januslm/janus/internal/describe"
	"github.com/januslm/janus/internal/plan"
	"github.com/januslm/janus/review"
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

// planFlags are the flags of janus info --plan.
type planFlags struct {
	options       plan.Options
	dtype, memory string
}

func (f *planFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.dtype, "dtype", string(plan.F32), "with --plan: f32 (a CPU), bf16 or int8 (a GPU)")
	flags.IntVar(&f.options.Batch, "batch", 1, "with --plan: rows that run together")
	flags.IntVar(&f.options.Prompt, "prompt", review.DefaultMaxPrompt, "with --plan: tokens of the longest prompt")
	flags.IntVar(&f.options.MaxTokens, "max-tokens", 128, "with --plan: most tokens to write")
	flags.IntVar(&f.options.Adapters, "adapters", 0, "with --plan: adapters that are resident at once")
	flags.IntVar(&f.options.Rank, "rank", 16, "with --plan: of the adapters, in all projections")
	flags.StringVar(&f.memory, "memory", "", "with --plan: of the device, such as 24GB (default: with f32, what is free on this machine)")
}

// print writes a plan.
func (f *planFlags) print(path string, asJSON bool) error {
	f.options.DType = plan.DType(f.dtype)
	if f.memory != "" {
		var err error
		if f.options.Memory, err = bytesize.Parse(f.memory); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
	} else if f.options.DType == plan.F32 {
		f.options.Memory = plan.Machine()
	}
	config, err := plan.Config(path)
	if err != nil {
		return err
	}
	p, err := plan.New(config, f.options)
	if err != nil {
		return err
	}
	return printed(asJSON, p, p.Write)
}

func newInfo() *cobra.Command {
	var asJSON, asPlan bool
	var f planFlags
	cmd := &cobra.Command{
		Use:   "info [DIR|FILE|NAME]",
		Short: "Say what a model, adapter or head is, and what memory a model takes",
		Long: `Say what a model folder, an adapter, a head, a GGUF, a safetensors or a PyTorch file is: architecture, sizes, parameters,
dtypes, tokenizer, chat template, SHA-256. Without an argument it is about the model that the other commands would use.

With --plan it says what memory the model takes when it runs, and the largest batch that fits, before anything is loaded: a
config.json is enough.`,
		Example: `  janus info
  janus info adapters/web
  janus info model.gguf --json | jq .parameters
  janus info Qwen/Qwen3-8B --plan --dtype bf16 --batch 4 --memory 24GB`,
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
			if asPlan {
				return f.print(path, asJSON)
			}
			d, err := describe.Describe(path)
			if err != nil {
				return err
			}
			return printed(asJSON, d, d.Write)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON object")
	cmd.Flags().BoolVar(&asPlan, "plan", false, "the memory that the model takes when it runs")
	f.add(cmd.Flags())
	return cmd
}
