package transformer

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Span says where a run of cached positions stands: all layers of a pass share it.
type Span struct {
	Positions *Node // [B or 1, C] int32: the position id of each column
	Valid     *Node // [B or 1, C] bool: false at padding and at columns not written yet
}

// Segment is what one layer keeps of a span.
type Segment struct {
	Span *Span
	K, V *Node // [B or 1, KV, C, hd]; one row is shared by the whole batch
	// Turned says that K is [B or 1, KV, hd, C]: where queries are few, products with it are up to twice as fast on a CPU.
	Turned bool
}

// Cache gives a layer its past.
type Cache interface {
	// Extend takes the layer's new keys and values, each [B, KV, S, hd], and returns all that its queries may attend
	// to, the new ones included.
	Extend(layer int, k, v *Node) []Segment
}

// KV is the keys and values of one layer, each [B, KV, C, hd].
type KV struct{ K, V *Node }

// Turn gives the keys the layout of [StepCache]: [B, KV, hd, C].
func (l KV) Turn() KV { return KV{turn(l.K), l.V} }

func turn(k *Node) *Node { return TransposeAllAxes(k, 0, 1, 3, 2) }

// PrefillCache runs whole prompts, right-padded, after an optional prefix that was prefilled before.
type PrefillCache struct {
	Prefix     []KV  // per layer, or nil
	PrefixSpan *Span // of the prefix's columns
	Span       *Span // of this pass's own columns

	Layers []KV // what this pass added, per layer
}

// Extend implements [Cache].
func (c *PrefillCache) Extend(layer int, k, v *Node) []Segment {
	c.Layers = append(c.Layers, KV{k, v})
	own := Segment{Span: c.Span, K: k, V: v}
	if c.Prefix == nil {
		return []Segment{own}
	}
	return []Segment{{Span: c.PrefixSpan, K: c.Prefix[layer].K, V: c.Prefix[layer].V}, own}
}

// StepCache runs one token a row and writes every row's keys and values to the same column, so that rows of unlike
// length take one update in place: a row's columns are [its prompt, padding, what was generated].
//
// Where a pass has more positions than one, those after the first are a tail: seen by this pass, not kept. That is how a
// closing phrase is tried after every token.
type StepCache struct {
	Prefix     []KV // its keys turned, see [KV.Turn]
	PrefixSpan *Span
	Rows       []KV  // per layer, keys turned; replaced by Extend
	Span       *Span // of the rows' columns, the new one already valid
	Column     *Node // scalar int32
	TailSpan   *Span // of the tail's positions
}

// Extend implements [Cache].
func (c *StepCache) Extend(layer int, k, v *Node) []Segment {
	row := &c.Rows[layer]
	row.K = WriteColumn(row.K, turn(positions(k, 0, 1)), c.Column, 3)
	row.V = WriteColumn(row.V, positions(v, 0, 1), c.Column, 2)
	var all []Segment
	if c.Prefix != nil {
		all = append(all, Segment{c.PrefixSpan, c.Prefix[layer].K, c.Prefix[layer].V, true})
	}
	all = append(all, Segment{c.Span, row.K, row.V, true})
	if width := k.Shape().Dim(2); width > 1 {
		all = append(all, Segment{Span: c.TailSpan, K: positions(k, 1, width), V: positions(v, 1, width)})
	}
	return all
}

// positions is x [B, KV, S, hd] at positions from to to.
func positions(x *Node, from, to int) *Node {
	if from == 0 && to == x.Shape().Dim(2) {
		return x
	}
	return Slice(x, AxisRange(), AxisRange(), AxisRange(from, to), AxisRange())
}

// WriteColumn replaces x at index column (a scalar int32) of axis by update, which has size 1 there. The pure-Go backend
// has no DynamicUpdateSlice: there it selects.
func WriteColumn(x, update, column *Node, axis int) *Node {
	g := x.Graph()
	if g.Backend().Capabilities().Operations[compute.OpTypeDynamicUpdateSlice] {
		starts := make([]*Node, x.Rank())
		for i := range starts {
			starts[i] = Const(g, int32(0))
		}
		starts[axis] = column
		return DynamicUpdateSlice(x, update, starts)
	}
	index := Iota(g, shapes.Make(dtypes.Int32, x.Shape().Dimensions...), axis)
	here := Equal(index, BroadcastToDims(column, x.Shape().Dimensions...))
	return Where(here, BroadcastToDims(update, x.Shape().Dimensions...), x)
}
