package finding

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Clean makes untrusted text safe to show on a terminal, on one line: white
// space becomes a space, and control characters (ANSI escapes among them),
// directional overrides, tags and other invisible characters become visible
// escapes such as \x1b and \u202e. The two joiners that scripts and emoji need
// are left.
func Clean(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			b.WriteByte(' ')
		case r == '\u200c' || r == '\u200d':
			b.WriteRune(r)
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r) // an invalid byte comes as U+FFFD
		}
	}
	return b.String()
}

// CleanLines is Clean of each line of a text.
func CleanLines(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = Clean(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// CleanCell is Clean for a cell of a table: cut to a width in terminal columns, with
// "…" for its end, or filled up with spaces.
func CleanCell(text string, width int) string {
	return pad(clip(Clean(firstBytes(text, (width+1)*maxBytesAColumn)), width), width)
}

// pad fills a text with spaces to a width in terminal columns.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-uniseg.StringWidth(text), 0))
}

// clip cuts a text to a width, with "…" for its end.
func clip(text string, width int) string {
	text = firstBytes(text, (width+1)*maxBytesAColumn)
	if uniseg.StringWidth(text) <= width {
		return text
	}
	head, _ := cutWidth(text, width-1)
	return head + "…"
}

// clipLeft cuts a text to a width, with "…" for its beginning: of a path, the end
// is what tells.
func clipLeft(text string, width int) string {
	if n := len(text) - width*maxBytesAColumn; n > 0 {
		text = strings.ToValidUTF8(text[n:], "")
	} else if uniseg.StringWidth(text) <= width {
		return text
	}
	for uniseg.StringWidth(text) > width-1 {
		_, rest, _, _ := uniseg.FirstGraphemeClusterInString(text, -1)
		text = rest
	}
	return "…" + text
}

// firstBytes cuts a text to at most so many bytes, between runes.
func firstBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// cutWidth splits a text after as many grapheme clusters as fit in a width, but
// at least one.
func cutWidth(text string, width int) (head, tail string) {
	used, at, state := 0, 0, -1
	for rest := text; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > width && at > 0 {
			break
		}
		used += w
		at += len(cluster)
	}
	return text[:at], text[at:]
}

// wrap breaks a text into lines of at most width columns, at spaces where it can.
func wrap(text string, width int) []string {
	width = max(width, 8)
	var lines []string
	line, used := "", 0
	for word := range strings.FieldsSeq(text) {
		w := uniseg.StringWidth(word)
		if used > 0 && used+1+w > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		for w > width { // a word longer than a line
			var head string
			head, word = cutWidth(word, width)
			lines = append(lines, head)
			w = uniseg.StringWidth(word)
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
