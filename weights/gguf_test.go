package weights

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDequantise compares every type, bit by bit, with the gguf package of ggml's authors.
func TestDequantise(t *testing.T) {
	g, err := OpenGGUF("testdata/quants.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read only
	want := mustOpen(t, "testdata/quants.safetensors")
	if len(g.Tensors()) != 11 || len(want.Names()) != 11 {
		t.Fatalf("%d types in the GGUF, %d expected tensors", len(g.Tensors()), len(want.Names()))
	}
	for _, tensor := range g.Tensors() {
		t.Run(tensor.Name, func(t *testing.T) {
			if tensor.Type != tensor.Name || !slices.Equal(tensor.Shape, []int{3, 512}) {
				t.Fatalf("%+v", tensor)
			}
			got, err := g.ToFloat32(tensor.Name)
			if err != nil {
				t.Fatal(err)
			}
			reference, _ := want.Tensor(tensor.Name)
			expected, err := ToFloat32(reference)
			if err != nil {
				t.Fatal(err)
			}
			for i := range expected {
				if math.Float32bits(got[i]) != math.Float32bits(expected[i]) {
					t.Fatalf("element %d: got %v, want %v", i, got[i], expected[i])
				}
			}
		})
	}
}

// ggufBuilder writes GGUF by hand, right or wrong.
type ggufBuilder struct{ bytes.Buffer }

func newGGUF(version uint32, tensors, pairs uint64) *ggufBuilder {
	b := &ggufBuilder{}
	b.WriteString("GGUF")
	return b.add(version, tensors, pairs)
}

// add appends numbers as they are and strings with their length before them.
func (b *ggufBuilder) add(values ...any) *ggufBuilder {
	for _, v := range values {
		if s, ok := v.(string); ok {
			b.add(uint64(len(s)))
			b.WriteString(s)
			continue
		}
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

// tensor appends a tensor's description; dims are in ggml's order, innermost first.
func (b *ggufBuilder) tensor(name string, kind uint32, offset uint64, dims ...uint64) *ggufBuilder {
	return b.add(name, uint32(len(dims)), dims, kind, offset)
}

// data pads to the alignment and appends n bytes.
func (b *ggufBuilder) data(alignment, n int) []byte {
	for b.Len()%alignment != 0 {
		b.WriteByte(0)
	}
	return append(b.Bytes(), make([]byte, n)...)
}

func TestGGUFMetadata(t *testing.T) {
	b := newGGUF(2, 1, 14)
	b.add("u8", uint32(0), uint8(200), "i8", uint32(1), int8(-3), "u16", uint32(2), uint16(60000), "i16", uint32(3), int16(-7))
	b.add("u32", uint32(4), uint32(5), "i32", uint32(5), int32(-6), "f32", uint32(6), float32(1.5), "bool", uint32(7), true)
	b.add("s", uint32(8), "text", "u64", uint32(10), uint64(1)<<40, "i64", uint32(11), int64(-1), "f64", uint32(12), 2.25)
	b.add("strings", uint32(9), uint32(8), uint64(2), "a", "", "numbers", uint32(9), uint32(5), uint64(2), int32(1), int32(-1))
	path := put(t, "meta.gguf", b.tensor("x", 0, 0, 2, 3).data(32, 24))
	g, err := OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read only
	want := map[string]any{
		"u8": uint8(200), "i8": int8(-3), "u16": uint16(60000), "i16": int16(-7), "u32": uint32(5), "i32": int32(-6),
		"f32": float32(1.5), "bool": true, "s": "text", "u64": uint64(1) << 40, "i64": int64(-1), "f64": 2.25,
		"strings": []string{"a", ""}, "numbers": []int32{1, -1},
	}
	got := map[string]any{}
	for _, k := range g.Keys() {
		got[k] = g.Value(k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	x, ok := g.Tensor("x")
	if !ok || !slices.Equal(x.Shape, []int{3, 2}) || x.Size != 24 || x.Offset%32 != 0 {
		t.Errorf("%+v", x)
	}
	for key, want := range map[string]string{"i8": "from 0 to 2^31-1", "u64": "from 0 to 2^31-1", "s": "a whole number", "f32": "a whole number"} {
		_, _, err := g.integer(key)
		wantError(t, err, path, key, want)
	}
	_, _, err = g.text("u8")
	wantError(t, err, "u8", "a string", "uint8 200")
	_, _, err = g.float("s")
	wantError(t, err, "floating-point", "string text")
	_, err = g.flag("s", true)
	wantError(t, err, "true or false")
}

func TestMalformedGGUF(t *testing.T) {
	const f32, q4 = 0, 2
	cut := newGGUF(3, 1, 0).tensor("w", f32, 0, 8).data(32, 31)
	for name, tc := range map[string]struct {
		data []byte
		want []string
	}{
		"empty":              {nil, []string{"not a GGUF file"}},
		"other magic":        {[]byte("GGML\x01\x00\x00\x00"), []string{"not a GGUF file", `"GGML"`}},
		"only magic":         {[]byte("GGUF"), []string{"cut short", "4 bytes at offset 4", "0 bytes to the end"}},
		"version 1":          {newGGUF(1, 0, 0).Bytes(), []string{"GGUF version", "2 or 3", "found 1"}},
		"version 4":          {newGGUF(4, 0, 0).Bytes(), []string{"found 4"}},
		"big-endian":         {newGGUF(3<<24, 0, 0).Bytes(), []string{"little-endian", "found big-endian"}},
		"tensor count lies":  {newGGUF(3, 1<<60, 0).Bytes(), []string{"number of tensors", "1152921504606846976"}},
		"pair count lies":    {newGGUF(3, 0, 1<<60).Bytes(), []string{"number of metadata pairs"}},
		"key length lies":    {newGGUF(3, 0, 1).add(uint64(1)<<62, uint64(0)).Bytes(), []string{"lies about a length", "4611686018427387904 bytes"}},
		"key not UTF-8":      {newGGUF(3, 0, 1).add("\xff", uint32(0), uint8(0)).Bytes(), []string{"bad metadata key"}},
		"key twice":          {newGGUF(3, 0, 2).add("k", uint32(0), uint8(0), "k", uint32(0), uint8(0)).Bytes(), []string{`"k"`, "twice"}},
		"value type":         {newGGUF(3, 0, 1).add("k", uint32(13), uint64(0)).Bytes(), []string{`"k"`, "unknown metadata type", "found 13"}},
		"value cut":          {newGGUF(3, 0, 1).add("k", uint32(10), uint32(0)).Bytes(), []string{`"k"`, "8 bytes", "4 bytes to the end"}},
		"array count lies":   {newGGUF(3, 0, 1).add("k", uint32(9), uint32(4), uint64(1)<<62, uint32(0)).Bytes(), []string{`"k"`, "number of array elements", "at most 1"}},
		"string count lies":  {newGGUF(3, 0, 1).add("k", uint32(9), uint32(8), uint64(1)<<61, uint64(0)).Bytes(), []string{`"k"`, "number of strings", "at most 1"}},
		"array of arrays":    {newGGUF(3, 0, 1).add("k", uint32(9), uint32(9), uint64(1), uint32(0), uint64(0)).Bytes(), []string{`"k"`, "arrays of arrays"}},
		"five dimensions":    {newGGUF(3, 1, 0).tensor("w", f32, 0, 1, 1, 1, 1, 1).data(32, 4), []string{`"w"`, "at most 4", "found 5"}},
		"dimension negative": {newGGUF(3, 1, 0).tensor("w", f32, 0, 1<<63).data(32, 4), []string{`"w"`, "too large"}},
		"shape overflows":    {newGGUF(3, 1, 0).tensor("w", f32, 0, 1<<32, 1<<32).data(32, 4), []string{`"w"`, "too large"}},
		"bytes overflow":     {newGGUF(3, 1, 0).tensor("w", f32, 0, 1<<61, 1).data(32, 4), []string{`"w"`, "too large"}},
		"unknown type":       {newGGUF(3, 1, 0).tensor("w", 99, 0, 1).data(32, 4), []string{`"w"`, "unknown tensor type", "type number 99", "Q4_K"}},
		"row not blocks":     {newGGUF(3, 1, 0).tensor("w", q4, 0, 33, 32).data(32, 999), []string{`"w"`, "[32 33]", "multiples of 32"}},
		"tensor twice":       {newGGUF(3, 2, 0).tensor("w", f32, 0, 8).tensor("w", f32, 32, 8).data(32, 64), []string{`"w"`, "twice"}},
		"not aligned":        {newGGUF(3, 1, 0).tensor("w", f32, 8, 8).data(32, 64), []string{`"w"`, "not aligned", "multiple of 32", "found 8"}},
		"overlap":            {newGGUF(3, 2, 0).tensor("v", f32, 0, 16).tensor("w", f32, 32, 8).data(32, 64), []string{`"w"`, "overlaps", "offset ≥ 64"}},
		"cut in the data":    {cut, []string{`"w"`, "cut short", "32 bytes of F32 [8] at offset 64", "a file of 95 bytes"}},
		"offset beyond":      {newGGUF(3, 1, 0).tensor("w", f32, 1<<62, 8).data(32, 64), []string{`"w"`, "lies about an offset"}},
		"offset negative":    {newGGUF(3, 1, 0).tensor("w", f32, 1<<63, 8).data(32, 64), []string{`"w"`, "beyond any file"}},
		"alignment 0":        {newGGUF(3, 0, 1).add("general.alignment", uint32(4), uint32(0)).Bytes(), []string{"general.alignment", "power of two", "uint32 0"}},
		"alignment 48":       {newGGUF(3, 0, 1).add("general.alignment", uint32(4), uint32(48)).Bytes(), []string{"power of two", "48"}},
		"alignment a string": {newGGUF(3, 0, 1).add("general.alignment", uint32(8), "32").Bytes(), []string{"power of two", "string 32"}},
		"alignment huge":     {newGGUF(3, 1, 1).add("general.alignment", uint32(4), uint32(1)<<31).tensor("w", f32, 0, 8).data(32, 64), []string{`"w"`, "cut short"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, "bad.gguf", tc.data)
			g, err := OpenGGUF(path)
			if err == nil {
				_ = g.Close()
			}
			wantError(t, err, append(tc.want, path)...)
		})
	}
}

// TestGGUFCutAnywhere cuts a good file at every length: always an error, never a panic.
func TestGGUFCutAnywhere(t *testing.T) {
	b := newGGUF(3, 2, 2).add("k", uint32(9), uint32(8), uint64(2), "a", "bc", "general.alignment", uint32(4), uint32(64))
	whole := b.tensor("v", 0, 0, 2).tensor("w", 8, 64, 32, 2).data(64, 64+68)
	for n := range whole {
		if _, err := parseGGUF("cut", whole[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: no error", n, len(whole))
		}
	}
	if _, err := parseGGUF("whole", whole); err != nil {
		t.Error(err)
	}
}

func TestUndecodableType(t *testing.T) {
	path := put(t, "q2.gguf", newGGUF(3, 1, 0).tensor("w", 10, 0, 256).data(32, 84))
	g, err := OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read only
	_, err = g.ToFloat32("w")
	wantError(t, err, path, `"w"`, "Q6_K", "found Q2_K")
	_, err = g.ToFloat32("v")
	wantError(t, err, `"v"`, "no such tensor")
}

func FuzzGGUF(f *testing.F) {
	quants, err := os.ReadFile("testdata/quants.gguf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(quants[:4096])
	f.Add(newGGUF(3, 1, 0).tensor("w", 2, 0, 32).data(32, 18))
	f.Add(newGGUF(3, 1, 1).add("k", uint32(9), uint32(8), uint64(1), "a").tensor("w", 30, 0, 4).data(32, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGGUF("fuzz", data)
		if err != nil {
			return
		}
		for _, x := range g.Tensors() { // what is accepted can be read
			if raw := g.bytes(x); int64(len(raw)) != x.Size {
				t.Fatalf("accepted %+v", x)
			}
			if x.Size > 1<<16 || x.kind.decode == nil {
				continue
			}
			if _, err := g.ToFloat32(x.Name); err != nil {
				t.Fatal(err)
			}
		}
	})
}
