package dataset

import (
	"context"
	"errors"
	"strconv"

	"github.com/januslm/janus/finding"
)

// DivideOptions say how a store's rows are divided.
type DivideOptions struct {
	Split    SplitOptions // its Sides, where Folds is 0
	Folds    int          // k folds instead of sides
	Fold     int          // with Folds: write the split with this fold as test and the others as train; below 0 writes nothing
	Findings bool         // the findings, not the examples
	Filter   Filter
}

// Folds is a division as JSON: which rows each side has.
type Folds struct {
	K     int        `json:"k"`
	Seed  uint64     `json:"seed"`
	Folds [][]string `json:"folds"` // ids; of findings "SOURCE/ID"
}

// Divide splits the rows that a filter chooses and writes the sides into their split, in one transaction. With folds it also
// gives them.
func (s *Store) Divide(ctx context.Context, o DivideOptions) (*Division, *Folds, error) {
	if o.Folds > 0 && o.Fold >= o.Folds {
		return nil, nil, errors.New("fold: expected 0 to " + strconv.Itoa(o.Folds-1) + ", found " + strconv.Itoa(o.Fold))
	}
	var items []Item
	var names []string
	var ids []int64
	var findings []finding.Finding
	var err error
	if o.Findings {
		if findings, err = s.LoadFindings(ctx, o.Filter); err != nil {
			return nil, nil, err
		}
		for i := range findings {
			items = append(items, FindingItem(&findings[i]))
			names = append(names, findings[i].Source+"/"+findings[i].ID)
		}
	} else {
		for e, err := range s.Examples(ctx, o.Filter) {
			if err != nil {
				return nil, nil, err
			}
			items, ids = append(items, ExampleItem(&e)), append(ids, e.ID)
			names = append(names, strconv.FormatInt(e.ID, 10))
		}
	}
	if len(items) == 0 {
		return nil, nil, errors.New("no rows to split: `janus data import` brings some; do the filters fit?")
	}
	d, folds, sides, err := divide(items, names, o)
	if err != nil || sides == nil {
		return d, folds, err
	}
	if o.Findings {
		return d, folds, s.SetFindingSplits(ctx, findings, sides)
	}
	return d, folds, s.SetExampleSplits(ctx, ids, sides)
}

// divide gives the division, its folds, and what is written into the rows' split, if anything.
func divide(items []Item, names []string, o DivideOptions) (d *Division, folds *Folds, sides []string, err error) {
	if o.Folds == 0 {
		if d, err = Split(items, o.Split); err != nil {
			return nil, nil, nil, err
		}
		for _, side := range d.Side {
			sides = append(sides, d.Sides[side])
		}
		return d, nil, sides, nil
	}
	if d, err = KFold(items, o.Folds, o.Split); err != nil {
		return nil, nil, nil, err
	}
	folds = &Folds{K: o.Folds, Seed: o.Split.Seed, Folds: make([][]string, o.Folds)}
	for i, side := range d.Side {
		folds.Folds[side] = append(folds.Folds[side], names[i])
		if o.Fold >= 0 {
			sides = append(sides, map[bool]string{true: Test, false: Train}[side == o.Fold])
		}
	}
	return d, folds, sides, nil
}
