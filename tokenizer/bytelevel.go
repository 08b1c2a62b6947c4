package tokenizer

import "strings"

// The byte-level alphabet of GPT-2 (bytes_to_unicode in OpenAI's encoder.py) writes every
// byte as one printable character: itself where it is printable Latin-1, else the next
// free code point from U+0100 on.
var (
	byteChars [256]string
	byteRunes [256]rune
	charBytes = map[rune]byte{}
)

func init() {
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		printable := '!' <= r && r <= '~' || 0xA1 <= r && r <= 0xAC || 0xAE <= r && r <= 0xFF
		if !printable {
			r = next
			next++
		}
		byteRunes[b], byteChars[b] = r, string(r)
		charBytes[r] = byte(b)
	}
}

// toByteChars writes raw bytes in the byte-level alphabet.
func toByteChars(s string) string {
	var b strings.Builder
	b.Grow(2 * len(s))
	for i := range len(s) {
		b.WriteString(byteChars[s[i]])
	}
	return b.String()
}

// fromByteChars appends the bytes that a token of the byte-level alphabet stands for, or
// the token's own bytes if it has a character outside of it.
func fromByteChars(dst []byte, token string) []byte {
	n := len(dst)
	for _, r := range token {
		b, ok := charBytes[r]
		if !ok {
			return append(dst[:n], token...)
		}
		dst = append(dst, b)
	}
	return dst
}
