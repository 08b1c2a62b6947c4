package dataset

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/januslm/janus/finding"
)

// listColumn is a column of a list: the last one takes what is left of the width.
type listColumn struct {
	name  string
	width int
}

var (
	exampleList = []listColumn{{"ID", 7}, {"LABEL", 5}, {"CATEGORY", 12}, {"SPLIT", 5}, {"SEEN", 4}, {"SOURCE", 14}, {"REQUEST", 0}}
	findingList = []listColumn{{"ID", 24}, {"LABEL", 5}, {"CATEGORY", 10}, {"SPLIT", 5}, {"RULE", 20}, {"PLACE", 0}}
)

// ListExamples writes a line for each row, for people; it says how many there were. Texts are made safe for a terminal.
func ListExamples(w io.Writer, rows iter.Seq2[Example, error], width int) (int, error) {
	return list(w, exampleList, rows, width, func(e *Example) []string {
		first, _, _ := strings.Cut(strings.TrimSpace(e.Request+"\n"+e.Response), "\n")
		seen := map[bool]string{true: "yes"}[e.Reviewed != ""]
		return []string{strconv.FormatInt(e.ID, 10), e.Label(), e.VulnCategory, e.Split, seen, e.Source, strings.TrimSpace(first)}
	})
}

// ListFindings is ListExamples for findings.
func ListFindings(w io.Writer, rows iter.Seq2[finding.Finding, error], width int) (int, error) {
	return list(w, findingList, rows, width, func(f *finding.Finding) []string {
		return []string{f.ID, f.Label, f.Category, f.Split, f.Rule, f.Location()}
	})
}

// minListWidth leaves the last column some room.
const minListWidth = 90

func list[T any](w io.Writer, columns []listColumn, rows iter.Seq2[T, error], width int, cells func(*T) []string) (n int, err error) {
	out := bufio.NewWriter(w)
	line := func(cells []string) {
		left := max(width, minListWidth)
		var text strings.Builder
		for i, c := range columns {
			if c.width == 0 {
				c.width = left
			}
			text.WriteString(finding.CleanCell(cells[i], c.width) + "  ")
			left -= c.width + 2
		}
		_, _ = out.WriteString(strings.TrimRight(text.String(), " ") + "\n") // Flush gives the writer's first error
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		if n == 0 {
			line(names)
		}
		line(cells(&row))
		n++
	}
	return n, out.Flush()
}

// ShowExample writes a row whole, for people: its fields, then its texts line by line, safe for a terminal.
func ShowExample(w io.Writer, e *Example) error {
	out := bufio.NewWriter(w)
	field := func(name, text string) {
		if text != "" {
			_, _ = fmt.Fprintf(out, "%-10s %s\n", name, finding.Clean(text)) // Flush gives the writer's first error
		}
	}
	field("id", strconv.FormatInt(e.ID, 10))
	field("label", map[bool]string{true: "TP (vulnerable)", false: "FP (not vulnerable)"}[e.IsVulnerable])
	field("category", e.VulnCategory)
	for i, value := range e.values() {
		if text, ok := value.(string); ok && i >= len(studyColumns) {
			field(exampleColumns[i], text)
		}
	}
	showTexts(out, []string{"request", "response", "analysis"}, []string{e.Request, e.Response, e.Analysis})
	return out.Flush()
}

// ShowFinding writes a finding whole, in the same way.
func ShowFinding(w io.Writer, f *finding.Finding) error {
	out := bufio.NewWriter(w)
	var names, texts []string
	row := finding.FindingRow(f)
	for i, name := range finding.FindingColumns() {
		if row[i] == nil || row[i] == "" {
			continue
		}
		if text := fmt.Sprint(row[i]); strings.Contains(text, "\n") {
			names, texts = append(names, name), append(texts, text)
		} else {
			_, _ = fmt.Fprintf(out, "%-12s %s\n", name, finding.Clean(text)) // Flush gives the writer's first error
		}
	}
	showTexts(out, names, texts)
	return out.Flush()
}

// showTexts writes long texts below their names. Every line is indented, so that none of them can pass for a name.
func showTexts(out *bufio.Writer, names, texts []string) {
	for i, name := range names {
		_, _ = fmt.Fprintf(out, "\n%s:\n", name)
		for line := range strings.Lines(texts[i]) {
			_, _ = fmt.Fprintf(out, "  %s\n", finding.Clean(strings.TrimRight(line, "\r\n")))
		}
	}
}
