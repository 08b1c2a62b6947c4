package dataset

import (
	"context"
	"fmt"
	"io"

	"github.com/januslm/janus/finding"
)

// Stats counts a store's rows.
type Stats struct {
	Examples Counts `json:"training_data"`
	Findings Counts `json:"findings"`
}

// Counts are one table's counts.
type Counts struct {
	Rows       int                       `json:"rows"`
	Classes    map[string]map[string]int `json:"classes"` // by category, then "TP", "FP" or "" where it is not known
	Sources    map[string]int            `json:"sources"`
	Splits     map[string]int            `json:"splits"` // "" is none
	Pairs      int                       `json:"pairs"`  // pairs with two rows and more
	Halves     int                       `json:"halves"` // rows with a pair_id that no other row has
	Reviewed   int                       `json:"reviewed"`
	NoAnalysis int                       `json:"no_analysis"`
	Sizes      map[string]Size           `json:"sizes"` // of the exchange or code, and of the analysis
}

// Size is how long texts are.
type Size struct {
	Bytes  int64 `json:"bytes"`
	Most   int   `json:"most_bytes"`
	Tokens int64 `json:"tokens"` // about: words and other characters, as duplicates are found by; a model's tokenizer makes its own
}

// add counts a text.
func (s *Size) add(text string) {
	s.Bytes += int64(len(text))
	s.Most = max(s.Most, len(text))
	s.Tokens += int64(len(tokens(text)))
}

func newCounts() Counts {
	return Counts{Classes: map[string]map[string]int{}, Sources: map[string]int{}, Splits: map[string]int{}, Sizes: map[string]Size{}}
}

func (c *Counts) add(category, label, source, split string, texts map[string]string) {
	c.Rows++
	if c.Classes[category] == nil {
		c.Classes[category] = map[string]int{}
	}
	c.Classes[category][label]++
	c.Sources[source]++
	c.Splits[split]++
	for name, text := range texts {
		size := c.Sizes[name]
		size.add(text)
		c.Sizes[name] = size
	}
}

// Stats counts the rows that a filter chooses, of both tables.
func (s *Store) Stats(ctx context.Context, f Filter) (*Stats, error) {
	stats := &Stats{Examples: newCounts(), Findings: newCounts()}
	pairs := map[string]int{}
	for e, err := range s.Examples(ctx, f) {
		if err != nil {
			return nil, err
		}
		stats.Examples.add(e.VulnCategory, e.Label(), e.Source, e.Split, map[string]string{"text": exchange(&e), "analysis": e.Analysis})
		if e.PairID != "" {
			pairs[e.PairID]++
		}
		if e.Reviewed != "" {
			stats.Examples.Reviewed++
		}
		if e.Analysis == "" {
			stats.Examples.NoAnalysis++
		}
	}
	for _, n := range pairs {
		if n > 1 {
			stats.Examples.Pairs++
		} else {
			stats.Examples.Halves++
		}
	}
	for row, err := range s.Findings(ctx, f) {
		if err != nil {
			return nil, err
		}
		stats.Findings.add(row.Category, row.Label, row.Source, row.Split, map[string]string{"text": FindingItem(&row).Text})
	}
	return stats, nil
}

// Write writes the counts as tables.
func (s *Stats) Write(w io.Writer) error {
	for _, part := range []struct {
		name   string
		counts *Counts
	}{{"training data", &s.Examples}, {"findings", &s.Findings}} {
		if err := part.counts.write(w, part.name); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "pairs: %d; halves of pairs: %d; confirmed by a person: %d; without an analysis: %d\n",
		s.Examples.Pairs, s.Examples.Halves, s.Examples.Reviewed, s.Examples.NoAnalysis)
	return err
}

func (c *Counts) write(w io.Writer, name string) error {
	if _, err := fmt.Fprintf(w, "%s: %d rows\n", name, c.Rows); err != nil || c.Rows == 0 {
		return err
	}
	classes := textTable{header: []string{"CATEGORY", string(finding.TruePositive), string(finding.FalsePositive), "UNKNOWN", "ALL"}}
	all := map[string]int{}
	row := func(name string, of map[string]int) {
		cells, sum := []string{name}, 0
		for _, label := range []string{string(finding.TruePositive), string(finding.FalsePositive), ""} {
			cells = append(cells, fmt.Sprint(of[label]))
			sum += of[label]
		}
		classes.rows = append(classes.rows, append(cells, fmt.Sprint(sum)))
	}
	for _, category := range sortedKeys(c.Classes) {
		row(category, c.Classes[category])
		for label, n := range c.Classes[category] {
			all[label] += n
		}
	}
	row("all", all)
	if err := classes.write(w); err != nil {
		return err
	}
	for _, of := range []struct {
		title  string
		counts map[string]int
	}{{"SPLIT", c.Splits}, {"SOURCE", c.Sources}} {
		t := textTable{header: []string{of.title, "ROWS"}}
		for _, key := range sortedKeys(of.counts) {
			name := key
			if name == "" {
				name = "(none)"
			}
			t.rows = append(t.rows, []string{name, fmt.Sprint(of.counts[key])})
		}
		if err := t.write(w); err != nil {
			return err
		}
	}
	sizes := textTable{header: []string{"SIZE", "BYTES", "MEAN", "MOST", "TOKENS"}}
	for _, key := range sortedKeys(c.Sizes) {
		size := c.Sizes[key]
		sizes.rows = append(sizes.rows, []string{key, fmt.Sprint(size.Bytes), fmt.Sprint(size.Bytes / int64(c.Rows)), fmt.Sprint(size.Most), fmt.Sprint(size.Tokens)})
	}
	if err := sizes.write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
