package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/eval/floor"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/review"
)

func newFloors() *cobra.Command {
	var verdicts []string
	var asJSON bool
	var seed uint64
	cmd := &cobra.Command{
		Use:   "floors FILE…",
		Short: "Say what accepting all and a bag of words reach on labelled findings",
		Long: `Say what the two judges reach that anything with a language model must beat: accepting every finding, and a bag of words (TF-IDF
and logistic regression) that learns from the findings of split train. Those of split dev are judged, each source apart; a source
without train findings is judged by words that were learnt from all others.

--verdicts NAME=FILE puts others beside them: the JSON lines that janus review wrote of the same dev findings. What it called
uncertain counts as kept. Intervals are of 95 %, by bootstrap over groups.`,
		Example: `  janus floors labelled.jsonl
  janus review dev.jsonl --margin 0 --out verdicts.jsonl && janus floors labelled.jsonl --verdicts mine=verdicts.jsonl`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			reports, unreadable, err := review.Read(cmd.Context(), files, review.ReadOptions{Format: "auto", Stdin: cmd.InOrStdin()})
			if err != nil {
				return err
			}
			for _, err := range unreadable {
				return err // figures of a part would be taken for those of the whole
			}
			var all []finding.Finding
			for _, r := range reports {
				for _, problem := range r.Problems {
					return fmt.Errorf("%s: %w", r.Name, problem)
				}
				all = append(all, r.Findings...)
			}
			judges, err := floor.ReadJudges(verdicts)
			if err != nil {
				return err
			}
			lines, err := floor.Compare(all, judges, seed)
			if err != nil {
				return err
			}
			return printed(asJSON, lines, func(w io.Writer) error { return floor.WriteMarkdown(w, lines) })
		},
	}
	cmd.Flags().StringArrayVar(&verdicts, "verdicts", nil, "verdicts to compare with, NAME=FILE; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, with all figures")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "of the bootstrap")
	return cmd
}
