package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/internal/describe"
	"github.com/januslm/janus/lora"
)

func newAdapter() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adapter",
		Short: "Look at LoRA adapters, compare them, and merge one into its base",
		Example: `  janus adapter info adapters/web
  janus adapter diff adapters/web adapters/web-v2
  janus adapter merge adapters/web --out merged`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withHelp(cmd, fmt.Errorf("expected info, diff or merge"))
		},
	}
	cmd.AddCommand(newAdapterInfo(), newAdapterDiff(), newAdapterMerge())
	return cmd
}

func newAdapterInfo() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info DIR",
		Short: "Say what an adapter adapts, and how",
		Long: `Say what an adapter adapts, and how: type, rank, alpha, target modules, patterns, bias, the base that it names, sizes,
dtypes, SHA-256. DIR is a PEFT folder, or the name of a pulled adapter.`,
		Example: `  janus adapter info adapters/web
  janus adapter info adapters/web --json | jq .rank`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := described(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			d, err := describe.OpenAdapter(dir)
			if err != nil {
				return err
			}
			return printed(asJSON, d, d.Write)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON object")
	return cmd
}

// printed writes a description to standard output, as JSON or as lines.
func printed(asJSON bool, d any, lines func(w io.Writer) error) (err error) {
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(d)
	} else {
		err = lines(os.Stdout)
	}
	if err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	return nil
}

func newAdapterDiff() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two adapters, module by module",
		Long: `Compare two adapters: the settings that differ, and for each module what they add to its weight, ΔW = s·B·A. The relative
difference is ‖ΔWa − ΔWb‖ over the larger norm (0: the same, 1: one of them adds nothing), the cosine tells whether they
pull the same way. DoRA's magnitudes are not part of ΔW.`,
		Example: `  janus adapter diff adapters/web adapters/web-v2
  janus adapter diff adapters/web adapters/web-v2 --json | jq '.modules[] | select(.relative > 0.5)'`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var pair [2]*lora.Adapter
			for i, arg := range args {
				dir, err := described(cmd.Context(), arg)
				if err != nil {
					return err
				}
				if pair[i], err = lora.Open(dir); err != nil {
					return err
				}
			}
			d, err := lora.Compare(pair[0], pair[1])
			if err != nil {
				return err
			}
			return printed(asJSON, d, func(w io.Writer) error { return describe.WriteDiff(w, d) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON object")
	return cmd
}

func newAdapterMerge() *cobra.Command {
	var f convertFlags
	var base, out string
	cmd := &cobra.Command{
		Use:   "merge DIR --out DIR",
		Short: "Write the model that a base with an adapter is",
		Long: `Write the model that a base with an adapter is, as a Hugging Face folder: it needs no adapter any more, and other programs read
it. Sums are taken in float64 and rounded once, to the base's dtype or --dtype's. The folder must be new or empty, and
appears only when all is written.`,
		Example: `  janus adapter merge adapters/web --out merged
  janus adapter merge adapters/web --model Qwen/Qwen3-0.6B --out merged --dtype bf16`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, finish, err := f.options("merging")
			if err != nil {
				return err
			}
			defer finish()
			dir, err := described(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			adapter, err := lora.Open(dir)
			if err != nil {
				return err
			}
			for _, note := range adapter.Notes() {
				fmt.Fprintln(os.Stderr, "janus:", finding.Clean(note))
			}
			model, err := findModel(cmd.Context(), base)
			if err != nil {
				return err
			}
			over, err := adapter.MergeFolder(cmd.Context(), model, out, o)
			finish()
			if err != nil {
				return err
			}
			wrote(out, o.DType, over)
			return nil
		},
	}
	cmd.Flags().StringVar(&base, "model", "", "base model (default $MODEL_PATH, else "+basemodel.DefaultName+")")
	cmd.Flags().StringVar(&out, "out", "", "folder for the merged model (required)")
	f.add(cmd.Flags())
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err) // the flag is there, two lines above
	}
	return cmd
}
