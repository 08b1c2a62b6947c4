package lora

import (
	"fmt"
	"math"
	"slices"
)

// Changes tells whether merging changes a base tensor, given by its full name.
func (a *Adapter) Changes(tensor string) bool {
	_, adapted := a.modules[moduleOf(tensor)]
	_, replaced := a.replaced[tensor]
	return adapted || replaced
}

// MergeInto changes a base tensor in place to what it is with the adapter. Tensors that the adapter leaves alone stay as
// they are. Sums are taken in float64 and rounded once.
//
//   - tensor: the full name, such as model.layers.0.self_attn.q_proj.weight.
//   - w: the tensor's values, row-major; a weight is [out,in].
//   - shape: the tensor's shape.
func (a *Adapter) MergeInto(tensor string, w []float32, shape []int) error {
	if len(w) != product(shape) {
		return fmt.Errorf("tensor %s has %d values, expected %d for shape %v", tensor, len(w), product(shape), shape)
	}
	if v, ok := a.replaced[tensor]; ok {
		if !slices.Equal(v.Shape, shape) {
			return fmt.Errorf("tensor %s: the adapter's has shape %v, the base's %v", tensor, v.Shape, shape)
		}
		copy(w, v.Data)
	}
	name := moduleOf(tensor)
	m, ok := a.modules[name]
	if !ok || name == tensor {
		return nil
	}
	if !slices.Equal(shape, []int{m.Out, m.In}) {
		return fmt.Errorf("module %s: the adapter is for a weight of shape [%d %d], the base's is %v", name, m.Out, m.In, shape)
	}
	m.eachRow(w, a.Config.Scale(name), func(row int, sum []float64) {
		factor := 1.0
		if m.Magnitude != nil {
			factor = float64(m.Magnitude[row]) / norm(sum)
		}
		for j, v := range sum {
			w[row*m.In+j] = float32(factor * v)
		}
	})
	return nil
}

// eachRow calls do with every row of W + s·B·A, in float64. The slice is used again for the next row.
func (m *Module) eachRow(w []float32, scale float64, do func(row int, sum []float64)) {
	sum := make([]float64, m.In)
	for i := range m.Out {
		for j, v := range w[i*m.In : (i+1)*m.In] {
			sum[j] = float64(v)
		}
		for r := range m.Rank {
			sb := scale * float64(m.B[i*m.Rank+r])
			for j, v := range m.A[r*m.In : (r+1)*m.In] {
				sum[j] += sb * float64(v)
			}
		}
		do(i, sum)
	}
}

// norm is the L2 norm.
func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}
