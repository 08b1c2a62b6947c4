package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/bytesize"
	"github.com/januslm/janus/internal/progress"
	"github.com/januslm/janus/weights"
)

// convertFlags are the flags of commands that write a model.
type convertFlags struct{ dtype, shard string }

func (f *convertFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.dtype, "dtype", "", "of the tensors: f32, bf16 or f16 (default: the source's own, f32 for quantised ones)")
	flags.StringVar(&f.shard, "max-shard-size", "5GB", "largest file of weights; a model above it is split, with an index")
}

// options reads the flags. Call finish when the bar is to go.
func (f *convertFlags) options(title string) (o weights.ConvertOptions, finish func(), err error) {
	if f.dtype != "" {
		var ok bool
		if o.DType, ok = weights.ParseDType(strings.ToUpper(f.dtype)); !ok {
			return o, nil, fmt.Errorf("dtype: expected f32, bf16 or f16, found %q", f.dtype)
		}
	}
	if o.MaxShardBytes, err = bytesize.Parse(f.shard); err != nil {
		return o, nil, fmt.Errorf("max-shard-size: %w", err)
	}
	var bar *progress.Bar
	o.Progress = func(done, total int64) {
		if bar == nil {
			bar = progress.Start(os.Stderr, progress.Options{Title: title, Total: total, Bytes: true})
		}
		bar.Set(done)
	}
	return o, func() { bar.Finish() }, nil
}

// wrote says what came of a conversion.
func wrote(dir string, to dtypes.DType, over []weights.Overflow) {
	const most = 5
	for i, o := range over {
		if i == most {
			fmt.Fprintf(os.Stderr, "janus: and %d more tensors\n", len(over)-most)
			break
		}
		fmt.Fprintf(os.Stderr, "janus: %s: %d values are beyond %s's range (the largest is %.4g, it holds 65504) and became infinite; bf16 holds them\n",
			finding.Clean(o.Tensor), o.Values, weights.DTypeName(to), o.Largest)
	}
	fmt.Fprintf(os.Stderr, "janus: wrote %s\n", dir)
}

func newConvert() *cobra.Command {
	var f convertFlags
	cmd := &cobra.Command{
		Use:   "convert MODEL DIR",
		Short: "Turn a model into a Hugging Face folder of safetensors, in a dtype of choice",
		Long: `Turn a model into a Hugging Face folder of safetensors. MODEL is a GGUF file (or a folder with one), a folder of safetensors or
PyTorch files, such a file, or the name of a pulled model. Settings, tokenizer and chat template go along, and config.json gets
the dtype. Values are rounded to the nearest, halves to even; those beyond f16's range are reported.

Quantised tensors of a GGUF (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K) become F32 unless --dtype says otherwise.
DIR must be new or empty, and appears only when all is written.`,
		Example: `  janus convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2-135M-Instruct
  janus convert Qwen3-8B.gguf Qwen3-8B --dtype bf16
  janus convert microsoft/codebert-base codebert --dtype bf16 --max-shard-size 2GB`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, finish, err := f.options("converting")
			if err != nil {
				return err
			}
			defer finish()
			src, err := described(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			over, err := weights.Convert(cmd.Context(), src, args[1], o)
			finish()
			if err != nil {
				return err
			}
			wrote(args[1], o.DType, over)
			return nil
		},
	}
	f.add(cmd.Flags())
	return cmd
}
