package weights

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
)

// ToFloat32 decodes a tensor of dtype F32, F16 or BF16, all three exactly.
func ToFloat32(t Tensor) ([]float32, error) {
	if err := checkSize(t); err != nil {
		return nil, err
	}
	switch t.DType {
	case dtypes.Float32:
		out := make([]float32, len(t.Data)/4)
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return out, nil
	case dtypes.Float16:
		out := make([]float32, len(t.Data)/2)
		for i := range out {
			out[i] = halfToFloat32(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
		return out, nil
	case dtypes.BFloat16:
		out := make([]float32, len(t.Data)/2)
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
		return out, nil
	}
	return nil, fmt.Errorf("tensor %q: cannot decode to float32: expected F32, F16 or BF16, found %s", t.Name, DTypeName(t.DType))
}

// ToInt64 decodes a tensor of dtype I64 or I32.
func ToInt64(t Tensor) ([]int64, error) {
	if err := checkSize(t); err != nil {
		return nil, err
	}
	switch t.DType {
	case dtypes.Int64:
		out := make([]int64, len(t.Data)/8)
		for i := range out {
			out[i] = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
		}
		return out, nil
	case dtypes.Int32:
		out := make([]int64, len(t.Data)/4)
		for i := range out {
			out[i] = int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
		}
		return out, nil
	}
	return nil, fmt.Errorf("tensor %q: cannot decode to int64: expected I64 or I32, found %s", t.Name, DTypeName(t.DType))
}

// checkSize says whether Data has the bytes that dtype and shape ask for;
// tensors from a Checkpoint always do.
func checkSize(t Tensor) error {
	want, ok := byteSize(t.DType, t.Shape)
	if !ok {
		return fmt.Errorf("tensor %q: %s %v has no size in bytes", t.Name, DTypeName(t.DType), t.Shape)
	}
	if want != uint64(len(t.Data)) {
		return fmt.Errorf("tensor %q: %s %v: expected %d bytes, found %d", t.Name, DTypeName(t.DType), t.Shape, want, len(t.Data))
	}
	return nil
}

// halfToFloat32 widens an IEEE 754 half. Shifting exponent and mantissa into place
// leaves the exponent 112 too small, for subnormals as well, so that one exact
// multiplication mends both; only infinity and NaN need the exponent set.
func halfToFloat32(h uint16) float32 {
	shifted := uint32(h&0x7fff) << 13
	out := math.Float32bits(math.Float32frombits(shifted) * 0x1p112)
	if shifted >= 0x7c00<<13 {
		out = shifted | 0x7f800000
	}
	return math.Float32frombits(out | uint32(h&0x8000)<<16)
}

// FromFloat32 encodes values as F32, F16 or BF16, rounding to the nearest and
// halves to even. Values beyond F16's range become infinite.
func FromFloat32(name string, shape []int, values []float32, dtype dtypes.DType) (Tensor, error) {
	data, err := appendFloats(nil, values, dtype)
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	t := Tensor{Name: name, DType: dtype, Shape: shape, Data: data}
	return t, checkSize(t)
}

// appendFloats appends the encoded values to dst.
func appendFloats(dst []byte, values []float32, dtype dtypes.DType) ([]byte, error) {
	switch dtype {
	case dtypes.Float32:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	case dtypes.Float16:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint16(dst, toFloat16(v))
		}
	case dtypes.BFloat16:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint16(dst, toBFloat16(v))
		}
	default:
		return nil, fmt.Errorf("cannot encode float32: expected dtype F32, F16 or BF16, found %s", DTypeName(dtype))
	}
	return dst, nil
}

// toBFloat16 rounds to the nearest bfloat16, halves to even; NaN stays a
// (quiet) NaN even where its payload is cut off.
func toBFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// toFloat16 rounds to the nearest IEEE half, halves to even.
func toFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	sign, abs := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case abs > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(abs>>13&0x3ff)
	case abs >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case abs < 0x38800000: // below 2^-14, subnormal: adding 0.5 makes the FPU round at 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(abs)+0.5)-0x3f000000)
	}
	return sign | uint16((abs-0x38000000+0xfff+abs>>13&1)>>13)
}
