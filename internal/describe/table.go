package describe

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/januslm/janus/finding"
)

// table is lines of a name and a value.
type table struct{ lines [][2]string }

// line adds a line unless the value is empty. Texts come from files of strangers, so they are cleaned.
func (t *table) line(name, value string) {
	if value != "" {
		t.lines = append(t.lines, [2]string{finding.Clean(name), finding.Clean(value)})
	}
}

// write writes the lines with their values below one another.
func (t *table) write(w io.Writer) error {
	width := 0
	for _, l := range t.lines {
		width = max(width, utf8.RuneCountInString(l[0]))
	}
	var b strings.Builder
	for _, l := range t.lines {
		b.WriteString(l[0] + strings.Repeat(" ", width+2-utf8.RuneCountInString(l[0])) + l[1] + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
