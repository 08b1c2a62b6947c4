package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ValidUTF8 replaces each maximal invalid byte sequence by one U+FFFD, like Rust's
// String::from_utf8_lossy and the WHATWG decoder. (Go's own conversion replaces every
// byte, which would give other tokens than the Rust library.)
func ValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError || size > 1 {
			b.WriteString(s[i : i+size])
			i += size
			continue
		}
		b.WriteRune(utf8.RuneError)
		i += invalidLen(s[i:])
	}
	return b.String()
}

// invalidLen is the length of the longest prefix of s, at least 1, that begins a
// well-formed sequence but does not finish it (Unicode 15, table 3-7).
func invalidLen(s string) int {
	lo, hi, need := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c == 0xE0:
		lo, need = 0xA0, 2
	case c == 0xED:
		hi, need = 0x9F, 2
	case c >= 0xE1 && c <= 0xEF:
		need = 2
	case c == 0xF0:
		lo, need = 0x90, 3
	case c >= 0xF1 && c <= 0xF3:
		need = 3
	case c == 0xF4:
		hi, need = 0x8F, 3
	}
	n := 1
	for n <= need && n < len(s) && s[n] >= lo && s[n] <= hi {
		lo, hi = 0x80, 0xBF
		n++
	}
	return n
}

// isWord is \w of Rust's regex crate, with a fast path for ASCII.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.Is(wordRunes, r)
}

// isLetter is \p{L}, with a fast path for ASCII.
func isLetter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.Is(letters, r)
}

// isNumber is \p{N}, with a fast path for ASCII.
func isNumber(r rune) bool {
	if r < utf8.RuneSelf {
		return '0' <= r && r <= '9'
	}
	return unicode.Is(numbers, r)
}

// isNumeric is what the Digits pre-tokenizer splits at.
func isNumeric(r rune) bool {
	if r < utf8.RuneSelf {
		return '0' <= r && r <= '9'
	}
	return unicode.Is(numerics, r)
}

// isPunct is the punctuation of BertPreTokenizer and Punctuation: ASCII punctuation
// (symbols too) and category P.
func isPunct(r rune) bool { return unicode.Is(puncts, r) }

// spaceSuffix gives where the run of white space at the end of s starts.
func spaceSuffix(s string) int {
	return len(strings.TrimRightFunc(s, unicode.IsSpace))
}

// spacePrefix gives the length of the run of white space at the start of s.
func spacePrefix(s string) int {
	return len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
}
