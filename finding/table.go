package finding

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// TableOptions say how a table is laid out.
type TableOptions struct {
	Width int  // columns of the terminal; 0 means 100
	Color bool // use ANSI colours
}

// TerminalOptions looks at where a table goes: the terminal's width, and colours
// only on a terminal that has them and where NO_COLOR is not set
// (https://no-color.org).
func TerminalOptions(f *os.File) TableOptions {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return TableOptions{}
	}
	o := TableOptions{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(fd); err == nil {
		o.Width = width
	}
	return o
}

const (
	defaultTableWidth = 100
	minTableWidth     = 40
	verdictColumn     = 10 // "uncertain" and a space
	pColumn           = 6  // "0.00" and two spaces
	maxReasoningLines = 3
	hangingIndent     = verdictColumn + pColumn
	maxBytesAColumn   = 16 // more than any cluster that people write
)

// WriteTable writes the verdicts for people: a line for each finding that was
// judged or failed, below it what its rule looks for and the first line of its
// analysis, and a summary.
// Text from reports and models is shown by Clean, so that it can't move the
// cursor, colour the screen or turn the direction of writing.
func WriteTable(w io.Writer, reviewed []Reviewed, o TableOptions) error {
	width := o.Width
	if width <= 0 {
		width = defaultTableWidth
	}
	width = max(width, minTableWidth)
	rules := min(ruleWidth(reviewed), max((width-hangingIndent)/2, 8))

	var b strings.Builder
	b.WriteString(strings.TrimRight(pad("VERDICT", verdictColumn)+pad("P", pColumn)+pad("RULE", rules+2)+"PLACE", " ") + "\n")
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			if v := r.verdict(i); v.Done() {
				tableRow(&b, &r.Report.Findings[i], v, width, rules, o.Color)
			}
		}
	}
	b.WriteString("\n" + Summary(reviewed) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// ruleWidth is the widest rule's.
func ruleWidth(reviewed []Reviewed) int {
	widest := len("RULE")
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			if v := r.verdict(i); v.Done() {
				widest = max(widest, uniseg.StringWidth(tableRule(&r.Report.Findings[i])))
			}
		}
	}
	return widest
}

// tableRule is what stands in the rule's column: traffic has no rule.
func tableRule(f *Finding) string {
	if f.Rule == "" {
		return Clean(f.Title)
	}
	return Clean(f.Rule)
}

func tableRow(b *strings.Builder, f *Finding, v Verdict, width, rules int, color bool) {
	label, p, text := string(v.Verdict), fmt.Sprintf("%.2f", v.P), v.Reasoning
	if v.Error != "" {
		label, p, text = "error", "-", v.Error
	}
	verdict := pad(label, verdictColumn)
	if color {
		verdict = colors[label] + verdict + reset
	}
	place := width - hangingIndent - rules - 2
	b.WriteString(strings.TrimRight(verdict+pad(p, pColumn)+pad(clip(tableRule(f), rules), rules+2)+clipLeft(Clean(f.Location()), place), " ") + "\n")
	if title := Clean(f.Title); f.Rule != "" && title != "" && title != tableRule(f) {
		title = clip(title, width-hangingIndent)
		if color {
			title = dim + title + reset
		}
		b.WriteString(strings.Repeat(" ", hangingIndent) + title + "\n")
	}
	// A model that babbles, or an error that quotes a file, may be of any length.
	most := (maxReasoningLines + 1) * width * maxBytesAColumn
	lines := wrap(Clean(firstBytes(firstParagraph(text), most)), width-hangingIndent)
	if len(lines) > maxReasoningLines {
		lines = lines[:maxReasoningLines]
		lines[maxReasoningLines-1] = clip(lines[maxReasoningLines-1]+" …", width-hangingIndent)
	}
	if v.Note != "" {
		lines = append(lines, wrap("("+Clean(v.Note)+")", width-hangingIndent)...)
	}
	for _, line := range lines {
		b.WriteString(strings.Repeat(" ", hangingIndent) + line + "\n")
	}
}

// Escapes of ECMA-48 that every terminal with colours has.
const (
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
)

// colors of the verdicts: red is what needs work.
var colors = map[string]string{
	string(TruePositive):  "\x1b[31m",
	string(FalsePositive): "\x1b[32m",
	string(Uncertain):     "\x1b[33m",
	"error":               "\x1b[35m",
}

// Summary says in one line how a review went: "11 findings: 3 real, 8 false alarms".
func Summary(reviewed []Reviewed) string {
	var total, real, unreal, uncertain, failed, left, suppressed, unread int
	for _, r := range reviewed {
		suppressed += r.Report.Suppressed
		unread += len(r.Report.Problems)
		for i := range r.Report.Findings {
			total++
			switch v := r.verdict(i); {
			case v.Error != "":
				failed++
			case v.Verdict == TruePositive:
				real++
			case v.Verdict == FalsePositive:
				unreal++
			case v.Verdict == Uncertain:
				uncertain++
			default:
				left++
			}
		}
	}
	text := fmt.Sprintf("%s: %d real, %s", plural(total, "finding"), real, plural(unreal, "false alarm"))
	for _, part := range []struct {
		n    int
		what string
	}{
		{uncertain, "uncertain"}, {failed, "failed"}, {left, "not reviewed"},
		{unread, "not readable"}, {suppressed, "suppressed in the input"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// firstParagraph is the first line that says something.
func firstParagraph(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
