package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/spf13/cobra"

	"github.com/januslm/janus/internal/progress"
	"github.com/januslm/janus/weights"
)

func newConvert() *cobra.Command {
	var dtype string
	cmd := &cobra.Command{
		Use:   "convert FILE.gguf DIR",
		Short: "Turn a GGUF file into a Hugging Face folder",
		Long: `Turn a GGUF file into a Hugging Face folder with its tokenizer and chat template. Quantised tensors (Q4_0, Q4_1, Q5_0, Q5_1,
Q8_0, Q4_K, Q5_K, Q6_K) become F32 unless --dtype says otherwise. DIR must be new or empty.`,
		Example: `  janus convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2-135M-Instruct
  janus convert Qwen3-8B.gguf Qwen3-8B --dtype bf16`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			to := dtypes.InvalidDType
			if dtype != "" {
				var ok bool
				if to, ok = weights.ParseDType(strings.ToUpper(dtype)); !ok {
					return fmt.Errorf("dtype: expected f32, f16 or bf16, found %q", dtype)
				}
			}
			var bar *progress.Bar
			defer func() { bar.Finish() }()
			err := weights.ConvertGGUF(cmd.Context(), args[0], args[1], to, func(done, total int64) {
				if bar == nil {
					bar = progress.Start(os.Stderr, progress.Options{Title: "converting", Total: total, Bytes: true})
				}
				bar.Set(done)
			})
			bar.Finish()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(os.Stderr, "janus: wrote %s\n", args[1])
			return err
		},
	}
	cmd.Flags().StringVar(&dtype, "dtype", "", "of the tensors: f32, f16 or bf16 (default: the file's own, f32 for quantised ones)")
	return cmd
}
