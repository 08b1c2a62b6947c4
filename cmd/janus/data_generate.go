package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/agents"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/dataset/produce"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/charts"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/internal/progress"
)

// generateFlags are the flags of `janus data generate`.
type generateFlags struct {
	dataFlags
	plan       produce.Plan
	templates  string
	prompts    string
	offline    bool
	verbose    bool
	analyze    bool
	analyzeOut string
	llm        llm.Options
}

func newDataGenerate() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   "generate {--vuln CATEGORY | --iac | --passive} --num N",
		Short: "Make training data: pairs of which one has a flaw and one has not",
		Long: `Make pairs of HTTP exchanges, of which one has a flaw and the other has not, with an analysis of each. They start from
hand-written templates: those that Janus brings along, or a file of requests and responses with a line <<<<>>>> between the
two and a line ==== between cases.

Where LLM_API_URL is set, agents ask the language model there: they enhance the request and the response, introduce a flaw,
clone the exchange without it, check the quality, and write the analysis. Otherwise, or with --offline, pairs are made by
rule, without any model. docs/agents.md says more.

With --iac, --smell or --tool they are pairs of findings in infrastructure code (Ansible, Chef, Puppet, Terraform), always
by rule. With --passive they are pairs of findings as passive scanners of HTTP traffic report them: headers, cookies, caches,
leaks; always by rule, too.

N counts the pairs in the end: after Ctrl-C or a crash the same command goes on where it stopped, a greater N adds pairs,
and another --seed makes others.

Environment, or a file .env in the working folder:
  LLM_API_URL  root of an OpenAI-compatible API, such as http://localhost:8000/v1
  LLM_API_KEY  its key, if it wants one
  LLM_MODEL    name of the model to ask`,
		Example: `  janus data generate --vuln XSS --num 1000
  janus data generate --vuln SQLI --num 20 --templates mine.txt --seed 7 --verbose --analyze
  LLM_API_URL=http://localhost:8000/v1 LLM_MODEL=qwen3-32b janus data generate --vuln INFO --num 100 --concurrency 8
  janus data generate --iac --num 200
  janus data generate --passive --num 500
  janus data generate --smell weak_cryptography --tool terraform --num 50
  janus data generate --vuln INFO --num 100 --budget 5 --price-in 0.15 --price-out 0.60`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return withHelp(cmd, err)
			}
			store, err := f.create()
			if err != nil {
				return err
			}
			return errors.Join(f.run(cmd.Context(), store), store.Close())
		},
	}
	f.addAll(cmd.Flags())
	return cmd
}

func (f *generateFlags) addAll(flags *pflag.FlagSet) {
	f.add(flags)
	p, o := &f.plan, &f.llm
	flags.StringVar(&p.Category, "vuln", "", "what the flaws are: "+strings.Join(dataset.Categories(), ", "))
	flags.IntVar(&p.Num, "num", 0, "pairs that there are in the end")
	flags.BoolVar(&p.IaC, "iac", false, "findings in infrastructure code instead, of which one is real and one is not")
	flags.BoolVar(&p.Passive, "passive", false, "findings of passive checks of HTTP traffic instead, of which one is real and one is not")
	flags.StringVar(&p.Smell, "smell", "", "only one smell of infrastructure code: "+strings.Join(generate.Smells(), ", "))
	flags.StringVar(&p.Tool, "tool", "", "only one tool's infrastructure code: "+strings.Join(generate.IaCTools(), ", "))
	flags.StringVar(&f.templates, "templates", "", "file with templates (default: Janus' own)")
	flags.StringVar(&p.Instruction, "instruction", "", "a wish about style and topic, for the language model")
	flags.BoolVar(&p.NoFP, "nofp", false, "only the exchanges with a flaw, without their clones")
	flags.Uint64Var(&p.Seed, "seed", 0, "chooses which pairs")
	flags.IntVar(&p.Workers, "concurrency", 4, "pairs that are made at the same time")
	flags.BoolVar(&f.offline, "offline", false, "by rule, even where LLM_API_URL is set")
	flags.BoolVar(&f.verbose, "verbose", false, "print each pair when it is written")
	flags.BoolVar(&f.analyze, "analyze", false, "show how many tokens the rows have, as text and as a picture")
	flags.StringVar(&f.analyzeOut, "analyze-out", "", "the picture, a .png or .svg file (default: the data base's name and -CATEGORY.png)")
	flags.StringVar(&f.prompts, "prompts", "", "folder with prompts in place of the agents' own (docs/agents.md)")
	flags.Float64Var(&o.Budget, "budget", 0, "US dollars that the run may cost, earlier parts of it too; 0 is no limit")
	flags.Float64Var(&o.Prices.Prompt, "price-in", 0, "US dollars for a million prompt tokens")
	flags.Float64Var(&o.Prices.Completion, "price-out", 0, "US dollars for a million completion tokens")
	flags.IntVar(&o.PerMinute, "max-requests-per-minute", 0, "of all workers together; 0 is no limit")
	flags.DurationVar(&o.Timeout, "request-timeout", 2*time.Minute, "for one answer of the language model")
	flags.IntVar(&o.Retries, "retries", 6, "further attempts at a request that the server does not answer")
}

// check completes the plan.
func (f *generateFlags) check() error {
	p := &f.plan
	p.Category = strings.ToUpper(p.Category)
	if p.IaC = p.IaC || p.Smell != "" || p.Tool != ""; p.IaC {
		if p.Passive {
			return errors.New("--iac and --passive exclude each other: run the command once for each")
		}
		if p.Category != "" || f.templates != "" || p.Instruction != "" {
			return errors.New("--iac makes findings in infrastructure code, by rule: --vuln, --templates and --instruction are not for it")
		}
		// Making none checks the names.
		if err := generate.IaC(context.Background(), generate.IaCOptions{Smell: p.Smell, Tool: p.Tool}, 0, nil); err != nil {
			return err
		}
	} else if p.Passive {
		if p.Category != "" || f.templates != "" || p.Instruction != "" {
			return errors.New("--passive makes findings of passive checks, by rule: --vuln, --templates and --instruction are not for it")
		}
	} else if !slices.Contains(dataset.Categories(), p.Category) {
		return fmt.Errorf("--vuln: expected one of %s, found %q", strings.Join(dataset.Categories(), ", "), p.Category)
	}
	if p.Num < 1 || p.Workers < 1 {
		return fmt.Errorf("--num and --concurrency: expected at least 1, found %d and %d", p.Num, p.Workers)
	}
	if f.analyze = f.analyze || f.analyzeOut != ""; f.analyze && f.analyzeOut == "" {
		f.analyzeOut = strings.TrimSuffix(f.db, ".db") + "-" + f.what() + ".png"
	}
	if f.analyze {
		if err := charts.CheckName(f.analyzeOut); err != nil { // before the work
			return err
		}
	}
	if f.llm.Retries == 0 {
		f.llm.Retries = -1 // none; 0 would be the client's own number
	}
	if err := f.readTemplates(); err != nil {
		return err
	}
	if f.offline || p.Category == "" {
		return nil
	}
	return f.findServer()
}

// what is made, in a word.
func (f *generateFlags) what() string {
	if f.plan.IaC {
		return "iac"
	}
	if f.plan.Passive {
		return "passive"
	}
	return strings.ToLower(f.plan.Category)
}

func (f *generateFlags) readTemplates() (err error) {
	if f.templates == "" || f.plan.Category == "" {
		return nil
	}
	file, err := os.Open(f.templates)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	f.plan.Templates, err = generate.ReadTemplates(f.templates, file, f.plan.Category)
	return err
}

// findServer sees whether there is a language model to ask, and says in one line what is going to happen.
func (f *generateFlags) findServer() error {
	address, key, model, err := llmSettings()
	if err != nil {
		return err
	}
	if address == "" {
		note := "janus: " + llm.EnvURL + " is not set: making pairs by rule (--offline)"
		if f.plan.Instruction != "" {
			note += "; --instruction is for a language model and has no effect"
		}
		fmt.Fprintln(os.Stderr, note)
		return nil
	}
	f.llm.URL, f.llm.Key, f.llm.Model = address, key, model
	if _, err := llm.New(f.llm); err != nil { // before a data base is made
		return err
	}
	if f.plan.Prompts, err = agents.LoadPrompts(f.prompts); err != nil {
		return err
	}
	f.plan.LLM = &f.llm
	host := "the server"
	if u, err := url.Parse(address); err == nil {
		host = u.Host // without a password
	}
	fmt.Fprintf(os.Stderr, "janus: asking %s at %s\n", model, host)
	return nil
}

// run makes the pairs, and says what became of them.
func (f *generateFlags) run(ctx context.Context, store *dataset.Store) error {
	job, err := f.plan.Job(ctx, store)
	if err != nil {
		return err
	}
	var bar *progress.Bar // made with the first call, which says how much there is to do
	defer func() { bar.Finish() }()
	job.Progress = func(ended, todo int) {
		if bar == nil {
			bar = progress.Start(os.Stderr, progress.Options{Title: "making pairs", Total: int64(todo)})
		}
		bar.Set(int64(ended))
	}
	var printing error
	if f.verbose {
		job.Written = func(p dataset.Pair) { printing = cmp.Or(printing, printPair(bar.Over(os.Stdout), p)) }
	}
	result, err := job.Do(ctx)
	bar.Finish()
	if printing != nil {
		printing = fmt.Errorf("writing standard output: %w", printing)
	}
	err = errors.Join(f.report(store, job, result, err), printing)
	if f.analyze && ctx.Err() == nil {
		err = errors.Join(err, showLengths(ctx, job, f.what(), f.analyzeOut))
	}
	return err
}

// report says on standard error what was made and spent; the error is about what was not.
func (f *generateFlags) report(store *dataset.Store, job *produce.Job, r produce.Result, err error) error {
	fmt.Fprintf(os.Stderr, "janus: %d of %d pairs of %s are in %s: %d new, %d from before\n",
		r.Before+r.Added, job.Num, strings.ToUpper(f.what()), f.db, r.Added, r.Before)
	if r.Before == job.Num && err == nil {
		fmt.Fprintln(os.Stderr, "janus: another --seed makes other pairs, and a greater --num makes more")
	}
	if f.plan.LLM != nil {
		c, err := store.Costs(context.Background(), job.Run) // after Ctrl-C, too
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "janus: "+spent(c, f.llm.Prices))
	}
	given := 0
	for _, reason := range slices.Sorted(maps.Keys(r.GivenUp)) {
		given += r.GivenUp[reason]
		fmt.Fprintf(os.Stderr, "janus: %d given up: %s\n", r.GivenUp[reason], cleanLines(reason))
	}
	var refused *llm.StatusError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, llm.ErrBudget), errors.Is(err, llm.ErrUnavailable), errors.Is(err, context.Canceled):
		return &partialError{fmt.Sprintf("%d pairs were not reached, and %d given up (%s): the same command goes on",
			r.Missing, given, finding.Clean(cmp.Or(reasonOf(err), err).Error()))}
	case err != nil:
		return err
	case given > 0:
		return &partialError{fmt.Sprintf("%d pairs were given up: the same command tries them again", given)}
	}
	return nil
}

// reasonOf is a plainer word for Ctrl-C.
func reasonOf(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return nil
}

// spent says what the run has cost in all.
func spent(c dataset.Costs, prices llm.Prices) string {
	text := fmt.Sprintf("the run so far: %d calls (%d answered, %d failed, %d lost), %d prompt and %d completion tokens",
		c.Calls, c.Answered, c.Failed, c.Lost, c.Prompt, c.Completion)
	if c.Estimated > 0 {
		text += fmt.Sprintf(" (estimated for %d calls, for which the server gave no count)", c.Estimated)
	}
	if prices != (llm.Prices{}) {
		text += fmt.Sprintf(", $%.4f", c.USD)
		if c.LostUSD > 0 {
			text += fmt.Sprintf("; for the lost calls the server may ask up to $%.4f more", c.LostUSD)
		}
	}
	return text
}

// printPair shows a pair, safe for a terminal.
func printPair(w io.Writer, p dataset.Pair) error {
	var b strings.Builder
	if p.GivenUp != "" {
		fmt.Fprintf(&b, "=== pair %d: given up: %s\n\n", p.Index, cleanLines(p.GivenUp))
	}
	for _, e := range p.Examples {
		truth := "not vulnerable"
		if e.IsVulnerable {
			truth = "vulnerable"
		}
		fmt.Fprintf(&b, "=== pair %d: %s, %s (%s)\n%s\n\n%s\n\n%s\n\n", p.Index, e.VulnCategory, truth, cleanLines(e.Note),
			cleanMessage(e.Request), cleanMessage(e.Response), cleanLines(e.Analysis))
	}
	for _, x := range p.Findings {
		shown := cleanLines(x.Snippet)
		if x.Response != "" {
			shown = cleanMessage(x.Request) + "\n\n" + cleanMessage(x.Response)
		}
		fmt.Fprintf(&b, "=== pair %d: %s, %s at %s\n%s\n\n", p.Index, x.Label, cleanLines(x.Title), finding.Clean(x.Location()), shown)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cleanMessage is an HTTP message for a terminal: cleanLines would show its CRs.
func cleanMessage(text string) string {
	return cleanLines(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"))
}
