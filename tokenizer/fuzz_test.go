package tokenizer

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzEncode checks that no text makes the pure-Go tokenizers panic, that offsets stay
// inside the text, and that hostile segments give no control token.
func FuzzEncode(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("\xff\xc3(\xe2\x82 plain é 日本 \u2028")
	files, err := filepath.Glob(filepath.Join("testdata", "tokenizers", "*", "tokenizer.json.gz"))
	if err != nil || len(files) == 0 {
		f.Fatalf("testdata/tokenizers: %d files, %v", len(files), err)
	}
	var toks []*goTokenizer
	for _, file := range files {
		data, err := readFixture(file)
		if err != nil {
			f.Fatal(err)
		}
		tok, err := parse(data)
		if err != nil {
			f.Fatal(err)
		}
		toks = append(toks, tok)
	}
	f.Fuzz(func(t *testing.T, text string) {
		valid := ValidUTF8(text)
		for _, tok := range toks {
			e, err := tok.Encode(text, EncodeOptions{AddSpecial: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range e.Offsets {
				if o[0] < 0 || o[0] > o[1] || o[1] > len(valid) {
					t.Errorf("offsets %v of a text of %d bytes", o, len(valid))
				}
			}
			if got := tok.Decode(e.IDs, false); !utf8.ValidString(got) {
				t.Errorf("decoded text is not UTF-8: %q", got)
			}
			e, err = tok.EncodeSegments([]Segment{{text, false}})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range e.IDs {
				// The model itself may give the unknown token; nothing else is special.
				if s := tok.added[id]; s != nil && s.Special && !strings.Contains(strings.ToLower(s.Content), "unk") {
					t.Errorf("%q gives the control token %q", text, s.Content)
				}
			}
		}
	})
}

// FuzzParse checks that no file makes the reader panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "added_tokens": [{"id": 3, "content": "<s>", "special": true}]}`))
	f.Add([]byte(`{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1]]}, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAAA"}}`))
	f.Add([]byte(`{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a++|[b]{1,2}+"}, "behavior": "Removed", "invert": true}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		tok, err := parse(data)
		if err != nil {
			return
		}
		if e, err := tok.Encode("ab <s> é\x00日", EncodeOptions{AddSpecial: true}); err == nil {
			tok.Decode(e.IDs, true)
		}
	})
}

// TestLongWords checks that megabytes without a space take time in proportion: no pattern
// and no merge loop may be quadratic.
func TestLongWords(t *testing.T) {
	tok := smollm2(t)
	for _, c := range []struct {
		name, unit string
		size       int
	}{
		{"one letter", "a", 5 << 20}, {"base64", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk", 5 << 20}, {"spaces", " ", 1 << 20},
		{"line ends", "\n", 1 << 20}, {"symbols", "=", 1 << 20}, {"ideographs", "漢字", 1 << 20},
	} {
		name, size := c.name, c.size
		text := strings.Repeat(c.unit, size/len(c.unit))
		start := time.Now()
		e, err := tok.Encode(text, EncodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		t.Logf("%s: %d tokens, %.1f MB/s", name, len(e.IDs), float64(size)/1e6/took.Seconds())
		if took > 60*time.Second {
			t.Errorf("%s: 5 MB took %v", name, took)
		}
		if got := tok.Decode(e.IDs, false); got != text {
			t.Errorf("%s: decoding gives another text", name)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	dir, err := moduleDir()
	if err != nil {
		b.Fatal(err)
	}
	data, err := readFixture(filepath.Join(dir, "test", "data", "long_text.txt"))
	if err != nil {
		b.Fatal(err)
	}
	text := string(data)
	for name, open := range map[string]func() (Tokenizer, error){
		"smollm2": func() (Tokenizer, error) { return smollm2(b), nil },
		"llama3": func() (Tokenizer, error) {
			return OpenGo(filepath.Join(dir, "test", "data", "Meta-Llama-3-8B-Instruct.json"))
		},
		"bert": func() (Tokenizer, error) { return OpenGo(filepath.Join(dir, "test", "data", "bert-base-uncased.json")) },
	} {
		tok, err := open()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := tok.Encode(text, EncodeOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
