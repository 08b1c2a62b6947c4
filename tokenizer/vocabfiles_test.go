package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openers are the two implementations, as far as they are built in.
func openers() map[string]func(string) (Tokenizer, error) {
	list := map[string]func(string) (Tokenizer, error){NameGo: OpenGo}
	if NativeBuilt {
		list[NameNative] = OpenNative
	}
	return list
}

// TestVocabularyRoBERTa opens vocab.json and merges.txt, and expects what transformers' RobertaTokenizer makes of them.
func TestVocabularyRoBERTa(t *testing.T) {
	source := filepath.Join("testdata", "roberta")
	data, err := os.ReadFile(filepath.Join(source, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text      string
		IDs, Bare []int32
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"vocab.json", "merges.txt"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(data))
	}
	write(t, dir, "config.json", `{"model_type": "roberta"}`)
	for name, open := range openers() {
		t.Run(name, func(t *testing.T) {
			tok, err := open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer tok.Close() //nolint:errcheck // the test ends
			for _, c := range cases {
				for special, want := range map[bool][]int32{true: c.IDs, false: c.Bare} {
					e, err := tok.Encode(c.Text, EncodeOptions{AddSpecial: special})
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(e.IDs, want) {
						t.Errorf("%q: %v, expected %v", c.Text, e.IDs, want)
					}
				}
			}
			if got := tok.Decode(cases[0].IDs, true); got != cases[0].Text {
				t.Errorf("decoded: %q, expected %q", got, cases[0].Text)
			}
		})
	}
}

// TestVocabularyBERT opens a vocab.txt, as is and with settings, and expects the words' ids.
func TestVocabularyBERT(t *testing.T) {
	const vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nUn\n!\nnaive\n[X]\n"
	for _, c := range []struct {
		name, settings, text string
		want                 []int32
	}{
		{"defaults", `{}`, "Unaffable naïve!", []int32{2, 4, 5, 6, 9, 8, 3}},
		{"cased", `{"do_lower_case": false}`, "Unaffable", []int32{2, 7, 5, 6, 3}},
		{"unknown", `{}`, "qq", []int32{2, 1, 3}},
		{"special", `{"additional_special_tokens": [{"content": "[X]"}, "[Y]"], "cls_token": {"content": "[X]"}}`, "un[X]", []int32{10, 4, 10, 3}},
	} {
		for name, open := range openers() {
			t.Run(c.name+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				write(t, dir, "vocab.txt", vocab)
				write(t, dir, "tokenizer_config.json", c.settings)
				tok, err := open(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer tok.Close() //nolint:errcheck // the test ends
				e, err := tok.Encode(c.text, EncodeOptions{AddSpecial: true})
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(e.IDs, c.want) {
					t.Errorf("%q: %v, expected %v", c.text, e.IDs, c.want)
				}
			})
		}
	}
}

// TestVocabularyErrors names the file and what it lacks.
func TestVocabularyErrors(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"neither vocab.json":                  {"vocab.json": "{}"},
		`sep_token "[SEP]" is not in the`:     {"vocab.txt": "[CLS]\n[UNK]\n"},
		"vocab.json: ":                        {"vocab.json": "[", "merges.txt": ""},
		"tokenizer_config.json: ":             {"vocab.txt": "[CLS]\n[SEP]\n[UNK]\n", "tokenizer_config.json": "["},
		`cls_token "<s>" is not in the vocab`: {"vocab.json": `{"</s>": 0}`, "merges.txt": "", "config.json": `{"model_type": "roberta"}`},
	} {
		dir := t.TempDir()
		for name, text := range files {
			write(t, dir, name, text)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error is %v, expected it to say %q", files, err, want)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
