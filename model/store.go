package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// store holds the base's tensors on the device, and knows how each is laid out there.
type store struct {
	values  []value
	kinds   map[string]transformer.Kind
	inFirst bool // matrices are stored [in, out]
}

// storeOptions say how tensors go to the device.
type storeOptions struct {
	backend compute.Backend
	dtype   dtypes.DType
	inFirst bool
	merge   []*lora.Adapter // merged into the weights on the way
	int8    bool            // matrices are stored as int8
}

// newStore is one without tensors yet.
func newStore(list []transformer.Tensor, o storeOptions) *store {
	s := &store{kinds: make(map[string]transformer.Kind, len(list)), inFirst: o.inFirst}
	for _, spec := range list {
		if spec.Kind != transformer.Unused {
			s.kinds[spec.Key] = spec.Kind
		}
	}
	return s
}

// loadStore puts a checkpoint's tensors on the device one by one. Where dtype and layout are the file's, the mapped pages
// go straight there; else one tensor at a time is converted.
func loadStore(ctx context.Context, c *weights.Checkpoint, list []transformer.Tensor, o storeOptions) (*store, error) {
	s := newStore(list, o)
	for _, spec := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if spec.Kind == transformer.Unused {
			continue
		}
		list, err := o.load(c, spec)
		if err != nil {
			s.finalize()
			return nil, fmt.Errorf("tensor %s: %w", spec.Key, err)
		}
		s.values = append(s.values, list...)
	}
	return s, nil
}

// load puts one tensor on the device, with its scales where it is stored as int8.
func (o storeOptions) load(c *weights.Checkpoint, spec transformer.Tensor) (list []value, err error) {
	src, ok := c.Tensor(spec.Key)
	if !ok {
		return nil, fmt.Errorf("is not in the checkpoint")
	}
	// A model must not be in memory twice, as pages of its file and on the device.
	defer func() { err = errors.Join(err, c.Release(src)) }()
	transpose := o.inFirst && spec.Kind == transformer.Matrix
	quantise := o.int8 && spec.Kind == transformer.Matrix
	changed := slices.ContainsFunc(o.merge, func(a *lora.Adapter) bool { return a.Changes(spec.Key) })
	if src.DType == o.dtype && !transpose && !changed && !quantise {
		t, err := tensors.FromRaw(o.backend, 0, shapes.Make(o.dtype, spec.Shape...), src.Data)
		return []value{{spec.Key, t}}, err
	}
	flat, err := weights.ToFloat32(src)
	if err != nil {
		return nil, err
	}
	for _, a := range o.merge {
		if err := a.MergeInto(spec.Key, flat, spec.Shape); err != nil {
			return nil, err
		}
	}
	if quantise {
		return o.loadInt8(spec, flat, transpose)
	}
	shape := slices.Clone(spec.Shape)
	if transpose {
		flat = transposed(flat, shape[0], shape[1])
		slices.Reverse(shape)
	}
	t, err := upload(o.backend, o.dtype, flat, shape...)
	return []value{{spec.Key, t}}, err
}

// loadInt8 puts a matrix [out, in] on the device as int8, and its scales [out] beside it.
func (o storeOptions) loadInt8(spec transformer.Tensor, flat []float32, transpose bool) ([]value, error) {
	rows, cols := spec.Shape[0], spec.Shape[1]
	shape := slices.Clone(spec.Shape)
	levels, scales := quantised(flat, rows, cols)
	if transpose {
		levels = transposed(levels, rows, cols)
		slices.Reverse(shape)
	}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(levels))), len(levels))
	t, err := tensors.FromRaw(o.backend, 0, shapes.Make(dtypes.Int8, shape...), raw)
	if err != nil {
		return nil, err
	}
	scale, err := upload(o.backend, o.dtype, scales, rows)
	return []value{{spec.Key, t}, {spec.Key + scaleSuffix, scale}}, err
}

// upload puts float32 values on the device as dtype.
func upload(b compute.Backend, dtype dtypes.DType, flat []float32, shape ...int) (*tensors.Tensor, error) {
	if dtype == dtypes.Float32 {
		raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(flat))), 4*len(flat))
		return tensors.FromRaw(b, 0, shapes.Make(dtype, shape...), raw)
	}
	t, err := weights.FromFloat32("", shape, flat, dtype)
	if err != nil {
		return nil, err
	}
	return tensors.FromRaw(b, 0, shapes.Make(dtype, shape...), t.Data)
}

// transposed turns [rows, cols] into [cols, rows], in tiles that fit the first-level cache.
func transposed[T any](x []T, rows, cols int) []T {
	const tile = 32
	out := make([]T, len(x))
	for r0 := 0; r0 < rows; r0 += tile {
		r1 := min(r0+tile, rows)
		for c0 := 0; c0 < cols; c0 += tile {
			c1 := min(c0+tile, cols)
			for r := r0; r < r1; r++ {
				line := x[r*cols : (r+1)*cols]
				for c := c0; c < c1; c++ {
					out[c*rows+r] = line[c]
				}
			}
		}
	}
	return out
}

func (s *store) finalize() {
	finalizeValues(s.values)
	s.values = nil
}

func finalizeValues(list []value) {
	for _, v := range list {
		_ = v.tensor.FinalizeAll() // only fails where it is freed already
	}
}

// bytes is the memory that the tensors take on the device.
func (s *store) bytes() int64 {
	var n int64
	for _, v := range s.values {
		n += v.tensor.ByteSize()
	}
	return n
}

// graphWeights is a program's view of the store: it implements [transformer.Weights].
type graphWeights struct {
	store    *store
	in       nodes
	adapters map[string]lora.Inputs // by module; nil without adapters
	rows     lora.Rows
}

var _ transformer.Weights = (*graphWeights)(nil)

// Param implements [transformer.Weights].
func (w *graphWeights) Param(key string) *graph.Node {
	n, ok := w.in[key]
	if !ok {
		panic(fmt.Errorf("tensor %q is not among the family's tensors", key))
	}
	return n
}

// Linear implements [transformer.Weights].
func (w *graphWeights) Linear(x *graph.Node, module string) *graph.Node {
	y := w.product(x, module)
	if adapter, ok := w.adapters[module]; ok {
		y = adapter.Apply(x, y, w.rows)
	}
	if bias, ok := w.in[module+".bias"]; ok {
		y = graph.Add(y, graph.ExpandLeftToRank(bias, y.Rank()))
	}
	return y
}

// product is x·Wᵀ by the base's matrix of a module.
func (w *graphWeights) product(x *graph.Node, module string) *graph.Node {
	key := module + ".weight"
	matrix := w.Param(key)
	axis := 1 // [out, in]
	if w.store.inFirst && w.store.kinds[key] == transformer.Matrix {
		axis = 0
	}
	scale, ok := w.in[key+scaleSuffix]
	if !ok {
		return product(x, matrix, axis)
	}
	y := product(x, graph.ConvertDType(matrix, x.DType()), axis)
	return graph.Mul(y, graph.ExpandLeftToRank(scale, y.Rank()))
}

// product is x [..., in] times a matrix whose input axis is named: [..., out].
func product(x, matrix *graph.Node, axis int) *graph.Node {
	dims := slices.Clone(x.Shape().Dimensions)
	in := dims[len(dims)-1]
	flat := graph.Reshape(x, -1, in)
	y := graph.DotGeneral(flat, []int{1}, nil, matrix, []int{axis}, nil)
	dims[len(dims)-1] = y.Shape().Dim(-1)
	return graph.Reshape(y, dims...)
}

// wanted lists a family's tensors as weights.CheckShapes takes them: those without a shape may be there or not.
func wanted(list []transformer.Tensor) map[string][]int {
	want := make(map[string][]int, len(list))
	for _, t := range list {
		want[t.Key] = t.Shape
	}
	return want
}
