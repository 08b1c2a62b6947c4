package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The value types of GGUF metadata (gguf_metadata_value_type).
const (
	ggufU8 = iota
	ggufI8
	ggufU16
	ggufI16
	ggufU32
	ggufI32
	ggufF32
	ggufBool
	ggufString
	ggufArray
	ggufU64
	ggufI64
	ggufF64
)

// value reads a metadata value of a type. Arrays of arrays are refused, as
// ggml's own reader does.
func (c *ggufCursor) value(kind uint32) (any, error) {
	switch kind {
	case ggufU8:
		return scalar(c, 1, func(b []byte) uint8 { return b[0] })
	case ggufI8:
		return scalar(c, 1, func(b []byte) int8 { return int8(b[0]) })
	case ggufBool:
		return scalar(c, 1, func(b []byte) bool { return b[0] != 0 })
	case ggufU16:
		return scalar(c, 2, binary.LittleEndian.Uint16)
	case ggufI16:
		return scalar(c, 2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) })
	case ggufU32:
		return scalar(c, 4, binary.LittleEndian.Uint32)
	case ggufI32:
		return scalar(c, 4, le32)
	case ggufF32:
		return scalar(c, 4, lef32)
	case ggufU64:
		return scalar(c, 8, binary.LittleEndian.Uint64)
	case ggufI64:
		return scalar(c, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case ggufF64:
		return scalar(c, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case ggufString:
		return c.str()
	case ggufArray:
		return c.array()
	}
	return nil, c.bad("unknown metadata type", "0 to 12", fmt.Sprint(kind))
}

func le32(b []byte) int32    { return int32(binary.LittleEndian.Uint32(b)) }
func lef32(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

func scalar[T any](c *ggufCursor, size uint64, decode func([]byte) T) (any, error) {
	b, err := c.take(size)
	if err != nil {
		return nil, err
	}
	return decode(b), nil
}

// array reads an element type, a count and the elements.
func (c *ggufCursor) array() (any, error) {
	kind, err := c.u32()
	if err != nil {
		return nil, err
	}
	switch kind {
	case ggufString:
		n, err := c.count("strings", 8)
		if err != nil {
			return nil, err
		}
		out := make([]string, n)
		for i := range out {
			if out[i], err = c.str(); err != nil {
				return nil, err
			}
		}
		return out, nil
	case ggufU8:
		return numbers(c, 1, func(b []byte) uint8 { return b[0] })
	case ggufI8:
		return numbers(c, 1, func(b []byte) int8 { return int8(b[0]) })
	case ggufBool:
		return numbers(c, 1, func(b []byte) bool { return b[0] != 0 })
	case ggufU16:
		return numbers(c, 2, binary.LittleEndian.Uint16)
	case ggufI16:
		return numbers(c, 2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) })
	case ggufU32:
		return numbers(c, 4, binary.LittleEndian.Uint32)
	case ggufI32:
		return numbers(c, 4, le32)
	case ggufF32:
		return numbers(c, 4, lef32)
	case ggufU64:
		return numbers(c, 8, binary.LittleEndian.Uint64)
	case ggufI64:
		return numbers(c, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case ggufF64:
		return numbers(c, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	}
	return nil, c.bad("unknown array element type (arrays of arrays are not read)", "0 to 8 or 10 to 12", fmt.Sprint(kind))
}

func numbers[T any](c *ggufCursor, size int, decode func([]byte) T) (any, error) {
	n, err := c.count("array elements", uint64(size))
	if err != nil {
		return nil, err
	}
	b, err := c.take(uint64(n * size))
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i := range out {
		out[i] = decode(b[i*size:])
	}
	return out, nil
}

// The typed look-ups below return an error that names the key, what it should
// hold and what it holds. found is false where the key is absent.

// text returns a string value.
func (g *GGUF) text(key string) (s string, found bool, err error) {
	v, found := g.meta[key]
	if !found {
		return "", false, nil
	}
	s, ok := v.(string)
	if !ok {
		return "", true, g.wrong(key, "a string")
	}
	return s, true, nil
}

// integer returns a whole number of any width that is ≥ 0 and fits 31 bits,
// which every count, size and id does.
func (g *GGUF) integer(key string) (n int, found bool, err error) {
	var wide int64
	switch v := g.meta[key].(type) {
	case nil:
		return 0, false, nil
	case uint8:
		wide = int64(v)
	case int8:
		wide = int64(v)
	case uint16:
		wide = int64(v)
	case int16:
		wide = int64(v)
	case uint32:
		wide = int64(v)
	case int32:
		wide = int64(v)
	case uint64:
		wide = int64(min(v, math.MaxInt64))
	case int64:
		wide = v
	default:
		return 0, true, g.wrong(key, "a whole number")
	}
	if wide < 0 || wide > math.MaxInt32 {
		return 0, true, g.wrong(key, "a whole number from 0 to 2^31-1")
	}
	return int(wide), true, nil
}

// float returns a floating-point number; float32 is what llama.cpp writes.
func (g *GGUF) float(key string) (f float64, found bool, err error) {
	switch v := g.meta[key].(type) {
	case nil:
		return 0, false, nil
	case float32:
		f = float64(v)
	case float64:
		f = v
	default:
		return 0, true, g.wrong(key, "a floating-point number")
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, true, g.wrong(key, "a finite number")
	}
	return f, true, nil
}

// flag returns a bool, or otherwise where the key is absent.
func (g *GGUF) flag(key string, otherwise bool) (bool, error) {
	switch v := g.meta[key].(type) {
	case nil:
		return otherwise, nil
	case bool:
		return v, nil
	}
	return false, g.wrong(key, "true or false")
}

func (g *GGUF) wrong(key, expected string) error {
	found := fmt.Sprintf("%T %v", g.meta[key], g.meta[key])
	if len(found) > 80 {
		found = found[:80] + "..."
	}
	return &FormatError{File: g.path, Tensor: key, Problem: "metadata value", Expected: expected, Found: found}
}

// missing is the error for a key that must be there.
func (g *GGUF) missing(key, expected string) error {
	return &FormatError{File: g.path, Tensor: key, Problem: "metadata key is missing", Expected: expected, Found: "nothing"}
}
