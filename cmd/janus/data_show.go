package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
)

func newDataShow() *cobra.Command {
	var flags dataFlags
	var findings bool
	cmd := &cobra.Command{
		Use:   "show ID...",
		Short: "Show rows whole",
		Long: `Show rows whole, with their texts made safe for a terminal. IDs are those of "janus data list"; with --findings they are
findings' ids.`,
		Example: `  janus data show 17
  janus data show --findings castle/22-2`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(func(store *dataset.Store) error {
				var failed error
				for _, arg := range args {
					failed = errors.Join(failed, show(cmd, store, arg, findings))
				}
				return failed
			})
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().BoolVar(&findings, "findings", false, "findings instead of training data")
	return cmd
}

func show(cmd *cobra.Command, store *dataset.Store, arg string, findings bool) error {
	if findings {
		found, err := store.FindingsByID(cmd.Context(), arg)
		if err != nil {
			return err
		}
		for i := range found { // of several sources
			if err := dataset.ShowFinding(os.Stdout, &found[i]); err != nil {
				return err
			}
		}
		return nil
	}
	id, err := rowID(arg)
	if err != nil {
		return err
	}
	e, err := store.Example(cmd.Context(), id)
	if err != nil {
		return err
	}
	return dataset.ShowExample(os.Stdout, &e)
}
