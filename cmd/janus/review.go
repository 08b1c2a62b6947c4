package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/progress"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/rules"
)

// reviewFlags are the flags of janus review.
type reviewFlags struct {
	model     modelFlags
	read      review.ReadOptions
	output    review.OutputOptions
	options   review.Options
	prompts   promptFlags
	rules     []string
	limit     int
	threshold float64
	cache     string
	noCache   bool
	bare      bool
	embedder  string
	// lengthGiven: the analysis's length was asked for.
	lengthGiven bool
	thinking    string

	dryRun, showPrompts bool
}

func newReview() *cobra.Command {
	var f reviewFlags
	cmd := &cobra.Command{
		Use:   "review FILE…",
		Short: "Review the findings of reports",
		Long: `Review the findings of reports, in any format that --format names ("-" is standard input).

A finding is real (TP) from the threshold on, a false alarm (FP) below it, and uncertain next to it (--margin).
Verdicts go out as a table, as JSON lines, as the SARIF document that came in, with the false alarms suppressed, or as --out-format says.
JSON lines are written as findings get done, those of like length together, so their order is not that of the report.
Other files appear, whole, at the end.

Where neither an adapter, a head nor prompts are named and the base is SmolLM2-135M-Instruct, Janus's own adapter and head judge;
with --bare they are left out. Without a head the model's own answer decides, after its analysis.`,
		Example: `  janus review report.sarif --source-root .
  janus review report.sarif --out reviewed.sarif
  janus review traffic.http --out-format jsonl --max-tokens 64 | jq .verdict
  janus review findings.jsonl --head heads/mlp --adapter http=adapters/web --adapter code=adapters/code
  janus review traffic.har --rules headers
  janus review reports/*.sarif --dry-run --out-format jsonl
  gunzip -c report.sarif.gz | janus review - --limit 20`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if cmd.Flags().Changed("threshold") {
				f.options.Threshold = &f.threshold
			}
			f.lengthGiven = cmd.Flags().Changed("max-tokens")
			return f.run(cmd, files)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *reviewFlags) add(flags *pflag.FlagSet) {
	f.model.add(flags)
	f.model.addHeads(flags)
	flags.Lookup("adapter").Usage = "LoRA adapter, a PEFT folder; may be repeated; CATEGORY=DIR is for the findings of a category, others use the first"
	addSampling(flags, &f.options.Sampling, 128)
	flags.IntVar(&f.options.Samples, "samples", 1, "analyses of each finding, which vote: the majority's verdict and the mean probability; more than 1 need --temperature")
	addThinking(flags, &f.thinking)
	flags.StringVar(&f.read.Format, "format", "auto", "of the reports: "+strings.Join(finding.Formats(), ", "))
	flags.StringSliceVar(&f.rules, "rules", nil, "make candidates of HTTP traffic (HAR, raw HTTP), which holds no findings of its own: "+strings.Join(rules.Names(), ", "))
	flags.BoolVar(&f.dryRun, "dry-run", false, "read the reports and count what is in them (text or JSON lines); no model is needed")
	flags.BoolVar(&f.showPrompts, "show-prompts", false, "print each finding's prompt and nothing else; no model is needed")
	f.prompts.add(flags)
	flags.BoolVar(&f.bare, "bare", false, "do not use the adapter and head that Janus ships for SmolLM2-135M-Instruct")
	flags.StringVar(&f.embedder, "embedder", "", "of heads on embeddings (janus train head --features embeddings): the encoder that they were trained with (default: the model's own token embeddings)")
	flags.StringVar(&f.read.SourceRoot, "source-root", "", "folder of the reviewed code: adds the code around each place")
	flags.StringVar(&f.output.Path, "out", "", "file for the verdicts (default: standard output)")
	flags.StringVar(&f.output.Format, "out-format", "", strings.Join(review.OutputFormats(), ", ")+" (default: by --out's ending, else table)")
	flags.BoolVar(&f.output.SARIF.DropSuppressed, "drop-suppressed", false, "leave suppressed results out of the SARIF (GitHub code scanning ignores suppressions)")
	flags.BoolVar(&f.output.SARIF.GitHub, "github", false, "keep the SARIF within the limits of GitHub code scanning, and give results that have none fingerprints")
	flags.IntVar(&f.limit, "limit", 0, "most findings to review; 0 is all")
	flags.StringVar(&f.cache, "cache", "", "folder of verdicts of earlier reviews: what has not changed is not computed again (default: review in $"+backend.EnvCache+" or in the user's cache folder)")
	flags.BoolVar(&f.noCache, "no-cache", false, "compute all verdicts, and keep none in the cache")
	flags.IntVar(&f.options.Batch, "batch", 0, "findings that run together; 0 lets Janus choose")
	flags.IntVar(&f.options.MaxPrompt, "max-prompt", review.DefaultMaxPrompt, "most tokens of a prompt: longer findings are cut in the middle, with a note")
	flags.Float64Var(&f.threshold, "threshold", 0.5, "probability from which a finding is real (default: the head's own, else 0.5)")
	flags.Lookup("threshold").DefValue = "0"
	flags.Float64Var(&f.options.Margin, "margin", review.DefaultMargin, "uncertain this near to a threshold of 0.5, less near to others; 0 is off")
	flags.BoolVar(&f.options.Trajectory, "trajectory", false, "also give the probability after 0, 1, 2, … tokens (JSON lines, SARIF, HTML and tables of data)")
	flags.Float64Var(&f.options.Sure, "sure", 0, "end an analysis when the verdict reaches this probability on either side; 0 is off")
}

func (f *reviewFlags) run(cmd *cobra.Command, files []string) (err error) {
	ctx := cmd.Context()
	if f.limit < 0 {
		return fmt.Errorf("limit: expected 0 (all) or more, found %d", f.limit)
	}
	if err := f.options.Validate(); err != nil {
		return err
	}
	if f.options.Thinking, err = onOff("thinking", f.thinking); err != nil {
		return err
	}
	if f.model.adapters, f.options.Categories, err = review.SplitAdapters(f.model.adapters); err != nil {
		return err
	}
	if f.model.merge && len(f.options.Categories) > 0 {
		return fmt.Errorf("--merge adds the adapters into the weights: findings of a category (CATEGORY=DIR) cannot have their own then")
	}
	if f.options.Prompts, err = f.prompts.open(); err != nil {
		return err
	}
	if f.read.Rules, err = rules.New(f.rules); err != nil {
		return err
	}
	f.read.Stdin, f.output.Inputs = cmd.InOrStdin(), files
	if f.dryRun || f.showPrompts {
		if f.showPrompts && f.useShipped(ctx) != nil { // without a model, Janus's usual prompts are shown
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return f.count(ctx, files)
	}
	reports, unreadable, err := review.Read(ctx, files, f.read)
	if err != nil {
		return err
	}
	for _, err := range unreadable {
		note("%v", err)
	}
	for _, r := range reports {
		for _, line := range r.Notes {
			note("%s: %s", r.Name, line)
		}
		for _, problem := range r.Problems {
			if !errors.Is(problem, finding.ErrIncomplete) {
				problem = fmt.Errorf("skipped %w", problem)
			}
			note("%v", problem)
		}
	}
	return f.review(ctx, review.Run{Reports: reports, Unreadable: unreadable, Limit: f.limit})
}

// note is a line on standard error, safe for terminals.
func note(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "janus: "+finding.Clean(fmt.Sprintf(format, args...)))
}

// review runs the model on what has been read.
func (f *reviewFlags) review(ctx context.Context, job review.Run) error {
	bar := progress.New(os.Stderr, progress.Options{Title: "reviewing", Total: int64(job.Findings())})
	defer bar.Finish()
	f.output.Stdout, f.output.Table = bar.Over(os.Stdout), finding.TerminalOptions(os.Stdout)
	f.output.Terminal = term.IsTerminal(int(os.Stdout.Fd()))
	f.output.SARIF.Version, f.output.SARIF.Note = version, func(text string) { note("%s", text) }
	out, err := review.OpenOutput(f.output)
	if err != nil {
		return err
	}
	job.Output = out
	var cache *review.Cache
	if job.Findings() > 0 {
		if err = f.useShipped(ctx); err == nil {
			job.Memory, cache, err = f.memory(ctx)
		}
		if err != nil {
			out.Abandon()
			return err
		}
	}
	job.Progress = func(done, _ int) { bar.Set(int64(done)) }
	var models openModels
	result, err := job.Do(ctx, func() (reviewer *review.Reviewer, err error) {
		if err := models.open(ctx, f); err != nil {
			return nil, err
		}
		f.options.Limits = review.DefaultLimits(f.model.cpu)
		bar.Start()
		return review.New(models.judge, f.options)
	})
	defer models.close()
	bar.Finish()
	if err != nil {
		return err
	}
	if result.Recalled > 0 {
		note("%d of %d verdicts are from the cache (--no-cache computes them anew)", result.Recalled, job.Findings())
	}
	if cache != nil && cache.Failed() != nil {
		note("the verdicts could not be kept in the cache for another time: %v", cache.Failed())
	}
	if f.output.Path != "" {
		fmt.Fprintf(os.Stderr, "janus: wrote %s: %s\n", f.output.Path, finding.Summary(result.Reviewed))
	}
	return outcome(result, ctx.Err())
}

// memory is what earlier runs with the same model and settings found, in the cache's folder. It is nil where there is no
// such folder, or where the model's files cannot be read: opening the model then says why.
func (f *reviewFlags) memory(ctx context.Context) (*review.Memory, *review.Cache, error) {
	dir, err := findModel(ctx, f.model.model)
	if err != nil {
		return nil, nil, err
	}
	f.model.model = dir // found once
	if f.embedder != "" {
		if f.embedder, err = findModel(ctx, f.embedder); err != nil {
			return nil, nil, err
		}
	}
	if f.cache == "" && !f.noCache {
		if user, err := backend.UserCache(); err == nil {
			f.cache = filepath.Join(user, "review")
		}
	}
	if f.noCache || f.cache == "" {
		return nil, nil, nil
	}
	cache := review.NewCache(f.cache)
	memory, err := review.NewMemory(ctx, cache, review.Recipe{
		Model: dir, Adapters: f.model.adapters, Heads: f.model.heads, Embedder: f.embedder, Merge: f.model.merge, ContextLength: f.model.context,
		DType: f.model.dtype, Backend: backend.Expected(f.model.backend), Options: f.options,
	})
	if err != nil {
		return nil, nil, ctx.Err()
	}
	return memory, cache, nil
}

// count says what is in the reports, without a model.
func (f *reviewFlags) count(ctx context.Context, files []string) error {
	bar := progress.New(os.Stderr, progress.Options{Title: "reading", Total: sizes(files), Bytes: true})
	defer bar.Finish()
	f.read.Progress = bar.Set
	f.output.Stdout = bar.Over(os.Stdout)
	job := review.DryRun{
		Files: files, Read: f.read, Output: f.output, MaxPrompt: f.options.MaxPrompt, Limit: f.limit,
		Clean: f.output.Path == "" && term.IsTerminal(int(os.Stdout.Fd())),
		Note:  func(text string) { note("%s", text) },
	}
	if f.showPrompts {
		job.Prompts = f.options.Prompts
	}
	bar.Start()
	counts, err := job.Do(ctx)
	bar.Finish()
	if err != nil {
		return err
	}
	if f.showPrompts || f.output.Path != "" {
		note("%s", review.TotalText(counts))
	}
	sum, unreadable := review.Total(counts)
	return outcome(&review.Result{Unread: sum.Unread, Files: unreadable}, nil)
}

// sizes is the bytes of files, or 0 where some have no size.
func sizes(files []string) (total int64) {
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}

// outcome tells what a finished run left undone.
func outcome(r *review.Result, interrupted error) error {
	var parts []string
	add := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	if interrupted != nil {
		add(r.Left, "finding was not reached before the interrupt", "findings were not reached before the interrupt")
	}
	add(r.Failed, "finding failed", "findings failed")
	add(r.Unread, "row could not be read", "rows could not be read")
	add(r.Files, "report could not be read whole", "reports could not be read whole")
	if len(parts) == 0 {
		return nil
	}
	message := strings.Join(parts, "; ") + "; the others are written"
	if r.Files > 0 {
		return errors.New(message)
	}
	return &partialError{message}
}
