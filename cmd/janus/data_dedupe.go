package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
)

// maxDuplicates is how many duplicates are told one by one.
const maxDuplicates = 50

func newDataDedupe() *cobra.Command {
	var flags dataFlags
	var filter dataset.Filter
	var near dataset.NearOptions
	var remove, asJSON bool
	cmd := &cobra.Command{
		Use:   "dedupe",
		Short: "Find duplicates in the training data, and delete them",
		Long: `Find rows whose exchange is a duplicate, exact or near, of another row's of the same category and label: those whose sets of
5-token shingles have a Jaccard similarity of --near or more (1 finds rows that differ in white space and case only). Rows of
one pair are never each other's duplicates, and half of a pair is not deleted without its other half. The same exchange with
both labels, outside of a pair, is reported and never deleted.`,
		Example: `  janus data dedupe
  janus data dedupe --near 1 --delete`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(func(store *dataset.Store) error {
				found, err := store.Dedupe(cmd.Context(), filter, near, remove)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(found)
				}
				if err := found.Write(os.Stdout, maxDuplicates); err != nil {
					return err
				}
				if remove {
					fmt.Fprintf(os.Stderr, "janus: rows deleted: %d\n", found.Deleted)
				}
				return nil
			})
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().Float64Var(&near.Threshold, "near", dataset.DefaultNear, "similarity from which rows are duplicates, above 0 and at most 1")
	cmd.Flags().Uint64Var(&near.Seed, "seed", 1, "seed of the hash functions")
	cmd.Flags().BoolVar(&remove, "delete", false, "delete the duplicates")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&filter.Category, "category", "", "only rows of this category")
	cmd.Flags().StringVar(&filter.Source, "source", "", "only rows of this source")
	return cmd
}
