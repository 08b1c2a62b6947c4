package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/transformer"
)

// verdictKind says what judges a row in the decode program.
type verdictKind int

const (
	noVerdict  verdictKind = iota // generation only
	byHeads                       // heads on the running pools, after every token
	byClosing                     // answer tokens after the closing phrase, once a row's analysis has ended
	byClosings                    // answer tokens after the closing phrase, tried after every token
)

// decodeShape is all that a decode program's compilation depends on besides its inputs' shapes.
type decodeShape struct {
	Tokens  int // T: room for generated tokens
	Closing int // number of tokens in the closing phrase
	Verdict verdictKind
	Sampler samplerKind
	Sure    bool // rows end when their verdict is sure
	States  bool // return the state at every length
	Pooled  int  // K: return the pooled states at so many chosen lengths
}

// pools are the running pools that the program keeps.
func (d decodeShape) pools(m *Model) []layerPool {
	if d.Verdict == byHeads || d.Pooled > 0 {
		return m.pools
	}
	return nil
}

// steps is how many tokens a row feeds at most: the prompt's last, T generated, and the closing phrase.
func (d decodeShape) steps() int {
	if d.Verdict == byClosing {
		return 1 + d.Tokens + d.Closing
	}
	return 1 + d.Tokens
}

// Why a row ended, as the program returns it.
const (
	finishNone   = 0
	finishEOS    = 1
	finishBudget = 2
	finishSure   = 3
)

// decodeOutputs are the program's results, in order; some are absent by shape.
//
//	tokens [B,T] int32, length [B] int32, finish [B] int32
//	p [B,T+1,H] float32: column t is the verdict after t tokens (byHeads, byClosings)
//	closing [B] float32: the verdict after the closing phrase (byClosing)
//	states [B,T+1,D] float32: the normed state at the last prompt token and at each generated one
//	pooled.i [B,K,D] float32: feature i at the chosen lengths
func (m *Model) decodeOutputs(d decodeShape) []string {
	names := []string{"tokens", "length", "finish"}
	switch d.Verdict {
	case byHeads, byClosings:
		names = append(names, "p")
	case byClosing:
		names = append(names, "closing.p")
	case noVerdict:
	}
	if d.States {
		names = append(names, "states")
	}
	if d.Pooled > 0 {
		for i := range m.features {
			names = append(names, fmt.Sprintf("pooled.%d", i))
		}
	}
	return names
}

// decodeGraph builds the one graph. Its main function holds no reduction: go-xla shares reducers between main and
// closures, and would then refuse the loop's (docs/design.md).
func (m *Model) decodeGraph(d decodeShape) func(in nodes) []*Node {
	return func(in nodes) []*Node {
		state := append(m.fixedState(in), m.freshState(d, in)...)
		last := m.decodeLoop(d, in, state)
		var out []*Node
		for _, name := range m.decodeOutputs(d) {
			out = append(out, last[name])
		}
		// Nobody reads this one: the pure-Go backend (compute v0.1.4) fails where main leaves the loop's last value out.
		return append(out, last["running"])
	}
}

func (m *Model) decodeLoop(d decodeShape, in nodes, state []loopVar) nodes {
	return loop(in["pending"].Graph(), state, "running", func(s nodes) { decodeStep{m: m, shape: d, s: s}.run() })
}

// fixedState lists the loop's state that no step changes: every input, as closures capture nothing, and what is made of it
// once.
func (m *Model) fixedState(in nodes) []loopVar {
	var state []loopVar
	add := func(name string, init *Node) { state = append(state, loopVar{name, init}) }
	for _, name := range decodeInputs(in) {
		add(name, in[name])
	}
	for i, l := range layers(in, "prefix", m.config.NumHiddenLayers) {
		add(fmt.Sprintf("prefix.k.%d", i), l.Turn().K)
	}
	if m.bank != nil {
		rows := lora.NewRows(in["adapter"], in["lora.owner"], in["lora.scale"], m.bank.Slots())
		add("rows.scale", rows.Scale)
		add("rows.slot", rows.Slot)
	}
	return state
}

// freshState lists the state that steps change, as it is before the first.
func (m *Model) freshState(d decodeShape, in nodes) []loopVar {
	g := in["pending"].Graph()
	b := in["pending"].Shape().Dim(0)
	cacheColumns := in["row.k.0"].Shape().Dim(2) + d.steps()
	zeros := func(dtype dtypes.DType, dims ...int) *Node { return Zeros(g, shapes.Make(dtype, dims...)) }

	var state []loopVar
	add := func(name string, init *Node) { state = append(state, loopVar{name, init}) }
	for i, l := range layers(in, "row", m.config.NumHiddenLayers) {
		padded := transformer.KV{K: padColumns(l.K, cacheColumns), V: padColumns(l.V, cacheColumns)}.Turn()
		add(fmt.Sprintf("cache.k.%d", i), padded.K)
		add(fmt.Sprintf("cache.v.%d", i), padded.V)
	}
	for i, p := range d.pools(m) {
		x := zeros(dtypes.Float32, b, m.config.HiddenSize)
		for j, n := range p.pool.Init(p.prompt(x, x, zeros(dtypes.Int32, b))) {
			add(fmt.Sprintf("pool.%d.%d", i, j), n)
		}
	}
	add("step", Const(g, int32(0)))
	add("running", Const(g, true))
	add("logits", zeros(dtypes.Float32, b, m.config.VocabSize))
	add("done", LessThan(in["max"], ConstAs(in["max"], 0))) // rows that only fill up the batch have max -1
	add("at", minusOne(zeros(dtypes.Int32, b)))             // place in the closing phrase; -1 while reasoning
	if d.Sampler.Penalties {
		add("made", zeros(dtypes.Int32, b, m.config.VocabSize)) // how often each token was written
	}
	add("tokens", zeros(dtypes.Int32, b, d.Tokens))
	add("length", zeros(dtypes.Int32, b))
	add("finish", zeros(dtypes.Int32, b))
	switch d.Verdict {
	case byHeads:
		add("p", zeros(dtypes.Float32, b, d.Tokens+1, len(m.heads)))
		add("held", zeros(dtypes.Float32, b, len(m.heads)))
	case byClosings:
		add("p", zeros(dtypes.Float32, b, d.Tokens+1, 1))
	case byClosing:
		add("closing.p", zeros(dtypes.Float32, b))
	case noVerdict:
	}
	if d.States {
		add("states", zeros(dtypes.Float32, b, d.Tokens+1, m.config.HiddenSize))
	}
	if d.Pooled > 0 {
		for i := range m.features {
			add(fmt.Sprintf("pooled.%d", i), zeros(dtypes.Float32, b, d.Pooled, m.config.HiddenSize))
		}
	}
	return state
}

func minusOne(x *Node) *Node { return Sub(x, ConstAs(x, 1)) }

// padColumns adds empty columns to keys or values [B, KV, S, hd], so that there are columns of them.
func padColumns(x *Node, columns int) *Node {
	dims := x.Shape().Clone().Dimensions
	dims[2] = columns - dims[2]
	return Concatenate([]*Node{x, Zeros(x.Graph(), shapes.Make(x.DType(), dims...))}, 2)
}
