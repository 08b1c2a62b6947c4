package generate

import (
	"fmt"
	"html"
	"strings"
)

func htmlEscape(s string) string { return html.EscapeString(s) }

var xmlReplacer = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

func xmlEscape(s string) string { return xmlReplacer.Replace(s) }

// escape writes a text as it stands in a body of a format: what a correct server does.
func escape(f format, s string) string {
	switch f {
	case formatHTML:
		return htmlEscape(s)
	case formatJSON:
		quoted := jsonString(s)
		return quoted[1 : len(quoted)-1]
	case formatXML:
		return xmlEscape(s)
	default:
		return s
	}
}

func (g *gen) class() string {
	return g.pick("note", "info", "card", "row", "panel", "msg", "text-muted", "lead", "alert", "summary", "box", "item", "hint", "content", "entry", "banner")
}

// paragraph is one text of the page, correctly escaped. Key is what it is called where the format has names.
func (g *gen) paragraph(f format, key, text string) string {
	e := escape(f, text)
	switch f {
	case formatHTML:
		switch g.IntN(5) {
		case 0:
			return "<p>" + e + "</p>"
		case 1:
			return `<div class="` + g.class() + `">` + e + "</div>"
		case 2:
			return `<p class="` + g.class() + `">` + e + "</p>"
		case 3:
			return `<section id="` + key + `"><p>` + e + "</p></section>"
		default:
			return `<span class="` + g.class() + `" data-key="` + key + `">` + e + "</span>"
		}
	case formatJSON:
		return `"` + key + `": "` + e + `",`
	case formatXML:
		return "<" + key + ">" + e + "</" + key + ">"
	default:
		return e
	}
}

// lines is a text of several lines: a trace, a listing, a file.
func (g *gen) lines(f format, key string, text []string) string {
	escaped := make([]string, len(text))
	for i, line := range text {
		escaped[i] = escape(f, line)
	}
	switch f {
	case formatHTML:
		switch g.IntN(3) {
		case 0:
			return `<pre class="` + g.class() + `">` + strings.Join(escaped, "\n") + "</pre>"
		case 1:
			return `<pre id="` + key + `"><code>` + strings.Join(escaped, "\n") + "</code></pre>"
		default:
			return `<div class="` + key + `">` + strings.Join(escaped, "<br>\n") + "</div>"
		}
	case formatJSON:
		if g.chance(0.5) {
			return `"` + key + `": "` + strings.Join(escaped, `\n`) + `",`
		}
		return `"` + key + `": [` + "\n  \"" + strings.Join(escaped, "\",\n  \"") + "\"\n],"
	case formatXML:
		return "<" + key + ">" + strings.Join(escaped, "\n") + "</" + key + ">"
	default:
		return strings.Join(escaped, "\n")
	}
}

// field is one name with its value.
type field struct{ name, value string }

// fields is a group of names with values: settings, a record.
func (g *gen) fields(f format, key string, list []field) string {
	var b strings.Builder
	kind := g.IntN(3)
	for i, x := range list {
		name, value := escape(f, x.name), escape(f, x.value)
		switch f {
		case formatHTML:
			b.WriteString(fmt.Sprintf([]string{
				"<tr><th>%s</th><td>%s</td></tr>\n", "  <dt>%s</dt><dd>%s</dd>\n", "  <li><b>%s</b>: %s</li>\n",
			}[kind], name, value))
		case formatJSON:
			end := ","
			if i == len(list)-1 {
				end = ""
			}
			b.WriteString(`  "` + name + `": "` + value + `"` + end + "\n")
		case formatXML:
			b.WriteString(`  <entry name="` + name + `">` + value + "</entry>\n")
		default:
			b.WriteString(name + []string{"=", ": ", " = "}[kind] + value + "\n")
		}
	}
	switch f {
	case formatHTML:
		return []string{`<table class="` + g.class() + "\">\n", "<dl>\n", `<ul class="` + g.class() + "\">\n"}[kind] + b.String() +
			[]string{"</table>", "</dl>", "</ul>"}[kind]
	case formatJSON:
		return `"` + key + "\": {\n" + b.String() + "},"
	case formatXML:
		return "<" + key + ">\n" + b.String() + "</" + key + ">"
	default:
		return strings.TrimSuffix(b.String(), "\n")
	}
}

// table is rows of a list: products, users, orders.
func (g *gen) table(f format, key string, columns []string, rows [][]string) string {
	var b strings.Builder
	switch f {
	case formatHTML:
		asList := g.chance(0.4)
		open, end := `<table id="`+key+"\">\n<tr><th>"+strings.Join(columns, "</th><th>")+"</th></tr>\n", "</table>"
		if asList {
			open, end = `<ul class="`+key+"\">\n", "</ul>"
		}
		b.WriteString(open)
		for _, row := range rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = htmlEscape(cell)
			}
			if asList {
				b.WriteString("<li>" + strings.Join(cells, " – ") + "</li>\n")
			} else {
				b.WriteString("<tr><td>" + strings.Join(cells, "</td><td>") + "</td></tr>\n")
			}
		}
		return b.String() + end
	case formatJSON:
		b.WriteString(`"` + key + "\": [")
		for i, row := range rows {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString("\n  {")
			for c, cell := range row {
				if c > 0 {
					b.WriteString(", ")
				}
				b.WriteString(`"` + columns[c] + `": "` + escape(f, cell) + `"`)
			}
			b.WriteString("}")
		}
		if len(rows) > 0 {
			b.WriteString("\n")
		}
		return b.String() + "],"
	case formatXML:
		b.WriteString("<" + key + ">\n")
		for _, row := range rows {
			b.WriteString("  <row>")
			for c, cell := range row {
				b.WriteString("<" + columns[c] + ">" + xmlEscape(cell) + "</" + columns[c] + ">")
			}
			b.WriteString("</row>\n")
		}
		return b.String() + "</" + key + ">"
	default:
		lines := []string{strings.Join(columns, "\t")}
		for _, row := range rows {
			lines = append(lines, strings.Join(row, "\t"))
		}
		return strings.Join(lines, "\n")
	}
}
