package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/internal/noise"
)

// samplerKind says which parts of sampling a program holds: a batch without them does not pay for them.
type samplerKind struct {
	Noise     bool // some row has a temperature
	Filter    bool // some row has top-k, top-p or min-p
	Penalties bool // some row has a penalty
}

// bisections is how often a threshold's interval is halved: float32 has 24 bits of mantissa, so more change nothing.
const bisections = 30

// sampler is what sampling reads, each [B].
type sampler struct {
	temperature *Node // float32; 0 is greedy
	topK        *Node // int32; 0 is off
	topP        *Node // float32; 1 is off
	minP        *Node // float32; 0 is off
	seed0       *Node // uint32: halves of the row's seed
	seed1       *Node // uint32
}

// sample picks a token a row from logits [B, V] at step (a scalar int32): [B] int32.
//
// Random picks take the largest of logit/temperature + Gumbel noise (the Gumbel-max trick), with noise that is a hash of
// (row's seed, step, token), so that a row's draw does not depend on the batch around it.
func sample(kind samplerKind, logits *Node, s sampler, step *Node) *Node {
	logits = ConvertDType(logits, dtypes.Float32)
	if !kind.Noise {
		return argMax(logits)
	}
	greedy := LessOrEqual(s.temperature, ConstAs(s.temperature, 0))
	scaled := Div(logits, InsertAxes(Where(greedy, ConstAs(s.temperature, 1), s.temperature), -1))
	if kind.Filter {
		scaled = keepTopK(scaled, s.topK)
		scaled = keepTopP(scaled, s.topP)
		scaled = keepMinP(scaled, s.minP)
	}
	noisy := Add(scaled, gumbel(logits.Shape(), s, step))
	return argMax(Where(BroadcastToDims(InsertAxes(greedy, -1), logits.Shape().Dimensions...), logits, noisy))
}

// argMax is the index of the largest value of each row of x [B, V], the first of equals, as two plain reductions: XLA's
// CPU backend vectorises those, and not the pairwise one behind GoMLX's ArgMax.
func argMax(x *Node) *Node {
	highest := ReduceAndKeep(x, ReduceMax, -1)
	v := x.Shape().Dim(-1)
	index := Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), 1)
	return ReduceMin(Where(Equal(x, highest), index, ConstAs(index, v-1)), -1)
}

// keepTopK masks all but the k largest logits of each row (and their equals). The threshold is bisected, since a sort
// does not compile inside a loop.
func keepTopK(x, k *Node) *Node {
	k32 := ConvertDType(k, dtypes.Float32)
	threshold := bisect(x, func(at *Node) *Node {
		kept := ConvertDType(GreaterOrEqual(x, at), dtypes.Float32)
		return GreaterOrEqual(ReduceSum(kept, -1), k32)
	})
	off := LessOrEqual(k, ConstAs(k, 0))
	return maskBelow(x, threshold, off)
}

// keepTopP masks all but the smallest set of likeliest tokens whose probability reaches p (nucleus sampling,
// arXiv:1904.09751), as TopPLogitsWarper does.
func keepTopP(x, p *Node) *Node {
	weights := Exp(Sub(x, ReduceAndKeep(x, ReduceMax, -1)))
	wanted := Mul(p, ReduceSum(weights, -1))
	threshold := bisect(x, func(at *Node) *Node {
		kept := Where(GreaterOrEqual(x, at), weights, ConstAs(weights, 0))
		return GreaterOrEqual(ReduceSum(kept, -1), wanted)
	})
	off := GreaterOrEqual(p, ConstAs(p, 1))
	return maskBelow(x, threshold, off)
}

// keepMinP masks tokens less likely than p times the likeliest (arXiv:2407.01082), as MinPLogitsWarper does.
func keepMinP(x, p *Node) *Node {
	off := LessOrEqual(p, ConstAs(p, 0))
	share := InsertAxes(Where(off, ConstAs(p, 1), p), -1)
	return maskBelow(x, Add(ReduceAndKeep(x, ReduceMax, -1), Log(share)), off)
}

// penalties make tokens less likely that the text has already; each [B] float32.
type penalties struct {
	repetition *Node // 1 is off
	presence   *Node // 0 is off
	frequency  *Node // 0 is off
}

// apply changes logits [B, V]. prompted [B, V] bool are the prompt's tokens, made [B, V] int32 how often each was written.
//
// A repetition penalty divides positive logits of tokens in prompt or text and multiplies negative ones (CTRL,
// arXiv:1909.05858; RepetitionPenaltyLogitsProcessor). Presence and frequency penalties are taken off the logits of
// tokens in the text, once and for each time (the OpenAI API's).
func (p penalties) apply(logits, prompted, made *Node) *Node {
	logits = ConvertDType(logits, dtypes.Float32)
	written := GreaterThan(made, ConstAs(made, 0))
	by := InsertAxes(p.repetition, -1)
	weaker := Where(GreaterThan(logits, ConstAs(logits, 0)), Div(logits, by), Mul(logits, by))
	logits = Where(Or(prompted, written), weaker, logits)
	times := ConvertDType(made, dtypes.Float32)
	logits = Sub(logits, Mul(times, InsertAxes(p.frequency, -1)))
	return Sub(logits, Mul(ConvertDType(written, dtypes.Float32), InsertAxes(p.presence, -1)))
}

// bisect finds, a row of x [B, V], the highest threshold [B, 1] at which enough (threshold [B, 1] to [B] bool) still holds.
func bisect(x *Node, enough func(at *Node) *Node) *Node {
	highest := ReduceAndKeep(x, ReduceMax, -1)
	// Logits further below the best have no weight in float32: exp(-104) is 0.
	low := Sub(highest, ConstAs(x, 104))
	high := highest
	for range bisections {
		middle := Mul(Add(low, high), ConstAs(x, 0.5))
		holds := InsertAxes(enough(middle), -1)
		low = Where(holds, middle, low)
		high = Where(holds, high, middle)
	}
	// The best token always stays, whatever the rounding.
	best := InsertAxes(enough(highest), -1)
	return Where(best, highest, low)
}

// maskBelow gives logits under the threshold no chance, in the rows where off [B] does not hold.
func maskBelow(x, threshold, off *Node) *Node {
	keep := Or(GreaterOrEqual(x, threshold), InsertAxes(off, -1))
	return Where(keep, x, ConstAs(x, -1e30))
}

// gumbel is -log(-log(u)) with u uniform in (0, 1), of shape [B, V].
func gumbel(shape shapes.Shape, s sampler, step *Node) *Node {
	g := step.Graph()
	u32 := func(x uint32) *Node { return Const(g, x) }
	counter := shapes.Make(dtypes.Uint32, shape.Dimensions...)
	x := Mul(Iota(g, counter, 1), u32(0x9E3779B9))
	x = BitwiseXor(x, InsertAxes(Add(s.seed0, Mul(ConvertDType(step, dtypes.Uint32), u32(0x85EBCA6B))), -1))
	x = noise.Mix(x)
	x = noise.Mix(Add(x, InsertAxes(s.seed1, -1)))
	bits := ConvertDType(BitwiseShiftRightLogical(x, u32(8)), dtypes.Float32)
	uniform := Mul(Add(bits, ConstAs(bits, 0.5)), ConstAs(bits, 1.0/(1<<24)))
	return Neg(Log(Neg(Log(uniform))))
}
