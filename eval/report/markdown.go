package report

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/januslm/janus/finding"
)

// WriteMarkdown writes the document as GitHub Flavored Markdown. charts is the folder of its charts as SVG files, as seen from the
// file's own, with "/"; where it is empty the charts are only named. All text from outside is escaped: it makes no markup.
func (d *Document) WriteMarkdown(w io.Writer, charts string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", escaped(d.Title), escaped(d.Lead))
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s\n", escaped(s.Title))
		for _, block := range s.Blocks {
			switch {
			case block.Table != nil:
				block.Table.markdown(&b)
			case block.Chart != nil:
				block.Chart.markdown(&b, charts)
			case block.Findings != nil:
				block.Findings.markdown(&b)
			default:
				fmt.Fprintf(&b, "\n%s\n", escaped(block.Text))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) markdown(b *strings.Builder) {
	if t.Folded {
		fmt.Fprintf(b, "\n<details><summary>%s (%d rows)</summary>\n", escaped(t.Title), len(t.Rows))
	} else {
		fmt.Fprintf(b, "\n### %s\n", escaped(t.Title))
	}
	if t.Note != "" {
		fmt.Fprintf(b, "\n%s\n", escaped(t.Note))
	}
	b.WriteString("\n|")
	for _, c := range t.Columns {
		b.WriteString(" " + escaped(c.Name) + " |")
	}
	b.WriteString("\n|")
	for _, c := range t.Columns {
		if c.Number {
			b.WriteString("---:|")
		} else {
			b.WriteString("---|")
		}
	}
	b.WriteByte('\n')
	for _, row := range t.Rows {
		b.WriteByte('|')
		for _, cell := range row {
			text := escaped(oneLine(cell.Text))
			if cell.Small != "" {
				text += " (" + escaped(oneLine(cell.Small)) + ")"
			}
			b.WriteString(" " + text + " |")
		}
		b.WriteByte('\n')
	}
	if t.Folded {
		b.WriteString("\n</details>\n")
	}
}

func (c *Chart) markdown(b *strings.Builder, charts string) {
	label := escaped(oneLine(c.Picture.Label))
	if charts == "" {
		fmt.Fprintf(b, "\n*Chart: %s.*\n", label)
	} else {
		fmt.Fprintf(b, "\n![%s](<%s>)\n", label, path.Join(charts, c.ID+".svg"))
	}
	if c.Note != "" {
		fmt.Fprintf(b, "\n%s\n", escaped(c.Note))
	}
}

// mostMarkdownAnalysis is how much of an analysis stands in Markdown, in characters.
const mostMarkdownAnalysis = 600

func (f *Findings) markdown(b *strings.Builder) {
	for _, item := range f.Items {
		fmt.Fprintf(b, "\n<details><summary>%s: %s (%d of %d right)</summary>\n\n", item.Truth, escaped(item.Title), item.Right, item.Judged)
		place := strings.TrimPrefix(strings.Join([]string{item.Place, item.Source, item.Category, item.ID}, " · "), " · ")
		fmt.Fprintf(b, "%s\n\n", escaped(oneLine(place)))
		for _, v := range item.Verdicts {
			mark := map[bool]string{true: "right", false: "wrong"}[v.Right]
			if v.Error != "" {
				mark = escaped(v.Error)
			}
			fmt.Fprintf(b, "- %s: %s, P %s, %s", escaped(v.Variant), v.Verdict, v.P, mark)
			if v.Letters != "" {
				fmt.Fprintf(b, " %s", v.Letters)
			}
			text := ""
			for _, run := range v.Text {
				text += run.Text
			}
			if text = clip(oneLine(text), mostMarkdownAnalysis); text != "" {
				fmt.Fprintf(b, "  \n  %s", escaped(text))
			}
			for _, turn := range v.Turns {
				fmt.Fprintf(b, "\n  - %s", escaped(turn))
			}
			b.WriteByte('\n')
		}
		b.WriteString("\n</details>\n")
	}
}

// readable undoes escapes that nobody needs and that make the source hard to read: a colon before a space makes no link, and
// quotes mean something only in links and elements, of which there are none.
var readable = strings.NewReplacer(`\: `, `: `, `\"`, `"`, `\'`, `'`)

// escaped is a text that makes no markup.
func escaped(text string) string { return readable.Replace(finding.MarkdownText(text)) }

// oneLine puts a text on a line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
