package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
)

// noFold is a --fold that was not given.
const noFold = -1

func newDataSplit() *cobra.Command {
	var flags dataFlags
	var options dataset.DivideOptions
	var ratio string
	cmd := &cobra.Command{
		Use:   "split",
		Short: "Divide rows into train, dev and test, or into folds",
		Long: `Divide rows into train, dev and test. Every side gets its share of each category and label. Rows that belong together are on
one side: of a template (group), a pair, a file, and near duplicates, whose sets of 5-token shingles have a Jaccard similarity
of --near or more. The same rows and seed always give the same split, whatever the order of the rows.

With --kfold K the rows are divided into K folds, which are written to standard output as JSON; --fold I makes fold I the test
side and the others the train side. Without --kfold, and with --fold, the split of the rows is written into the data base.`,
		Example: `  janus data split --ratio 80/20 --seed 7
  janus data split --ratio 80/10/10 --findings
  janus data split --kfold 5 > folds.json
  janus data split --kfold 5 --fold 0`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if options.Folds != 0 && cmd.Flags().Changed("ratio") {
				return errors.New("--ratio and --kfold are two ways to split: give one")
			}
			if options.Folds == 0 && options.Fold != noFold {
				return errors.New("--fold chooses one of the folds of --kfold, which is not given")
			}
			if options.Split.Sides, err = dataset.ParseRatio(ratio); err != nil {
				return err
			}
			options.Split.NoNear = options.Split.Near == 0
			return flags.with(func(store *dataset.Store) error { return split(cmd, store, options) })
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&ratio, "ratio", "80/10/10", "shares of train/test or train/dev/test")
	cmd.Flags().IntVar(&options.Folds, "kfold", 0, "number of folds, 2 or more")
	cmd.Flags().IntVar(&options.Fold, "fold", noFold, "fold that is the test side, from 0 on")
	cmd.Flags().Lookup("fold").DefValue = ""
	cmd.Flags().Uint64Var(&options.Split.Seed, "seed", 1, "another seed gives another split")
	cmd.Flags().Float64Var(&options.Split.Near, "near", dataset.DefaultNear, "similarity from which rows are near duplicates, up to 1; 0 does not look for them")
	cmd.Flags().BoolVar(&options.Findings, "findings", false, "the findings instead of the training data")
	cmd.Flags().StringVar(&options.Filter.Category, "category", "", "only rows of this category; the others keep their split")
	cmd.Flags().StringVar(&options.Filter.Source, "source", "", "only rows of this source; the others keep their split")
	return cmd
}

func split(cmd *cobra.Command, store *dataset.Store, options dataset.DivideOptions) error {
	division, folds, err := store.Divide(cmd.Context(), options)
	if err != nil {
		return err
	}
	if warning := division.Report.Warning(); warning != "" {
		fmt.Fprintln(os.Stderr, "janus: "+warning)
	}
	if folds != nil && options.Fold == noFold {
		if err := division.Report.Write(os.Stderr); err != nil {
			return err
		}
		return writeJSON(folds)
	}
	return division.Report.Write(os.Stdout)
}
