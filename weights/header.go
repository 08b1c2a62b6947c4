package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gomlx/compute/dtypes"
)

// maxHeader is the longest header that the reference implementation accepts
// (MAX_HEADER_SIZE in safetensors/src/tensor.rs).
const maxHeader = 100_000_000

// metadataKey holds a file's free-form string map beside the tensors.
const metadataKey = "__metadata__"

// entry is one tensor of a header; begin and end are offsets into the file. A tensor of a PyTorch checkpoint has a view of
// its storage, and begin is 0.
type entry struct {
	name       string
	dtype      dtypes.DType
	shape      []int
	begin, end int
	view       *torchTensor
}

// bytes returns the tensor's data, of the mapped file where it stands there as asked for.
func (e entry) bytes(file []byte) []byte {
	if e.view != nil {
		return e.view.bytes()
	}
	return file[e.begin:e.end:e.end]
}

// header is a validated safetensors header.
type header struct {
	entries  []entry // sorted by name
	metadata map[string]string
}

// find returns the entry of a name.
func (h *header) find(name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(h.entries, name, func(e entry, n string) int { return cmp.Compare(e.name, n) })
	if !ok {
		return entry{}, false
	}
	return h.entries[i], true
}

// parseHeader reads and validates the header of a safetensors file that is
// wholly in data: 8 bytes of little-endian header length, the JSON header, then
// the tensors' bytes, which must follow one another without gap or overlap and
// fill the file to its end. These are the reference's rules, and stricter in
// two: a key may not occur twice and an entry may have no unknown field.
//
// The parser is our own: nlpodyssey/safetensors wants the file in a []byte too,
// but takes the last of two equal keys, gives every entry a map of its own, and
// its errors name neither file, expected nor found values.
func parseHeader(file string, data []byte) (*header, error) {
	bad := func(problem, expected, found string) error {
		return &FormatError{File: file, Problem: problem, Expected: expected, Found: found}
	}
	if bytes.HasPrefix(data, []byte("GGUF")) {
		return nil, bad("a GGUF file (turn it into a model folder with: janus convert)", "safetensors", "GGUF")
	}
	if len(data) < 8 {
		return nil, bad("not a safetensors file, too short", "at least 8 bytes", fmt.Sprintf("%d bytes", len(data)))
	}
	length := binary.LittleEndian.Uint64(data)
	if length > maxHeader {
		return nil, bad("header length is over the limit (is this a safetensors file?)",
			fmt.Sprintf("at most %d bytes", maxHeader), fmt.Sprintf("%d bytes", length))
	}
	if length > uint64(len(data)-8) {
		return nil, bad("file is cut short or its header length lies", fmt.Sprintf("a header of %d bytes", length),
			fmt.Sprintf("%d bytes after the length", len(data)-8))
	}
	text := data[8 : 8+int(length)]
	if !utf8.Valid(text) {
		return nil, bad("header is not valid UTF-8", "", "")
	}
	h, err := decodeHeader(file, text)
	if err != nil {
		return nil, err
	}
	return h, h.place(file, 8+int(length), len(data))
}

// decodeHeader parses the JSON; offsets stay relative to the data section.
func decodeHeader(file string, text []byte) (*header, error) {
	h, s, seenMetadata := &header{}, &scanner{data: text}, false
	var dims []int // shapes share few large arrays, not one small one each
	err := s.object(func(key string) error {
		if key == metadataKey {
			if seenMetadata {
				return &FormatError{File: file, Problem: "header has " + metadataKey + " twice"}
			}
			seenMetadata = true
			h.metadata = map[string]string{}
			return s.object(func(k string) error {
				v, err := s.str()
				h.metadata[k] = v
				return err
			})
		}
		e, rest, err := decodeEntry(file, key, s, dims)
		dims = rest
		h.entries = append(h.entries, e)
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err == nil {
		return h, nil
	}
	if fe := (*FormatError)(nil); errors.As(err, &fe) {
		return nil, err
	}
	return nil, &FormatError{File: file, Problem: "header is not valid: " + err.Error()}
}

// decodeEntry parses {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}.
// The shape is appended to dims, which is returned for the next entry.
func decodeEntry(file, name string, s *scanner, dims []int) (entry, []int, error) {
	e := entry{name: name}
	bad := func(problem, expected, found string) error {
		return &FormatError{File: file, Tensor: name, Problem: problem, Expected: expected, Found: found}
	}
	var hasType, hasShape, hasOffsets bool
	once := func(seen *bool, field string) error {
		if *seen {
			return bad("field "+field+" occurs twice", "", "")
		}
		*seen = true
		return nil
	}
	err := s.object(func(field string) error {
		switch field {
		case "dtype":
			if err := once(&hasType, field); err != nil {
				return err
			}
			text, err := s.str()
			if err != nil {
				return err
			}
			var ok bool
			if e.dtype, ok = ParseDType(text); !ok {
				return bad("unknown dtype", "one of "+dtypeNames(), fmt.Sprintf("%q", text))
			}
			return nil
		case "shape":
			if err := once(&hasShape, field); err != nil {
				return err
			}
			start := len(dims)
			err := s.array(func() error {
				n, err := s.uint()
				dims = append(dims, n)
				return err
			})
			e.shape = dims[start:len(dims):len(dims)]
			return err
		case "data_offsets":
			if err := once(&hasOffsets, field); err != nil {
				return err
			}
			count := 0
			err := s.array(func() error {
				n, err := s.uint()
				if count == 2 {
					return bad("too many data_offsets", "2 numbers", "more")
				}
				e.begin, e.end = e.end, n
				count++
				return err
			})
			if err == nil && count != 2 {
				return bad("too few data_offsets", "2 numbers", fmt.Sprint(count))
			}
			return err
		}
		return bad("unknown field in the header", "dtype, shape and data_offsets", fmt.Sprintf("%q", field))
	})
	if err != nil {
		if fe := (*FormatError)(nil); !errors.As(err, &fe) {
			err = bad("bad header entry: "+err.Error(), "", "")
		}
		return e, dims, err
	}
	if !hasType || !hasShape || !hasOffsets {
		return e, dims, bad("incomplete header entry", "dtype, shape and data_offsets",
			fmt.Sprintf("dtype %t, shape %t, data_offsets %t", hasType, hasShape, hasOffsets))
	}
	return e, dims, nil
}

// place checks that the tensors tile the data section, which runs from byte
// start to byte size of the file, makes their offsets absolute and sorts them by name.
func (h *header) place(file string, start, size int) error {
	slices.SortFunc(h.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	section, at := size-start, 0
	for i := range h.entries {
		e := &h.entries[i]
		bad := func(problem, expected string) error {
			return &FormatError{File: file, Tensor: e.name, Problem: problem, Expected: expected,
				Found: fmt.Sprintf("%d bytes, data_offsets [%d, %d]", e.end-e.begin, e.begin, e.end)}
		}
		previous := func() string {
			if i == 0 {
				return "the start of the data"
			}
			return fmt.Sprintf("tensor %q", h.entries[i-1].name)
		}
		switch {
		case e.end < e.begin:
			return bad("data_offsets run backwards", "begin ≤ end")
		case e.begin < at:
			return bad("data overlaps "+previous(), fmt.Sprintf("begin at %d", at))
		case e.begin > at:
			return bad("data leaves a gap after "+previous(), fmt.Sprintf("begin at %d", at))
		case e.end > section:
			return bad("data_offsets reach beyond the end of the file (cut short?)",
				fmt.Sprintf("end ≤ %d, the bytes after the header", section))
		}
		want, ok := byteSize(e.dtype, e.shape)
		if !ok {
			return &FormatError{File: file, Tensor: e.name, Problem: "shape is too large or does not fill whole bytes",
				Expected: "fewer than 2^63 bytes", Found: fmt.Sprintf("%s %v", DTypeName(e.dtype), e.shape)}
		}
		if want != uint64(e.end-e.begin) {
			return bad("data_offsets do not fit dtype and shape",
				fmt.Sprintf("%d bytes for %s %v", want, DTypeName(e.dtype), e.shape))
		}
		at = e.end
	}
	if at != section {
		return &FormatError{File: file, Problem: "bytes after the last tensor belong to none",
			Expected: fmt.Sprintf("%d bytes after the header", at), Found: fmt.Sprint(section)}
	}
	for i := range h.entries {
		h.entries[i].begin += start
		h.entries[i].end += start
	}
	slices.SortFunc(h.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(h.entries); i++ {
		if h.entries[i].name == h.entries[i-1].name {
			return &FormatError{File: file, Tensor: h.entries[i].name, Problem: "occurs twice in the header"}
		}
	}
	return nil
}

// dtypeNames lists the dtypes that can be read.
func dtypeNames() string {
	var names []byte
	for i, d := range dtypeTable {
		if i > 0 {
			names = append(names, ' ')
		}
		names = append(names, d.name...)
	}
	return string(names)
}
