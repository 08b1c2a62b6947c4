package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/go-cmp/cmp"
)

// file builds a safetensors file of a header text and n zero bytes of data.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// put writes a file into a fresh folder and returns its path.
func put(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t *testing.T, path string) *Checkpoint {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// wantError checks that err names each part.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestReadReference(t *testing.T) {
	c := mustOpen(t, "testdata/reference.safetensors")
	want := []string{"a.f16", "b.bf16", "empty", "ids", "mask", "quote\"d <&> é", "scalar", "u8", "z.f32"}
	if diff := cmp.Diff(want, c.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"format": "pt"}, c.Metadata()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	for name, want := range map[string][]float32{
		"z.f32":  {1.5, -2, 3.25, 0, float32(math.Copysign(0, -1)), 1e30},
		"a.f16":  {1, -2.5, 65504, 0x1p-24, float32(math.Inf(1))},
		"b.bf16": {1, -3.140625},
		"scalar": {2.5},
		"empty":  {},
	} {
		tensor, ok := c.Tensor(name)
		if !ok {
			t.Fatalf("no tensor %s", name)
		}
		got, err := ToFloat32(tensor)
		if err != nil || !slices.EqualFunc(want, got, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("%s: want %v, got %v, %v", name, want, got, err)
		}
	}
	ids, _ := c.Tensor("ids")
	if got, err := ToInt64(ids); err != nil || !slices.Equal(got, []int64{1, -2, 1 << 40, 4}) || !slices.Equal(ids.Shape, []int{2, 2}) {
		t.Errorf("ids: %v %v, %v", ids.Shape, got, err)
	}
	if _, err := ToFloat32(ids); err == nil {
		t.Error("I64 decoded to float32")
	}
	mask, _ := c.Tensor("mask")
	if mask.DType != dtypes.Bool || !bytes.Equal(mask.Data, []byte{1, 0, 1}) {
		t.Errorf("mask: %v", mask)
	}
	if _, ok := c.Tensor("no such"); ok {
		t.Error("found a tensor that is not there")
	}
}

// TestWriteReference rewrites the reference's file to the same bytes, in whatever order the tensors come.
func TestWriteReference(t *testing.T) {
	want, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, "testdata/reference.safetensors")
	var tensors []Tensor
	for _, name := range c.Names() {
		tensor, _ := c.Tensor(name)
		tensors = append(tensors, tensor)
	}
	for range 2 {
		slices.Reverse(tensors)
		path := filepath.Join(t.TempDir(), "again.safetensors")
		if err := WriteSafetensors(path, tensors, c.Metadata()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("not the reference's bytes:\n%q\n%q", want, got)
		}
	}
}

func TestMalformedHeaders(t *testing.T) {
	const good = `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	huge := binary.LittleEndian.AppendUint64(nil, 100_000_001)
	lying := file(good, 8)
	binary.LittleEndian.PutUint64(lying, 1<<20)
	overflow := binary.LittleEndian.AppendUint64(nil, math.MaxUint64)
	for name, tc := range map[string]struct {
		data []byte
		want []string
	}{
		"empty file":          {nil, []string{"too short", "at least 8 bytes", "found 0 bytes"}},
		"seven bytes":         {make([]byte, 7), []string{"found 7 bytes"}},
		"a GGUF file":         {newGGUF(3, 0, 0).Bytes(), []string{"janus convert", "expected safetensors, found GGUF"}},
		"header over limit":   {append(huge, '{'), []string{"over the limit", "at most 100000000", "found 100000001"}},
		"header length max":   {append(overflow, '{'), []string{"over the limit", "18446744073709551615"}},
		"header length lies":  {lying, []string{"cut short or its header length lies", "header of 1048576 bytes", "found 62 bytes"}},
		"cut in the header":   {file(good, 8)[:40], []string{"cut short", fmt.Sprintf("header of %d bytes", len(good)), "found 32 bytes"}},
		"cut in the data":     {file(good, 7), []string{`"a"`, "beyond the end", "end ≤ 7", "found 8 bytes, data_offsets [0, 8]"}},
		"bytes left over":     {file(good, 9), []string{"belong to none", "expected 8", "found 9"}},
		"header of length 0":  {file("", 0), []string{"header is not valid", "expected '{'", "the end"}},
		"not JSON":            {file("hello   ", 0), []string{"expected '{'", "found 'h'"}},
		"not UTF-8":           {file("{\"\xff\":1}", 0), []string{"UTF-8"}},
		"text after":          {file(good+"x", 8), []string{"expected the end", "'x'"}},
		"string without end":  {file(`{"abc`, 0), []string{"has no end"}},
		"escape at the end":   {file(`{"abc\`, 0), []string{"has no end"}},
		"bad escape":          {file(`{"a\q":1}`, 0), []string{"bad string"}},
		"control character":   {file("{\"a\nb\":1}", 0), []string{"control character"}},
		"trailing comma":      {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}`, 8), []string{`expected '"'`}},
		"entry is a list":     {file(`{"a":[]}`, 0), []string{`tensor "a"`, "expected '{'"}},
		"dtype is a number":   {file(`{"a":{"dtype":1,"shape":[],"data_offsets":[0,4]}}`, 4), []string{`tensor "a"`, `expected '"'`}},
		"unknown dtype":       {file(`{"a":{"dtype":"F33","shape":[],"data_offsets":[0,4]}}`, 4), []string{`tensor "a"`, "unknown dtype", "BF16", `found "F33"`}},
		"no shape":            {file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), []string{`tensor "a"`, "incomplete", "shape false"}},
		"shape twice":         {file(`{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}`, 4), []string{"shape occurs twice"}},
		"unknown field":       {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4), []string{`"a"`, "unknown field", `"x"`}},
		"one offset":          {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}`, 4), []string{"too few data_offsets", "found 1"}},
		"three offsets":       {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), []string{"too many data_offsets"}},
		"backwards":           {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), []string{`"a"`, "backwards", "[4, 0]"}},
		"negative dimension":  {file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), []string{`"a"`, "whole number", "'-'"}},
		"fraction":            {file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4), []string{`"a"`, "fraction"}},
		"exponent":            {file(`{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}`, 4), []string{`"a"`, "fraction or exponent"}},
		"leading zero":        {file(`{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}`, 4), []string{`"a"`, "leading zero"}},
		"number over int":     {file(`{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}`, 4), []string{`"a"`, "larger than"}},
		"shape overflows":     {file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), []string{`"a"`, "too large", "[4294967296 4294967296]"}},
		"bytes overflow":      {file(`{"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0), []string{`"a"`, "too large"}},
		"shape does not fit":  {file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), []string{`"a"`, "do not fit", "12 bytes for F32 [3]", "found 8 bytes"}},
		"dtype does not fit":  {file(`{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,8]}}`, 8), []string{`"a"`, "4 bytes for BF16 [2]", "found 8 bytes"}},
		"half bytes":          {file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2), []string{`"a"`, "whole bytes"}},
		"out of range":        {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 12), []string{`"b"`, "beyond the end", "data_offsets [8, 16]"}},
		"overlap":             {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), []string{`"b"`, `overlaps tensor "a"`, "begin at 8", "data_offsets [4, 12]"}},
		"gap at the start":    {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), []string{`"a"`, "gap after the start", "begin at 0"}},
		"gap":                 {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12), []string{`"b"`, `gap after tensor "a"`, "begin at 4", "data_offsets [8, 12]"}},
		"same name twice":     {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), []string{`"a"`, "occurs twice"}},
		"metadata twice":      {file(`{"__metadata__":{},"__metadata__":{}}`, 0), []string{"__metadata__ twice"}},
		"metadata not string": {file(`{"__metadata__":{"a":1}}`, 0), []string{`expected '"'`, "'1'"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, "bad.safetensors", tc.data)
			c, err := Open(path)
			if err == nil {
				_ = c.Close()
			}
			wantError(t, err, append(tc.want, path)...)
		})
	}
}

func TestOddButValidHeaders(t *testing.T) {
	for name, data := range map[string][]byte{
		"no tensors":          file(`{}`, 0),
		"spaces":              file(" {\t\"a\" :\n{ \"shape\" : [ 1 , 0 ] ,\r\"dtype\":\"F32\",\"data_offsets\":[0,0] } }   ", 0),
		"zero-sized tensors":  file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"c":{"dtype":"I8","shape":[4294967296,4294967296,0],"data_offsets":[4,4]}}`, 4),
		"unsorted":            file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 5),
		"escaped name":        file(`{"\u0061\"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1),
		"two 4-bit floats":    file(`{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1),
		"metadata and a name": file(`{"__metadata__":{"k":"v"},"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			c := mustOpen(t, put(t, "odd.safetensors", data))
			for _, n := range c.Names() {
				if _, ok := c.Tensor(n); !ok {
					t.Errorf("%q is listed but not found", n)
				}
			}
		})
	}
}

// TestManyTensors opens 100,000 entries within a second and a few times the header's size of memory.
func TestManyTensors(t *testing.T) {
	const n = 100_000
	var h strings.Builder
	h.WriteByte('{')
	for i := range n {
		if i > 0 {
			h.WriteByte(',')
		}
		fmt.Fprintf(&h, `"model.layers.%d.weight":{"dtype":"BF16","shape":[1,2],"data_offsets":[%d,%d]}`, i, 4*i, 4*i+4)
	}
	h.WriteByte('}')
	path := put(t, "many.safetensors", file(h.String(), 4*n))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	c := mustOpen(t, path)
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)

	if len(c.Names()) != n {
		t.Errorf("%d names", len(c.Names()))
	}
	if x, ok := c.Tensor("model.layers.99999.weight"); !ok || len(x.Data) != 4 {
		t.Errorf("last tensor: %v %v", x, ok)
	}
	if elapsed > 2*time.Second {
		t.Errorf("opening took %v", elapsed)
	}
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(16*h.Len()); got > limit {
		t.Errorf("opening allocated %d bytes for a header of %d", got, h.Len())
	}
	t.Logf("%d entries: %v, %d MB allocated for a header of %d MB", n, elapsed, (after.TotalAlloc-before.TotalAlloc)>>20, h.Len()>>20)
}

func FuzzSafetensorsHeader(f *testing.F) {
	reference, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reference)
	f.Add(reference[:100])
	f.Add(file(`{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader("fuzz", data)
		if err != nil {
			return
		}
		used := 8 + int(binary.LittleEndian.Uint64(data))
		for _, e := range h.entries { // what is accepted lies within the file and has the size of its shape
			size, ok := byteSize(e.dtype, e.shape)
			if !ok || e.begin < 0 || e.end > len(data) || uint64(e.end-e.begin) != size {
				t.Fatalf("accepted %+v", e)
			}
			used += e.end - e.begin
		}
		if used != len(data) {
			t.Fatalf("accepted %d bytes of which %d are used", len(data), used)
		}
	})
}
