package lora

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // graph code reads as formulas, as everywhere in GoMLX
	"github.com/gomlx/gomlx/support/exceptions"
)

// Everything here may be called inside the closures of a While loop: all values come in as arguments, and constants
// are Const, not Scalar (which GoMLX caches for the whole graph).

// Rows tells each row of a batch which adapter's ranks it uses. It is made once per program by [NewRows] and goes into a
// loop as two state values.
type Rows struct {
	Scale *Node // [B,R]: the strength of each rank in each row, 0 for ranks of other adapters
	Slot  *Node // [B,K]: one-hot of the row's adapter, all zero for the base
}

// NewRows builds the [Rows] of a batch.
//
//   - adapter [B] int32: index of each row's adapter in the bank, -1 for the bare base model.
//   - owner [R] int32 and scale [R]: see [Bank.Owner] and [Bank.Scale].
//   - slots: see [Bank.Slots].
func NewRows(adapter, owner, scale *Node, slots int) Rows {
	g, batch := adapter.Graph(), adapter.Shape().Dim(0)
	slot := Iota(g, shapes.Make(adapter.DType(), 1, slots), 1)
	return Rows{
		Scale: RowScale(adapter, owner, scale),
		Slot:  ConvertDType(Equal(Reshape(adapter, batch, 1), slot), scale.DType()),
	}
}

// RowScale returns [B,R]: scale[r] where rank r belongs to the row's adapter, else 0.
//
//   - adapter [B] int32, -1 for the bare base model: such a row is 0 everywhere.
//   - owner [R] int32: the adapter that rank r belongs to; -2 on unused ranks, which equals no row's adapter.
//   - scale [R].
func RowScale(adapter, owner, scale *Node) *Node {
	mine := Equal(Reshape(adapter, adapter.Shape().Dim(0), 1), Reshape(owner, 1, owner.Shape().Dim(0)))
	return Mul(ConvertDType(mine, scale.DType()), Reshape(scale, 1, scale.Shape().Dim(0)))
}

// Delta returns what the adapters add to a projection of x, ((x·Aᵀ) ⊙ s)·Bᵀ, in x's shape and dtype but for the last axis.
//
//   - x [B,S,in] or [B,in].
//   - a [in,R] and b [R,out]: the transposed matrices of all resident adapters, joined along the rank.
//   - s [B,R]: from [RowScale]; it silences the ranks of the adapters that a row does not use.
//
// So rows with different adapters, of different ranks, share two dense products: no gather of weights by row and no
// sorting of rows by adapter. The price is the summed rank instead of the row's own, small beside in and out.
func Delta(x, a, b, s *Node) *Node {
	if x.Rank() != 2 && x.Rank() != 3 {
		exceptions.Panicf("lora.Delta: x must be [B,in] or [B,S,in], got %s", x.Shape())
	}
	dtype := x.DType()
	if dtype != a.DType() {
		x = ConvertDType(x, a.DType())
	}
	low := DotGeneral(x, []int{-1}, nil, a, []int{0}, nil)
	if s.DType() != a.DType() {
		s = ConvertDType(s, a.DType())
	}
	low = Mul(low, perRow(s, low.Rank()))
	out := DotGeneral(low, []int{-1}, nil, b, []int{0}, nil)
	if out.DType() != dtype {
		out = ConvertDType(out, dtype)
	}
	return out
}

// Inputs are the graph values that one projection's adapters need, as [Bank.Bind] returns them. Fields that no resident
// adapter needs are nil.
type Inputs struct {
	A         *Node // [in,R]
	B         *Node // [R,out]
	Magnitude *Node // [K,out]: DoRA's m/‖W+sBA‖ − 1; zero for adapters without DoRA
	Bias      *Node // [K,out]: the adapter's bias minus the base's; zero for adapters that keep the base's
}

// Apply turns a projection's base product into the adapted one.
//
//   - x [B,S,in] or [B,in]: the projection's input.
//   - y [B,S,out] or [B,out]: the base's x·Wᵀ, before the base's bias is added (DoRA scales the product, not the bias).
func (in Inputs) Apply(x, y *Node, rows Rows) *Node {
	if in.A != nil {
		y = Add(y, Delta(x, in.A, in.B, rows.Scale))
	}
	if in.Magnitude != nil {
		y = Add(y, Mul(y, in.choose(in.Magnitude, y, rows)))
	}
	if in.Bias != nil {
		y = Add(y, in.choose(in.Bias, y, rows))
	}
	return y
}

// choose picks each row's line of perSlot [K,out], shaped and typed to meet y.
func (Inputs) choose(perSlot, y *Node, rows Rows) *Node {
	slot := rows.Slot
	if slot.DType() != perSlot.DType() {
		slot = ConvertDType(slot, perSlot.DType())
	}
	chosen := DotGeneral(slot, []int{1}, nil, perSlot, []int{0}, nil)
	if chosen.DType() != y.DType() {
		chosen = ConvertDType(chosen, y.DType())
	}
	return perRow(chosen, y.Rank())
}

// perRow gives v [B,N] the rank of what it meets: [B,N] or [B,1,N].
func perRow(v *Node, rank int) *Node {
	if rank == 2 {
		return v
	}
	return Reshape(v, v.Shape().Dim(0), 1, v.Shape().Dim(1))
}
