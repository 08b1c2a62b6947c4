package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// GGUF is an open GGUF file, version 2 or 3, little-endian. Its tensors stay in
// the mapped file. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
type GGUF struct {
	path    string
	version uint32
	meta    map[string]any
	keys    []string // of meta, in file order
	tensors []GGUFTensor
	byName  map[string]int
	data    []byte
	unmap   func() error
}

// GGUFTensor is one tensor of a GGUF file.
type GGUFTensor struct {
	Name string
	Type string // ggml's name of the type: "F32", "Q4_K", ...
	// Shape in row-major order, outermost first, as Hugging Face has it; the
	// file holds it the other way round.
	Shape []int
	// Offset of the data from the start of the file, and Size, both in bytes.
	Offset, Size int64

	kind ggmlType
}

// The limits of ggml's own reader.
const (
	ggufMaxKey   = 65535 // bytes of a metadata key, by the specification
	ggufMaxDims  = 4     // GGML_MAX_DIMS
	ggufMinEntry = 8 + 4 + 4 + 8
	ggufMinKV    = 8 + 4 + 1
)

// OpenGGUF maps a GGUF file, reads its metadata and checks that every tensor
// lies within the file, aligned, and apart from the others. Errors about the
// contents are [FormatError]s.
func OpenGGUF(path string) (*GGUF, error) {
	data, unmap, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	g, err := parseGGUF(path, data)
	if err != nil {
		return nil, errors.Join(err, unmap())
	}
	g.unmap = unmap
	return g, nil
}

// Close unmaps the file.
func (g *GGUF) Close() error {
	unmap := g.unmap
	g.unmap = func() error { return nil }
	return unmap()
}

// Keys returns the metadata keys in the order of the file.
func (g *GGUF) Keys() []string { return slices.Clone(g.keys) }

// Value returns a metadata value: an integer, float, bool or string of the
// width that the file has, or a slice of one of these; nil if there is none.
func (g *GGUF) Value(key string) any { return g.meta[key] }

// Tensors returns all tensors in the order of the file.
func (g *GGUF) Tensors() []GGUFTensor { return slices.Clone(g.tensors) }

// Tensor returns a tensor by its name.
func (g *GGUF) Tensor(name string) (GGUFTensor, bool) {
	i, ok := g.byName[name]
	if !ok {
		return GGUFTensor{}, false
	}
	return g.tensors[i], true
}

// ToFloat32 dequantises a whole tensor.
func (g *GGUF) ToFloat32(name string) ([]float32, error) {
	t, ok := g.Tensor(name)
	if !ok {
		return nil, &FormatError{File: g.path, Tensor: name, Problem: "no such tensor"}
	}
	if t.kind.decode == nil {
		return nil, g.undecodable(t)
	}
	n, _ := elements(t.Shape)
	out := make([]float32, n)
	t.kind.decode(out, g.bytes(t))
	return out, nil
}

func (g *GGUF) undecodable(t GGUFTensor) error {
	return &FormatError{File: g.path, Tensor: t.Name, Problem: "type cannot be dequantised (quantise the model anew with a known type)",
		Expected: "one of " + decodableTypes(), Found: t.Type}
}

// bytes returns the tensor's data as it is in the file.
func (g *GGUF) bytes(t GGUFTensor) []byte { return g.data[t.Offset : t.Offset+t.Size] }

// ggufCursor reads the file from front to back and never beyond its end.
type ggufCursor struct {
	file string
	data []byte
	pos  int
	what string // what is being read, for error messages
}

func (c *ggufCursor) bad(problem, expected, found string) error {
	return &FormatError{File: c.file, Tensor: c.what, Problem: problem, Expected: expected, Found: found}
}

// take returns the next n bytes.
func (c *ggufCursor) take(n uint64) ([]byte, error) {
	if left := uint64(len(c.data) - c.pos); n > left {
		return nil, c.bad("file is cut short or lies about a length", fmt.Sprintf("%d bytes at offset %d", n, c.pos),
			fmt.Sprintf("%d bytes to the end of the file", left))
	}
	c.pos += int(n)
	return c.data[c.pos-int(n) : c.pos], nil
}

func (c *ggufCursor) u32() (uint32, error) {
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *ggufCursor) u64() (uint64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// str reads a string with its 64-bit length before it.
func (c *ggufCursor) str() (string, error) {
	n, err := c.u64()
	if err != nil {
		return "", err
	}
	b, err := c.take(n)
	return string(b), err
}

// count reads a 64-bit count of things that take at least least bytes each, so
// that a lying count is refused before anything is allocated for it.
func (c *ggufCursor) count(things string, least uint64) (int, error) {
	n, err := c.u64()
	if err != nil {
		return 0, err
	}
	if left := uint64(len(c.data) - c.pos); n > left/least {
		return 0, c.bad("file is cut short or lies about the number of "+things,
			fmt.Sprintf("at most %d, as many as fit the rest of the file", left/least), fmt.Sprint(n))
	}
	return int(n), nil
}

// parseGGUF reads everything before the tensors' data.
func parseGGUF(path string, data []byte) (*GGUF, error) {
	c := &ggufCursor{file: path, data: data}
	g := &GGUF{path: path, data: data, meta: map[string]any{}, byName: map[string]int{}}
	if !bytes.HasPrefix(data, []byte("GGUF")) {
		return nil, c.bad("not a GGUF file", `"GGUF" in front`, fmt.Sprintf("%q", data[:min(4, len(data))]))
	}
	c.pos = 4
	var err error
	if g.version, err = c.u32(); err != nil {
		return nil, err
	}
	if g.version != 2 && g.version != 3 {
		if v := bits.ReverseBytes32(g.version); v == 2 || v == 3 {
			return nil, c.bad("GGUF byte order", "little-endian", "big-endian")
		}
		return nil, c.bad("GGUF version", "2 or 3", fmt.Sprint(g.version))
	}
	tensors, err := c.count("tensors", ggufMinEntry)
	if err != nil {
		return nil, err
	}
	pairs, err := c.count("metadata pairs", ggufMinKV)
	if err != nil {
		return nil, err
	}
	for range pairs {
		if err := g.readPair(c); err != nil {
			return nil, err
		}
	}
	for range tensors {
		if err := g.readTensor(c); err != nil {
			return nil, err
		}
	}
	return g, g.place(c)
}

// readPair reads one metadata key and its value.
func (g *GGUF) readPair(c *ggufCursor) error {
	c.what = ""
	key, err := c.str()
	if err != nil {
		return err
	}
	if len(key) > ggufMaxKey || !utf8.ValidString(key) {
		return c.bad("bad metadata key", fmt.Sprintf("UTF-8 of at most %d bytes", ggufMaxKey), fmt.Sprintf("%d bytes, %.40q", len(key), key))
	}
	c.what = key
	if _, twice := g.meta[key]; twice {
		return c.bad("metadata key occurs twice", "", "")
	}
	kind, err := c.u32()
	if err != nil {
		return err
	}
	if g.meta[key], err = c.value(kind); err != nil {
		return err
	}
	g.keys = append(g.keys, key)
	return nil
}

// readTensor reads one tensor's name, shape, type and offset.
func (g *GGUF) readTensor(c *ggufCursor) error {
	c.what = ""
	name, err := c.str()
	if err != nil {
		return err
	}
	c.what = name
	if _, twice := g.byName[name]; twice {
		return c.bad("tensor occurs twice", "", "")
	}
	if !utf8.ValidString(name) {
		return c.bad("tensor name is not valid UTF-8", "", "")
	}
	dims, err := c.u32()
	if err != nil {
		return err
	}
	if dims > ggufMaxDims {
		return c.bad("too many dimensions", fmt.Sprintf("at most %d", ggufMaxDims), fmt.Sprint(dims))
	}
	shape := make([]int, dims)
	for i := range slices.Backward(shape) {
		d, err := c.u64()
		if err != nil {
			return err
		}
		if int64(d) < 0 {
			return c.bad("dimension is too large", "fewer than 2^63", fmt.Sprint(d))
		}
		shape[i] = int(d)
	}
	id, err := c.u32()
	if err != nil {
		return err
	}
	offset, err := c.u64()
	if err != nil {
		return err
	}
	kind, ok := ggmlTypes[id]
	if !ok {
		return c.bad("unknown tensor type", "one of "+decodableTypes(), fmt.Sprintf("type number %d", id))
	}
	size, err := kind.size(shape)
	if err != nil {
		return c.bad(err.Error(), "", "")
	}
	if int64(offset) < 0 {
		return c.bad("data offset is beyond any file", "fewer than 2^63", fmt.Sprint(offset))
	}
	g.byName[name] = len(g.tensors)
	g.tensors = append(g.tensors, GGUFTensor{Name: name, Type: kind.name, Shape: shape, Offset: int64(offset), Size: size, kind: kind})
	return nil
}

// place makes the tensors' offsets absolute and checks where they lie.
func (g *GGUF) place(c *ggufCursor) error {
	c.what = "general.alignment"
	alignment := int64(32) // GGUF_DEFAULT_ALIGNMENT
	if v, ok := g.meta["general.alignment"]; ok {
		a, ok := v.(uint32)
		if !ok || bits.OnesCount32(a) != 1 {
			return c.bad("bad alignment", "a 32-bit power of two", fmt.Sprintf("%T %v", v, v))
		}
		alignment = int64(a)
	}
	start := (int64(c.pos) + alignment - 1) &^ (alignment - 1)
	order := make([]int, len(g.tensors))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.tensors[a].Offset, g.tensors[b].Offset) })
	var end int64
	for _, i := range order {
		t := &g.tensors[i]
		c.what = t.Name
		if t.Offset%alignment != 0 {
			return c.bad("data is not aligned", fmt.Sprintf("an offset that is a multiple of %d", alignment), fmt.Sprint(t.Offset))
		}
		if t.Offset < end {
			return c.bad("data overlaps another tensor's", fmt.Sprintf("offset ≥ %d", end), fmt.Sprint(t.Offset))
		}
		// Subtracting keeps clear of overflow: nothing here is negative.
		if room := int64(len(g.data)) - start; t.Offset > room || t.Size > room-t.Offset {
			return c.bad("file is cut short or lies about an offset",
				fmt.Sprintf("%d bytes of %s %v at offset %d", t.Size, t.Type, t.Shape, start+t.Offset), fmt.Sprintf("a file of %d bytes", len(g.data)))
		}
		end = t.Offset + t.Size
		t.Offset += start
	}
	return nil
}
