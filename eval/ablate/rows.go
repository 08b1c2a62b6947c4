package ablate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// side is what a row is for.
type side int

const (
	trainSide side = iota // heads and adapters are trained on it
	devSide               // epochs, temperatures and thresholds are chosen by it
	testSide              // points are judged on it
)

var sideNames = []string{dataset.Train, dataset.Dev, dataset.Test}

// Rows are a study's labelled findings on their sides.
type Rows struct {
	Findings   []finding.Finding
	Labels     []bool // true: a real finding
	Data       []results.Data
	Problems   []error // rows that could not be read
	Unlabelled int     // findings that were left out

	examples []*dataset.Example // the training data that the findings stand for; nil of findings as such
	sides    []side
	items    []dataset.Item
	sha256   string
}

// ReadFiles reads labelled findings, and training data as the claims that its rows stand for, from files of any kind that
// `janus data import` takes.
func ReadFiles(ctx context.Context, files []string) (r *Rows, err error) {
	dir, err := os.MkdirTemp("", "janus-ablate-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := dataset.Open(filepath.Join(dir, "rows.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var problems []error
	var data []results.Data
	for _, path := range files {
		done, err := store.Import(ctx, path, dataset.ImportOptions{})
		if err != nil {
			return nil, err
		}
		problems = append(problems, done.Problems...)
		file, err := run.HashFile(path)
		if err != nil {
			return nil, err
		}
		data = append(data, results.Data{Path: path, Rows: done.Examples + done.Findings, SHA256: file.SHA256})
	}
	if r, err = ReadStore(ctx, store); err != nil {
		return nil, err
	}
	r.Problems, r.Data = problems, data
	return r, nil
}

// ReadStore reads a store's training data, as the claims that its rows stand for, and its labelled findings.
func ReadStore(ctx context.Context, store *dataset.Store) (*Rows, error) {
	r := &Rows{}
	for e, err := range store.Examples(ctx, dataset.Filter{}) {
		if err != nil {
			return nil, err
		}
		f := e.Finding()
		if err := r.add(&f, dataset.ExampleItem(&e), &e); err != nil {
			return nil, err
		}
	}
	for f, err := range store.Findings(ctx, dataset.Filter{}) {
		if err != nil {
			return nil, err
		}
		if err := r.add(&f, dataset.FindingItem(&f), nil); err != nil {
			return nil, err
		}
	}
	r.Data = []results.Data{{Path: store.Path(), Rows: len(r.Findings), SHA256: r.hash()}}
	return r, nil
}

// add takes a finding in, if it is labelled.
func (r *Rows) add(f *finding.Finding, item dataset.Item, e *dataset.Example) error {
	if f.Label == "" {
		r.Unlabelled++
		return nil
	}
	real, err := dataset.ParseLabel(f.Label)
	if err != nil {
		return fmt.Errorf("finding %q of %q: label: %w", f.ID, f.Source, err)
	}
	item.Stratum = fmt.Sprint(f.Category, " ", real) // however the label is written
	r.Findings, r.Labels = append(r.Findings, *f), append(r.Labels, real)
	r.examples, r.items, r.sides = append(r.examples, e), append(r.items, item), append(r.sides, trainSide)
	return nil
}

// divide puts the rows on their sides and, where the grid says so, leaves some out.
func (r *Rows) divide(g *Grid) error {
	if len(r.Findings) == 0 {
		return errors.New("there is no labelled finding: give findings with a label, TP or FP")
	}
	var err error
	given := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Split, err = dataset.ParseSide(f.Split); err != nil {
			return fmt.Errorf("%s: split: %w", heads.Where(f), err)
		}
		given[f.Split] = g.OwnSplit
	}
	switch {
	case given[dataset.Train] && given[dataset.Dev] && given[dataset.Test]:
		for i := range r.Findings {
			r.sides[i] = side(max(slices.Index(sideNames, r.Findings[i].Split), 0))
		}
	case given[dataset.Train] && (given[dataset.Dev] || given[dataset.Test]):
		err = r.cutDev(g)
	default:
		err = r.split(g)
	}
	if err != nil {
		return err
	}
	if g.Rows > 0 && g.Rows < len(r.Findings) {
		r.choose(g.Rows, g.SplitSeed)
	}
	r.sha256 = r.hash()
	return r.check()
}

// split divides by groups, files and near duplicates.
func (r *Rows) split(g *Grid) error {
	d, err := dataset.Split(r.items, dataset.SplitOptions{Seed: g.SplitSeed, Sides: []dataset.Side{
		{Name: dataset.Train, Share: (1 - g.Test) * (1 - g.Dev)}, {Name: dataset.Dev, Share: (1 - g.Test) * g.Dev}, {Name: dataset.Test, Share: g.Test},
	}})
	if err != nil {
		return err
	}
	for i, s := range d.Side {
		r.sides[i] = side(s)
	}
	return nil
}

// cutDev takes the findings' own split of two sides, and dev rows from the training side.
func (r *Rows) cutDev(g *Grid) error {
	var learn []int
	var items []dataset.Item
	for i := range r.Findings {
		if s := r.Findings[i].Split; s == dataset.Dev || s == dataset.Test {
			r.sides[i] = testSide
			continue
		}
		learn, items = append(learn, i), append(items, r.items[i])
	}
	d, err := dataset.Split(items, dataset.SplitOptions{Seed: g.SplitSeed, Sides: []dataset.Side{
		{Name: dataset.Train, Share: 1 - g.Dev}, {Name: dataset.Dev, Share: g.Dev},
	}})
	if err != nil {
		return fmt.Errorf("taking dev rows from the training rows: %w", err)
	}
	for k, s := range d.Side {
		r.sides[learn[k]] = side(s)
	}
	return nil
}

// choose keeps n rows, of each side and label its share.
func (r *Rows) choose(n int, seed uint64) {
	var all []int
	for i := range r.Findings {
		all = append(all, i)
	}
	kept := r.pick(all, n, seed, func(i int) int {
		cell := 2 * int(r.sides[i])
		if r.Labels[i] {
			cell++
		}
		return cell
	})
	slices.Sort(kept)
	some := *r
	some.Findings, some.Labels, some.examples, some.sides, some.items = nil, nil, nil, nil, nil
	for _, i := range kept {
		some.Findings, some.Labels, some.examples = append(some.Findings, r.Findings[i]), append(some.Labels, r.Labels[i]), append(some.examples, r.examples[i])
		some.sides, some.items = append(some.sides, r.sides[i]), append(some.items, r.items[i])
	}
	*r = some
}

// pick chooses n of the rows, of each cell its share and at least one, in an order that the seed makes: fewer of the same seed are
// among more.
func (r *Rows) pick(rows []int, n int, seed uint64, cell func(i int) int) (kept []int) {
	cells := map[int][]int{}
	for _, i := range rows {
		cells[cell(i)] = append(cells[cell(i)], i)
	}
	order := func(i int) uint64 {
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%d %s %s", seed, r.items[i].Key, r.items[i].Text) // never fails
		return mix(h.Sum64())
	}
	for _, list := range cells { // what is kept does not depend on the cells' order
		slices.SortFunc(list, func(a, b int) int { return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a, b)) })
		share := int(math.Round(float64(n) * float64(len(list)) / float64(len(rows))))
		kept = append(kept, list[:min(max(share, 1), len(list))]...)
	}
	return kept
}

// mix spreads FNV's sums, whose high bits hang on the last bytes too little (Stafford's variant 13, as SplitMix64's end).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// check refuses sides on which nothing can be learned, or told.
func (r *Rows) check() error {
	n, real := r.counts()
	for s, name := range sideNames {
		if real[s] == 0 || real[s] == n[s] {
			return fmt.Errorf("of the %d %s rows %d are real findings (TP): expected some of each label; give more labelled findings", n[s], name, real[s])
		}
	}
	return nil
}

func (r *Rows) counts() (n, real [3]int) {
	for i, s := range r.sides {
		n[s]++
		if r.Labels[i] {
			real[s]++
		}
	}
	return n, real
}

// String says how many rows there are: "80 rows to train on (30 TP), 20 dev rows (8 TP), 40 test rows (12 TP)".
func (r *Rows) String() string {
	n, real := r.counts()
	return fmt.Sprintf("%d rows to train on (%d TP), %d dev rows (%d TP), %d test rows (%d TP)", n[trainSide], real[trainSide], n[devSide], real[devSide], n[testSide], real[testSide])
}

// hash tells the rows apart from others: what is asked about each, its label and its side.
func (r *Rows) hash() string {
	h := sha256.New()
	for i := range r.Findings {
		r.hashRow(h, i)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (r *Rows) hashRow(h hash.Hash, i int) {
	f := &r.Findings[i]
	analysis := ""
	if e := r.examples[i]; e != nil {
		analysis = e.ContentHash()
	}
	// hash.Hash never fails.
	_, _ = fmt.Fprintf(h, "%q %q %q %q %s %v %d %s\n", f.ID, f.Source, f.Category, f.Language, f.ContentHash(), r.Labels[i], r.sides[i], analysis)
}

// on lists the rows of a side.
func (r *Rows) on(s side) (list []int) {
	for i := range r.sides {
		if r.sides[i] == s {
			list = append(list, i)
		}
	}
	return list
}

// sample chooses the training rows of a point: n of them by its seed, both labels among them, or all where n is 0.
func (r *Rows) sample(n int, seed uint64) []int {
	rows := r.on(trainSide)
	if n == 0 {
		return rows
	}
	rows = r.pick(rows, n, seed, func(i int) int {
		if r.Labels[i] {
			return 1
		}
		return 0
	})
	slices.Sort(rows)
	return rows
}

// testRows are the rows on which points are judged, as results have them.
func (r *Rows) testRows() (list []results.TestRow) {
	for _, i := range r.on(testSide) {
		f := &r.Findings[i]
		truth := finding.FalsePositive
		if r.Labels[i] {
			truth = finding.TruePositive
		}
		list = append(list, results.TestRow{ID: f.ID, Source: f.Source, Category: f.Category, Group: f.Group, Truth: string(truth)})
	}
	return list
}
