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
	train side = iota // heads and adapters are trained on it
	dev               // epochs, temperatures and thresholds are chosen by it
	test              // points are judged on it
)

var sideNames = []string{dataset.Train, dataset.Dev, dataset.Test}

// Rows are a study's labelled findings on their sides.
type Rows struct {
	Findings []finding.Finding
	Labels   []bool // true: a real finding
	// Conversations are what adapters can learn of the findings, where they have an analysis; else nil.
	Conversations []*dataset.ReasoningRow
	Data          []results.Data
	Problems      []error // rows and files that could not be read
	Unlabelled    int     // findings that were left out

	sides  []side
	items  []dataset.Item
	sha256 string
}

// ReadFiles reads findings from files in any format that a review reads.
func ReadFiles(ctx context.Context, files []string) (*Rows, error) {
	findings, problems, err := heads.Read(ctx, files)
	if err != nil {
		return nil, err
	}
	r := &Rows{Problems: problems}
	for i := range findings {
		if err := r.add(&findings[i], dataset.FindingItem(&findings[i]), nil); err != nil {
			return nil, err
		}
	}
	for _, path := range files {
		file, err := run.HashFile(path)
		if err != nil {
			return nil, err
		}
		n := 0
		for i := range r.Findings {
			if r.Findings[i].Origin.Input == path {
				n++
			}
		}
		r.Data = append(r.Data, results.Data{Path: path, Rows: n, SHA256: file.SHA256})
	}
	return r, nil
}

// ReadStore reads a store's training data, as the claims that its rows stand for, and its labelled findings.
func ReadStore(ctx context.Context, store *dataset.Store, path string) (*Rows, error) {
	r := &Rows{}
	for e, err := range store.Examples(ctx, dataset.Filter{}) {
		if err != nil {
			return nil, err
		}
		f := e.Finding()
		var conversation *dataset.ReasoningRow
		if e.Analysis != "" {
			row := dataset.Reasoning(&e)
			conversation = &row
		}
		if err := r.add(&f, dataset.ExampleItem(&e), conversation); err != nil {
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
	r.Data = []results.Data{{Path: path, Rows: len(r.Findings)}}
	return r, nil
}

// add takes a finding in, if it is labelled.
func (r *Rows) add(f *finding.Finding, item dataset.Item, conversation *dataset.ReasoningRow) error {
	if f.Label == "" {
		r.Unlabelled++
		return nil
	}
	real, err := dataset.ParseLabel(f.Label)
	if err != nil {
		return fmt.Errorf("%s: finding %q: label: %w", f.Origin.Input, f.ID, err)
	}
	item.Stratum = fmt.Sprint(f.Category, " ", real) // however the label is written
	r.Findings, r.Labels = append(r.Findings, *f), append(r.Labels, real)
	r.Conversations, r.items = append(r.Conversations, conversation), append(r.items, item)
	return nil
}

// divide puts the rows on their sides and, where the grid says so, leaves some out.
func (r *Rows) divide(g *Grid) error {
	if len(r.Findings) == 0 {
		return errors.New("there is no labelled finding: give findings with a label, TP or FP")
	}
	given := map[string]bool{}
	for i := range r.Findings {
		given[r.Findings[i].Split] = true
	}
	var err error
	switch {
	case given[dataset.Train] && given[dataset.Dev] && given[dataset.Test]:
		r.sides = make([]side, len(r.Findings))
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
	for _, s := range d.Side {
		r.sides = append(r.sides, side(s))
	}
	return nil
}

// cutDev takes the findings' own split of two sides, and dev rows from the training side.
func (r *Rows) cutDev(g *Grid) error {
	r.sides = make([]side, len(r.Findings))
	var learn []int
	var items []dataset.Item
	for i := range r.Findings {
		if s := r.Findings[i].Split; s == dataset.Dev || s == dataset.Test {
			r.sides[i] = test
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
	some.Findings, some.Labels, some.Conversations, some.sides, some.items = nil, nil, nil, nil, nil
	for _, i := range kept {
		some.Findings, some.Labels, some.Conversations = append(some.Findings, r.Findings[i]), append(some.Labels, r.Labels[i]), append(some.Conversations, r.Conversations[i])
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
	return fmt.Sprintf("%d rows to train on (%d TP), %d dev rows (%d TP), %d test rows (%d TP)", n[train], real[train], n[dev], real[dev], n[test], real[test])
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
	conversation := ""
	if c := r.Conversations[i]; c != nil {
		conversation = c.ContentHash()
	}
	// hash.Hash never fails.
	_, _ = fmt.Fprintf(h, "%q %q %q %q %s %v %d %s\n", f.ID, f.Source, f.Category, f.Language, f.ContentHash(), r.Labels[i], r.sides[i], conversation)
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
	rows := r.on(train)
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
	for _, i := range r.on(test) {
		f := &r.Findings[i]
		truth := finding.FalsePositive
		if r.Labels[i] {
			truth = finding.TruePositive
		}
		list = append(list, results.TestRow{ID: f.ID, Source: f.Source, Category: f.Category, Group: f.Group, Truth: string(truth)})
	}
	return list
}
