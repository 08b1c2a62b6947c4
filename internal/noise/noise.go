// Package noise makes random numbers in graphs as hashes of counters. They hang neither on the backend's random generator
// nor on what else a program computes, so a run can be repeated and resumed.
package noise

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Mix is a 32-bit integer hash with low bias: "lowbias32" of C. Wellons' hash-prospector. x is uint32, of any shape.
func Mix(x *Node) *Node {
	g := x.Graph()
	shift := func(x *Node, by uint32) *Node { return BitwiseXor(x, BitwiseShiftRightLogical(x, Const(g, by))) }
	x = Mul(shift(x, 16), Const(g, uint32(0x7FEB352D)))
	x = Mul(shift(x, 15), Const(g, uint32(0x846CA68B)))
	return shift(x, 16)
}

// Drop sets each value of x to 0 with the probability rate, and divides the others by what is left of 1 (Srivastava et al.,
// JMLR 2014). Which ones, is a hash of a seed, uint32 of one element, and of the value's index.
func Drop(x, seed *Node, rate float64) *Node {
	size := x.Shape().Size()
	counter := Iota(x.Graph(), shapes.Make(dtypes.Uint32, size), 0)
	hash := Mix(BitwiseXor(Mix(counter), BroadcastToDims(Reshape(seed, 1), size)))
	keep := GreaterOrEqual(hash, Const(x.Graph(), uint32(rate*math.MaxUint32)))
	scaled := Mul(x, ConstAs(x, 1/(1-rate)))
	return Where(Reshape(keep, x.Shape().Dimensions...), scaled, ZerosLike(x))
}
