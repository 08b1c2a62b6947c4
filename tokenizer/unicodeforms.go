package tokenizer

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Go's norm package gives the normal forms but not which character came from where. The
// functions here do the algorithm of UAX #15 step by step on its tables, with the change
// counts of Rust's unicode-normalization-alignments, which offsets depend on.

// decomposed normalises to NFD or NFKD.
func decomposed(form norm.Form) normalizer {
	return func(p *piece) error {
		if form.IsNormalString(p.text) {
			return nil
		}
		p.transform(decompose(p.text, form), 0)
		return nil
	}
}

// composed normalises to NFC or NFKC; base is the matching decomposition.
func composed(form, base norm.Form) normalizer {
	return func(p *piece) error {
		if form.IsNormalString(p.text) {
			return nil
		}
		p.transform(compose(decompose(p.text, base)), 0)
		return nil
	}
}

// decompose gives the characters of the decomposition in canonical order. The first of
// each original character replaces it, the others are insertions.
func decompose(text string, form norm.Form) []change {
	out := make([]change, 0, len(text))
	pending := 0 // start of the run of non-starters at the end of out
	for i := 0; i < len(text); {
		size := runeLen(text[i:])
		delta := 0
		for _, r := range decomposeRune(text[i:i+size], form) {
			if combiningClass(r) == 0 {
				sortByClass(out[pending:])
				pending = len(out)
			}
			out = append(out, change{r, delta})
			delta = 1
		}
		i += size
	}
	sortByClass(out[pending:])
	return out
}

// decomposeRune gives the full decomposition of one character.
func decomposeRune(s string, form norm.Form) string {
	r, _ := utf8.DecodeRuneInString(s)
	if r < utf8.RuneSelf {
		return s
	}
	if r >= hangulBase && r < hangulEnd { // algorithmic, not in the tables
		l, v, t := (r-hangulBase)/588, (r-hangulBase)%588/28, (r-hangulBase)%28
		if t == 0 {
			return string([]rune{0x1100 + l, 0x1161 + v})
		}
		return string([]rune{0x1100 + l, 0x1161 + v, 0x11A7 + t})
	}
	if unicode.Is(undecomposed, r) {
		return s
	}
	if d := form.PropertiesString(s).Decomposition(); d != nil {
		return string(d)
	}
	return s
}

// undecomposed are characters with a decomposition that are newer than the library's
// tables, and so stay as they are there.
var undecomposed = newTable(0x32FF, 0x32FF, 0xA7F2, 0xA7F4, 0xAB69, 0xAB69, 0x10781, 0x10785, 0x10787, 0x107B0,
	0x107B2, 0x107BA, 0x11938, 0x11938, 0x1E030, 0x1E06D, 0x1F16C, 0x1F16C, 0x1FBF0, 0x1FBF9)

// Hangul syllables (Unicode, section 3.12).
const (
	hangulBase = 0xAC00
	hangulEnd  = 0xD7A4
)

// sortByClass puts characters in canonical order. A starter can only be the first and
// stays there.
func sortByClass(run []change) {
	slices.SortStableFunc(run, func(a, b change) int {
		return int(combiningClass(a.r)) - int(combiningClass(b.r))
	})
}

// compose applies the canonical composition algorithm.
func compose(in []change) []change {
	out := make([]change, 0, len(in))
	starter := -1 // index in out of the last starter
	last := -1    // class of the last character after it that stayed, -1 if none did
	for _, c := range in {
		class := int(combiningClass(c.r))
		if starter >= 0 && last < class {
			if r, ok := composePair(out[starter].r, c.r); ok {
				out[starter].r = r
				out[starter].delta += c.delta - 1
				continue
			}
		}
		switch {
		case class == 0:
			starter, last = len(out), -1
		case starter >= 0:
			last = class
		}
		out = append(out, c)
	}
	return out
}

// composePair gives the primary composite of two characters.
func composePair(a, b rune) (rune, bool) {
	var buf [2 * utf8.UTFMax]byte
	pair := utf8.AppendRune(utf8.AppendRune(buf[:0], a), b)
	one := norm.NFC.Bytes(pair)
	r, size := utf8.DecodeRune(one)
	// A pair that does not compose stays two characters.
	return r, size == len(one)
}

func combiningClass(r rune) uint8 {
	if r < 0x300 {
		return 0
	}
	var buf [utf8.UTFMax]byte
	return norm.NFD.Properties(utf8.AppendRune(buf[:0], r)).CCC()
}

func runeLen(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}
