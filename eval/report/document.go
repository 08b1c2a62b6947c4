// Package report makes a study's report of the folders that benchmarks and ablations leave: one page in HTML that needs
// nothing else, the same in Markdown, and its charts as files.
//
// What a study says is put into a [Document] of sections, tables and charts once; the writers only set it. Texts in it that
// come from outside (names, titles, analyses) are cleaned of control characters by who puts them in, and escaped by the writers.
package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// Document is a report, ready to be set.
type Document struct {
	Title    string
	Lead     string
	Sections []Section
}

// Section is a part with a heading.
type Section struct {
	ID, Title string
	Blocks    []Block
}

// Block is one of a text, a table, a chart and a list of findings.
type Block struct {
	Text     string
	Table    *Table
	Chart    *Chart
	Findings *Findings
}

// Table is a table that can be sorted by each of its columns.
type Table struct {
	ID, Title, Note string
	Columns         []Column
	Rows            [][]Cell
	Folded          bool // shown when one asks for it
}

// Column is a table's column.
type Column struct {
	Name   string
	Number bool // set to the right, and sorted as a number
	Hint   string
}

// Cell is a value and, in a smaller type, its interval or what else belongs to it.
type Cell struct {
	Text, Small string
	Sort        float64 // of a number's column; NaN comes last
}

// Chart is a picture with what must be said of it.
type Chart struct {
	ID, Note string
	Picture  *figure.Picture
}

func (s *Section) say(format string, args ...any) {
	s.Blocks = append(s.Blocks, Block{Text: fmt.Sprintf(format, args...)})
}

func (s *Section) table(t *Table) {
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, Block{Table: t})
	}
}

func (s *Section) chart(id, note string, p *figure.Picture) {
	s.Blocks = append(s.Blocks, Block{Chart: &Chart{ID: id, Note: note, Picture: p}})
}

// words and numbers are columns.
func words(names ...string) []Column { return columns(false, names) }

func numbers(names ...string) []Column { return columns(true, names) }

func columns(number bool, names []string) (list []Column) {
	for _, n := range names {
		list = append(list, Column{Name: n, Number: number})
	}
	return list
}

// none stands where there is no figure.
const none = "–"

// word is a cell of text from outside.
func word(s string) Cell {
	if s == "" {
		return Cell{Text: none}
	}
	return Cell{Text: finding.Clean(s)}
}

func whole[N int | int32 | int64](n N) Cell {
	return Cell{Text: finding.Thousands(int(n)), Sort: float64(n)}
}

// number is a cell with so many decimals.
func number(v float64, decimals int) Cell {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Cell{Text: none, Sort: math.NaN()}
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if zero := strings.Trim(text, "-0."); zero == "" {
		text = strings.TrimPrefix(text, "-") // -0.000 is 0.000
	}
	return Cell{Text: strings.ReplaceAll(text, "-", "−"), Sort: v}
}

// figureCell is a figure with its interval.
func figureCell(i metrics.Interval) Cell {
	c := number(float64(i.Value), 3)
	if low, high := number(float64(i.Low), 3), number(float64(i.High), 3); low.Text != none {
		c.Small = low.Text + " to " + high.Text
	}
	return c
}

// size writes bytes with a unit of 1024.
func size(bytes int64) Cell {
	if bytes <= 0 {
		return Cell{Text: none, Sort: math.NaN()}
	}
	v, unit := float64(bytes), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	return Cell{Text: strconv.FormatFloat(v, 'f', decimalsFor(v), 64) + " " + unit, Sort: float64(bytes)}
}

// count writes a large number with its unit: 134.5 M parameters.
func count(n int64) Cell {
	if n <= 0 {
		return Cell{Text: none, Sort: math.NaN()}
	}
	v, unit := float64(n), ""
	for _, u := range []string{" k", " M", " G", " T"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	if unit == "" {
		return whole(n)
	}
	return Cell{Text: strconv.FormatFloat(v, 'f', decimalsFor(v), 64) + unit, Sort: float64(n)}
}

func decimalsFor(v float64) int {
	switch {
	case v >= 100 || v == math.Trunc(v):
		return 0
	case v >= 10:
		return 1
	}
	return 2
}

// duration writes seconds as people do.
func duration(seconds float64) Cell {
	if !(seconds > 0) {
		return Cell{Text: none, Sort: math.NaN()}
	}
	text := ""
	switch {
	case seconds < 0.0995:
		text = strconv.FormatFloat(seconds*1000, 'f', decimalsFor(seconds*1000), 64) + " ms"
	case seconds < 100:
		text = strconv.FormatFloat(seconds, 'f', decimalsFor(seconds), 64) + " s"
	case seconds < 6000:
		text = strconv.FormatFloat(seconds/60, 'f', 1, 64) + " min"
	default:
		text = strconv.FormatFloat(seconds/3600, 'f', 1, 64) + " h"
	}
	return Cell{Text: text, Sort: seconds}
}

// dollars writes an amount with three digits that count.
func dollars(v float64) Cell {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Cell{Text: none, Sort: math.NaN()}
	}
	text := ""
	switch {
	case v == 0:
		text = "0"
	case math.Abs(v) >= 1000:
		text = finding.Thousands(int(math.Round(v)))
	case math.Abs(v) >= 100:
		text = strconv.FormatFloat(v, 'f', 0, 64)
	default:
		digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
		text = strconv.FormatFloat(v, 'f', min(digits, 12), 64)
	}
	return Cell{Text: text, Sort: v}
}

// slug makes a name for a file or an element of a text from outside: letters, digits and "-".
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if n := b.Len(); n > 0 && b.String()[n-1] != '-' {
			b.WriteByte('-')
		}
	}
	s = strings.Trim(b.String(), "-")
	return s[:min(len(s), 60)]
}
