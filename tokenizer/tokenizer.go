package tokenizer

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names that [Tokenizer.Name] gives.
const (
	NameNative = "rust tokenizers"
	NameGo     = "pure Go"
)

// EncodeOptions says how text becomes ids. The zero value adds no special tokens and
// recognises special-token text.
type EncodeOptions struct {
	// AddSpecial applies the file's post-processor: beginning-of-text, [CLS], [SEP], …
	AddSpecial bool
	// LiteralSpecials treats special-token text as ordinary text
	// (encode_special_tokens=true in Hugging Face's API).
	LiteralSpecials bool
}

// Encoding is the result of encoding one text or a pair of texts. The three slices have
// the same length.
type Encoding struct {
	IDs []int32
	// TypeIDs is 0 for the first text and 1 for the second, as the post-processor sets it.
	TypeIDs []int32
	// Offsets are [start, end) in bytes of ValidUTF8(text); [0, 0) for tokens that the
	// post-processor added. The tokens of one character all cover the whole character.
	Offsets [][2]int
	// surface has, by index, the text of added tokens that took white space along: trimming
	// of offsets looks at it.
	surface map[int]string
}

// SpecialToken is a token that stands outside ordinary text.
type SpecialToken struct {
	ID      int32
	Content string
	// Special is the file's own flag: true for tokens that decoding can skip, false for
	// added tokens such as Qwen's <think>, which are text to the Hugging Face library.
	Special bool
}

// Segment is a stretch of text with one provenance.
type Segment struct {
	Text string
	// Trusted text may contain control tokens; in other text they are ordinary text.
	Trusted bool
}

// Tokenizer turns text into ids and ids into text. Implementations are safe for
// concurrent use, except Close.
type Tokenizer interface {
	// Encode encodes one text.
	Encode(text string, opts EncodeOptions) (Encoding, error)
	// EncodePair encodes two texts the way the post-processor joins them; offsets are
	// relative to each text.
	EncodePair(a, b string, opts EncodeOptions) (Encoding, error)
	// EncodeSegments encodes the concatenation of the segments; no special tokens are added.
	// Outside control tokens the result is the same as Encode gives for the whole text.
	// A control token (see IsControl) is recognised only where all of its text is
	// trusted.
	EncodeSegments(segments []Segment) (Encoding, error)
	// Decode turns ids into text. Unknown ids are left out; bytes that are not UTF-8
	// become U+FFFD.
	Decode(ids []int32, skipSpecial bool) string
	// VocabSize counts the model's vocabulary and the added tokens.
	VocabSize() int
	// TokenID gives the id of a vocabulary entry, spelled as in tokenizer.json.
	TokenID(piece string) (int32, bool)
	// Token gives the vocabulary entry of an id, spelled as in tokenizer.json.
	Token(id int32) (string, bool)
	// SpecialTokens lists the added tokens by ascending id.
	SpecialTokens() []SpecialToken
	// Name says which implementation this is: NameNative or NameGo.
	Name() string
	// Close releases native memory. The tokenizer must not be used afterwards.
	Close() error
}

// Open reads the tokenizer of a model folder (or a tokenizer.json given by path; see also
// [Exists]) with the native library where it is linked in, else in pure Go.
func Open(path string) (Tokenizer, error) {
	if NativeBuilt {
		return OpenNative(path)
	}
	return OpenGo(path)
}

// readJSON reads the tokenizer.json of a model folder, or makes it of the folder's vocabulary files; file is what to name
// in messages.
func readJSON(path string) (data []byte, file string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", fmt.Errorf("tokenizer: %w", err)
	}
	file = path
	if info.IsDir() {
		file = filepath.Join(path, "tokenizer.json")
		if !has(path, "tokenizer.json") {
			if !Exists(path) {
				return nil, "", fmt.Errorf("tokenizer: %s has no tokenizer.json, and neither vocab.json with merges.txt nor vocab.txt "+
					"(save one with transformers' save_pretrained): %w", path, fs.ErrNotExist)
			}
			if data, err = fromVocabulary(path); err != nil {
				return nil, "", fmt.Errorf("tokenizer: %s: %w", path, err)
			}
			return data, path, nil
		}
	}
	if data, err = os.ReadFile(file); err != nil {
		return nil, "", fmt.Errorf("tokenizer: %w", err)
	}
	return data, file, nil
}

// CommonPrefix gives the number of leading ids that all sequences share: the part that a
// model can prefill once.
func CommonPrefix(seqs [][]int32) int {
	if len(seqs) == 0 {
		return 0
	}
	n := len(seqs[0])
	for _, s := range seqs[1:] {
		n = min(n, len(s))
		for i := range n {
			if s[i] != seqs[0][i] {
				n = i
				break
			}
		}
	}
	return n
}
