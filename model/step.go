package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/transformer"
)

// decodeStep builds the loop's body: one token for every row.
type decodeStep struct {
	m     *Model
	shape decodeShape
	s     nodes
}

// set replaces a value [B] of the state in the rows named.
func (d decodeStep) set(name string, where, value *Node) {
	d.s[name] = Where(where, value, d.s[name])
}

func (d decodeStep) run() {
	s := d.s
	step := s["step"]
	first := BroadcastToDims(Equal(step, ConstAs(step, 0)), s["done"].Shape().Dimensions...)

	token, reasoning := d.choose(first)
	states, h := d.feed(token)
	d.s["logits"] = ConvertDType(d.m.decoder.Logits(d.forward(nil, nil), stateAt(h, 0)), dtypes.Float32)
	d.pool(states, first, reasoning)
	if d.shape.States {
		x := ConvertDType(stateAt(h, 0), dtypes.Float32)
		s["states"] = transformer.WriteColumn(s["states"], InsertAxes(x, 1), step, 1)
	}
	d.judge(h, reasoning)

	s["step"] = Add(step, ConstAs(step, 1))
	open := ConvertDType(Not(s["done"]), dtypes.Int32)
	active := ReduceMax(open)
	limit := LessThan(s["step"], ConstAs(step, d.shape.steps()))
	if until, ok := s["until"]; ok { // a piece of a stream
		limit = And(limit, LessThan(s["step"], until))
	}
	s["running"] = And(limit, Equal(active, ConstAs(active, 1)))
}

// stateAt is position i of x [B, W, D]: [B, D].
func stateAt(x *Node, i int) *Node {
	return Squeeze(Slice(x, AxisRange(), AxisRange(i, i+1), AxisRange()), 1)
}

// choose picks each row's next token [B], and tells which rows feed a token of their analysis (or, at the first step, the
// prompt's last token).
func (d decodeStep) choose(first *Node) (token, reasoning *Node) {
	s := d.s
	step := s["step"]
	made := Sub(step, ConstAs(step, 1)) // tokens that a reasoning row has so far

	stops := d.isStop(Iota(step.Graph(), shapes.Make(dtypes.Int32, 1, d.m.config.VocabSize), 1))
	tooEarly := And(LessThan(BroadcastToDims(made, s["min"].Shape().Dimensions...), s["min"]), Not(first))
	logits := s["logits"]
	if d.shape.Sampler.Penalties {
		p := penalties{repetition: s["repetition"], presence: s["presence"], frequency: s["frequency"]}
		logits = p.apply(logits, s["prompted"], s["made"])
	}
	picked := sample(d.shape.Sampler, suppress(logits, stops, tooEarly), sampler{
		temperature: s["temperature"], topK: s["topk"], topP: s["topp"], minP: s["minp"], seed0: s["seed0"], seed1: s["seed1"],
	}, step)

	open := And(Not(s["done"]), LessThan(s["at"], ConstAs(s["at"], 0)))
	after := And(open, Not(first))
	isEOS := And(after, d.isStop(picked))
	atMax := And(after, GreaterOrEqual(BroadcastToDims(made, s["max"].Shape().Dimensions...), s["max"]))
	ends := Or(isEOS, atMax)
	reasoning = And(open, Not(ends))

	d.set("length", ends, BroadcastToDims(made, s["length"].Shape().Dimensions...))
	d.set("finish", And(ends, isEOS), ConstAs(s["finish"], finishEOS))
	d.set("finish", atMax, ConstAs(s["finish"], finishBudget)) // at the maximum the budget ended it, whatever came next
	token = Where(first, s["pending"], picked)
	if d.shape.Verdict == byClosing {
		d.set("at", ends, ConstAs(s["at"], 0))
		token = d.closingOr(token)
	} else {
		s["done"] = Or(s["done"], ends)
	}
	// A row that has ended feeds token 0: nothing reads what comes of it.
	fed := Or(reasoning, GreaterOrEqual(s["at"], ConstAs(s["at"], 0)))
	token = Where(fed, token, ConstAs(token, 0))

	if d.shape.Sampler.Penalties {
		ids := Iota(step.Graph(), shapes.Make(dtypes.Int32, 1, d.m.config.VocabSize), 1)
		now := And(Equal(ids, InsertAxes(token, -1)), InsertAxes(And(reasoning, Not(first)), -1))
		s["made"] = Add(s["made"], ConvertDType(now, dtypes.Int32))
	}
	// Column made of tokens: at the first step it writes column 0, which the second overwrites.
	column := Max(made, ConstAs(made, 0))
	s["tokens"] = transformer.WriteColumn(s["tokens"], InsertAxes(Where(reasoning, token, ConstAs(token, 0)), -1), column, 1)
	return token, reasoning
}

// isStop tells which of ids (int32, any shape) are stop tokens.
func (d decodeStep) isStop(ids *Node) *Node {
	stop := d.s["stop"]
	is := func(i int) *Node { return Equal(ids, Reshape(Slice(stop, AxisRange(i, i+1)))) }
	found := is(0)
	for i := 1; i < stop.Shape().Dim(0); i++ {
		found = Or(found, is(i))
	}
	return found
}

// suppress gives the tokens [1, V] no chance in the rows [B] named: how a minimum length is kept (s1, arXiv:2501.19393).
func suppress(logits, tokens, rows *Node) *Node {
	hide := And(tokens, InsertAxes(rows, -1))
	return Where(hide, ConstAs(logits, -1e30), logits)
}

// closingOr replaces the token by the closing phrase's next in rows that are closing, and moves these on.
func (d decodeStep) closingOr(token *Node) *Node {
	s := d.s
	at := s["at"]
	for i := range d.shape.Closing {
		next := Reshape(Slice(s["closing"], AxisRange(i, i+1)))
		token = Where(Equal(at, ConstAs(at, i)), next, token)
	}
	return token
}

// forward is a pass at positions [B, W] with the given cache; both may be nil where only the LM head is wanted.
func (d decodeStep) forward(positions *Node, cache transformer.Cache) *transformer.Forward {
	return &transformer.Forward{Config: d.m.config, Weights: d.m.loopWeights(d.s), Positions: positions, Cache: cache}
}

// feed runs token [B] (and, when closings are tried after every token, the closing phrase behind it) through the layers:
// the states after each layer and the normed state h, each [B, W, D].
func (d decodeStep) feed(token *Node) (states []*Node, h *Node) {
	s, g := d.s, token.Graph()
	n := d.m.config.NumHiddenLayers
	b, columns := token.Shape().Dim(0), s["cache.v.0"].Shape().Dim(2)
	prompt := columns - d.shape.steps() // prefilled columns
	step := s["step"]
	ids := InsertAxes(token, -1)
	if d.shape.Verdict == byClosings {
		ids = Concatenate([]*Node{ids, BroadcastToDims(Reshape(s["closing"], 1, d.shape.Closing), b, d.shape.Closing)}, 1)
	}
	width := ids.Shape().Dim(1)

	before := s["lengths"] // position of the prompt's last token
	prefix := layers(s, "prefix", n)
	if prefix != nil {
		before = Add(before, s["prefix.length"])
	}
	grid := func(w int) *Node { return Iota(g, shapes.Make(dtypes.Int32, b, w), 1) }
	positions := Add(Add(grid(width), step), InsertAxes(before, -1))

	column := grid(columns)
	generated := Sub(column, ConstAs(column, prompt))
	isPrompt := LessThan(generated, ConstAs(column, 0))
	own := column
	if prefix != nil {
		own = Add(own, s["prefix.length"])
	}
	span := &transformer.Span{
		Positions: Where(isPrompt, own, Add(generated, InsertAxes(before, -1))),
		Valid: Or(And(isPrompt, LessThan(column, InsertAxes(s["lengths"], -1))),
			And(Not(isPrompt), LessOrEqual(generated, step))),
	}
	cache := &transformer.StepCache{
		Prefix: prefix, PrefixSpan: prefixSpan(prefix, s["prefix.length"]),
		Rows: layers(s, "cache", n), Span: span, Column: Add(step, ConstAs(step, prompt)),
	}
	if width > 1 {
		tail := Slice(positions, AxisRange(), AxisRange(1, width))
		cache.TailSpan = &transformer.Span{Positions: tail, Valid: GreaterOrEqual(tail, ConstAs(tail, 0))}
	}
	f := d.forward(positions, cache)
	states = d.m.runLayers(f, d.m.decoder.Embed(f, ids))
	for i, l := range cache.Rows {
		s[fmt.Sprintf("cache.k.%d", i)], s[fmt.Sprintf("cache.v.%d", i)] = l.K, l.V
	}
	return states, states[n]
}

// pool adds the states at the tokens fed to the running pools, and starts the pools at the first step.
func (d decodeStep) pool(states []*Node, first, reasoning *Node) {
	s := d.s
	sums := 0
	for i, p := range d.shape.pools(d.m) {
		x := ConvertDType(stateAt(states[p.state(d.m.config)], 0), dtypes.Float32)
		var before *Node
		if p.pool.NeedsPromptSum() {
			before = s[fmt.Sprintf("row.sum.%d", sums)]
			sums++
		}
		state := make([]*Node, p.pool.Len())
		for j := range state {
			state[j] = s[fmt.Sprintf("pool.%d.%d", i, j)]
		}
		start := p.pool.Init(p.prompt(x, before, s["count"]))
		next := p.pool.Update(state, x, reasoning)
		for j := range state {
			s[fmt.Sprintf("pool.%d.%d", i, j)] = Where(first, start[j], next[j])
		}
	}
	if d.shape.Pooled == 0 {
		return
	}
	// keep [K]: write the rows' pools at the chosen lengths from this step on, so that where the loop ends before one of them,
	// it has the last.
	keep := s["keep"]
	now := GreaterOrEqual(keep, s["step"])
	for i, x := range d.features() {
		name := fmt.Sprintf("pooled.%d", i)
		dims := s[name].Shape().Dimensions
		here := BroadcastToDims(Reshape(now, 1, dims[1], 1), dims...)
		s[name] = Where(here, BroadcastToDims(InsertAxes(x, 1), dims...), s[name])
	}
}

// features are the pooled states that heads read, in the order of m.features: each [B, D].
func (d decodeStep) features() []*Node {
	var list []*Node
	for _, f := range d.m.features {
		for i, p := range d.m.pools {
			if p.layer != f.Layer {
				continue
			}
			state := make([]*Node, p.pool.Len())
			for j := range state {
				state[j] = d.s[fmt.Sprintf("pool.%d.%d", i, j)]
			}
			list = append(list, p.pool.Value(state, f.Pooling))
		}
	}
	return list
}

// judge records the verdict after this step's token and ends rows that have theirs.
func (d decodeStep) judge(h, reasoning *Node) {
	s := d.s
	step := s["step"]
	steps := BroadcastToDims(step, s["max"].Shape().Dimensions...)
	var p *Node // [B, H]
	switch d.shape.Verdict {
	case byHeads:
		p = d.held(d.m.heads.Probabilities(d.features()[:len(d.m.heads.Features())], d.m.headNodes(s)))
	case byClosings:
		width := h.Shape().Dim(1)
		p = d.answer(d.m.decoder.Logits(d.forward(nil, nil), stateAt(h, width-1)))
	case byClosing:
		d.close()
		return
	case noVerdict:
	}
	ends := And(reasoning, GreaterOrEqual(steps, s["max"]))
	d.set("finish", ends, ConstAs(s["finish"], finishBudget))
	if p != nil {
		s["p"] = transformer.WriteColumn(s["p"], InsertAxes(p, 1), step, 1)
	}
	if p != nil && d.shape.Sure {
		lead := Squeeze(Slice(p, AxisRange(), AxisRange(0, 1)), 1)
		sureness := Max(lead, Sub(ConstAs(lead, 1), lead))
		sure := And(And(reasoning, GreaterOrEqual(steps, s["min"])),
			GreaterOrEqual(sureness, BroadcastToDims(s["sure"], lead.Shape().Dimensions...)))
		d.set("finish", And(sure, Not(ends)), ConstAs(s["finish"], finishSure))
		ends = Or(ends, sure)
	}
	d.set("length", ends, steps)
	s["done"] = Or(s["done"], ends)
}

// held keeps each head's probability in p [B, H] from the length on up to which it was trained: what is written behind that is not judged.
func (d decodeStep) held(p *Node) *Node {
	s := d.s
	most := make([]int32, len(d.m.heads)) // tokens that a head reads of a whole analysis
	for h, head := range d.m.heads {
		most[h] = int32(head.Config.Reads(d.shape.Tokens))
	}
	reads := LessOrEqual(s["step"], Const(p.Graph(), most))
	s["held"] = Where(BroadcastToDims(Reshape(reads, 1, len(most)), p.Shape().Dimensions...), p, s["held"])
	return s["held"]
}

// answer is p [B, 1] that the finding is real: the normalised probability of the true against the false answer token.
func (d decodeStep) answer(logits *Node) *Node {
	b := logits.Shape().Dim(0)
	row := Iota(logits.Graph(), shapes.Make(dtypes.Int32, b, 2), 0)
	token := BroadcastToDims(Reshape(d.s["answers"], 1, 2), b, 2)
	two := Gather(ConvertDType(logits, dtypes.Float32), Stack([]*Node{row, token}, -1))
	isTrue := Slice(two, AxisRange(), AxisRange(0, 1))
	isFalse := Slice(two, AxisRange(), AxisRange(1, 2))
	return Logistic(Sub(isTrue, isFalse))
}

// close moves rows on in the closing phrase; one that has fed all of it has its verdict in the logits.
func (d decodeStep) close() {
	s := d.s
	at := s["at"]
	closing := And(Not(s["done"]), GreaterOrEqual(at, ConstAs(at, 0)))
	next := Where(closing, Add(at, ConstAs(at, 1)), at)
	s["at"] = next
	closed := And(closing, GreaterOrEqual(next, ConstAs(next, d.shape.Closing)))
	d.set("closing.p", closed, Squeeze(d.answer(s["logits"]), 1))
	s["done"] = Or(s["done"], closed)
}
