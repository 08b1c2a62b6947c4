// Package noise makes random numbers in graphs as hashes of counters. They hang neither on the backend's random generator
// nor on what else a program computes, so a run can be repeated and resumed.
package noise

import (
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
