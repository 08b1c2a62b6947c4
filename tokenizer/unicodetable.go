package tokenizer

import (
	"slices"
	"unicode"
)

// newTable makes a table of [low, high] pairs in ascending order.
func newTable(bounds ...uint32) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for r := range slices.Chunk(bounds, 2) {
		if r[1] <= 0xFFFF {
			t.R16 = append(t.R16, unicode.Range16{Lo: uint16(r[0]), Hi: uint16(r[1]), Stride: 1})
			if r[1] <= unicode.MaxLatin1 {
				t.LatinOffset++
			}
			continue
		}
		t.R32 = append(t.R32, unicode.Range32{Lo: r[0], Hi: r[1], Stride: 1})
	}
	return t
}

// toLower is Rust's lower case of one character, but for U+0130, which has two.
func toLower(r rune) rune {
	if to, ok := newLower[r]; ok {
		return to
	}
	return unicode.ToLower(r)
}
