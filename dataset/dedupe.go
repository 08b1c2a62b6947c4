package dataset

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/januslm/janus/finding"
)

// Duplicate is a row that another one makes needless.
type Duplicate struct {
	ID         int64   `json:"id"`
	Of         int64   `json:"of"`         // the row that is kept
	Similarity float64 `json:"similarity"` // 1 where they are equal but for white space and case
	Linked     bool    `json:"linked"`     // kept all the same: the other half of its pair has no duplicate
}

// Contradiction is two rows with the same exchange and category and different truths, which are no pair: one is wrong.
type Contradiction struct {
	Vulnerable int64 `json:"vulnerable"`
	Not        int64 `json:"not"`
}

// Duplicates is what FindDuplicates found.
type Duplicates struct {
	Rows           int             `json:"rows"`
	Duplicates     []Duplicate     `json:"duplicates"`
	Contradictions []Contradiction `json:"contradictions"`
	Deleted        int             `json:"deleted"`
}

// IDs are the rows that can be deleted.
func (d *Duplicates) IDs() (ids []int64) {
	for _, dup := range d.Duplicates {
		if !dup.Linked {
			ids = append(ids, dup.ID)
		}
	}
	return ids
}

// FindDuplicates finds rows whose exchange is a near duplicate of another row's with the same category and the same truth. Of
// such rows the one is kept that a person has confirmed, else one that has an analysis, else the oldest; each duplicate is
// similar to the row that is kept for it itself, not through others.
//
// Rows of one pair resemble each other by nature, and differ in the truth: they are never each other's duplicates. A half of a
// pair is deleted only with its other half. An exchange that is there with both truths, outside of a pair, is not touched but
// reported.
func FindDuplicates(rows []Example, o NearOptions) (*Duplicates, error) {
	order := slices.Clone(rows)
	slices.SortFunc(order, func(a, b Example) int {
		return cmp.Or(later(a.Reviewed != "", b.Reviewed != ""), later(a.Analysis != "", b.Analysis != ""), cmp.Compare(a.ID, b.ID))
	})
	texts := make([]string, len(order))
	for i := range order {
		texts[i] = exchange(&order[i])
	}
	x, clusters, err := nearClusters(texts, o)
	if err != nil {
		return nil, err
	}
	found := &Duplicates{Rows: len(rows), Duplicates: []Duplicate{}, Contradictions: []Contradiction{}}
	kept := newKeptRows(x, order, clusters)
	for i := range order {
		for _, j := range kept.contradicting(i) {
			found.Contradictions = append(found.Contradictions, contradiction(&order[i], &order[j]))
		}
		if j := kept.original(i); j >= 0 {
			found.Duplicates = append(found.Duplicates, Duplicate{ID: order[i].ID, Of: order[j].ID, Similarity: x.similarity(x.first[i], x.first[j])})
		} else {
			kept.add(i)
		}
	}
	found.keepPairs(rows)
	slices.SortFunc(found.Duplicates, func(a, b Duplicate) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

// later orders what is so before what is not.
func later(a, b bool) int {
	return cmp.Compare(map[bool]int{false: 1}[a], map[bool]int{false: 1}[b])
}

func contradiction(e, k *Example) Contradiction {
	if e.IsVulnerable {
		return Contradiction{e.ID, k.ID}
	}
	return Contradiction{k.ID, e.ID}
}

// keepPairs marks halves of pairs whose other half is kept.
func (d *Duplicates) keepPairs(rows []Example) {
	left := map[string]int{} // rows of a pair that are no duplicates
	pair := map[int64]string{}
	for _, e := range rows {
		left[e.PairID]++
		pair[e.ID] = e.PairID
	}
	for _, dup := range d.Duplicates {
		left[pair[dup.ID]]--
	}
	for i := range d.Duplicates {
		name := pair[d.Duplicates[i].ID]
		d.Duplicates[i].Linked = name != "" && left[name] > 0
	}
}

// Write says what was found, for people; most is how many rows of each kind are told one by one.
func (d *Duplicates) Write(w io.Writer, most int) error {
	var b strings.Builder
	linked := 0
	for i, dup := range d.Duplicates {
		if dup.Linked {
			linked++
		}
		if i < most {
			fmt.Fprintf(&b, "%d is a duplicate of %d (%.2f)%s\n", dup.ID, dup.Of, dup.Similarity, map[bool]string{true: ", kept: half of a pair"}[dup.Linked])
		}
	}
	if n := len(d.Duplicates) - most; n > 0 {
		fmt.Fprintf(&b, "and %d more\n", n)
	}
	for i, c := range d.Contradictions {
		if i == most {
			fmt.Fprintf(&b, "and %d more\n", len(d.Contradictions)-most)
			break
		}
		fmt.Fprintf(&b, "%d and %d have the same exchange and opposite labels: `janus data review` settles it\n", c.Vulnerable, c.Not)
	}
	fmt.Fprintf(&b, "rows: %d; duplicates: %d, of which %d can be deleted; contradictions: %d\n", d.Rows, len(d.Duplicates), len(d.Duplicates)-linked, len(d.Contradictions))
	_, err := io.WriteString(w, b.String())
	return err
}

// Dedupe finds duplicates among the rows that a filter chooses, and deletes those that can be, where that is asked for.
func (s *Store) Dedupe(ctx context.Context, f Filter, o NearOptions, remove bool) (*Duplicates, error) {
	rows, err := s.LoadExamples(ctx, f)
	if err != nil {
		return nil, err
	}
	found, err := FindDuplicates(rows, o)
	if err == nil && remove {
		found.Deleted, err = s.DeleteExamples(ctx, found.IDs())
	}
	return found, err
}

// LoadExamples gives the rows that a filter chooses, in memory.
func (s *Store) LoadExamples(ctx context.Context, f Filter) (rows []Example, err error) {
	for e, err := range s.Examples(ctx, f) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, e)
	}
	return rows, nil
}

// LoadFindings gives the findings that a filter chooses, in memory.
func (s *Store) LoadFindings(ctx context.Context, f Filter) (rows []finding.Finding, err error) {
	for row, err := range s.Findings(ctx, f) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// SetExampleSplits writes rows' splits in one transaction: sides[i] is that of ids[i].
func (s *Store) SetExampleSplits(ctx context.Context, ids []int64, sides []string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		set, err := tx.PrepareContext(ctx, "UPDATE "+trainingTable+" SET split = ? WHERE id = ?")
		if err != nil {
			return err
		}
		defer set.Close() //nolint:errcheck // the transaction's end closes it
		for i, id := range ids {
			if _, err := set.ExecContext(ctx, sides[i], id); err != nil {
				return err
			}
		}
		return nil
	})
}

// SetFindingSplits writes findings' splits in one transaction: sides[i] is that of findings[i].
func (s *Store) SetFindingSplits(ctx context.Context, findings []finding.Finding, sides []string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		set, err := tx.PrepareContext(ctx, "UPDATE findings SET split = ? WHERE source = ? AND id = ?")
		if err != nil {
			return err
		}
		defer set.Close() //nolint:errcheck // the transaction's end closes it
		for i := range findings {
			if _, err := set.ExecContext(ctx, sides[i], findings[i].Source, findings[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
}
