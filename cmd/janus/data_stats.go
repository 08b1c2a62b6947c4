package main

import (
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
)

func newDataStats() *cobra.Command {
	var flags dataFlags
	var filter filterFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count rows by category, label, split and source",
		Args:  arguments(cobra.NoArgs),
		Example: `  janus data stats
  janus data stats --split test --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := filter.get()
			if err != nil {
				return err
			}
			return flags.with(func(store *dataset.Store) error {
				stats, err := store.Stats(cmd.Context(), f)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(stats)
				}
				return stats.Write(os.Stdout)
			})
		},
	}
	flags.add(cmd.Flags())
	filter.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// writeJSON writes a value to standard output, indented.
func writeJSON(value any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
