package weights

import (
	"math/bits"
	"slices"

	"github.com/gomlx/compute/dtypes"
)

// dtypeInfo is one row of the safetensors dtype table.
type dtypeInfo struct {
	name  string
	dtype dtypes.DType
	bits  uint64 // size of one element
}

// dtypeTable lists the dtypes of safetensors in the order of the reference's
// Dtype enum (safetensors/src/tensor.rs), which is the order of alignment: its
// writer puts the tensors with the later dtypes first, and so does ours.
// F6_E2M3 and F6_E3M2 are left out, GoMLX has no such type.
var dtypeTable = []dtypeInfo{
	{"BOOL", dtypes.Bool, 8},
	{"F4", dtypes.F4E2M1FN, 4},
	{"U8", dtypes.Uint8, 8},
	{"I8", dtypes.Int8, 8},
	{"F8_E5M2", dtypes.F8E5M2, 8},
	{"F8_E4M3", dtypes.F8E4M3FN, 8},
	{"F8_E8M0", dtypes.F8E8M0FNU, 8},
	{"I16", dtypes.Int16, 16},
	{"U16", dtypes.Uint16, 16},
	{"F16", dtypes.Float16, 16},
	{"BF16", dtypes.BFloat16, 16},
	{"I32", dtypes.Int32, 32},
	{"U32", dtypes.Uint32, 32},
	{"F32", dtypes.Float32, 32},
	{"C64", dtypes.Complex64, 64},
	{"F64", dtypes.Float64, 64},
	{"I64", dtypes.Int64, 64},
	{"U64", dtypes.Uint64, 64},
}

// dtypeRank returns the index of d in dtypeTable, or -1.
func dtypeRank(d dtypes.DType) int {
	return slices.IndexFunc(dtypeTable, func(i dtypeInfo) bool { return i.dtype == d })
}

// DTypeName returns the safetensors spelling of a dtype ("F32", "BF16", "I64"),
// or GoMLX's own name for a dtype that safetensors cannot hold.
func DTypeName(d dtypes.DType) string {
	if i := dtypeRank(d); i >= 0 {
		return dtypeTable[i].name
	}
	return d.String()
}

// ParseDType returns the dtype of a safetensors spelling such as "F32", "BF16"
// or "I64", and whether it is known.
func ParseDType(name string) (dtypes.DType, bool) {
	i := slices.IndexFunc(dtypeTable, func(i dtypeInfo) bool { return i.name == name })
	if i < 0 {
		return dtypes.InvalidDType, false
	}
	return dtypeTable[i].dtype, true
}

// elements returns the product of the dimensions, 1 for a scalar; ok is false
// where it does not fit 63 bits or a dimension is negative. A zero dimension
// makes the product zero whatever the others are.
func elements(shape []int) (n uint64, ok bool) {
	if slices.Contains(shape, 0) {
		return 0, true
	}
	n = 1
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > 1<<63-1 {
			return 0, false
		}
		n = lo
	}
	return n, true
}

// byteSize returns the bytes that a tensor takes; ok is false on overflow, for
// a dtype that safetensors does not have, and for a count of sub-byte elements
// that does not fill whole bytes.
func byteSize(d dtypes.DType, shape []int) (size uint64, ok bool) {
	rank := dtypeRank(d)
	n, fits := elements(shape)
	if rank < 0 || !fits {
		return 0, false
	}
	hi, lo := bits.Mul64(n, dtypeTable[rank].bits)
	if hi != 0 || lo%8 != 0 || lo/8 > 1<<63-1 {
		return 0, false
	}
	return lo / 8, true
}
