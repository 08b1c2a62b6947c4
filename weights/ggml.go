package weights

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

// ggmlType is a row of ggml's type table (type_traits in ggml.c): elements are
// stored in blocks of so many elements and bytes.
type ggmlType struct {
	name   string
	block  int                             // elements in a block
	bytes  int                             // bytes in a block
	decode func(dst []float32, src []byte) // whole blocks; nil where Janus cannot
	dtype  dtypes.DType                    // the safetensors dtype of the same bytes, or InvalidDType
}

// ggmlTypes is indexed by enum ggml_type of ggml.h. Types without decode are
// known so that errors can name them and a file's layout can still be checked.
var ggmlTypes = map[uint32]ggmlType{
	0:  {"F32", 1, 4, decodeF32, dtypes.Float32},
	1:  {"F16", 1, 2, decodeF16, dtypes.Float16},
	2:  {"Q4_0", 32, 18, decodeQ4_0, 0},
	3:  {"Q4_1", 32, 20, decodeQ4_1, 0},
	6:  {"Q5_0", 32, 22, decodeQ5_0, 0},
	7:  {"Q5_1", 32, 24, decodeQ5_1, 0},
	8:  {"Q8_0", 32, 34, decodeQ8_0, 0},
	9:  {"Q8_1", 32, 36, nil, 0},
	10: {"Q2_K", 256, 84, nil, 0},
	11: {"Q3_K", 256, 110, nil, 0},
	12: {"Q4_K", 256, 144, decodeQ4K, 0},
	13: {"Q5_K", 256, 176, decodeQ5K, 0},
	14: {"Q6_K", 256, 210, decodeQ6K, 0},
	15: {"Q8_K", 256, 292, nil, 0},
	16: {"IQ2_XXS", 256, 66, nil, 0},
	17: {"IQ2_XS", 256, 74, nil, 0},
	18: {"IQ3_XXS", 256, 98, nil, 0},
	19: {"IQ1_S", 256, 50, nil, 0},
	20: {"IQ4_NL", 32, 18, nil, 0},
	21: {"IQ3_S", 256, 110, nil, 0},
	22: {"IQ2_S", 256, 82, nil, 0},
	23: {"IQ4_XS", 256, 136, nil, 0},
	24: {"I8", 1, 1, nil, 0},
	25: {"I16", 1, 2, nil, 0},
	26: {"I32", 1, 4, nil, 0},
	27: {"I64", 1, 8, nil, 0},
	28: {"F64", 1, 8, nil, 0},
	29: {"IQ1_M", 256, 56, nil, 0},
	30: {"BF16", 1, 2, decodeBF16, dtypes.BFloat16},
	34: {"TQ1_0", 256, 54, nil, 0},
	35: {"TQ2_0", 256, 66, nil, 0},
	39: {"MXFP4", 32, 17, nil, 0},
}

// decodableTypes lists the types that can be turned into floats.
func decodableTypes() string {
	var names []string
	for _, id := range slices.SortedFunc(maps.Keys(ggmlTypes), cmp.Compare[uint32]) {
		if ggmlTypes[id].decode != nil {
			names = append(names, ggmlTypes[id].name)
		}
	}
	return strings.Join(names, ", ")
}

// rowBytes returns the bytes of n elements, which are whole blocks.
func (t ggmlType) rowBytes(n int) int { return n / t.block * t.bytes }

// size returns the bytes of a tensor, whose rows (last axis) must be whole blocks.
func (t ggmlType) size(shape []int) (int64, error) {
	n, ok := elements(shape)
	if !ok || n > math.MaxInt64/uint64(t.bytes) {
		return 0, fmt.Errorf("shape %v of %s is too large: it has 2^63 bytes or more", shape, t.name)
	}
	if len(shape) > 0 && shape[len(shape)-1]%t.block != 0 || len(shape) == 0 && t.block > 1 {
		return 0, fmt.Errorf("shape %v does not suit %s: rows must be multiples of %d elements", shape, t.name, t.block)
	}
	return int64(n) / int64(t.block) * int64(t.bytes), nil
}
