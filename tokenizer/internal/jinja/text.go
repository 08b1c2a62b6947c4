package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a string that knows which of its bytes are trusted. The zero value is empty.
type Text struct {
	s string
	// mask has one byte for each byte of s, 1 where it is untrusted. It is empty where
	// all of s is trusted.
	mask string
}

// Trusted makes a text of the template's own.
func Trusted(s string) Text { return Text{s: s} }

// Untrusted makes a text from outside.
func Untrusted(s string) Text { return Text{s, strings.Repeat("\x01", len(s))} }

// String gives the text without its provenance.
func (t Text) String() string { return t.s }

// Segment is a stretch of text with one provenance.
type Segment struct {
	Text    string
	Trusted bool
}

// Segments cuts the text where trust changes.
func (t Text) Segments() []Segment {
	if t.s == "" {
		return nil
	}
	if t.mask == "" {
		return []Segment{{t.s, true}}
	}
	var out []Segment
	for start := 0; start < len(t.s); {
		end := start + 1
		for end < len(t.s) && t.mask[end] == t.mask[start] {
			end++
		}
		out = append(out, Segment{t.s[start:end], t.mask[start] == 0})
		start = end
	}
	return out
}

// slice cuts bytes i to j.
func (t Text) slice(i, j int) Text {
	if t.mask == "" {
		return Text{s: t.s[i:j]}
	}
	return Text{t.s[i:j], t.mask[i:j]}
}

// builder puts texts together.
type builder struct {
	s    strings.Builder
	mask []byte // nil while all is trusted
}

func (b *builder) write(t Text) {
	if t.mask != "" && b.mask == nil {
		b.mask = make([]byte, b.s.Len(), b.s.Len()+len(t.s))
	}
	b.s.WriteString(t.s)
	switch {
	case t.mask != "":
		b.mask = append(b.mask, t.mask...)
	case b.mask != nil:
		b.mask = append(b.mask, make([]byte, len(t.s))...)
	}
}

func (b *builder) writeString(s string) { b.write(Text{s: s}) }

// writeLike writes s with the trust of one byte of a text.
func (b *builder) writeLike(s string, t Text, i int) {
	if t.mask != "" && t.mask[i] != 0 {
		b.write(Untrusted(s))
		return
	}
	b.writeString(s)
}

func (b *builder) text() Text { return Text{b.s.String(), string(b.mask)} }

// concat joins texts.
func concat(texts ...Text) Text {
	var b builder
	for _, t := range texts {
		b.write(t)
	}
	return b.text()
}

// isSpace is Python's str.isspace for one character: White_Space and the separators 1C
// to 1F.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F }

// strip removes characters that cut accepts from the ends.
func (t Text) strip(left, right bool, cut func(rune) bool) Text {
	i, j := 0, len(t.s)
	if left {
		i = j - len(strings.TrimLeftFunc(t.s, cut))
	}
	if right {
		j = max(i, len(strings.TrimRightFunc(t.s, cut)))
	}
	return t.slice(i, j)
}

func (t Text) trim() Text { return t.strip(true, true, isSpace) }

// length counts code points.
func (t Text) length() int { return utf8.RuneCountInString(t.s) }

// runes gives the byte offset of each code point, and the length of the text at the end.
func (t Text) runes() []int {
	at := make([]int, 0, len(t.s)+1)
	for i := range t.s {
		at = append(at, i)
	}
	return append(at, len(t.s))
}

// replace replaces up to n occurrences (all where n < 0). The replacement keeps its own
// provenance.
func (t Text) replace(from string, to Text, n int) Text {
	var b builder
	last := 0
	if from == "" { // Python puts the replacement around every character
		for i := range t.s {
			if n == 0 {
				break
			}
			b.write(t.slice(last, i))
			b.write(to)
			last = i
			n--
		}
		b.write(t.slice(last, len(t.s)))
		if n != 0 {
			b.write(to)
		}
		return b.text()
	}
	for n != 0 {
		i := strings.Index(t.s[last:], from)
		if i < 0 {
			break
		}
		b.write(t.slice(last, last+i))
		b.write(to)
		last += i + len(from)
		n--
	}
	if last == 0 {
		return t
	}
	b.write(t.slice(last, len(t.s)))
	return b.text()
}

// split cuts at a separator, at most n times (always where n < 0).
func (t Text) split(sep string, n int) []Text {
	var out []Text
	last := 0
	for n != 0 {
		i := strings.Index(t.s[last:], sep)
		if i < 0 {
			break
		}
		out = append(out, t.slice(last, last+i))
		last += i + len(sep)
		n--
	}
	return append(out, t.slice(last, len(t.s)))
}

// rsplit is split from the right.
func (t Text) rsplit(sep string, n int) []Text {
	var out []Text
	end := len(t.s)
	for n != 0 {
		i := strings.LastIndex(t.s[:end], sep)
		if i < 0 {
			break
		}
		out = append(out, t.slice(i+len(sep), end))
		end = i
		n--
	}
	out = append(out, t.slice(0, end))
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// fields cuts at runs of white space, at most n times (always where n < 0).
func (t Text) fields(n int) []Text {
	var out []Text
	rest := t.strip(true, false, isSpace)
	for rest.s != "" {
		i := strings.IndexFunc(rest.s, isSpace)
		if i < 0 || n == 0 {
			out = append(out, rest.strip(false, n != 0, isSpace))
			break
		}
		out = append(out, rest.slice(0, i))
		rest = rest.slice(i, len(rest.s)).strip(true, false, isSpace)
		n--
	}
	return out
}

// lines cuts at line ends (str.splitlines).
func (t Text) lines(keepEnds bool) []Text {
	var out []Text
	start := 0
	for i := 0; i < len(t.s); {
		r, size := utf8.DecodeRuneInString(t.s[i:])
		end := i + size
		if !isLineEnd(r) {
			i = end
			continue
		}
		if r == '\r' && end < len(t.s) && t.s[end] == '\n' {
			end++
		}
		if keepEnds {
			out = append(out, t.slice(start, end))
		} else {
			out = append(out, t.slice(start, i))
		}
		start, i = end, end
	}
	if start < len(t.s) {
		out = append(out, t.slice(start, len(t.s)))
	}
	return out
}

func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1C && r <= 0x1E || r == 0x85 || r == 0x2028 || r == 0x2029
}

// mapRuns rewrites each stretch of one provenance by itself.
func (t Text) mapRuns(f func(string) string) Text {
	var b builder
	for _, seg := range t.Segments() {
		if s := f(seg.Text); seg.Trusted {
			b.writeString(s)
		} else {
			b.write(Untrusted(s))
		}
	}
	return b.text()
}
