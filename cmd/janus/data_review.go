package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
)

func newDataReview() *cobra.Command {
	var flags dataFlags
	var filter filterFlags
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Label rows by hand, one after another",
		Long: `Show the rows that no person has confirmed, one after another, and take an answer for each, a line: a(ccept), f(lip the
label), e(dit the analysis in $EDITOR, then answer), d(elete), s(kip), q(uit). Each answer is kept at once; another review goes
on where this one ended. Answers may come from a pipe.`,
		Example: `  janus data review --category SQLI
  printf 'a\nf\nq\n' | janus data review`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := filter.get()
			if err != nil {
				return err
			}
			return flags.with(func(store *dataset.Store) error {
				done, err := store.Review(cmd.Context(), dataset.ReviewOptions{
					In: cmd.InOrStdin(), Out: os.Stdout, Edit: dataset.EditText, Filter: f,
				})
				fmt.Printf("\n%s\n", done)
				return err
			})
		},
	}
	flags.add(cmd.Flags())
	filter.add(cmd.Flags())
	return cmd
}
