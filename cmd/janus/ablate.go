package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/januslm/janus/eval/ablate"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/progress"
	runs "github.com/januslm/janus/train/run"
)

// ablateFlags are the flags of a study besides its grid's.
type ablateFlags struct {
	out, backend, worker string
	cpu, plan, merge     bool
	slurm                bool
	workers              int
	sbatch               []string
}

func newAblate() *cobra.Command {
	var grid ablate.Grid
	var f ablateFlags
	cmd := &cobra.Command{
		Use:   "ablate [GRID.yaml]",
		Short: "Compute a grid of settings: head sizes, lengths of analysis, prompts, fine-tuning, samples, models, seeds",
		Long: `Compute a grid of settings, each point judged on the same test rows, and tell what each axis does, with intervals. The lists in
the grid are its axes; all their combinations are computed, and what points share is computed once: the findings are read once
for all lengths, poolings and layers, and all heads on those states are trained together.

The study's folder --out gets ablation.md, ablation.json and points.parquet. The same command goes on with an interrupted study and
computes only what is missing. Several workers, each with its share (--worker), may compute it; --merge puts the points together.`,
		Example: `  janus ablate configs/study/ablate-smollm2.yaml --out studies/smollm2 --plan
  janus ablate configs/study/ablate-smollm2.yaml --out studies/smollm2
  janus ablate --data labelled.jsonl --hidden none,32,64x16 --length 0,64,128 --seed 0,1,2 --out studies/small
  janus ablate grid.yaml --out studies/large --worker 3/8
  janus ablate grid.yaml --out studies/large --slurm --sbatch=--gres=gpu:1 --sbatch=--time=8:00:00`,
		Args: arguments(cobra.MaximumNArgs(1)),
	}
	settings := runs.Bind(cmd.Flags(), &grid)
	cmd.Flags().StringVar(&f.out, "out", "", "the study's folder, new or one to go on with")
	cmd.Flags().StringVar(&f.backend, "backend", "", "what computes: go, xla:cuda, xla:/path/plugin.so (default $GOMLX_BACKEND, else the best that is there)")
	cmd.Flags().BoolVar(&f.cpu, "cpu", false, "compute on the CPU even where there is a GPU")
	cmd.Flags().BoolVar(&f.plan, "plan", false, "tell what would be computed and what is there, and compute nothing")
	cmd.Flags().StringVar(&f.worker, "worker", "", "compute one share of several, such as 0/8, the first of eight; --merge puts them together")
	cmd.Flags().BoolVar(&f.merge, "merge", false, "compute nothing: write the tables of the points that are there")
	cmd.Flags().BoolVar(&f.slurm, "slurm", false, "compute it as a job array of Slurm; once more, it computes what lost tasks have left")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "with --slurm: tasks that share the study (default: as many as --plan has units)")
	cmd.Flags().StringArrayVar(&f.sbatch, "sbatch", nil, "with --slurm: an option of sbatch, such as --sbatch=--gres=gpu:1; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("plan", "merge", "slurm", "worker")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := ""
		if len(args) > 0 {
			path = args[0]
		}
		if err := settings.Load(path); err != nil {
			return err
		}
		source, err := gridSource(cmd.Flags(), path)
		if err != nil {
			return err
		}
		if f.out == "" {
			return withHelp(cmd, errors.New("--out, the study's folder, is not given"))
		}
		if !f.slurm && (f.workers != 0 || len(f.sbatch) > 0) {
			return withHelp(cmd, errors.New("--workers and --sbatch are for --slurm, which is not given; --worker 0/8 computes one share here"))
		}
		if err := grid.Check(source); err != nil {
			return err
		}
		if grid.Name == "" {
			grid.Name = filepath.Base(strings.TrimSuffix(cmp.Or(path, f.out), filepath.Ext(path)))
		}
		if f.cpu {
			f.backend = onCPU(f.backend)
		}
		return runAblate(cmd.Context(), &grid, source, f)
	}
	return cmd
}

// gridSource says where the grid's values stand; those of flags stand in no file.
func gridSource(flags *pflag.FlagSet, path string) (ablate.Source, error) {
	lines, err := runs.Lines(path)
	if err != nil {
		return ablate.Source{}, err
	}
	for key := range lines {
		name, _, _ := strings.Cut(key, "[")
		if flags.Changed(strings.ReplaceAll(name, "_", "-")) {
			delete(lines, key)
		}
	}
	return ablate.Source{File: path, Lines: lines}, nil
}

// parseShare reads "3/8".
func parseShare(text string) (ablate.Share, error) {
	if text == "" {
		return ablate.Share{}, nil
	}
	first, second, _ := strings.Cut(text, "/")
	worker, err := strconv.Atoi(first)
	workers, err2 := strconv.Atoi(second)
	if err != nil || err2 != nil || workers < 1 || worker < 0 || worker >= workers {
		return ablate.Share{}, fmt.Errorf("--worker: expected I/N with I from 0 to N-1, such as 3/8, found %q", text)
	}
	return ablate.Share{Worker: worker, Workers: workers}, nil
}

func runAblate(ctx context.Context, grid *ablate.Grid, source ablate.Source, f ablateFlags) error {
	share, err := parseShare(f.worker)
	if err != nil {
		return err
	}
	rows, err := ablateRows(ctx, grid)
	if err != nil {
		return err
	}
	study, err := ablate.New(ctx, grid, source, rows, f.out)
	if err != nil {
		return err
	}
	note("%s", rows)
	if f.plan {
		return study.WritePlan(os.Stdout)
	}
	if f.slurm {
		return submitAblation(ctx, study, f)
	}
	var failed error
	if !f.merge {
		failed = computeAblation(ctx, study, share, f)
		if failed == nil && share.Workers > 1 {
			fmt.Printf("share %s of %s is computed; --merge puts the shares together\n", f.worker, f.out)
		}
		if ctx.Err() != nil || share.Workers > 1 {
			return failed
		}
	}
	return cmp.Or(mergeAblation(study, f), failed)
}

// ablateRows reads the labelled findings, from files or from the data base.
func ablateRows(ctx context.Context, grid *ablate.Grid) (rows *ablate.Rows, err error) {
	if len(grid.Data) > 0 {
		rows, err = ablate.ReadFiles(ctx, grid.Data)
	} else {
		db := dataBase(grid.DB)
		store, e := db.open()
		if e != nil {
			return nil, fmt.Errorf("no data is given, and %w", e)
		}
		rows, err = ablate.ReadStore(ctx, store)
		err = errors.Join(err, store.Close())
	}
	if err != nil {
		return nil, err
	}
	for _, p := range rows.Problems {
		note("left out: %v", p)
	}
	if rows.Unlabelled > 0 {
		note("left out: %d findings without a label", rows.Unlabelled)
	}
	return rows, nil
}

// computeAblation computes what is missing, and shows how far it is.
func computeAblation(ctx context.Context, study *ablate.Study, share ablate.Share, f ablateFlags) error {
	choice, err := backend.New(f.backend)
	if err != nil {
		return err
	}
	if choice.Note != "" {
		note("%s", choice.Note)
	}
	var bar *progress.Bar
	doing := ""
	defer func() { bar.Finish() }()
	err = study.Run(ctx, ablate.Options{
		Backend: choice, Share: share, Log: os.Stderr,
		Progress: func(now string, done, total int) {
			if now != doing {
				bar.Finish()
				bar, doing = progress.Start(os.Stderr, progress.Options{Title: now, Total: int64(total), From: int64(done)}), now
			}
			bar.Set(int64(done))
		},
		Note: func(format string, args ...any) {
			bar.Finish()
			doing = ""
			note(format, args...)
		},
	})
	switch {
	case ctx.Err() != nil:
		return &partialError{err.Error()}
	case err != nil:
		return &partialError{"some points could not be computed: see above"}
	}
	return nil
}

// submitAblation puts the study into Slurm's queue.
func submitAblation(ctx context.Context, study *ablate.Study, f ablateFlags) error {
	janus, err := os.Executable()
	if err != nil {
		return err
	}
	if f.workers < 0 {
		return fmt.Errorf("--workers: expected 1 or more, found %d", f.workers)
	}
	a := ablate.Array{Study: study, Janus: janus, Workers: f.workers, Options: f.sbatch}
	if f.backend != "" {
		a.Args = []string{"--backend", f.backend}
	}
	array, merging, tasks, err := a.Submit(ctx)
	if err != nil {
		return err
	}
	if len(tasks) == 0 {
		fmt.Printf("nothing is missing in %s: --merge writes its tables\n", f.out)
		return nil
	}
	fmt.Printf("job array %s: %d tasks of %d; job %s merges when they have ended\n", array, len(tasks), a.Workers, merging)
	fmt.Printf("logs: %s\n", filepath.Join(study.Dir, "slurm"))
	return nil
}

// mergeAblation writes and prints the tables.
func mergeAblation(study *ablate.Study, f ablateFlags) error {
	a, points, err := study.Merge(versions(backend.Expected(f.backend)))
	if err != nil {
		return err
	}
	fmt.Print(ablate.Table(a, points))
	fmt.Printf("\n%s\n\nablation: %s\n", ablate.Cost(a), f.out)
	left, _, err := study.Missing(1)
	if err != nil {
		return err
	}
	if left > 0 {
		return &partialError{fmt.Sprintf("%d points are missing; `janus ablate` with the same grid and --out, without --merge, computes them", left)}
	}
	for _, p := range points {
		if int(p.N) < len(a.Rows) {
			return &partialError{"some points could not judge all test rows"}
		}
	}
	return nil
}
