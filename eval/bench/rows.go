package bench

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// Rows are labelled findings, each with the fold in which it is a test row.
type Rows struct {
	Findings []finding.Finding
	Real     []bool
	IDs      []string // a finding's own, with its source before it where several have the same
	Pairs    []string // shared by a vulnerable row and its fixed twin; empty where there is none
	Fold     []int    // -1: never tested
	Folds    int
	Own      bool // the rows' own split was taken

	Data       []results.Data
	Unlabelled int     // rows that were left out for want of a label
	Problems   []error // rows that could not be read

	items    []dataset.Item
	examples []*dataset.Example // what a model can be taught by; nil where a row is no training data
}

// ReadRows reads the labelled rows that the settings choose, from files or from a store, and divides them. store may be nil where
// there are files.
func ReadRows(ctx context.Context, c *Config, store *dataset.Store) (r *Rows, err error) {
	r = &Rows{}
	if len(c.Data) > 0 {
		if store, err = r.importFiles(ctx, c.Data); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, store.Close(), os.RemoveAll(filepath.Dir(store.Path()))) }()
	}
	if err := r.read(ctx, c, store); err != nil {
		return nil, err
	}
	if len(r.Findings) == 0 {
		return nil, fmt.Errorf("there is no labelled row to judge (%d without a label): give findings with a label, TP or FP; do the filters fit?", r.Unlabelled)
	}
	if err := r.limit(c.Limit, c.Seed); err != nil {
		return nil, err
	}
	r.name()
	if len(c.Data) == 0 {
		r.Data = []results.Data{{Path: store.Path(), Rows: len(r.Findings), SHA256: r.hash()}}
	}
	return r, r.divide(c)
}

// importFiles takes files into a store of their own, so that whatever a data base takes in, a benchmark does.
func (r *Rows) importFiles(ctx context.Context, files []string) (_ *dataset.Store, err error) {
	dir, err := os.MkdirTemp("", "janus-bench-*")
	if err != nil {
		return nil, err
	}
	store, err := dataset.Open(filepath.Join(dir, "rows.db"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, store.Close(), os.RemoveAll(dir))
		}
	}()
	for _, path := range files {
		done, err := store.Import(ctx, path, dataset.ImportOptions{})
		if err != nil {
			return nil, err
		}
		r.Problems = append(r.Problems, done.Problems...)
		file, err := run.HashFile(path)
		if err != nil {
			return nil, err
		}
		r.Data = append(r.Data, results.Data{Path: path, Rows: done.Examples + done.Findings, SHA256: file.SHA256})
	}
	return store, nil
}

func (r *Rows) read(ctx context.Context, c *Config, store *dataset.Store) error {
	filter := dataset.Filter{Category: c.Category, Source: c.Source}
	for e, err := range store.Examples(ctx, filter) {
		if err != nil {
			return err
		}
		r.add(e.Finding(), e.IsVulnerable, e.PairID, dataset.ExampleItem(&e), &e)
	}
	for f, err := range store.Findings(ctx, filter) {
		if err != nil {
			return err
		}
		if f.Label == "" {
			r.Unlabelled++
			continue
		}
		real, err := dataset.ParseLabel(f.Label)
		if err != nil {
			return fmt.Errorf("finding %q of %q: label: %w", f.ID, f.Source, err)
		}
		if f.Split, err = dataset.ParseSide(f.Split); err != nil {
			return fmt.Errorf("finding %q of %q: split: %w", f.ID, f.Source, err)
		}
		item := dataset.FindingItem(&f)
		item.Stratum = fmt.Sprint(f.Category, " ", real) // however the label is written
		r.add(f, real, "", item, nil)
	}
	return nil
}

func (r *Rows) add(f finding.Finding, real bool, pair string, item dataset.Item, e *dataset.Example) {
	r.Findings, r.Real, r.Pairs = append(r.Findings, f), append(r.Real, real), append(r.Pairs, pair)
	r.items, r.examples = append(r.items, item), append(r.examples, e)
}

// limit keeps n rows, of which no pair or group that fits is torn: those whose hashes with the seed are the least.
func (r *Rows) limit(n int, seed uint64) error {
	if n == 0 || n >= len(r.Findings) {
		return nil
	}
	order := make([]int, len(r.Findings))
	rank := make([]string, len(order))
	for i := range order {
		order[i] = i
		rank[i] = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, cmp.Or(r.Pairs[i], r.items[i].Key))))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	keep := order[:n]
	slices.Sort(keep)
	r.Findings, r.Real, r.Pairs = pick(r.Findings, keep), pick(r.Real, keep), pick(r.Pairs, keep)
	r.items, r.examples = pick(r.items, keep), pick(r.examples, keep)
	return nil
}

func pick[T any](list []T, indices []int) []T {
	out := make([]T, len(indices))
	for k, i := range indices {
		out[k] = list[i]
	}
	return out
}

// name gives rows ids that are their own.
func (r *Rows) name() {
	count := map[string]int{}
	for i := range r.Findings {
		count[r.Findings[i].ID]++
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		id := f.ID
		if count[id] > 1 {
			id = f.Source + "/" + id
		}
		r.IDs = append(r.IDs, id)
	}
}

// divide gives each row its fold.
func (r *Rows) divide(c *Config) error {
	r.Folds, r.Fold = c.Folds, make([]int, len(r.Findings))
	if c.Folds > 1 {
		d, err := dataset.KFold(r.items, c.Folds, dataset.SplitOptions{Seed: c.Seed})
		if err != nil {
			return err
		}
		r.Fold = d.Side
		return nil
	}
	test := r.ownTest()
	if r.Own = test != ""; !r.Own {
		d, err := dataset.Split(r.items, dataset.SplitOptions{
			Sides: []dataset.Side{{Name: dataset.Train, Share: 1 - c.Test}, {Name: dataset.Test, Share: c.Test}}, Seed: c.Seed,
		})
		if err != nil {
			return err
		}
		for i, side := range d.Side {
			r.Fold[i] = side - 1
		}
		return nil
	}
	for i := range r.Findings {
		if r.Findings[i].Split != test {
			r.Fold[i] = -1
		}
	}
	return nil
}

// ownTest is the split that rows are tested on by their own division: test, else dev where there are training rows; or none.
func (r *Rows) ownTest() string {
	there := map[string]bool{}
	for i := range r.Findings {
		there[r.Findings[i].Split] = true
	}
	switch {
	case !there[dataset.Train]:
		return ""
	case there[dataset.Test]:
		return dataset.Test
	case there[dataset.Dev]:
		return dataset.Dev
	}
	return ""
}

// tested are the rows that are test rows of a fold; a fold below 0 is all.
func (r *Rows) tested(fold int) (list []int) {
	for i, f := range r.Fold {
		if f >= 0 && (fold < 0 || f == fold) {
			list = append(list, i)
		}
	}
	return list
}

// training are the rows that a fold's variants learn from, and which of them are its dev rows: by the rows' own split where it
// has such, else a share.
func (r *Rows) training(fold int, c *Config) (list []int, dev []bool, err error) {
	own := false
	for i, f := range r.Fold {
		if f != fold {
			list = append(list, i)
			own = own || r.Own && r.Findings[i].Split == dataset.Dev
		}
	}
	if own {
		for _, i := range list {
			dev = append(dev, r.Findings[i].Split == dataset.Dev)
		}
		return list, dev, nil
	}
	for share := c.Dev; ; share = min(share*1.5, mostDev) {
		d, err := dataset.Split(pick(r.items, list), dataset.SplitOptions{
			Sides: []dataset.Side{{Name: dataset.Train, Share: 1 - share}, {Name: dataset.Dev, Share: share}}, Seed: c.Seed,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("fold %d: dividing its training rows: %w", fold, err)
		}
		dev = dev[:0]
		classes := map[bool]int{}
		for k, side := range d.Side {
			dev = append(dev, side == 1)
			if dev[k] {
				classes[r.Real[list[k]]]++
			}
		}
		if len(classes) == 2 || share >= mostDev {
			return list, dev, nil
		}
	}
}

// mostDev is the share of dev rows at which the search for one that has both classes ends: of few groups, a small share is none.
const mostDev = 0.5

// forHeads are a fold's training rows as package heads has them.
func (r *Rows) forHeads(fold int, c *Config) (*heads.Rows, error) {
	list, dev, err := r.training(fold, c)
	return &heads.Rows{Findings: pick(r.Findings, list), Labels: pick(r.Real, list), Dev: dev, Own: r.Own}, err
}

// newCase is what is known of a case before its verdict.
func (r *Rows) newCase(v *Variant, i int) results.Case {
	f := &r.Findings[i]
	c := results.Case{
		Variant: v.Name, Fold: int32(r.Fold[i]), ID: r.IDs[i], Source: f.Source, Category: f.Category,
		Group: r.group(i), Pair: r.Pairs[i], Title: f.Title, Location: f.Location(), Truth: string(finding.FalsePositive), Threshold: 0.5,
	}
	if r.Real[i] {
		c.Truth = string(finding.TruePositive)
	}
	if e := r.examples[i]; e != nil {
		c.Category = e.VulnCategory
	}
	return c
}

// group is what the row must not be told apart from when intervals are drawn.
func (r *Rows) group(i int) string {
	f := &r.Findings[i]
	switch {
	case f.Group != "":
		return f.Group
	case r.Pairs[i] != "":
		return r.Pairs[i]
	case f.File != "":
		return f.Source + "/" + f.File
	}
	return ""
}

// String says how many rows there are: "80 rows (30 TP) in 5 folds".
func (r *Rows) String() string {
	real := 0
	for _, is := range r.Real {
		if is {
			real++
		}
	}
	text := fmt.Sprintf("%d rows (%d TP)", len(r.Real), real)
	switch tested := len(r.tested(-1)); {
	case r.Folds > 1:
		text += fmt.Sprintf(" in %d folds", r.Folds)
	case r.Own:
		text += fmt.Sprintf(", %d to be judged by their own split", tested)
	default:
		text += fmt.Sprintf(", %d to be judged", tested)
	}
	if r.Unlabelled > 0 {
		text += fmt.Sprintf("; %d without a label left out", r.Unlabelled)
	}
	return text
}

// hash is of all that results follow from.
func (r *Rows) hash() string {
	h := sha256.New()
	for i := range r.Findings {
		writeRow(h, &r.Findings[i], r.Real[i], r.Pairs[i], r.examples[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeRow(h hash.Hash, f *finding.Finding, real bool, pair string, e *dataset.Example) {
	analysis := ""
	if e != nil {
		analysis = e.Analysis
	}
	// Neither the encoding of these types nor a write to a hash fails.
	_ = json.NewEncoder(h).Encode([]any{f, real, pair, analysis})
}
