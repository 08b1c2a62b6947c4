package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/train/run"
)

// Job is one benchmark.
type Job struct {
	Config  *Config // checked
	Rows    *Rows
	Dir     string         // the run folder
	Store   *dataset.Store // gets the results, and keeps the account of calls of APIs
	Model   string         // folder of the base model, where Config.Local
	Backend backend.Choice // where a variant runs a model
	States  string         // folder
	// URL and Key are an OpenAI-compatible API's, where Config.API.
	URL, Key string
	Versions map[string]string
	Log      io.Writer // where training shows its progress
	// Note is told in a sentence what a user should know; Progress how far a step is. Both may be nil.
	Note     func(text string)
	Progress func(doing string, done, total int)

	journal *journal
	start   start
	base    string // SHA-256 of the base model
}

// Names in a run folder.
const (
	journalFile = "journal.jsonl"
	startFile   = "start.json"
	tablesFile  = "bench.md"
)

// start is what a benchmark has from its beginning, however often it is gone on with.
type start struct {
	Created string `json:"created"`
	Calls   string `json:"calls"` // names its calls of APIs on the account
}

// Outcome is what came of a benchmark.
type Outcome struct {
	Bench  *results.Bench
	Cases  []results.Case // by variant, then in the order of the rows
	Failed int            // cases without a verdict
}

// Spec is what a benchmark's run folder records, and must be the same where one is gone on with.
func (j *Job) Spec() (run.Spec, error) {
	settings, err := j.Config.settings()
	if err != nil {
		return run.Spec{}, err
	}
	recipes, err := json.Marshal([]any{settings["heads"], settings["lora"], settings["encoder"]})
	if err != nil {
		return run.Spec{}, err
	}
	s := run.Spec{
		Command: "bench", Config: j.Config, Seeds: map[string]uint64{"seed": j.Config.Seed}, Versions: j.Versions,
		Data: []run.File{
			{Path: "rows", Bytes: int64(len(j.Rows.Findings)), SHA256: j.Rows.hash()},
			{Path: "settings of heads and adapters", Bytes: int64(len(recipes)), SHA256: hashOf(recipes)},
		},
	}
	for _, path := range []string{j.Model, j.Config.Adapter, j.Config.Head} {
		if path == "" {
			continue
		}
		f, err := run.HashFile(path)
		if err != nil {
			return s, err
		}
		s.Weights = append(s.Weights, f)
	}
	return s, nil
}

// Run judges what is not judged yet, and writes the results: into the run folder, which run.Start has opened, and into the store.
// When ctx ends, the error wraps its own, and all that was computed is kept.
func (j *Job) Run(ctx context.Context) (_ *Outcome, err error) {
	if err := j.begin(); err != nil {
		return nil, err
	}
	if j.journal, err = openJournal(filepath.Join(j.Dir, journalFile)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.journal.close()) }()
	var errs []error
	for _, do := range []func(context.Context) error{j.runFloors, j.runDecoders, j.runEncoders, j.runAPIs} {
		err := do(ctx)
		if ctx.Err() != nil {
			done, all := j.count()
			return nil, fmt.Errorf("stopped after %d of %d cases; --resume goes on: %w", done, all, ctx.Err())
		}
		errs = append(errs, err) // the others go on
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return j.finish(ctx)
}

// count is how many cases are there, and how many there will be.
func (j *Job) count() (done, all int) {
	tested := j.Rows.tested(-1)
	for _, v := range j.Config.variants {
		all += len(tested)
		for _, i := range tested {
			if j.journal.has(v.Name, j.Rows.IDs[i]) {
				done++
			}
		}
	}
	return done, all
}

// begin reads what the benchmark has from its beginning, or makes it.
func (j *Job) begin() error {
	path := filepath.Join(j.Dir, startFile)
	data, err := os.ReadFile(path)
	if err == nil {
		if err = json.Unmarshal(data, &j.start); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now := time.Now().UTC()
	j.start.Created = now.Format(time.RFC3339)
	j.start.Calls = "bench:" + hashOf([]byte(j.Dir + now.Format(time.RFC3339Nano)))[:16]
	if data, err = json.Marshal(j.start); err != nil {
		return err
	}
	return renameio.WriteFile(path, append(data, '\n'), 0o644)
}

func (j *Job) note(format string, args ...any) {
	if j.Note != nil {
		j.Note(fmt.Sprintf(format, args...))
	}
}

func (j *Job) progress(doing string, done, total int) {
	if j.Progress != nil {
		j.Progress(doing, done, total)
	}
}

// missing are the test rows of a fold (below 0: of all) that have no case of a variant yet.
func (j *Job) missing(v *Variant, fold int) []int {
	return slices.DeleteFunc(j.Rows.tested(fold), func(i int) bool { return j.journal.has(v.Name, j.Rows.IDs[i]) })
}

// of lists the variants of a kind.
func (j *Job) of(k kind) (list []*Variant) {
	for i := range j.Config.variants {
		if j.Config.variants[i].kind == k {
			list = append(list, &j.Config.variants[i])
		}
	}
	return list
}
