package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/progress"
)

// maxProblems is how many rows that cannot be taken are told one by one.
const maxProblems = 20

func newDataImport() *cobra.Command {
	var flags dataFlags
	var options dataset.ImportOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take rows in from files",
		Long: `Take in training data (JSON lines, CSV, Parquet or SQLite with the columns request, response, analysis, is_vulnerable,
vuln_category), or findings in any format that "janus review" reads. What a file is, its content says; gzip is seen through.

Rows that the data base has are not added again, so an import that was interrupted is repeated. A row that cannot be taken
(no truth in is_vulnerable, nothing that it is about) is reported with its place, and the others are imported (exit status 3).`,
		Example: `  janus data import study.db
  janus data import rows.csv more.jsonl.gz --source survey`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			store, err := flags.create()
			if err != nil {
				return err
			}
			return errors.Join(importFiles(cmd, store, files, options), store.Close())
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&options.Format, "format", "auto", "of the files; one that is named is read as findings: "+strings.Join(finding.Formats(), ", "))
	cmd.Flags().StringVar(&options.Source, "source", "", "source of rows that say none (default: the file's name)")
	return cmd
}

// importFiles imports one file after another. One that cannot be read does not cost the others.
func importFiles(cmd *cobra.Command, store *dataset.Store, files []string, options dataset.ImportOptions) error {
	var failed error
	problems := 0
	for _, file := range files {
		done, err := importFile(cmd, store, file, options)
		if done != nil {
			for i, problem := range done.Problems {
				if i == maxProblems {
					fmt.Fprintf(os.Stderr, "janus: and %d more of %s\n", len(done.Problems)-i, finding.Clean(file))
					break
				}
				fmt.Fprintln(os.Stderr, "janus: skipped "+finding.Clean(problem.Error()))
			}
			problems += len(done.Problems)
		}
		switch {
		case err != nil && cmd.Context().Err() != nil:
			return errors.Join(failed, &partialError{"interrupted; rows that were read are imported, and the same command brings the others"})
		case err != nil:
			failed = errors.Join(failed, err)
		default:
			fmt.Printf("%s: %s\n", finding.Clean(file), done)
		}
	}
	if failed == nil && problems > 0 {
		return &partialError{fmt.Sprintf("rows that could not be taken: %d; the others are imported", problems)}
	}
	return failed
}

// importFile imports one file and shows how far it is.
func importFile(cmd *cobra.Command, store *dataset.Store, file string, options dataset.ImportOptions) (*dataset.Imported, error) {
	var bar *progress.Bar
	defer func() { bar.Finish() }()
	options.Progress = func(read, total int64) {
		if bar == nil {
			bar = progress.Start(os.Stderr, progress.Options{Title: "importing", Total: total, Bytes: true})
		}
		bar.Set(read)
	}
	return store.Import(cmd.Context(), file, options)
}
