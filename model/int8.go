package model

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
)

// scaleSuffix names the scales of a matrix that is stored as int8.
const scaleSuffix = ".scale"

// quantised turns a matrix [rows, cols] into int8 levels and one scale a row, so that levels·scale is near the matrix:
// symmetric rounding to the row's largest absolute value (LLM.int8(), arXiv:2208.07339, its vector-wise weights).
// Products are computed in the states' dtype; only the storage is int8.
func quantised(x []float32, rows, cols int) (levels []int8, scales []float32) {
	levels, scales = make([]int8, len(x)), make([]float32, rows)
	for r := range rows {
		line := x[r*cols : (r+1)*cols]
		var largest float32
		for _, v := range line {
			largest = max(largest, v, -v)
		}
		scale := largest / 127
		scales[r] = scale
		if scale == 0 {
			continue
		}
		for i, v := range line {
			levels[r*cols+i] = int8(math.RoundToEven(float64(v / scale)))
		}
	}
	return levels, scales
}

// SetDType sets DType and Int8 by name: "f32", "bf16", "int8", the long names of the first two, or "" for the default.
func (o *Options) SetDType(name string) error {
	switch name {
	case "":
	case "f32", "float32":
		o.DType = dtypes.Float32
	case "bf16", "bfloat16":
		o.DType = dtypes.BFloat16
	case "int8":
		o.Int8 = true
	default:
		return fmt.Errorf("dtype %q is not known: expected f32, bf16 or int8", name)
	}
	return nil
}
