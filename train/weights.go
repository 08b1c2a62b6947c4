package train

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/internal/noise"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

// adapted is the base with an adapter that is being trained: it implements [transformer.Weights].
type adapted struct {
	frozen   model.Frozen
	modules  map[string]*projection
	replaced map[string]*Node // in place of the base's, by tensor
	dropout  float64          // 0 in evaluation
	seeds    *Node            // [modules] uint32; nil without dropout
}

// projection is what an adapter adds to one, as nodes in float32.
type projection struct {
	index     int   // among the modules
	a, b      *Node // [r,in], [out,r]
	magnitude *Node // [out]; nil without DoRA
	squares   *Node // [out]: with DoRA, ‖W‖² of each row
	scale     float64
}

var _ transformer.Weights = (*adapted)(nil)

// adapt makes the view of the parts of an adapter. parts are nodes in the order of [lora.Adapter.Parts], squares those of
// the modules with DoRA by name.
func adapt(f model.Frozen, a *lora.Adapter, parts []*Node, squares map[string]*Node) *adapted {
	w := &adapted{frozen: f, modules: map[string]*projection{}, replaced: map[string]*Node{}}
	for i, part := range a.Parts() {
		if part.Role == lora.RoleReplaced {
			w.replaced[part.Of] = parts[i]
			continue
		}
		p := w.modules[part.Of]
		if p == nil {
			p = &projection{index: len(w.modules), scale: a.Config.Scale(part.Of), squares: squares[part.Of]}
			w.modules[part.Of] = p
		}
		switch part.Role {
		case lora.RoleA:
			p.a = parts[i]
		case lora.RoleB:
			p.b = parts[i]
		case lora.RoleMagnitude:
			p.magnitude = parts[i]
		}
	}
	return w
}

// Param implements [transformer.Weights].
func (w *adapted) Param(key string) *Node {
	if n, ok := w.replaced[key]; ok {
		return ConvertDType(n, w.frozen.Param(key).DType())
	}
	return w.frozen.Param(key)
}

// Linear implements [transformer.Weights].
func (w *adapted) Linear(x *Node, module string) *Node {
	y := w.product(x, module)
	if p, ok := w.modules[module]; ok {
		y = w.apply(p, module, x, y)
	}
	if bias := module + ".bias"; w.frozen.Has(bias) {
		y = Add(y, ExpandLeftToRank(w.Param(bias), y.Rank()))
	}
	return y
}

// product is x·Wᵀ, where W may be one that the adapter has in place of the base's (PEFT's modules_to_save).
func (w *adapted) product(x *Node, module string) *Node {
	if weight, ok := w.replaced[module+".weight"]; ok {
		return DotGeneral(x, []int{-1}, nil, ConvertDType(weight, x.DType()), []int{1}, nil)
	}
	return w.frozen.Product(x, module)
}

// apply adds s·B·A·x to the base's product y; with DoRA the sum is scaled by m/‖W+s·B·A‖ (peft/tuners/lora/dora.py).
// Products are in x's dtype.
func (w *adapted) apply(p *projection, module string, x, y *Node) *Node {
	dropped := x
	if w.dropout > 0 {
		dropped = w.drop(p, x)
	}
	low := DotGeneral(dropped, []int{-1}, nil, ConvertDType(p.a, x.DType()), []int{1}, nil)
	low = Mul(low, ConstAs(low, p.scale))
	delta := DotGeneral(low, []int{-1}, nil, ConvertDType(p.b, x.DType()), []int{1}, nil)
	if p.magnitude == nil {
		return Add(y, delta)
	}
	factor := ConvertDType(Div(p.magnitude, w.norms(p, module)), x.DType())
	factor = ExpandLeftToRank(factor, y.Rank())
	if w.dropout == 0 {
		return Mul(Add(y, delta), factor)
	}
	// As PEFT has it: what DoRA adds to the base's product sees the dropped input.
	base := w.frozen.Product(dropped, module)
	return Add(y, Sub(Mul(Add(base, delta), factor), base))
}

// norms is ‖W+s·B·A‖ of each row, [out]. It counts as a constant in the gradient (arXiv:2402.09353, section 4.3). The sum is
// not formed: ‖w + s·b·A‖² = ‖w‖² + 2s·b·(A·w) + s²·b·(A·Aᵀ)·bᵀ for a row w of W and its row b of B.
func (w *adapted) norms(p *projection, module string) *Node {
	a, b := StopGradient(p.a), StopGradient(p.b)
	base := ConvertDType(w.frozen.Product(ConvertDType(a, w.frozen.Param(module+".weight").DType()), module), b.DType()) // [r,out]
	mixed := ReduceSum(Mul(b, TransposeAllAxes(base, 1, 0)), 1)
	gram := DotGeneral(a, []int{1}, nil, a, []int{1}, nil)
	own := ReduceSum(Mul(b, DotGeneral(b, []int{1}, nil, gram, []int{0}, nil)), 1)
	squares := Add(p.squares, Add(Mul(mixed, ConstAs(mixed, 2*p.scale)), Mul(own, ConstAs(own, p.scale*p.scale))))
	return StopGradient(Sqrt(squares))
}

// drop drops a share of a projection's input.
func (w *adapted) drop(p *projection, x *Node) *Node {
	return noise.Drop(x, Slice(w.seeds, AxisElem(p.index)), w.dropout)
}
