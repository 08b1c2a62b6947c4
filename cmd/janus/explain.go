package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/eval/explain"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/review"
)

// explainFlags are the flags of janus explain.
type explainFlags struct {
	model     modelFlags
	prompts   promptFlags
	read      review.ReadOptions
	options   review.Options
	threshold float64
	thinking  string

	bare, lengthGiven bool // as reviewFlags'

	id, variant, out string
	number, words    int
	json             bool
}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain FINDING",
		Short: "Show how the verdict on one finding came about",
		Long: `Show how the verdict on one finding came about: its analysis with the probability that the finding is real drawn under it, word
by word, and the words at which the verdict turned or that moved it most.

FINDING is a report that janus review reads ("-" is standard input), of which --id or --number picks the finding where there are
several, or the folder of a benchmark that kept its analyses, with --id. Of a report the finding is reviewed now, by what janus review would use; the
probability after each token comes from the head (--head), or without one from the closing phrase, tried after every token.
Of a folder, what is in it is shown, and no model is run.`,
		Example: `  janus explain report.sarif --number 3
  janus explain findings.jsonl --id a17 --head heads/mlp --out a17.html
  jq -c 'select(.id=="a17")' findings.jsonl | janus explain - --format jsonl
  janus explain runs/bench --id a17 --variant FT-PE-CH`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("threshold") {
				f.options.Threshold = &f.threshold
			}
			f.lengthGiven = cmd.Flags().Changed("max-tokens")
			return f.run(cmd, args[0])
		},
	}
	flags := cmd.Flags()
	f.model.add(flags)
	f.model.addHeads(flags)
	flags.BoolVar(&f.bare, "bare", false, "do not use the adapter and head that Janus ships for SmolLM2-135M-Instruct")
	addSampling(flags, &f.options.Sampling, 128)
	addThinking(flags, &f.thinking)
	f.prompts.add(flags)
	flags.StringVar(&f.id, "id", "", "id of the finding")
	flags.IntVar(&f.number, "number", 0, "number of the finding in the report, from 1")
	flags.StringVar(&f.variant, "variant", "", "of a benchmark: whose verdict (default: the first that has the probability along its analysis)")
	flags.StringVar(&f.out, "out", "", "also draw it: a page (.html) or a picture (.svg, .png)")
	flags.IntVar(&f.words, "words", explain.DefaultMost, "most turns, and most other words, that are told")
	flags.BoolVar(&f.json, "json", false, "print a JSON object")
	flags.StringVar(&f.read.Format, "format", "auto", "of the report: as for review")
	flags.StringVar(&f.read.SourceRoot, "source-root", "", "folder of the reviewed code: adds the code around the place")
	flags.IntVar(&f.options.MaxPrompt, "max-prompt", review.DefaultMaxPrompt, "most tokens of the prompt: a longer finding is cut in the middle, with a note")
	flags.Float64Var(&f.threshold, "threshold", 0.5, "probability from which a finding is real (default: the head's own, else 0.5)")
	flags.Lookup("threshold").DefValue = "0"
	flags.Float64Var(&f.options.Margin, "margin", review.DefaultMargin, "uncertain this near to a threshold of 0.5, less near to others; 0 is off")
	return cmd
}

func (f *explainFlags) run(cmd *cobra.Command, name string) error {
	if f.words < 1 {
		return fmt.Errorf("words: expected 1 or more, found %d", f.words)
	}
	if f.out != "" {
		if err := explain.CheckName(f.out); err != nil {
			return err
		}
	}
	e, err := f.explain(cmd.Context(), cmd.InOrStdin(), name)
	if err != nil {
		return err
	}
	e.Most = f.words
	if f.json {
		err = e.WriteJSON(os.Stdout)
	} else {
		err = e.WriteText(os.Stdout, finding.TerminalOptions(os.Stdout))
	}
	if err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	if f.out == "" {
		return nil
	}
	if err := e.Save(f.out); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "janus: wrote %s\n", f.out)
	return nil
}

// explain reads a benchmark's folder, or reviews a report's finding.
func (f *explainFlags) explain(ctx context.Context, stdin io.Reader, name string) (*explain.Explanation, error) {
	if results.IsBench(name) {
		if f.number != 0 {
			return nil, errors.New("--number is for reports: a benchmark's finding is picked by --id")
		}
		e, others, err := explain.FromBench(name, f.id, f.variant)
		if err == nil && f.variant == "" && len(others) > 0 {
			note("this is %s; %d more have a trajectory (--variant)", e.Verdict.Model, len(others))
		}
		return e, err
	}
	if f.variant != "" {
		return nil, fmt.Errorf("--variant is for the folders of benchmarks, and %s is none", name)
	}
	var err error
	if f.options.Thinking, err = onOff("thinking", f.thinking); err != nil {
		return nil, err
	}
	if f.model.adapters, f.options.Categories, err = review.SplitAdapters(f.model.adapters); err != nil {
		return nil, err
	}
	if f.options.Prompts, err = f.prompts.open(); err != nil {
		return nil, err
	}
	f.options.Trajectory = true
	if err := f.options.Validate(); err != nil {
		return nil, err
	}
	f.read.Stdin = stdin
	reports, unreadable, err := review.Read(ctx, []string{name}, f.read)
	if err := errors.Join(append(unreadable, err)...); err != nil {
		return nil, err
	}
	picked, err := explain.Pick(reports, f.id, f.number)
	if err != nil {
		return nil, err
	}
	// What judges is what would judge in janus review.
	as := reviewFlags{model: f.model, prompts: f.prompts, options: f.options, bare: f.bare, lengthGiven: f.lengthGiven}
	if err := as.useShipped(ctx); err != nil {
		return nil, err
	}
	f.model, f.options = as.model, as.options
	m, err := f.model.open(ctx)
	if err != nil {
		return nil, err
	}
	defer m.Close() //nolint:errcheck // the process ends
	f.options.Limits = review.DefaultLimits(f.model.cpu)
	reviewer, err := review.New(m, f.options)
	if err != nil {
		return nil, err
	}
	var verdict finding.Verdict
	err = reviewer.Review(ctx, []*finding.Finding{picked}, func(done []review.Outcome) error {
		verdict = done[0].Verdict
		return nil
	})
	if err != nil {
		return nil, err
	}
	return explain.New(*picked, verdict, reviewer.Threshold())
}
