package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/bench"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/internal/progress"
	runs "github.com/januslm/janus/train/run"
)

func newBench() *cobra.Command {
	var config bench.Config
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Compare judges of findings on labelled data",
		Long: `Compare variants of a judge on labelled findings, each of which is judged by what has not learned from it: by
cross-validation, or divided once. Variants are the model's own answer (SC) or a classifier head (CH), with the engineered
prompt (PE-), with a LoRA adapter (FT-), the majority of K analyses (SC@K), heads on embeddings (P2-CH), an encoder (encoder:DIR), a model behind
LLM_API_URL (api:MODEL, api:MODEL+pe), a bag of words (tfidf-lr), and accepting everything (accept-all). docs/bench.md says
what each is and how to read the tables.

The run folder --out gets bench.json and cases.parquet for janus report, the tables as bench.md, and what was trained; the
results go into the data base, too. A benchmark that was interrupted, by Ctrl-C or in any other way, goes on with the same
command and --resume, and repeats no case.`,
		Example: `  janus bench --out runs/first --db data/janus.db
  janus bench --data labelled.jsonl --variants SC,CH,tfidf-lr,accept-all --folds 5 --out runs/heads
  janus bench --config study.yaml --out runs/study --resume
  janus bench --data labelled.jsonl --variants FT-CH --adapter adapters/web --head heads/web --out runs/shipped
  LLM_API_URL=https://host/v1 janus bench --data labelled.jsonl --variants PE-CH,api:gpt-4o-mini+pe \
    --price-in gpt-4o-mini=0.15 --price-out gpt-4o-mini=0.60 --budget 5 --out runs/api`,
		Args: arguments(cobra.NoArgs),
	}
	bindTraining(cmd, &config, "docs/bench.md", "bench.md", "table", func(ctx context.Context, f trainFlags) error {
		return runBench(ctx, &config, f)
	})
	return cmd
}

func runBench(ctx context.Context, config *bench.Config, f trainFlags) (err error) {
	db := dataBase(config.DB)
	open := db.create // for the results
	if len(config.Data) == 0 {
		open = db.open
	}
	store, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	job, err := benchJob(ctx, config, f, store)
	if err != nil {
		return err
	}
	spec, err := job.Spec()
	if err != nil {
		return err
	}
	r, err := runs.Start(f.out, spec, f.resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, warning := range r.Warnings {
		note("the result may differ: %s", warning)
	}
	outcome, err := runJob(ctx, job)
	if errors.Is(err, llm.ErrBudget) || errors.Is(err, llm.ErrUnavailable) {
		return &partialError{err.Error() + "; --resume goes on"}
	}
	if err != nil {
		return err
	}
	if err := r.Finish(); err != nil {
		return err
	}
	table, err := os.ReadFile(filepath.Join(f.out, "bench.md"))
	if err != nil {
		return err
	}
	fmt.Printf("%s\nresults: %s\n", table, f.out)
	if bad := len(job.Rows.Problems) + outcome.Failed; bad > 0 {
		return &partialError{fmt.Sprintf("%d rows could not be read, and %d cases have no verdict: see above", len(job.Rows.Problems), outcome.Failed)}
	}
	return nil
}

// benchJob reads the rows and finds what the variants run on.
func benchJob(ctx context.Context, config *bench.Config, f trainFlags, store *dataset.Store) (*bench.Job, error) {
	job := &bench.Job{Config: config, Dir: f.out, Store: store, States: config.States, Versions: versions(backend.Expected(f.backend)), Log: os.Stderr}
	job.Note = func(text string) { note("%s", text) }
	if config.API() {
		var err error
		if job.URL, job.Key, _, err = llmSettings(); err != nil {
			return nil, err
		}
		if job.URL == "" {
			return nil, fmt.Errorf("a variant asks an API, and %s is not set: it names the API's root, such as https://host/v1", llm.EnvURL)
		}
	}
	var err error
	if job.Rows, err = bench.ReadRows(ctx, config, store); err != nil {
		return nil, err
	}
	for _, problem := range job.Rows.Problems {
		note("left out: %v", problem)
	}
	note("%s", job.Rows)
	if config.Local() {
		if job.Model, err = findModel(ctx, config.Model); err != nil {
			return nil, err
		}
	}
	if job.States == "" {
		user, err := backend.UserCache()
		if err != nil {
			return nil, fmt.Errorf("where to keep states: %w (--states names a folder)", err)
		}
		job.States = filepath.Join(user, "states")
	}
	if job.Backend, err = backend.New(f.backend); err != nil {
		return nil, err
	}
	if job.Backend.Note != "" && config.Local() {
		note("%s", job.Backend.Note)
	}
	return job, nil
}

// runJob shows a benchmark's progress.
func runJob(ctx context.Context, job *bench.Job) (*bench.Outcome, error) {
	var bar *progress.Bar
	doing := ""
	job.Progress = func(now string, done, total int) {
		if now != doing {
			bar.Finish()
			bar, doing = progress.Start(os.Stderr, progress.Options{Title: now, Total: int64(total), From: int64(done)}), now
		}
		bar.Set(int64(done))
	}
	job.Note = func(text string) {
		bar.Finish()
		doing = ""
		note("%s", text)
	}
	defer func() { bar.Finish() }()
	return job.Run(ctx)
}
