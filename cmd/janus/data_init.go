package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func newDataInit() *cobra.Command {
	var flags dataFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the data base, or bring one up to date",
		Long: `Make the data base and its folder. One that is there is kept, and its schema brought up to date; a data base of the study,
with a plain training_data table, is converted in place after a copy of it was put beside it (FILE.before-janus).`,
		Example: `  janus data init
  janus data init --db study.db`,
		Args: arguments(cobra.NoArgs),
		RunE: func(_ *cobra.Command, _ []string) error {
			store, err := flags.create()
			if err != nil {
				return err
			}
			if err := store.Close(); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "janus: %s is ready\n", flags.db)
			return nil
		},
	}
	flags.add(cmd.Flags())
	return cmd
}
