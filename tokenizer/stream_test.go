package tokenizer

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// smollm2 opens the small model's tokenizer in pure Go.
func smollm2(t testing.TB) Tokenizer {
	t.Helper()
	data, err := readFixture(filepath.Join("..", "testdata", "golden", "smollm2", "tokenizer", "tokenizer.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestStream(t *testing.T) {
	tok := smollm2(t)
	for _, text := range []string{
		"", "plain text, in words", "日本語のテキスト 🚀🔥 go 👨‍👩‍👧", strings.Repeat("é😀 ", 40), "ends with \uFFFD", "\uFFFD\uFFFD in front",
		strings.Repeat("靦昵赒馺衑垘餲裺忓蝉", 10),
	} {
		e, err := tok.Encode(text, EncodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewStream(tok, true)
		var got strings.Builder
		for _, id := range e.IDs {
			part := s.Add(id)
			if !utf8.ValidString(part) {
				t.Errorf("%q: piece %q is not UTF-8", text, part)
			}
			got.WriteString(part)
		}
		got.WriteString(s.Flush())
		if got.String() != text {
			t.Errorf("streamed %q, want %q", got.String(), text)
		}
	}
}

// A character cut short comes out as U+FFFD at the end, not before.
func TestStreamUnfinished(t *testing.T) {
	tok := smollm2(t)
	e, err := tok.Encode("😀", EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.IDs) < 2 {
		t.Fatalf("the test needs a character of several tokens, found %v", e.IDs)
	}
	s := NewStream(tok, false)
	if got := s.Add(e.IDs[0]); got != "" {
		t.Errorf("half a character gave %q", got)
	}
	if got := s.Flush(); got != "\uFFFD" {
		t.Errorf("flush gave %q, want U+FFFD", got)
	}
	if got := s.Flush(); got != "" {
		t.Errorf("second flush gave %q", got)
	}
}

func TestCommonPrefix(t *testing.T) {
	for _, c := range []struct {
		seqs [][]int32
		want int
	}{
		{nil, 0},
		{[][]int32{{1, 2, 3}}, 3},
		{[][]int32{{1, 2, 3}, {1, 2, 4}}, 2},
		{[][]int32{{1, 2, 3}, {1, 2}, {1, 2, 3}}, 2},
		{[][]int32{{1}, {}}, 0},
		{[][]int32{{1, 2}, {3, 2}}, 0},
	} {
		if got := CommonPrefix(c.seqs); got != c.want {
			t.Errorf("CommonPrefix(%v) = %d, want %d", c.seqs, got, c.want)
		}
	}
}

func TestValidUTF8(t *testing.T) {
	// Expected values from Rust's String::from_utf8_lossy.
	for in, want := range map[string]string{
		"plain":              "plain",
		"a\xffb":             "a\uFFFDb",
		"\xe2\x82":           "\uFFFD",
		"\xe2\x82x":          "\uFFFDx",
		"\xe2\x82\xe2\x82":   "\uFFFD\uFFFD",
		"\xf0\x9f\x98":       "\uFFFD",
		"\xf0\x80\x80":       "\uFFFD\uFFFD\uFFFD",
		"\xed\xa0\x80":       "\uFFFD\uFFFD\uFFFD",
		"\xc0\xaf":           "\uFFFD\uFFFD",
		"\xf4\x90\x80\x80":   "\uFFFD\uFFFD\uFFFD\uFFFD",
		"\uFFFD stays":       "\uFFFD stays",
		"\x80\x80":           "\uFFFD\uFFFD",
		"\xe1\x80\xc3\xa9ok": "\uFFFDéok",
	} {
		if got := ValidUTF8(in); got != want {
			t.Errorf("ValidUTF8(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLookups(t *testing.T) {
	tok := smollm2(t)
	id, ok := tok.TokenID("<|im_end|>")
	if !ok || id != 2 {
		t.Errorf("<|im_end|> is %d %v, want 2", id, ok)
	}
	if text, ok := tok.Token(2); !ok || text != "<|im_end|>" {
		t.Errorf("token 2 is %q %v", text, ok)
	}
	for _, id := range []int32{-1, 1 << 20} {
		if text, ok := tok.Token(id); ok {
			t.Errorf("token %d is %q, want none", id, text)
		}
	}
	if _, ok := tok.TokenID("no such entry"); ok {
		t.Error("found an entry that does not exist")
	}
	specials := tok.SpecialTokens()
	if len(specials) != 17 || !slices.IsSortedFunc(specials, func(a, b SpecialToken) int { return int(a.ID - b.ID) }) {
		t.Errorf("special tokens: %v", specials)
	}
	if got := tok.Decode([]int32{2, -5, 1 << 30}, false); got != "<|im_end|>" {
		t.Errorf("unknown ids decode to %q", got)
	}
}
