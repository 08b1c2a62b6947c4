package dataset

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/januslm/janus/finding"
)

// Balance says what a split reached.
type Balance struct {
	Items   int           `json:"items"`
	Groups  int           `json:"groups"`        // that stay together: of templates, pairs, files and near duplicates
	Largest int           `json:"largest_group"` // in items
	Sides   []SideBalance `json:"sides"`
}

// SideBalance is the balance of one side.
type SideBalance struct {
	Name   string         `json:"name"`
	Wanted float64        `json:"wanted"` // share of all items
	Share  float64        `json:"share"`
	Items  int            `json:"items"`
	Groups int            `json:"groups"`
	Strata map[string]int `json:"strata"` // items of each category and label
}

func balance(items []Item, lumps []lump, sides []Side, side []int) Balance {
	b := Balance{Items: len(items), Groups: len(lumps), Largest: len(lumps[0].items)}
	total := 0.0
	for _, s := range sides {
		total += s.Share
	}
	for _, s := range sides {
		b.Sides = append(b.Sides, SideBalance{Name: s.Name, Wanted: s.Share / total, Strata: map[string]int{}})
	}
	for i, item := range items {
		b.Sides[side[i]].Items++
		b.Sides[side[i]].Strata[item.Stratum]++
	}
	for _, l := range lumps {
		b.Sides[side[l.items[0]]].Groups++
	}
	for i := range b.Sides {
		b.Sides[i].Share = float64(b.Sides[i].Items) / float64(len(items))
	}
	return b
}

// offBalance is how far a side may be from its share before that is said.
const offBalance = 0.05

// Warning says what is wrong with a balance, or nothing.
func (b *Balance) Warning() string {
	for _, s := range b.Sides {
		if diff := s.Share - s.Wanted; diff > offBalance || diff < -offBalance {
			return fmt.Sprintf("%s has %.0f %% of the rows, not %.0f %%: the largest group that must stay together has %d of %d rows", s.Name, 100*s.Share, 100*s.Wanted, b.Largest, b.Items)
		}
	}
	return ""
}

// Write writes the balance as a table: a row for each stratum, and a column for each side.
func (b *Balance) Write(w io.Writer) error {
	names := map[string]bool{}
	for _, s := range b.Sides {
		for name := range s.Strata {
			names[name] = true
		}
	}
	t := textTable{header: []string{"STRATUM"}}
	for _, s := range b.Sides {
		t.header = append(t.header, strings.ToUpper(s.Name), "")
	}
	line := func(name string, count func(*SideBalance) int) {
		row := []string{name}
		total := 0
		for i := range b.Sides {
			total += count(&b.Sides[i])
		}
		for i := range b.Sides {
			n := count(&b.Sides[i])
			row = append(row, fmt.Sprint(n), fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(total, 1))))
		}
		t.rows = append(t.rows, row)
	}
	for _, name := range sortedKeys(names) {
		line(name, func(s *SideBalance) int { return s.Strata[name] })
	}
	line("all", func(s *SideBalance) int { return s.Items })
	line("groups", func(s *SideBalance) int { return s.Groups })
	if err := t.write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d rows in %d groups that stay together; the largest has %d\n", b.Items, b.Groups, b.Largest)
	return err
}

// textTable is a table for people: the first column is text, the others are numbers.
type textTable struct {
	header []string
	rows   [][]string
}

func (t *textTable) write(w io.Writer) error {
	widths := make([]int, len(t.header))
	all := append([][]string{t.header}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], len(finding.Clean(cell)))
		}
	}
	var b strings.Builder
	for _, row := range all {
		line := finding.CleanCell(row[0], widths[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], finding.Clean(cell))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
