//go:build janus_native

package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	rust "github.com/daulet/tokenizers"
)

// NativeBuilt says whether the Rust library is linked into this program.
const NativeBuilt = true

// nativeTokenizer runs the Rust library. It keeps the pure-Go tokenizer beside it for what
// the library's C interface lacks: the vocabulary, pairs, text with NUL bytes (C strings
// end there), and recognising a control token in one place but not in another.
type nativeTokenizer struct {
	*goTokenizer
	normal  *rust.Tokenizer
	literal func() (*rust.Tokenizer, error) // with encode_special_tokens; read on first use
	opened  []*rust.Tokenizer
}

// OpenNative reads a tokenizer.json, given by its path or its folder, with the Rust
// library.
func OpenNative(path string) (Tokenizer, error) {
	data, file, err := readJSON(path)
	if err != nil {
		return nil, err
	}
	inGo, err := parseFile(data, file)
	if err != nil {
		return nil, err
	}
	if data, err = withoutLimits(data); err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", file, err)
	}
	t := &nativeTokenizer{goTokenizer: inGo}
	if t.normal, err = rust.FromBytes(data); err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", file, err)
	}
	t.literal = sync.OnceValues(func() (*rust.Tokenizer, error) {
		lib, err := rust.FromBytes(data, rust.WithEncodeSpecialTokens())
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %s: %w", file, err)
		}
		t.opened = append(t.opened, lib)
		return lib, nil
	})
	t.opened = append(t.opened, t.normal)
	return t, nil
}

// withoutLimits takes truncation and padding out of a tokenizer.json: both are the
// caller's.
func withoutLimits(data []byte) ([]byte, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	file["truncation"], file["padding"] = json.RawMessage("null"), json.RawMessage("null")
	return json.Marshal(file)
}

func (t *nativeTokenizer) Name() string { return NameNative }

func (t *nativeTokenizer) Close() error {
	var errs []error
	for _, lib := range t.opened {
		errs = append(errs, lib.Close())
	}
	t.opened = nil
	return errors.Join(errs...)
}

func (t *nativeTokenizer) Encode(text string, opts EncodeOptions) (Encoding, error) {
	text = ValidUTF8(text)
	if strings.IndexByte(text, 0) >= 0 {
		return t.goTokenizer.Encode(text, opts)
	}
	lib := t.normal
	if opts.LiteralSpecials {
		var err error
		if lib, err = t.literal(); err != nil {
			return Encoding{}, err
		}
	}
	got, err := lib.EncodeWithOptionsErr(text, opts.AddSpecial, rust.WithReturnOffsets(), rust.WithReturnTypeIDs())
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer: %w", err)
	}
	e := Encoding{IDs: make([]int32, len(got.IDs)), TypeIDs: make([]int32, len(got.IDs)), Offsets: make([][2]int, len(got.IDs))}
	for i, id := range got.IDs {
		e.IDs[i], e.TypeIDs[i] = int32(id), int32(got.TypeIDs[i])
		e.Offsets[i] = [2]int{int(got.Offsets[i][0]), int(got.Offsets[i][1])}
	}
	return e, nil
}

func (t *nativeTokenizer) EncodeSegments(segments []Segment) (Encoding, error) {
	return t.encodeSegments(segments, nil)
}

// encodeSegments uses the library where trust changes nothing: no control token stands in
// or reaches into untrusted text. Else the pure-Go tokenizer does the text.
func (t *nativeTokenizer) encodeSegments(segments []Segment, also func(string) bool) (Encoding, error) {
	text, untrusted := joinSegments(segments)
	allow := &trust{control: control(also), untrusted: untrusted}
	if t.trustMatters(text, allow) {
		return t.encodeTrusted(text, allow)
	}
	return t.Encode(text, EncodeOptions{})
}

// trustMatters tells whether some added token would be recognised without trust that is
// not with it. A text that can't be cut is left to the pure-Go tokenizer's error.
func (t *nativeTokenizer) trustMatters(text string, allow *trust) bool {
	free, err := t.addedPieces(text, &trust{})
	held, err2 := t.addedPieces(text, allow)
	return err != nil || err2 != nil || !slices.EqualFunc(free, held, func(a, b piece) bool {
		return a.token == b.token && a.text == b.text
	})
}

func (t *nativeTokenizer) Decode(ids []int32, skipSpecial bool) string {
	list := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if _, ok := t.Token(id); ok {
			list = append(list, uint32(id))
		}
	}
	text, err := t.normal.DecodeErr(list, skipSpecial)
	if err != nil { // the library can't return text with NUL bytes
		return t.goTokenizer.Decode(ids, skipSpecial)
	}
	return text
}
