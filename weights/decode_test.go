package weights

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
)

// TestHalvesAgainstGoMLX decodes all 65,536 halves of both kinds and encodes
// them again, which must give them back.
func TestHalvesAgainstGoMLX(t *testing.T) {
	data := make([]byte, 0, 2<<16)
	for i := range 1 << 16 {
		data = binary.LittleEndian.AppendUint16(data, uint16(i))
	}
	for _, tc := range []struct {
		dtype dtypes.DType
		ref   func(uint16) float32
	}{
		{dtypes.Float16, func(b uint16) float32 { return float16.FromBits(b).Float32() }},
		{dtypes.BFloat16, func(b uint16) float32 { return bfloat16.FromBits(b).Float32() }},
	} {
		got, err := ToFloat32(Tensor{DType: tc.dtype, Shape: []int{1 << 16}, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		back, err := FromFloat32("", []int{1 << 16}, got, tc.dtype)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			want := tc.ref(uint16(i))
			if math.Float32bits(v) != math.Float32bits(want) && !(v != v && want != want) {
				t.Fatalf("%s %#04x: %v, want %v", tc.dtype, i, v, want)
			}
			if b := binary.LittleEndian.Uint16(back.Data[2*i:]); b != uint16(i) && v == v {
				t.Fatalf("%s %#04x comes back as %#04x", tc.dtype, i, b)
			} else if v != v && tc.ref(b) == tc.ref(b) {
				t.Fatalf("%s %#04x: NaN comes back as %#04x", tc.dtype, i, b)
			}
		}
	}
}

func TestRounding(t *testing.T) {
	for _, tc := range []struct {
		in         float32
		f16, brain float32
	}{
		{1, 1, 1},
		{1 + 0x1p-11, 1, 1},                         // half way: to even
		{1 + 3*0x1p-11, 1 + 0x1p-9, 1},              // half way: to even, upwards
		{1 + 0x1p-11 + 0x1p-23, 1 + 0x1p-10, 1},     // just above half way
		{1 + 0x1p-8, 1 + 0x1p-8, 1},                 // bfloat16 half way
		{1 + 3*0x1p-8, 1 + 3*0x1p-8, 1 + 0x1p-6},    // bfloat16 half way, upwards
		{65519, 65504, 65536},                       // largest that stays finite in F16
		{65520, float32(math.Inf(1)), 65536},        // half way to 65536: overflows
		{-1e9, float32(math.Inf(-1)), -998244352},   // far beyond
		{0x1p-24, 0x1p-24, 0x1p-24},                 // smallest subnormal half
		{0x1p-25, 0, 0x1p-25},                       // half way to zero: to even
		{0x1p-25 + 0x1p-40, 0x1p-24, 0x1p-25},       // just above
		{0x1p-14 - 0x1p-26, 0x1p-14, 0x1p-14},       // subnormal that rounds to a normal
		{3.39e38, float32(math.Inf(1)), 0x1.fep127}, // near the top of bfloat16
		{math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(1))},
	} {
		if got := float16FromBits(toFloat16(tc.in)); got != tc.f16 {
			t.Errorf("F16 of %v: %v, want %v", tc.in, got, tc.f16)
		}
		if got := math.Float32frombits(uint32(toBFloat16(tc.in)) << 16); got != tc.brain {
			t.Errorf("BF16 of %v: %v, want %v", tc.in, got, tc.brain)
		}
	}
}

func float16FromBits(b uint16) float32 { return float16.FromBits(b).Float32() }

func TestDecodeRefuses(t *testing.T) {
	_, err := ToFloat32(Tensor{Name: "w", DType: dtypes.Float32, Shape: []int{2}, Data: make([]byte, 7)})
	wantError(t, err, `"w"`, "expected 8 bytes, found 7")
	_, err = ToFloat32(Tensor{Name: "w", DType: dtypes.Int64, Shape: []int{1}, Data: make([]byte, 8)})
	wantError(t, err, `"w"`, "expected F32, F16 or BF16, found I64")
	_, err = ToInt64(Tensor{Name: "w", DType: dtypes.Float32, Shape: []int{1}, Data: make([]byte, 4)})
	wantError(t, err, `"w"`, "found F32")
	_, err = FromFloat32("w", []int{1}, []float32{1}, dtypes.Int8)
	wantError(t, err, `"w"`, "found I8")
	_, err = FromFloat32("w", []int{2}, []float32{1}, dtypes.Float32)
	wantError(t, err, `"w"`, "expected 8 bytes, found 4")
	got, err := ToInt64(Tensor{DType: dtypes.Int32, Shape: []int{2}, Data: []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}})
	if err != nil || got[0] != 1 || got[1] != -1 {
		t.Errorf("I32: %v, %v", got, err)
	}
}
