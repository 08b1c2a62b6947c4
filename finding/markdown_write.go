package finding

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxMarkdown is the most characters that GitHub takes for a comment. WriteMarkdown
// counts bytes, of which there are as many or more.
const MaxMarkdown = 65536

const (
	maxMarkdownReasoning = 700 // bytes of an analysis
	maxMarkdownName      = 160 // bytes of a rule, a place or a title
)

// WriteMarkdown writes a comment for a pull request: a summary, a table of what is
// left to look at (real ones first, the surest before others) with each analysis
// folded, and the false alarms in a folded table. It is GitHub Flavored Markdown
// of at most MaxMarkdown bytes; what does not fit is counted in its place.
//
// All text of reports and models is escaped: it makes no markup, no HTML, no link,
// and mentions nobody. The first line is a comment by which a bot finds its own
// comment again.
func WriteMarkdown(w io.Writer, reviewed []Reviewed) error {
	var b strings.Builder
	b.WriteString("<!-- janus -->\n### Janus: " + Summary(reviewed) + "\n")
	all := rank(reviewed)
	split := 0
	for split < len(all) && all[split].order() != orderUnreal {
		split++
	}
	footer := markdownFooter(all)
	// The false alarms get what the others leave, and always room for saying how many there are.
	const folded = 300
	room := MaxMarkdown - len(footer) - folded
	if split > 0 {
		b.WriteByte('\n')
		markdownTable(&b, all[:split], room)
	}
	if alarms := all[split:]; len(alarms) > 0 {
		fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n", plural(len(alarms), "false alarm"))
		markdownTable(&b, alarms, room)
		b.WriteString("\n</details>\n")
	}
	b.WriteString(footer)
	_, err := io.WriteString(w, b.String())
	return err
}

const markdownHead = "| Verdict | P | Rule | Place | Finding |\n|---|---|---|---|---|\n"

// markdownTable adds rows as long as the text stays within most bytes, and says
// how many are left out.
func markdownTable(b *strings.Builder, rows []ranked, most int) {
	const more = 60 // of the line that counts the rest
	if b.Len()+len(markdownHead)+more > most {
		fmt.Fprintf(b, "and %s more\n", Thousands(len(rows)))
		return
	}
	b.WriteString(markdownHead)
	for i := range rows {
		row := markdownRow(&rows[i])
		if b.Len()+len(row)+more > most {
			fmt.Fprintf(b, "\nand %s more\n", Thousands(len(rows)-i))
			return
		}
		b.WriteString(row)
	}
}

func markdownRow(r *ranked) string {
	p, text := "–", r.verdict.Reasoning
	if r.verdict.Judged() {
		p = fmt.Sprintf("%.2f", r.verdict.P)
	}
	if r.verdict.Error != "" {
		text = r.verdict.Error
	}
	word := r.word()
	if r.order() == orderReal {
		word = "**" + word + "**"
	}
	what := markdownText(markdownClip(r.title(), maxMarkdownName))
	if text = strings.TrimSpace(text); text != "" {
		text = markdownText(markdownClip(Clean(firstBytes(text, 4*maxMarkdownReasoning)), maxMarkdownReasoning))
		what = "<details><summary>" + what + "</summary>" + text + "</details>"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", word, p,
		markdownCode(tableRule(r.finding)), markdownCode(Clean(r.finding.Location())), what)
}

// markdownFooter names the models that judged.
func markdownFooter(all []ranked) string {
	var models []string
	seen := map[string]bool{"": true}
	for i := range all {
		if model := all[i].verdict.Model; !seen[model] {
			seen[model] = true
			models = append(models, markdownCode(Clean(model)))
		}
	}
	const most = 5
	if len(models) == 0 {
		return ""
	}
	if len(models) > most {
		models = append(models[:most], fmt.Sprintf("and %d more", len(models)-most))
	}
	return "\nJudged by " + strings.Join(models, ", ") + ". P is the probability that a finding is real.\n"
}

// markdownClip cuts a text to a number of bytes, with "…" for its end.
func markdownClip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return firstBytes(text, most) + "…"
}

// markdownCode shows a name in code: GitHub looks for no mentions there.
func markdownCode(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + markdownText(markdownClip(text, maxMarkdownName)) + "</code>"
}

// MarkdownText escapes a text for Markdown, on one line: it makes no markup, no HTML, no
// link, no cell of a table, and mentions nobody. Control characters are left to Clean.
func MarkdownText(text string) string { return markdownText(text) }

// markdownText escapes a text of one line. CommonMark takes any ASCII punctuation
// after a backslash as itself (§2.4), and so forms no link of "http\://" and no row
// of "\|". Mentions and issue numbers GitHub finds in the finished page, so a space
// of no width stands in them.
func markdownText(text string) string {
	const zeroWidth = "\u200b"
	var b strings.Builder
	for i, r := range text {
		if r < utf8.RuneSelf && strings.ContainsRune("\\`*_{}[]<>()#!|~&$:.@^=+-\"'/", r) {
			// Dots and strokes in words and numbers need none: it only makes them hard to read as source.
			before := strings.ToLower(text[max(0, i-3):i])
			if plain := strings.ContainsRune("./-", r); !plain || r == '.' && before == "www" {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
		if r == '@' || r == '#' || r == '-' && strings.EqualFold(text[max(0, i-2):i], "gh") {
			b.WriteString(zeroWidth)
		}
	}
	return b.String()
}
