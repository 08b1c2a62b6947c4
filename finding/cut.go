package finding

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CutMiddle keeps both ends of a text that is longer than most bytes, with a
// marker between them that says how much is missing. The marker counts in most;
// where there is no room for it and some text, the marker is all that is left.
func CutMiddle(text string, most int) string {
	if len(text) <= most {
		return text
	}
	marker := func(missing int) string { return fmt.Sprintf("[… %s bytes cut …]", Thousands(missing)) }
	keep := most - len(marker(len(text))) - 2
	if keep < 16 {
		if most <= 0 {
			return ""
		}
		return marker(len(text))
	}
	head, tail := (keep+1)/2, len(text)-keep/2
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + "\n" + marker(tail-head) + "\n" + text[tail:]
}

// Thousands writes 4980112 as "4,980,112".
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// OneLine puts a text on one line, with single spaces; an empty one is otherwise.
func OneLine(text, otherwise string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return otherwise
	}
	return text
}
