package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/finding"
)

// Names of the sides of a split.
const (
	Train = "train"
	Dev   = "dev"
	Test  = "test"
)

// ParseSide reads the split of a row in the ways in which data sets write it, in any case; no split is "".
func ParseSide(text string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "":
		return "", nil
	case Train, "training":
		return Train, nil
	case Dev, "valid", "validation", "val":
		return Dev, nil
	case Test, "testing":
		return Test, nil
	}
	return "", fmt.Errorf("expected train, dev or test, found %q", clip(text))
}

// Item is what a split looks at of a row.
type Item struct {
	Key     string   // tells rows apart by their content, so that the order of rows does not matter
	Groups  []string // items that share one are never on both sides
	Stratum string   // every side has its share of each
	Text    string   // what near duplicates are found by; such items are never on both sides
}

// ExampleItem makes an item of a row: its template (Group) and its pair stay together, its stratum is category and label, and its
// text is the exchange.
func ExampleItem(e *Example) Item {
	item := Item{Key: e.ContentHash(), Stratum: e.VulnCategory + " " + e.Label(), Text: exchange(e)}
	if e.Group != "" {
		item.Groups = append(item.Groups, "group "+e.Group)
	}
	if e.PairID != "" {
		item.Groups = append(item.Groups, "pair "+e.PairID)
	}
	return item
}

// exchange is what duplicates are told by: the analysis is an answer, and the same question must not be on both sides.
func exchange(e *Example) string { return e.Request + "\n" + e.Response }

// FindingItem makes an item of a finding: its group (template, repository) and its file stay together, its stratum is category
// and label, and its text is the code or the exchange with the flagged part.
func FindingItem(f *finding.Finding) Item {
	item := Item{Key: f.Source + "\x00" + f.ID, Stratum: strings.TrimSpace(f.Category + " " + f.Label)}
	if f.Group != "" {
		item.Groups = append(item.Groups, "group "+f.Group)
	}
	if f.File != "" { // other sources may have files of the same name
		item.Groups = append(item.Groups, "file "+f.Source+"\x00"+f.File)
	}
	item.Text = strings.Join([]string{f.Snippet, f.Request, f.Response}, "\n")
	if strings.TrimSpace(item.Text) == "" {
		item.Text = f.Focus + "\n" + f.Message
	}
	return item
}

// SplitOptions say how items are divided.
type SplitOptions struct {
	Sides  []Side
	Seed   uint64
	Near   float64 // similarity from which items stay together, see NearOptions; 0 means DefaultNear
	NoNear bool    // near duplicates are not looked for
}

// Side is one part of a split.
type Side struct {
	Name  string
	Share float64 // of all items; the shares' sum is taken as 1
}

// ParseRatio reads "80/20" (train and test) or "80/10/10" (train, dev and test).
func ParseRatio(text string) ([]Side, error) {
	names := map[int][]string{2: {Train, Test}, 3: {Train, Dev, Test}}
	parts := strings.Split(text, "/")
	if names[len(parts)] == nil {
		return nil, fmt.Errorf("ratio: expected train/test such as 80/20, or train/dev/test such as 80/10/10, found %q", text)
	}
	var sides []Side
	for i, part := range parts {
		share, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(share > 0 && share < 1e9) {
			return nil, fmt.Errorf("ratio: expected numbers above 0, found %q in %q", part, text)
		}
		sides = append(sides, Side{names[len(parts)][i], share})
	}
	return sides, nil
}

// Division says on which side each item is.
type Division struct {
	Sides  []string
	Side   []int // of each item, the index in Sides
	Report Balance
}

// Split divides items so that no group and no cluster of near duplicates is on two sides, every side has nearly its share of
// each stratum, and the same items and seed always give the same, whatever their order.
//
// Items that must stay together are one lump. Lumps are placed one by one, the largest first and equal ones in an order that
// the seed makes, each where it brings the counts of its strata, and of all, nearest to their targets: the greedy method of
// scikit-learn's StratifiedGroupKFold, with the chi-square distance as its measure.
func Split(items []Item, o SplitOptions) (*Division, error) {
	if len(o.Sides) < 2 {
		return nil, errors.New("a split needs two sides or more")
	}
	lumps, err := lumpsOf(items, o)
	if err != nil {
		return nil, err
	}
	if len(lumps) < len(o.Sides) {
		return nil, fmt.Errorf("%d items in %d groups cannot be on %d sides: there are too few, or too many belong together (by their template, pair, file, or as near duplicates)",
			len(items), len(lumps), len(o.Sides))
	}
	d := &Division{Side: make([]int, len(items))}
	for _, side := range o.Sides {
		d.Sides = append(d.Sides, side.Name)
	}
	place(items, lumps, o.Sides, d.Side)
	d.Report = balance(items, lumps, o.Sides, d.Side)
	return d, nil
}

// KFold divides items into k folds of equal size, named "0" to k-1. Sides of o is not looked at.
func KFold(items []Item, k int, o SplitOptions) (*Division, error) {
	if k < 2 {
		return nil, fmt.Errorf("folds: expected 2 or more, found %d", k)
	}
	o.Sides = nil
	for i := range k {
		o.Sides = append(o.Sides, Side{strconv.Itoa(i), 1})
	}
	return Split(items, o)
}

// lump is what must stay together: the indices of its items.
type lump struct {
	items []int
	order uint64 // among lumps of one size, by the seed and the least key
}

// lumpsOf puts together what shares a group or a cluster, in the order in which they are placed.
func lumpsOf(items []Item, o SplitOptions) ([]lump, error) {
	together := newPartition(len(items))
	first := map[string]int{}
	join := func(name string, i int) {
		if j, there := first[name]; there {
			together.join(i, j)
		} else {
			first[name] = i
		}
	}
	for i, item := range items {
		join("key "+item.Key, i)
		for _, group := range item.Groups {
			join(group, i)
		}
	}
	if !o.NoNear {
		texts := make([]string, len(items))
		for i := range items {
			texts[i] = items[i].Text
		}
		clusters, err := Near(texts, NearOptions{Threshold: o.Near})
		if err != nil {
			return nil, err
		}
		for i, c := range clusters {
			join("near "+strconv.Itoa(c), i)
		}
	}
	var lumps []lump
	for i, n := range together.numbers() {
		if n == len(lumps) {
			lumps = append(lumps, lump{})
		}
		lumps[n].items = append(lumps[n].items, i)
	}
	least := make([]string, len(lumps))
	for n := range lumps {
		least[n] = items[lumps[n].items[0]].Key
		for _, i := range lumps[n].items {
			least[n] = min(least[n], items[i].Key)
		}
		lumps[n].order = seeded(o.Seed, least[n])
	}
	slices.SortFunc(lumps, func(a, b lump) int {
		return cmp.Or(cmp.Compare(len(b.items), len(a.items)), cmp.Compare(a.order, b.order))
	})
	return lumps, nil
}

// seeded is a hash of a key that another seed changes wholly.
func seeded(seed uint64, key string) uint64 {
	h := sha256.New()
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, seed)) // hash.Hash never fails
	_, _ = h.Write([]byte(key))
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// place chooses the lumps' sides.
func place(items []Item, lumps []lump, sides []Side, side []int) {
	total := 0.0
	for _, s := range sides {
		total += s.Share
	}
	// Stratum 0 is all items; the others are numbered by name, since sums of floats hang on their order.
	numbers := map[string]int{}
	for _, item := range items {
		numbers[item.Stratum] = 0
	}
	for i, name := range sortedKeys(numbers) {
		numbers[name] = i + 1
	}
	counts := make([]float64, len(numbers)+1)
	counts[0] = float64(len(items))
	for _, item := range items {
		counts[numbers[item.Stratum]]++
	}
	have := make([][]float64, len(sides)) // of each side, how many of each stratum it has
	for s := range sides {
		have[s] = make([]float64, len(counts))
	}
	for _, l := range lumps {
		add := map[int]float64{0: float64(len(l.items))}
		for _, i := range l.items {
			add[numbers[items[i].Stratum]]++
		}
		touched := slices.Sorted(maps.Keys(add))
		best, bestCost := 0, 0.0
		for s := range sides {
			cost := 0.0
			for _, n := range touched {
				target := counts[n] * sides[s].Share / total
				before, after := have[s][n]-target, have[s][n]+add[n]-target
				cost += (after*after - before*before) / target
			}
			if s == 0 || cost < bestCost {
				best, bestCost = s, cost
			}
		}
		for _, n := range touched {
			have[best][n] += add[n]
		}
		for _, i := range l.items {
			side[i] = best
		}
	}
}
