package transformer

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// masked replaces the score of a key that a query must not see. It is finite, so that a query with no visible key (a
// padded one under a sliding window) gives finite nonsense and not a NaN that spoils valid rows later.
const masked = -1e30

// Forward is one pass through the layers: what they share besides the residual stream.
type Forward struct {
	Config     *Config
	Weights    Weights
	Positions  *Node // [B, S] int32: position ids of the queries
	TokenTypes *Node // [B, S] int32: BERT's segments; nil is 0 everywhere
	Cache      Cache

	rotations map[string]Rotation
	masks     map[maskKey]*Node
	shared    map[string]*Node
}

type maskKey struct {
	span          *Span
	window        int
	bidirectional bool
}

// Once returns what build makes, which is built once a pass: something that layers share.
func (f *Forward) Once(name string, build func() *Node) *Node {
	if n, ok := f.shared[name]; ok {
		return n
	}
	if f.shared == nil {
		f.shared = map[string]*Node{}
	}
	n := build()
	f.shared[name] = n
	return n
}

// Rotation returns the rotary embedding of the kind of layer named (see [Config.Rope]) at f.Positions. Computed once a
// pass.
func (f *Forward) Rotation(kind string) Rotation {
	if r, ok := f.rotations[kind]; ok {
		return r
	}
	p, ok := f.Config.Rope[kind]
	if !ok {
		panic(fmt.Errorf("config.json gives no rotary embedding for layers of kind %q", kind))
	}
	freqs, err := p.InverseFrequencies(f.Config.rotaryDim(p))
	if err != nil {
		panic(err) // ParseConfig has refused it already
	}
	if f.rotations == nil {
		f.rotations = map[string]Rotation{}
	}
	r := NewRotation(f.Positions, freqs, p.AttentionScaling())
	f.rotations[kind] = r
	return r
}

// visible is [B or 1, S, C] bool: which columns of a span each query may see, by the window and the direction of o.
func (f *Forward) visible(span *Span, o AttentionOptions) *Node {
	key := maskKey{span, o.Window, o.Bidirectional}
	if m, ok := f.masks[key]; ok {
		return m
	}
	// Left to implicit broadcasting: the pure-Go backend (compute v0.1.4) miscounts an explicit one inside a closure.
	query, keyAt := InsertAxes(f.Positions, 2), InsertAxes(span.Positions, 1)
	mask := InsertAxes(span.Valid, 1)
	if o.Bidirectional {
		// Against the queries' shape too, so that the mask has it where there is no window.
		mask = And(mask, GreaterOrEqual(query, ConstAs(query, 0)))
	} else {
		mask = And(mask, LessOrEqual(keyAt, query))
	}
	if o.Window > 0 {
		distance := Sub(query, keyAt)
		if o.Bidirectional {
			distance = Abs(distance)
		}
		mask = And(mask, LessThan(distance, ConstAs(query, o.Window)))
	}
	if f.masks == nil {
		f.masks = map[maskKey]*Node{}
	}
	mask = OptimizationBarrier(mask) // computed once, not in every layer
	f.masks[key] = mask
	return mask
}

// AttentionOptions are what families vary.
type AttentionOptions struct {
	Scale  float64 // of q·k; 0 means 1/sqrt(hd)
	Window int     // a query sees itself and the Window-1 positions before it; 0 means all
	// SoftCap bounds scores: cap·tanh(score/cap), before masking (Gemma 2, arXiv:2408.00118); 0 means none.
	SoftCap float64
	// Bidirectional lets a query see what comes after it too, as encoders do; a Window then counts to both sides.
	Bidirectional bool
	// Bias [H, S, C] is added to the scaled scores, before masking (T5, arXiv:1910.10683). Only without a shared prefix and
	// with one query head a key head.
	Bias *Node
}

// Attend is softmax(q·kᵀ·scale)·v over the keys of the layer's past and of this pass (arXiv:1706.03762), with
// num_key_value_heads shared by groups of queries (GQA, arXiv:2305.13245). q [B, H, S, hd], k and v [B, KV, S, hd];
// the result is [B, S, H·hd]. Scores and softmax are float32.
//
// Segments are attended to one by one and joined by their softmax denominators, so a prefix that all rows share is
// never copied to the rows.
func (f *Forward) Attend(layer int, q, k, v *Node, o AttentionOptions) *Node {
	b, s, hd := q.Shape().Dim(0), q.Shape().Dim(2), q.Shape().Dim(3)
	kv := k.Shape().Dim(1)
	groups := q.Shape().Dim(1) / kv
	scale := o.Scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(hd))
	}
	q = Reshape(Mul(q, ConstAs(q, scale)), b, kv, groups*s, hd)

	parts := make([]attended, 0, 2)
	for _, segment := range f.Cache.Extend(layer, k, v) {
		parts = append(parts, f.attendSegment(q, segment, groups, s, o))
	}
	out := joinSegments(parts)
	out = Reshape(out, b, kv*groups, s, hd)
	return Reshape(ConvertDType(TransposeAllAxes(out, 0, 2, 1, 3), q.DType()), b, s, kv*groups*hd)
}

// attended is attention over one segment before normalisation, in float32: weighted [B, KV, G·S, hd] and sum
// [B, KV, G·S, 1] are relative to exp(max), max [B, KV, G·S, 1].
type attended struct{ weighted, sum, max *Node }

func (f *Forward) attendSegment(q *Node, seg Segment, groups, s int, o AttentionOptions) attended {
	b, kv, gs, hd := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
	columns := seg.V.Shape().Dim(2)
	depth := 3 // the axis of seg.K that is hd
	if seg.Turned {
		depth = 2
	}
	mask := f.visible(seg.Span, o) // [B, S, C]

	if seg.K.Shape().Dim(0) == 1 && b > 1 {
		// Shared by all rows: one product a KV head, with the rows side by side.
		q = Reshape(TransposeAllAxes(q, 1, 0, 2, 3), kv, b*gs, hd)
		scores := DotGeneral(q, []int{2}, []int{0}, Squeeze(seg.K, 0), []int{depth - 1}, []int{0})
		scores = Reshape(ConvertDType(scores, dtypes.Float32), kv, b, groups, s, columns)
		mask = BroadcastToDims(InsertAxes(mask, 0, 1), kv, b, groups, s, columns)
		weights, sum, highest := expScores(SoftCap(scores, o.SoftCap), mask)
		weighted := DotGeneral(ConvertDType(Reshape(weights, kv, b*gs, columns), seg.V.DType()), []int{2}, []int{0},
			Reshape(seg.V, kv, columns, hd), []int{1}, []int{0})
		back := func(x *Node, last int) *Node {
			return TransposeAllAxes(Reshape(ConvertDType(x, dtypes.Float32), kv, b, gs, last), 1, 0, 2, 3)
		}
		return attended{back(weighted, hd), back(sum, 1), back(highest, 1)}
	}
	scores := DotGeneral(q, []int{3}, []int{0, 1}, seg.K, []int{depth}, []int{0, 1})
	scores = Reshape(ConvertDType(scores, dtypes.Float32), b, kv, groups, s, columns)
	if o.Bias != nil {
		scores = Add(scores, Reshape(ConvertDType(o.Bias, dtypes.Float32), 1, kv, groups, s, columns))
	}
	mask = BroadcastToDims(InsertAxes(mask, 1, 1), b, kv, groups, s, columns)
	weights, sum, highest := expScores(SoftCap(scores, o.SoftCap), mask)
	weighted := DotGeneral(ConvertDType(Reshape(weights, b, kv, gs, columns), seg.V.DType()), []int{3}, []int{0, 1},
		seg.V, []int{2}, []int{0, 1})
	flat := func(x *Node) *Node { return Reshape(x, b, kv, gs, 1) }
	return attended{ConvertDType(weighted, dtypes.Float32), flat(sum), flat(highest)}
}

// expScores gives exp(scores-max) with masked scores at 0 weight, their sum and max over the last axis (kept as 1).
func expScores(scores, mask *Node) (weights, sum, highest *Node) {
	scores = Where(mask, scores, ConstAs(scores, masked))
	highest = StopGradient(ReduceAndKeep(scores, ReduceMax, -1)) // what it stands for cancels out
	weights = Exp(Sub(scores, highest))
	return weights, ReduceAndKeep(weights, ReduceSum, -1), highest
}

// SoftCap keeps x within ±limit by limit·tanh(x/limit); a limit of 0 leaves x as it is.
func SoftCap(x *Node, limit float64) *Node {
	if limit == 0 {
		return x
	}
	return Mul(Tanh(Mul(x, ConstAs(x, 1/limit))), ConstAs(x, limit))
}

// joinSegments normalises the parts by their common softmax denominator.
func joinSegments(parts []attended) *Node {
	if len(parts) == 1 {
		return Div(parts[0].weighted, parts[0].sum)
	}
	highest := parts[0].max
	for _, p := range parts[1:] {
		highest = Max(highest, p.max)
	}
	var weighted, sum *Node
	for _, p := range parts {
		factor := Exp(Sub(p.max, highest))
		w, n := Mul(p.weighted, factor), Mul(p.sum, factor)
		if weighted == nil {
			weighted, sum = w, n
			continue
		}
		weighted, sum = Add(weighted, w), Add(sum, n)
	}
	return Div(weighted, sum)
}

// ProjectHeads is the q_proj, k_proj and v_proj of attention module p over x [B, S, D], split into heads: q [B, H, S, hd],
// k and v [B, KV, S, hd].
func (f *Forward) ProjectHeads(p string, x *Node) (q, k, v *Node) {
	c := f.Config
	return SplitHeads(f.Weights.Linear(x, p+".q_proj"), c.NumAttentionHeads),
		SplitHeads(f.Weights.Linear(x, p+".k_proj"), c.NumKeyValueHeads),
		SplitHeads(f.Weights.Linear(x, p+".v_proj"), c.NumKeyValueHeads)
}

// SplitHeads turns [B, S, heads·hd] into [B, heads, S, hd].
func SplitHeads(x *Node, heads int) *Node {
	b, s, hd := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)/heads
	return TransposeAllAxes(Reshape(x, b, s, heads, hd), 0, 2, 1, 3)
}
