//go:build janus_native

package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// agreeFiles are the tokenizer files on which both implementations are compared.
func agreeFiles(t *testing.T) map[string]string {
	t.Helper()
	dir, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"llama3": filepath.Join(dir, "test", "data", "Meta-Llama-3-8B-Instruct.json"),
		"bert":   filepath.Join(dir, "test", "data", "bert-base-uncased.json"),
		"cohere": filepath.Join(dir, "test", "data", "cohere-tokenizer.json"),
	}
	own, err := filepath.Glob(filepath.Join("testdata", "tokenizers", "*", "tokenizer.json*"))
	if err != nil {
		t.Fatal(err)
	}
	own = append(own, filepath.Join("..", "testdata", "golden", "smollm2", "tokenizer", "tokenizer.json.gz"))
	for _, file := range own {
		data, err := readFixture(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(file))
		if name == "tokenizer" {
			name = "smollm2"
		}
		files[name] = filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(files[name], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// textMaker makes random texts of many kinds.
type textMaker struct {
	r        *rand.Rand
	specials []SpecialToken
}

func (m *textMaker) rune() rune {
	ranges := [][2]rune{{0x20, 0x7F}, {0, 0x20}, {0x80, 0x250}, {0x300, 0x370}, {0x370, 0x600}, {0x600, 0x1000}, {0x1000, 0x2000},
		{0x2000, 0x2C00}, {0x3000, 0x3400}, {0x4E00, 0xA000}, {0xAC00, 0xD7A4}, {0xE000, 0x10000}, {0x10000, 0x20000}, {0x1F300, 0x1FA00}}
	k := ranges[m.r.IntN(len(ranges))]
	return k[0] + m.r.Int32N(k[1]-k[0])
}

func (m *textMaker) fragment() string {
	words := []string{"the", "Response", "don't", "I'LL", "'S", "'ſ", "HTTP/1.1", "200 OK\r\n", "\r\n\r\n", "  ", "   ", "\n\n", " \n ", "\t",
		"12345", "3.14", "é", "é", "ﬁ", "Å", "한국", "日本", "﷽", "\u200b", "\u00a0", "\u2028", "\u0085", "…", "##ing", "▁", "<0x41>", "</s>",
		"_", "__x", "١٢", "½", "Ⅷ", "ß", "İ", "Σς", "🇩🇪", "👨‍👩‍👧", "\ufeff", "\ufffd"}
	switch m.r.IntN(8) {
	case 0:
		return string(m.rune())
	case 1:
		return strings.Repeat(string(m.rune()), 1+m.r.IntN(20))
	case 2:
		if len(m.specials) > 0 {
			s := m.specials[m.r.IntN(len(m.specials))].Content
			if m.r.IntN(4) == 0 {
				s = s[:m.r.IntN(len(s))]
			}
			return s
		}
	case 3:
		b := make([]byte, m.r.IntN(6))
		for i := range b {
			b[i] = byte(m.r.IntN(256))
		}
		return string(b)
	case 4:
		return " " + words[m.r.IntN(len(words))]
	}
	return words[m.r.IntN(len(words))]
}

func (m *textMaker) text() string {
	var b strings.Builder
	for range m.r.IntN(30) {
		b.WriteString(m.fragment())
	}
	return b.String()
}

// TestImplementationsAgree holds the pure-Go tokenizer against the Rust library on random
// text of every kind and on every code point.
func TestImplementationsAgree(t *testing.T) {
	for name, file := range agreeFiles(t) {
		t.Run(name, func(t *testing.T) {
			native, err := OpenNative(file)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = native.Close() }()
			inGo, err := OpenGo(file)
			if err != nil {
				t.Fatal(err)
			}
			compareVocabulary(t, inGo, native.(*nativeTokenizer))
			m := &textMaker{rand.New(rand.NewPCG(7, 11)), inGo.SpecialTokens()}
			n := 400
			if testing.Short() {
				n = 100
			}
			for range n {
				compareText(t, inGo, native, m.text())
				segments := []Segment{{m.text(), true}, {m.text(), false}, {m.text(), true}}
				a, errA := inGo.EncodeSegments(segments)
				b, errB := native.EncodeSegments(segments)
				if errA != nil || errB != nil || !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Offsets, b.Offsets) {
					t.Fatalf("segments %+q:\n  Go %v %v\nRust %v %v", fmt.Sprint(segments), a.IDs, errA, b.IDs, errB)
				}
				ids := make([]int32, m.r.IntN(12))
				for i := range ids {
					ids[i] = m.r.Int32N(int32(inGo.VocabSize()) + 3)
				}
				for _, skip := range []bool{true, false} {
					if a, b := inGo.Decode(ids, skip), native.Decode(ids, skip); a != b {
						t.Fatalf("decode %v (skip %v): Go %q, Rust %q", ids, skip, a, b)
					}
				}
			}
			compareCodePoints(t, inGo, native)
		})
	}
}

func compareVocabulary(t *testing.T, inGo Tokenizer, native *nativeTokenizer) {
	t.Helper()
	if got, want := inGo.VocabSize(), int(native.normal.VocabSize()); got != want {
		t.Errorf("vocabulary size: Go %d, Rust %d", got, want)
	}
}

func compareText(t *testing.T, inGo, native Tokenizer, text string) {
	t.Helper()
	for _, opts := range []EncodeOptions{{}, {AddSpecial: true}, {LiteralSpecials: true}} {
		a, errA := inGo.Encode(text, opts)
		b, errB := native.Encode(text, opts)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%q %+v: Go %v, Rust %v", text, opts, errA, errB)
		}
		if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Offsets, b.Offsets) || !slices.Equal(a.TypeIDs, b.TypeIDs) {
			t.Fatalf("%q %+v:\n  Go %v %v\nRust %v %v", text, opts, a.IDs, a.Offsets, b.IDs, b.Offsets)
		}
		if x, y := inGo.Decode(a.IDs, false), native.Decode(a.IDs, false); x != y {
			t.Fatalf("%q: decoded: Go %q, Rust %q", text, x, y)
		}
	}
}

// compareCodePoints encodes code points between letters and spaces: all of them where
// JANUS_ALL_CODE_POINTS is set, else some beyond Latin.
func compareCodePoints(t *testing.T, inGo, native Tokenizer) {
	t.Helper()
	all := os.Getenv("JANUS_ALL_CODE_POINTS") != ""
	var wrong []string
	for r := rune(1); r <= 0x10FFFF; r++ {
		if r >= 0xD800 && r < 0xE000 || r > 0x3FFFF && r%97 != 0 || !all && r > 0x300 && r%29 != 0 {
			continue
		}
		text := fmt.Sprintf("a%cb %c1%c", r, r, r)
		a, errA := inGo.Encode(text, EncodeOptions{})
		b, errB := native.Encode(text, EncodeOptions{})
		if errA != nil || errB != nil {
			t.Fatalf("%U: Go %v, Rust %v", r, errA, errB)
		}
		if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Offsets, b.Offsets) {
			wrong = append(wrong, fmt.Sprintf("%04X", r))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%d code points differ: %s", len(wrong), strings.Join(wrong, " "))
	}
}
