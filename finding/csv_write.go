package finding

import (
	"bufio"
	"io"
	"strings"
)

// WriteCSV writes every finding with its verdict as a row of RFC 4180: the columns
// of [FindingColumns] and, after the id, those of [VerdictColumns]. What is empty
// or not known is an empty cell. Texts that a spreadsheet would take for a formula
// begin with an apostrophe, which the reader takes away again.
func WriteCSV(w io.Writer, reviewed []Reviewed) error {
	out := bufio.NewWriter(w)
	// The verdict is what people look for; its long and technical columns come last.
	const first = 4 // of the verdict's columns: finding_id, verdict, p, reasoning
	join := func(finding, verdict []any) []any {
		row := append([]any{finding[0]}, verdict[1:first]...)
		return append(append(row, finding[1:]...), verdict[first:]...)
	}
	names := join(anys(FindingColumns()), anys(VerdictColumns()))
	writeCSVRow(out, names)
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			v := r.verdict(i)
			verdict := VerdictRow(&v)
			if !v.Done() {
				clear(verdict)
			}
			writeCSVRow(out, join(FindingRow(&r.Report.Findings[i]), verdict))
		}
	}
	return out.Flush()
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// writeCSVRow writes a row. The writer keeps its first error for Flush.
func writeCSVRow(out *bufio.Writer, row []any) {
	for i, cell := range row {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		text, isText := cell.(string)
		if isText {
			text = guard(text)
		} else {
			text = cellText(cell)
		}
		if strings.ContainsAny(text, "\",;\t\r\n' ") {
			text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
		_, _ = out.WriteString(text)
	}
	_, _ = out.WriteString("\r\n")
}
