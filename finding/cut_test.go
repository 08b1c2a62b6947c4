package finding

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCutMiddle(t *testing.T) {
	if got, want := CutMiddle(strings.Repeat("a", 500)+strings.Repeat("b", 500), 60), strings.Repeat("a", 17)+"\n[… 967 bytes cut …]\n"+strings.Repeat("b", 16); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, text := range []string{strings.Repeat("é", 1000), strings.Repeat("日", 1000), strings.Repeat("\xff", 1000), strings.Repeat("x\n", 1000)} {
		for most := range 200 {
			got := CutMiddle(text, most)
			if utf8.ValidString(text) != utf8.ValidString(got) && utf8.ValidString(text) {
				t.Fatalf("CutMiddle(%.6q…, %d) breaks a rune: %q", text, most, got)
			}
			if len(got) > max(most, 40) {
				t.Fatalf("CutMiddle(%.6q…, %d) has %d bytes", text, most, len(got))
			}
		}
	}
}
