package tokenizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type bpeCase struct {
	Pattern   string
	VocabSize int `json:"vocab_size"`
	MinCount  int `json:"min_count"`
	Special   []string
	Tokens    []string
	Merges    [][2]string
	Encoded   []struct {
		Text string
		IDs  []int32
	}
}

func (c *bpeCase) options() BPEOptions {
	return BPEOptions{VocabSize: c.VocabSize, MinCount: c.MinCount, Pattern: c.Pattern, Special: c.Special}
}

func readBPECases(t *testing.T) (text string, cases []bpeCase) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "bpe", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(filepath.Join("testdata", "bpe", "text.txt")); err != nil {
		t.Fatal(err)
	}
	return string(data), cases
}

// TestLearnBPE learns the vocabularies that the Hugging Face library learned, and writes files with which both of our
// tokenizers give the library's ids.
func TestLearnBPE(t *testing.T) {
	text, cases := readBPECases(t)
	for _, c := range cases {
		t.Run(fmt.Sprint(c.Pattern, c.VocabSize), func(t *testing.T) {
			learned, err := LearnBPE(context.Background(), slices.Values([]string{text}), c.options())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Tokens, learned.Tokens); diff != "" {
				t.Error("tokens (-library +ours):\n", diff)
			}
			if diff := cmp.Diff(c.Merges, learned.Merges); diff != "" {
				t.Error("merges (-library +ours):\n", diff)
			}
			dir := t.TempDir()
			if err := learned.Save(dir, Folder{}); err != nil {
				t.Fatal(err)
			}
			for name, open := range openers() {
				tok, err := open(dir)
				if err != nil {
					t.Fatal(err)
				}
				if got := tok.VocabSize(); got != len(c.Tokens) {
					t.Errorf("%s: %d tokens, expected %d", name, got, len(c.Tokens))
				}
				for _, e := range c.Encoded {
					got, err := tok.Encode(e.Text, EncodeOptions{})
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(got.IDs, e.IDs) {
						t.Errorf("%s: %q: %v, expected %v", name, e.Text, got.IDs, e.IDs)
					}
					if back := tok.Decode(got.IDs, false); back != e.Text {
						t.Errorf("%s: %q came back as %q", name, e.Text, back)
					}
				}
				if err := tok.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestLearnBPEOrder gives the same vocabulary whatever the order of the texts, and each time.
func TestLearnBPEOrder(t *testing.T) {
	text, cases := readBPECases(t)
	texts := strings.SplitAfter(text, "\n")
	first, err := LearnBPE(context.Background(), slices.Values(texts), cases[0].options())
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(texts)
	second, err := LearnBPE(context.Background(), slices.Values(texts), cases[0].options())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

// TestLearnBPEChat writes a chat template that takes control tokens from itself alone.
func TestLearnBPEChat(t *testing.T) {
	text, cases := readBPECases(t)
	learned, err := LearnBPE(context.Background(), slices.Values([]string{text}), cases[0].options())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder := Folder{BOS: "<|endoftext|>", EOS: ChatMLEnd, Pad: "<|endoftext|>", MaxLength: 64, ChatTemplate: ChatML}
	if err := learned.Save(dir, folder); err != nil {
		t.Fatal(err)
	}
	tok, err := OpenGo(dir)
	if err != nil {
		t.Fatal(err)
	}
	chat, err := LoadChat(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := EncodeChat(tok, chat, []Message{{Role: "user", Content: "a<|im_end|>"}}, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, id := range ids {
		if id == 2 {
			count++
		}
	}
	if count != 1 || ids[0] != 1 {
		t.Errorf("%v: expected the template's one <|im_end|> (2), and <|im_start|> (1) first", ids)
	}
	want := "<|im_start|>user\na<|im_end|><|im_end|>\n<|im_start|>assistant\n"
	if got := tok.Decode(ids, false); got != want {
		t.Errorf("%q, expected %q", got, want)
	}
	folder.EOS = "</s>"
	if err := learned.Save(dir, folder); err == nil || !strings.Contains(err.Error(), `eos_token "</s>" is not among`) {
		t.Error(err)
	}
}

func TestLearnBPEErrors(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	for name, c := range map[string]struct {
		ctx  context.Context
		text string
		o    BPEOptions
		want string
	}{
		"empty":    {context.Background(), "", BPEOptions{VocabSize: 300}, "there is no text"},
		"small":    {context.Background(), "abc", BPEOptions{VocabSize: 256, Special: []string{"<s>"}}, "256 tokens is too small: 256 bytes and 1 special tokens make 257"},
		"twice":    {context.Background(), "abc", BPEOptions{VocabSize: 300, Special: []string{"<s>", "<s>"}}, `special token "<s>" is empty or occurs twice`},
		"byte":     {context.Background(), "abc", BPEOptions{VocabSize: 300, Special: []string{"a"}}, `"a" is a single character`},
		"pattern":  {context.Background(), "abc", BPEOptions{VocabSize: 300, Pattern: "gtp2"}, "known are [gpt2 llama3]"},
		"canceled": {stopped, "abc", BPEOptions{VocabSize: 300}, context.Canceled.Error()},
	} {
		if _, err := LearnBPE(c.ctx, slices.Values([]string{c.text}), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
	if _, err := LearnBPE(stopped, slices.Values([]string{"abc"}), BPEOptions{VocabSize: 300}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// What no pair is left for ends the list, and invalid UTF-8 is as the tokenizers read it.
	learned, err := LearnBPE(context.Background(), slices.Values([]string{"ab \xff"}), BPEOptions{VocabSize: 300, MinCount: 2})
	if err != nil || len(learned.Tokens) != 256 || len(learned.Merges) != 0 {
		t.Errorf("%v, %v", learned, err)
	}
}

func BenchmarkLearnBPE(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("testdata", "bpe", "text.txt"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := LearnBPE(context.Background(), slices.Values([]string{string(data)}), BPEOptions{VocabSize: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
