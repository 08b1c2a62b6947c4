package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
)

func newDataList() *cobra.Command {
	var flags dataFlags
	var filter filterFlags
	var findings bool
	var limit, page int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List rows, a line each",
		Args:  arguments(cobra.NoArgs),
		Example: `  janus data list --category SQLI --vulnerable false
  janus data list --page 3
  janus data list --findings --split test --limit 0`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := filter.get()
			if err != nil {
				return err
			}
			if limit < 0 || page < 1 {
				return fmt.Errorf("limit must be 0 (all) or more, found %d; page 1 or more, found %d", limit, page)
			}
			return flags.with(func(store *dataset.Store) error {
				count := store.CountExamples
				if findings {
					count = store.CountFindings
				}
				total, err := count(cmd.Context(), f)
				if err != nil {
					return err
				}
				f.Limit, f.Offset = limit, limit*(page-1)
				width := finding.TerminalOptions(os.Stdout).Width
				var shown int
				if findings {
					shown, err = dataset.ListFindings(os.Stdout, store.Findings(cmd.Context(), f), width)
				} else {
					shown, err = dataset.ListExamples(os.Stdout, store.Examples(cmd.Context(), f), width)
				}
				if err == nil && shown < total {
					fmt.Fprintf(os.Stderr, "janus: %d of %d rows; --page and --limit show others\n", shown, total)
				}
				return err
			})
		},
	}
	flags.add(cmd.Flags())
	filter.add(cmd.Flags())
	cmd.Flags().BoolVar(&findings, "findings", false, "the findings instead of the training data")
	cmd.Flags().IntVar(&limit, "limit", 50, "most rows of a page; 0 is all")
	cmd.Flags().IntVar(&page, "page", 1, "which page")
	return cmd
}
