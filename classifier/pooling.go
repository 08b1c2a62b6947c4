package classifier

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // graph code reads as formulas, as everywhere in GoMLX
	"github.com/gomlx/gomlx/support/exceptions"
)

// Pooling says how the states of a sequence become one. The formulas are in the package documentation.
type Pooling string

// The kinds of pooling.
const (
	PoolMeanGenerated Pooling = "mean_generated"
	PoolMeanFrom      Pooling = "mean_from"
	PoolMeanAll       Pooling = "mean_all"
	PoolLast          Pooling = "last"
	PoolMax           Pooling = "max"
	PoolCLS           Pooling = "cls"
	PoolMean          Pooling = "mean"
)

var (
	decoderPoolings = []Pooling{PoolMeanGenerated, PoolMeanFrom, PoolMeanAll, PoolLast, PoolMax}
	encoderPoolings = []Pooling{PoolCLS, PoolMean}
)

// Check reports an unknown kind.
func (p Pooling) Check() error {
	all := slices.Concat(decoderPoolings, encoderPoolings)
	if slices.Contains(all, p) {
		return nil
	}
	return fmt.Errorf("pooling is %q, expected one of %s", p, join(all))
}

// ForEncoder tells whether the kind is one for encoders, which generate nothing.
func (p Pooling) ForEncoder() bool { return slices.Contains(encoderPoolings, p) }

func join(kinds []Pooling) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// Over pools whole sequences, as in training on given analyses and in encoders. The result is [B,D] float32.
//
//   - states [B,S,D]: hidden states, rows padded on the right; what stands at padding does not matter.
//   - prompt [B] int32: prompt length n of each row; for encoders and whole texts the same as total.
//   - total [B] int32: n + t, the length of prompt and generated tokens together.
func Over(kind Pooling, states, prompt, total *Node) *Node {
	if states.Rank() != 3 {
		exceptions.Panicf("classifier.Over: states must be [B,S,D], got %s", states.Shape())
	}
	from, to := window(kind, prompt, total)
	inside := between(states, from, to)
	x := ConvertDType(states, dtypes.Float32)
	if kind == PoolMax {
		lowest := Const(x.Graph(), float32(math.Inf(-1)))
		return ReduceMax(Where(inside, x, lowest), 1)
	}
	sum := ReduceSum(Where(inside, x, ConstAs(x, 0)), 1)
	return Div(sum, column(ConvertDType(Sub(to, from), dtypes.Float32)))
}

// window returns the positions [from, to) that a kind covers, each [B] and never empty.
func window(kind Pooling, prompt, total *Node) (from, to *Node) {
	zero, one := ConstAs(total, 0), ConstAs(total, 1)
	switch kind {
	case PoolMeanGenerated, PoolMax:
		return Min(prompt, Sub(total, one)), total
	case PoolMeanFrom:
		return Sub(prompt, one), Max(prompt, Sub(total, one))
	case PoolMeanAll, PoolMean:
		return Mul(total, zero), total
	case PoolLast:
		return Sub(total, one), total
	case PoolCLS:
		return Mul(total, zero), Add(Mul(total, zero), one)
	}
	panic(kind.Check())
}

// between returns a mask like states [B,S,D], true at positions p with from ≤ p < to.
func between(states, from, to *Node) *Node {
	shape := states.Shape()
	position := Iota(states.Graph(), shapes.Make(from.DType(), 1, shape.Dim(1)), 1)
	inside := LogicalAnd(GreaterOrEqual(position, column(from)), LessThan(position, column(to)))
	return BroadcastToDims(InsertAxes(inside, -1), shape.Dimensions...)
}

// column turns [B] into [B,1].
func column(v *Node) *Node { return Reshape(v, v.Shape().Dim(0), 1) }
