package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestComponents runs small tokenizers that use the components of public models, with what
// the Hugging Face library makes of many texts (testdata/make_tokenizers.py).
func TestComponents(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("testdata", "tokenizers", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("testdata/tokenizers: %d folders, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		data, err := readFixture(filepath.Join(dir, "cases.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		var fix tokenizerFixture
		if err := json.Unmarshal(data, &fix); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		if data, err = readFixture(filepath.Join(dir, "tokenizer.json.gz")); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, impl := range implementations() {
			t.Run(fix.Tokenizer+"/"+impl.name, func(t *testing.T) {
				tok, err := impl.open(file)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tok.Close() }()
				checkTokenizer(t, tok, &fix)
			})
		}
	}
}

// TestOpenErrors checks that a broken or unsupported file is named with the place in it.
func TestOpenErrors(t *testing.T) {
	const vocab = `"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}`
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "not a tokenizer.json"},
		{"not JSON", "{", "not a tokenizer.json"},
		{"no model", `{"version": "1.0"}`, `no "model"`},
		{"model type", `{"model": {"type": "Magic"}}`, `unknown type "Magic"`},
		{"no model type", `{"model": {}}`, "no type given"},
		{"normalizer", `{` + vocab + `, "normalizer": {"type": "Odd"}}`, `normalizer: unknown type "Odd"`},
		{"nested pre-tokenizer", `{` + vocab + `, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "Odd"}]}}`,
			`pre_tokenizer.pretokenizers[1]: unknown type "Odd"`},
		{"decoder", `{` + vocab + `, "decoder": {"type": "Odd"}}`, `decoder: unknown type "Odd"`},
		{"post-processor", `{` + vocab + `, "post_processor": {"type": "Odd"}}`, `post_processor: unknown type "Odd"`},
		{"pattern", `{` + vocab + `, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated", "invert": false}}`, `pattern "(("`},
		{"behavior", `{` + vocab + `, "pre_tokenizer": {"type": "Split", "pattern": {"String": "x"}, "behavior": "Odd", "invert": false}}`, `behavior is "Odd"`},
		{"template", `{` + vocab + `, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}], "pair": [], "special_tokens": {}}}`, `"<s>"`},
		{"merge", `{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}`, "merges[0]"},
		{"merge spelling", `{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["ab"]}}`, "merges[0]"},
		{"merge result", `{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}}`, "merges[0]"},
		{"dropout", `{"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.1}}`, "dropout"},
		{"huge id", `{"model": {"type": "BPE", "vocab": {"a": 2000000000}, "merges": []}}`, "out of range"},
		{"negative id", `{"model": {"type": "WordPiece", "vocab": {"a": -1}}}`, "out of range"},
		{"unk", `{"model": {"type": "BPE", "vocab": {}, "merges": [], "unk_token": "<unk>"}}`, `"<unk>"`},
		{"unigram unk", `{"model": {"type": "Unigram", "unk_id": 7, "vocab": [["a", 0]]}}`, "unk_id 7"},
		{"unigram entry", `{"model": {"type": "Unigram", "vocab": [["a"]]}}`, "vocab[0]"},
		{"charsmap", `{` + vocab + `, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}}`, "length"},
	} {
		file := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenGo(file)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, want %q and the file's name", c.name, err, c.want)
		}
	}
	if _, err := OpenGo(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no tokenizer.json") {
		t.Errorf("empty folder: %v", err)
	}
	if _, err := OpenGo(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("missing path: no error")
	}
}
