package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/eval/report"
	"github.com/januslm/janus/internal/progress"
)

func newReport() *cobra.Command {
	var o report.Options
	var files report.Files
	var prices []string
	cmd := &cobra.Command{
		Use:   "report DIR…",
		Short: "Make a report of benchmarks and ablations",
		Long: `Make a report of the folders that janus bench and janus ablate wrote: tables with intervals, tests between variants, charts,
costs, and each finding's analyses with the probability along them. The page needs nothing else and loads nothing.

Prices are yours to give: the defaults, one US dollar for an hour of the machine and for a million tokens, are no market's.

docs/report.md says what each part shows and how its figures are computed.`,
		Example: `  janus report runs/bench
  janus report runs/bench runs/ablation --out report.html --markdown report.md --charts charts
  janus report runs/bench --machine-price 0.40 --price api:gpt-4o-mini=0.15/0.60
  janus report runs/bench --no-times --markdown study.md`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			o.Prices.Default = !cmd.Flags().Changed("machine-price")
			if !cmd.Flags().Changed("out") && (files.Markdown != "" || files.Charts != "") {
				files.HTML = ""
			}
			for _, text := range prices {
				p, err := report.ParsePrice(text)
				if err != nil {
					return err
				}
				o.Prices.APIs = append(o.Prices.APIs, p)
			}
			return makeReport(o, files, dirs)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&files.HTML, "out", "report.html", "page to write (none where --markdown or --charts is given without it)")
	flags.StringVar(&files.Markdown, "markdown", "", "also write the report as Markdown")
	flags.StringVar(&files.Charts, "charts", "", "also write the charts, as SVG and PNG, into this folder")
	flags.StringVar(&o.Title, "title", "", "of the report (default: the results' names)")
	flags.IntVar(&o.Findings, "findings", 200, "most findings that each benchmark shows, those first on which its variants disagree; 0 is all")
	flags.IntVar(&o.Points, "points", 1000, "most grid points that each ablation lists; 0 is all")
	flags.IntVar(&o.Resamples, "resamples", 2000, "bootstrap samples of each interval")
	flags.Uint64Var(&o.Seed, "seed", 0, "of the bootstrap")
	flags.BoolVar(&o.NoTimes, "no-times", false, "leave out times, memory, dates and costs, so that the reports of two runs of a study can be compared")
	flags.StringArrayVar(&prices, "price", nil, "NAME=PROMPT/COMPLETION: US dollars that a variant, a model or another API takes for a million tokens (default: as recorded; without any API 1/1)")
	flags.Float64Var(&o.Prices.MachineHour, "machine-price", report.DefaultMachineHour, "US dollars for an hour of the machine that ran the local variants")
	return cmd
}

// makeReport reads the folders and writes the files.
func makeReport(o report.Options, files report.Files, dirs []string) error {
	if files == (report.Files{}) {
		return errors.New("--out is empty: name a page, or give --markdown or --charts")
	}
	if err := o.Check(); err != nil {
		return err
	}
	study, err := report.Read(dirs)
	if err != nil {
		return err
	}
	var bar *progress.Bar
	o.Progress = func(done, total int) {
		if bar == nil {
			bar = progress.Start(os.Stderr, progress.Options{Title: "drawing intervals", Total: int64(total)})
		}
		bar.Set(int64(done))
	}
	document, err := study.Document(o)
	bar.Finish()
	if err != nil {
		return err
	}
	charts, err := document.Save(files)
	if err != nil {
		return err
	}
	for _, name := range []string{files.HTML, files.Markdown} {
		if name != "" {
			fmt.Fprintf(os.Stderr, "janus: wrote %s\n", name)
		}
	}
	if files.Charts != "" {
		fmt.Fprintf(os.Stderr, "janus: wrote %d charts into %s, as SVG and PNG\n", charts, files.Charts)
	}
	return nil
}
