package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// span is a range of bytes of the source text.
type span struct{ start, end int32 }

// noToken marks a piece that the model has still to tokenize.
const noToken = int32(-1)

// piece is a stretch of text on its way through the pipeline, with what is needed to find
// its place in the source again (NormalizedString in the tokenizers crate).
type piece struct {
	text string
	// align holds, for each byte of text, the source bytes it stands for. It is nil while
	// text is the source's own bytes from base on.
	align []span
	// base is where the piece starts in the source.
	base int
	// token is the id of an added token, or noToken.
	token int32
	// raw says that text is still raw bytes, to be read in the byte-level alphabet.
	raw bool
}

// slice cuts text[i:j], keeping its place in src.
func (p *piece) slice(i, j int) piece {
	q := piece{text: p.text[i:j], base: p.base + i, token: noToken, raw: p.raw}
	if p.align != nil {
		q.align = p.align[i:j]
		q.base = p.base
		if i < j {
			q.base = int(p.align[i].start)
		}
	}
	return q
}

// offsets gives the source bytes that text[i:j] stands for. Without normalisation these
// are the characters that the range touches.
func (p *piece) offsets(src string, i, j int) [2]int {
	if i >= j {
		return [2]int{p.base + i, p.base + j}
	}
	if p.align != nil {
		return [2]int{int(p.align[i].start), int(p.align[j-1].end)}
	}
	i, j = p.base+i, p.base+j
	for i > 0 && !utf8.RuneStart(src[i]) {
		i--
	}
	for j < len(src) && !utf8.RuneStart(src[j]) {
		j++
	}
	return [2]int{i, j}
}

// change is one character of a transformed text: delta 0 replaces the next character of
// the old text, 1 inserts a new one, -n replaces the next and drops n more.
type change struct {
	r     rune
	delta int
}

// materialize fills align, one span a character, so that text may change.
func (p *piece) materialize() {
	if p.align != nil {
		return
	}
	p.align = make([]span, len(p.text))
	for i, r := range p.text {
		s := span{int32(p.base + i), int32(p.base + i + utf8.RuneLen(r))}
		for k := i; k < i+utf8.RuneLen(r); k++ {
			p.align[k] = s
		}
	}
}

// transform rewrites the whole text. drop is the number of characters removed at the very
// start. Inserted characters take the alignment of the character before them, as in
// NormalizedString::transform_range.
func (p *piece) transform(dest []change, drop int) { p.transformRange(0, len(p.text), dest, drop) }

// transformRange rewrites text[lo:hi].
func (p *piece) transformRange(lo, hi int, dest []change, drop int) {
	p.materialize()
	at := lo // next byte of the old text
	skip := func(runes int) {
		for ; runes > 0 && at < hi; runes-- {
			_, size := utf8.DecodeRuneInString(p.text[at:])
			at += size
		}
	}
	skip(drop)

	var text strings.Builder
	text.Grow(len(p.text) + len(dest) - (hi - lo))
	align := make([]span, 0, len(p.text)+len(dest))
	text.WriteString(p.text[:lo])
	align = append(align, p.align[:lo]...)
	for _, c := range dest {
		s := span{int32(p.base), int32(p.base)}
		switch {
		case c.delta > 0:
			if at > 0 {
				s = p.align[at-1]
			}
		case at < len(p.align):
			s = p.align[at]
		}
		if c.delta <= 0 {
			skip(1 - c.delta)
		}
		text.WriteRune(c.r)
		for range utf8.RuneLen(c.r) {
			align = append(align, s)
		}
	}
	text.WriteString(p.text[hi:])
	p.align = append(align, p.align[hi:]...)
	p.text = text.String()
}

// prepend puts s before a text that is not empty; s takes the first character's place.
func (p *piece) prepend(s string) {
	if p.text == "" || s == "" {
		return
	}
	first, size := utf8.DecodeRuneInString(p.text)
	dest := make([]change, 0, len(s)+1)
	for i, r := range s {
		delta := 1
		if i == 0 {
			delta = 0
		}
		dest = append(dest, change{r, delta})
	}
	p.transformRange(0, size, append(dest, change{first, 1}), 0)
}

// filter drops the characters that keep refuses.
func (p *piece) filter(keep func(rune) bool) {
	if strings.IndexFunc(p.text, func(r rune) bool { return !keep(r) }) < 0 {
		return
	}
	var dest []change
	drop, removed := 0, 0
	for _, r := range p.text {
		if !keep(r) {
			removed++
			continue
		}
		if len(dest) == 0 {
			drop = removed
		} else {
			dest[len(dest)-1].delta = -removed
		}
		dest = append(dest, change{r: r})
		removed = 0
	}
	if len(dest) > 0 {
		dest[len(dest)-1].delta = -removed
	}
	p.transform(dest, drop)
}

// mapRunes replaces each character by another.
func (p *piece) mapRunes(f func(rune) rune) {
	if strings.IndexFunc(p.text, func(r rune) bool { return f(r) != r }) < 0 {
		return
	}
	dest := make([]change, 0, len(p.text))
	for _, r := range p.text {
		dest = append(dest, change{r: f(r)})
	}
	p.transform(dest, 0)
}

// replaceMatches replaces every match by content, which takes the place of the last
// character of what it replaces.
func (p *piece) replaceMatches(matches [][2]int, content string) {
	if len(matches) == 0 {
		return
	}
	p.materialize()
	var text strings.Builder
	var align []span
	last := 0
	for _, m := range matches {
		text.WriteString(p.text[last:m[0]])
		align = append(align, p.align[last:m[0]]...)
		s := span{int32(p.base), int32(p.base)}
		if m[1] > 0 {
			s = p.align[m[1]-1]
		}
		text.WriteString(content)
		for range len(content) {
			align = append(align, s)
		}
		last = m[1]
	}
	text.WriteString(p.text[last:])
	p.align = append(align, p.align[last:]...)
	p.text = text.String()
}
