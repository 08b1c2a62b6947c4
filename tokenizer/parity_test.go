package tokenizer

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/januslm/janus/internal/fixtures"
)

// readFixture reads a file, unpacking .gz.
func readFixture(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if !strings.HasSuffix(file, ".gz") {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

var moduleDir = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/daulet/tokenizers").Output()
	if err == nil && strings.TrimSpace(string(out)) == "" {
		err = fmt.Errorf("the module is not downloaded: run go mod download github.com/daulet/tokenizers")
	}
	return strings.TrimSpace(string(out)), err
})

// sourceFile finds the tokenizer.json that a fixture was made with and returns its path,
// unpacked to a temporary folder where it is packed.
func sourceFile(t testing.TB, source, sha string) string {
	t.Helper()
	var file string
	if rest, ok := strings.CutPrefix(source, "GOMODCACHE/github.com/daulet/tokenizers@"); ok {
		dir, err := moduleDir()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ = strings.Cut(rest, "/")
		file = filepath.Join(dir, rest)
	} else {
		file = filepath.Join(fixtures.Dir(), source)
		if _, err := os.Stat(file); err != nil {
			file += ".gz"
		}
	}
	data, err := readFixture(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := sha256.Sum256(data); sha != "" && hex.EncodeToString(got[:]) != sha {
		t.Fatalf("%s has SHA-256 %x, the fixture was made with %s", file, got, sha)
	}
	if strings.HasSuffix(file, ".gz") {
		file = filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// implementation is one of the two tokenizers.
type implementation struct {
	name string
	open func(string) (Tokenizer, error)
}

func implementations() []implementation {
	all := []implementation{{"go", OpenGo}}
	if NativeBuilt {
		all = append(all, implementation{"native", OpenNative})
	}
	return all
}

// tokenizerFixture is a file of tokenizers/.
type tokenizerFixture struct {
	Tokenizer string
	Source    string
	SHA256    string
	VocabSize int `json:"vocab_size"`
	Cases     []struct {
		Text        string
		IDs         []int32
		IDsBare     []int32 `json:"ids_bare"`
		IDsLiteral  []int32 `json:"ids_bare_literal"`
		Offsets     []int
		Decoded     string
		DecodedSkip string `json:"decoded_skip"`
	}
	Pairs []struct {
		A, B    string
		IDs     []int32
		TypeIDs []int32 `json:"type_ids"`
	}
}

func TestParityTokenizers(t *testing.T) {
	for _, file := range fixtures.Glob(t, "tokenizers/*.json", "tokenizers/*.json.gz") {
		data, err := readFixture(file)
		if err != nil {
			t.Fatal(err)
		}
		var fix tokenizerFixture
		if err := json.Unmarshal(data, &fix); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, impl := range implementations() {
			t.Run(fix.Tokenizer+"/"+impl.name, func(t *testing.T) {
				tok, err := impl.open(sourceFile(t, fix.Source, fix.SHA256))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tok.Close() }()
				checkTokenizer(t, tok, &fix)
			})
		}
	}
}

// checkTokenizer runs all cases of a fixture and reports each that misses.
func checkTokenizer(t *testing.T, tok Tokenizer, fix *tokenizerFixture) {
	if got := tok.VocabSize(); got != fix.VocabSize {
		t.Errorf("vocabulary size %d, want %d", got, fix.VocabSize)
	}
	passed := 0
	for _, c := range fix.Cases {
		ok := true
		check := func(what string, good bool, got, want any) {
			if !good {
				ok = false
				t.Errorf("%.80q: %s\n got %v\nwant %v", c.Text, what, got, want)
			}
		}
		encode := func(what string, opts EncodeOptions, want []int32) Encoding {
			e, err := tok.Encode(c.Text, opts)
			if err != nil {
				t.Fatalf("%.80q: %v", c.Text, err)
			}
			check(what, slices.Equal(e.IDs, want), e.IDs, want)
			return e
		}
		bare := c.IDsBare
		if bare == nil {
			bare = c.IDs
		}
		literal := c.IDsLiteral
		if literal == nil {
			literal = bare
		}
		e := encode("ids", EncodeOptions{AddSpecial: true}, c.IDs)
		encode("ids_bare", EncodeOptions{}, bare)
		encode("ids_bare_literal", EncodeOptions{LiteralSpecials: true}, literal)
		offsets := charOffsets(c.Text, e.Offsets)
		check("offsets", slices.Equal(offsets, c.Offsets), offsets, c.Offsets)
		got := tok.Decode(c.IDs, false)
		check("decoded", got == c.Decoded, got, c.Decoded)
		got = tok.Decode(c.IDs, true)
		check("decoded_skip", got == c.DecodedSkip, got, c.DecodedSkip)
		if ok {
			passed++
		}
	}
	for _, p := range fix.Pairs {
		e, err := tok.EncodePair(p.A, p.B, EncodeOptions{AddSpecial: true})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(e.IDs, p.IDs) && slices.Equal(e.TypeIDs, p.TypeIDs) {
			passed++
		} else {
			t.Errorf("pair %q, %q:\n got %v %v\nwant %v %v", p.A, p.B, e.IDs, e.TypeIDs, p.IDs, p.TypeIDs)
		}
	}
	t.Logf("%d of %d cases passed (%s)", passed, len(fix.Cases)+len(fix.Pairs), tok.Name())
	if len(fix.Cases) == 0 {
		t.Error("the fixture has no cases")
	}
}

// charOffsets turns byte offsets into flat character offsets, as the fixtures have them.
func charOffsets(text string, offsets [][2]int) []int {
	at := make([]int, len(text)+1)
	n := -1
	for i := range text {
		n++
		at[i] = n
	}
	at[len(text)] = n + 1
	out := make([]int, 0, 2*len(offsets))
	for _, o := range offsets {
		out = append(out, at[o[0]], at[o[1]])
	}
	return out
}

// chatFixture is chat/STYLE/cases.json.
type chatFixture struct {
	Style string
	Cases []struct {
		Name                string
		Messages            []Message
		AddGenerationPrompt bool `json:"add_generation_prompt"`
		Extra               map[string]json.RawMessage
		Rendered            *string
		Error               bool
		Message             string
	}
}

func TestParityChat(t *testing.T) {
	for _, file := range fixtures.Glob(t, "chat/*/cases.json") {
		runChatFixture(t, file)
	}
}

// TestPublicChatTemplates renders templates as public models ship them
// (testdata/make_chat.py).
func TestPublicChatTemplates(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "chat", "*", "cases.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/chat: %d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		runChatFixture(t, file)
	}
}

func runChatFixture(t *testing.T, file string) {
	t.Helper()
	data, err := readFixture(file)
	if err != nil {
		t.Fatal(err)
	}
	var fix chatFixture
	if err := json.Unmarshal(data, &fix); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
		chat, err := LoadChat(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		checkChat(t, chat, &fix)
	})
}

// checkChat renders all cases of a fixture and reports each that misses.
func checkChat(t *testing.T, chat *ChatTemplate, fix *chatFixture) {
	passed := 0
	for i, c := range fix.Cases {
		extra := map[string]any{}
		for name, v := range c.Extra {
			extra[name] = v
		}
		got, err := chat.Render(c.Messages, c.AddGenerationPrompt, extra)
		switch {
		case c.Error && err == nil:
			t.Errorf("case %d (%s): rendered %.200q, want an error (%s)", i, c.Name, got, c.Message)
		case c.Error && c.Message != "" && !strings.Contains(err.Error(), c.Message):
			t.Errorf("case %d (%s): error %q, want %q", i, c.Name, err, c.Message)
		case !c.Error && err != nil:
			t.Errorf("case %d (%s): %v", i, c.Name, err)
		case !c.Error && (c.Rendered == nil || got != *c.Rendered):
			t.Errorf("case %d (%s):\n got %q\nwant %q", i, c.Name, got, *c.Rendered)
		default:
			passed++
		}
	}
	t.Logf("%d of %d cases passed", passed, len(fix.Cases))
	if len(fix.Cases) == 0 {
		t.Error("the fixture has no cases")
	}
}
