package floor

import (
	"fmt"
	"io"
	"strings"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
)

// WriteMarkdown writes lines as a table.
func WriteMarkdown(w io.Writer, lines []Line) error {
	var b strings.Builder
	b.WriteString("| source | judge | findings (real) | ROC AUC | over words | F1 | FPR | recall | MCC | Brier |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, l := range lines {
		s := l.Summary
		over := "–"
		if l.OverWords != nil {
			over = interval(*l.OverWords, "%+.3f")
		}
		fmt.Fprintf(&b, "| %s | %s | %d (%d) | %s | %s | %.3f | %.3f | %.3f | %.3f | %.3f |\n", cell(l.Source), cell(l.Judge), s.N, s.Positives,
			interval(l.ROCAUC, "%.3f"), over, s.F1, s.FPR, s.Recall, s.MCC, s.Brier)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// interval is a figure and its bounds.
func interval(i metrics.Interval, format string) string {
	return fmt.Sprintf(format+" ["+format+", "+format+"]", i.Value, i.Low, i.High)
}

// cell keeps a name from the data within its cell.
func cell(text string) string { return strings.ReplaceAll(finding.Clean(text), "|", "\\|") }
