package finding

import (
	"html"
	"regexp"
	"strings"
)

// levelOf puts a scanner's word or code for severity on SARIF's scale: what is high or
// critical is an error, medium a warning, the rest a note (also what Burp's user
// marked as "False positive"). Without a word it is a warning, SARIF's own default.
func levelOf(severity string) string {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(severity)), " ")
	switch word {
	case "critical", "high", "error", "3":
		return "error"
	case "low", "info", "information", "informational", "note", "inventory", "experiment", "false", "trace", "none", "0", "1":
		return "note"
	}
	return "warning"
}

// maxDescription bounds a rule's own text, which every finding of the rule repeats.
const maxDescription = 4000

// description collects what a scanner says of a place: a text, then named details.
type description struct{ b strings.Builder }

func (d *description) text(text string) {
	if text = strings.TrimSpace(text); text != "" {
		if d.b.Len() > 0 {
			d.b.WriteByte('\n')
		}
		d.b.WriteString(text)
	}
}

func (d *description) detail(name, text string) {
	if text = strings.TrimSpace(text); text != "" {
		d.text(name + ": " + text)
	}
}

func (d *description) String() string { return d.b.String() }

var (
	// Only the markup that scanners' own texts are set in: a payload such as <script>,
	// or a generic type, is what the text is about.
	breakTags = regexp.MustCompile(`(?i)</?(?:p|br|div|ul|ol|tr|table|tbody|thead|h[1-6]|pre)(?:\s[^<>]*)?/?>`)
	itemTags  = regexp.MustCompile(`(?i)<li(?:\s[^<>]*)?>`)
	styleTags = regexp.MustCompile(`(?i)</?(?:b|i|u|em|strong|code|tt|span|font|a|td|th|li|small|wbr)(?:\s[^<>]*)?/?>`)
	blankRuns = regexp.MustCompile(`[ \t]*\n(?:[ \t]*\n)*[ \t]*`)
)

// plainText takes the markup out of a scanner's text that is set in HTML.
func plainText(text string) string {
	if strings.IndexByte(text, '<') >= 0 {
		text = breakTags.ReplaceAllString(text, "\n")
		text = itemTags.ReplaceAllString(text, "\n- ")
		text = styleTags.ReplaceAllString(text, "")
	}
	if strings.IndexByte(text, '&') >= 0 {
		text = html.UnescapeString(text)
	}
	return strings.TrimSpace(blankRuns.ReplaceAllString(text, "\n"))
}

// ruleText is plainText of a text that belongs to the rule, not to the place.
func ruleText(text string) string {
	const more = " […]"
	if text = plainText(firstBytes(text, 4*maxDescription)); len(text) > maxDescription {
		return firstBytes(text, maxDescription-len(more)) + more
	}
	return text
}

// oneOf returns the first text that is not blank.
func oneOf(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// firstText returns the first value that has a text.
func firstText(values ...rawValue) string {
	for _, v := range values {
		if t := v.text(); t != "" {
			return t
		}
	}
	return ""
}

// texts lists an array's strings, or a lone value as a list of one.
func (v rawValue) texts() []string {
	if v.kind() != '[' {
		if text := v.text(); text != "" {
			return []string{text}
		}
		return nil
	}
	var out []string
	for _, e := range v.elems() {
		if text := e.text(); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// slashed is a path as findings have it: with forward slashes.
func slashed(path string) string { return strings.ReplaceAll(path, `\`, "/") }

// setLines sets the finding's place in its file, of which only positive numbers are one.
func (f *Finding) setLines(first, last rawValue) {
	if line, ok := first.num(); ok && line > 0 {
		f.Line = &line
		if end, ok := last.num(); ok && end > line {
			f.EndLine = end
		}
	}
}
