package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
)

func newDataExport() *cobra.Command {
	var flags dataFlags
	var filter filterFlags
	var options dataset.ExportOptions
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write rows to a file",
		Long: `Write training data, or with --findings the findings, to a file. Its ending says the format: .jsonl, .csv (both may have .gz
after it) or .parquet. "-" is standard output and needs --format. Importing the file gives the same rows.

--format reasoning writes JSON lines for fine-tuning: each row has "messages" (the instructions, the question as "janus review"
asks it, and the analysis with the verdict as the answer), and the row's own fields. --format tpfp does so with the verdict alone,
TP or FP, as "janus review --prompt tpfp --max-tokens 0" asks for it, of rows or with --findings of labelled findings.
--format iac-jsonl with --findings writes the study's rows on infrastructure code.`,
		Example: `  janus data export rows.parquet
  janus data export test.csv --split test --category XSS
  janus data export datasets/reasoning.jsonl --format reasoning --split train
  janus data export tpfp.jsonl --findings --format tpfp --split train
  janus data export smells.jsonl --findings --format iac-jsonl --category iac`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if options.Filter, err = filter.get(); err != nil {
				return err
			}
			if options.Format == "" {
				if options.Format, err = dataset.FormatOf(args[0]); err != nil {
					return err
				}
			}
			return flags.with(func(store *dataset.Store) error {
				var done dataset.Exported
				if args[0] == "-" {
					done, err = store.Export(cmd.Context(), os.Stdout, options)
				} else {
					done, err = store.ExportFile(cmd.Context(), args[0], options)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(os.Stderr, "janus: wrote %s\n", done)
				return nil
			})
		},
	}
	flags.add(cmd.Flags())
	filter.add(cmd.Flags())
	cmd.Flags().StringVar(&options.Format, "format", "", "jsonl, csv, parquet, reasoning, tpfp or iac-jsonl (default: by the file's ending)")
	cmd.Flags().BoolVar(&options.Findings, "findings", false, "the findings instead of the training data")
	return cmd
}
