package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// Row is one prompt.
type Row struct {
	Prompt   []int32 // after the batch's prefix; at least one token
	Adapter  int     // index into the model's adapters; -1 is the bare base
	Sampling Sampling
}

// Batch is rows that run together. The prefix stands before every row's prompt and is prefilled once; it stays on the
// device for the next batch that has the same.
type Batch struct {
	Prefix []int32
	Rows   []Row
}

// ReviewOptions say how verdicts come about.
type ReviewOptions struct {
	// Closing leads from the analysis to the answer, and True and False are the answer tokens: the verdict where the model
	// has no head. With heads they are not used.
	Closing     []int32
	True, False int32
	// Trajectory asks for the verdict after every token. Heads give it for nothing; without heads the closing phrase is
	// tried after every token, in the same pass.
	Trajectory bool
	// Sure ends a row when its verdict's probability, of the first head, reaches it on either side, within the tokens that the head
	// was trained on. 0: off. Without heads it needs the closing phrase after every token, as Trajectory does.
	Sure float64
	// Stop are the tokens that end an analysis; nil means the model's own. Use an empty list for none.
	Stop []int32
	// KeepStates asks for the normed state at each length.
	KeepStates bool
	// KeepPooled asks for the pooled states (see [Model.Features]) after so many tokens.
	KeepPooled []int
	// Slots is the number of rows that the program is compiled for, where that is more than the batch has: a run's last
	// batch then needs no compilation of its own.
	Slots int
	// RoomTokens and RoomPrompt compile programs for this many generated and prompt tokens, where that is more than the
	// batch needs, for the same reason.
	RoomTokens, RoomPrompt int
}

// Finish says why a row ended.
type Finish string

// The reasons for which rows end.
const (
	FinishEOS    Finish = "eos"    // a stop token
	FinishBudget Finish = "budget" // MaxTokens
	FinishSure   Finish = "sure"   // ReviewOptions.Sure
	FinishStop   Finish = "stop"   // Stream's deliver ended it
)

// finishReasons are the reasons by the program's numbers for them.
var finishReasons = map[int32]Finish{finishEOS: FinishEOS, finishBudget: FinishBudget, finishSure: FinishSure}

// Verdict is what came of a row.
type Verdict struct {
	Tokens []int32 // the analysis, without the stop token
	Finish Finish
	// P is the probability that the finding is real, by the first head, or by the answer tokens where there is no head.
	P float64
	// Ps[t][h] is the probability by head h after t tokens, t from 0 to len(Tokens); it stays what it is after as many as the head was
	// trained on ([classifier.Config.Reads]). Nil without heads or trajectory.
	Ps     [][]float64
	States [][]float32   // with KeepStates: [t][D], t from 0 to len(Tokens)
	Pooled [][][]float32 // with KeepPooled: [feature][k][D]
}

// Review runs a batch: one prefill of the prompts (and one of the prefix, if it is new) and then one execution of the one
// graph, which gives each row's analysis, trajectory and verdict.
//
// An encoder writes no analysis: its heads judge the prompts alone, and of the options only the room for programs matters.
func (m *Model) Review(ctx context.Context, batch Batch, o ReviewOptions) ([]Verdict, error) {
	if m.IsEncoder() {
		return m.reviewWhole(ctx, batch, o)
	}
	d := decodeShape{Verdict: byClosing, Closing: len(o.Closing), Sure: o.Sure > 0}
	switch {
	case len(m.heads) > 0:
		d.Verdict, d.Closing = byHeads, 0
	case o.Trajectory || o.Sure > 0:
		d.Verdict = byClosings
	}
	if d.Verdict != byHeads && len(o.Closing) == 0 {
		return nil, fmt.Errorf("the model has no head, and no closing phrase is given: nothing can judge")
	}
	return m.decode(ctx, batch, o, d)
}

// Generate runs a batch and returns its tokens; there is no verdict.
func (m *Model) Generate(ctx context.Context, batch Batch, o ReviewOptions) ([]Verdict, error) {
	return m.decode(ctx, batch, o, decodeShape{})
}

// check refuses a batch that the programs cannot run.
func (m *Model) check(batch Batch) error {
	if len(batch.Rows) == 0 {
		return fmt.Errorf("the batch has no rows")
	}
	for i, r := range batch.Rows {
		if len(r.Prompt) == 0 {
			return fmt.Errorf("row %d: the prompt is empty", i)
		}
		if err := r.Sampling.Validate(); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if n := len(batch.Prefix) + len(r.Prompt) + r.Sampling.MaxTokens; n > m.config.ContextLength {
			return fmt.Errorf("row %d: %d prompt and %d new tokens exceed the model's context of %s",
				i, len(batch.Prefix)+len(r.Prompt), r.Sampling.MaxTokens, m.config.DescribeContext())
		}
		if err := m.checkTokens(r.Prompt); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if r.Adapter < -1 || r.Adapter >= max(len(m.adapters), 1) {
			return fmt.Errorf("row %d: adapter %d is not there; the model has %d", i, r.Adapter, len(m.adapters))
		}
	}
	return m.checkTokens(batch.Prefix)
}

func (m *Model) checkTokens(ids []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= m.config.VocabSize {
			return fmt.Errorf("token %d is %d, outside the vocabulary of %d", i, id, m.config.VocabSize)
		}
	}
	return nil
}

// decode runs prefix, prompts and loop.
func (m *Model) decode(ctx context.Context, batch Batch, o ReviewOptions, d decodeShape) (list []Verdict, err error) {
	err = m.prepared(ctx, batch, o, func(rows []Row, prefix, cache *cached) error {
		list, err = m.runDecode(rows, len(batch.Rows), prefix, cache, o, d)
		return err
	})
	return list, err
}

// prepared checks and prefills a batch and hands it, filled up with rows that end at once, to run.
func (m *Model) prepared(ctx context.Context, batch Batch, o ReviewOptions, run func(rows []Row, prefix, cache *cached) error) error {
	if m.IsEncoder() {
		return m.encoderError()
	}
	if err := m.check(batch); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return err
	}
	rows := slices.Clone(batch.Rows)
	for len(rows) < o.Slots {
		rows = append(rows, Row{Prompt: batch.Rows[0].Prompt[:1], Adapter: batch.Rows[0].Adapter, Sampling: Sampling{MaxTokens: -1}})
	}
	prefix, err := m.prefix(batch.Prefix, rows)
	if err != nil {
		return err
	}
	if prefix != nil && prefix.owned {
		defer prefix.finalize()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	starts := make([][]int32, len(rows)) // the loop feeds the last token
	adapters := make([]int32, len(rows))
	for i, r := range rows {
		starts[i], adapters[i] = r.Prompt[:len(r.Prompt)-1], m.slot(r.Adapter)
	}
	cache, err := m.prefill(prefix, starts, adapters, o.RoomPrompt)
	if err != nil {
		return err
	}
	defer cache.finalize()
	m.counts.Prefills++
	if err := ctx.Err(); err != nil {
		return err
	}
	return run(rows, prefix, cache)
}

// slot is the adapter index that programs see: merged adapters are part of the base.
func (m *Model) slot(adapter int) int32 {
	if m.bank == nil {
		return -1
	}
	return int32(adapter)
}

// runDecode executes the one graph and reads its results.
func (m *Model) runDecode(rows []Row, n int, prefix, cache *cached, o ReviewOptions, d decodeShape) ([]Verdict, error) {
	d = d.forRows(rows, o)
	inputs := m.constants(d.Verdict == byHeads)
	inputs = append(inputs, prefix.inputs("prefix")...)
	inputs = append(inputs, cache.inputs("row")...)
	inputs = append(inputs, m.stepInputs(rows, prefix, o, d)...)
	p, err := m.program(m.decodeKey("decode", d, rows, prefix, cache, o), inputs, m.decodeGraph(d))
	if err != nil {
		return nil, err
	}
	out, err := p.run(inputs)
	if err != nil {
		return nil, err
	}
	m.counts.Decodes++
	results := map[string]*tensors.Tensor{}
	for i, name := range m.decodeOutputs(d) {
		results[name] = out[i]
	}
	defer finalizeAll(out)
	return readVerdicts(results, n, d, o, len(m.features))
}

// forRows fills in what the rows and the options ask for.
func (d decodeShape) forRows(rows []Row, o ReviewOptions) decodeShape {
	most := o.RoomTokens
	for _, r := range rows {
		most = max(most, r.Sampling.MaxTokens)
		d.Sampler = d.Sampler.with(r.Sampling)
	}
	d.Tokens = roundTokens(most)
	d.States, d.Pooled = o.KeepStates, len(o.KeepPooled)
	return d
}

// decodeKey names a program of the loop.
func (m *Model) decodeKey(name string, d decodeShape, rows []Row, prefix, cache *cached, o ReviewOptions) string {
	return shapeKey(name, fmt.Sprintf("%+v", d), len(rows), cache.tokens, prefix.shape(), len(m.stops(o)))
}

// stepInputs are what the loop reads of the rows.
func (m *Model) stepInputs(rows []Row, prefix *cached, o ReviewOptions, d decodeShape) []value {
	b := len(rows)
	ints := map[string][]int32{}
	shared := 0
	if prefix != nil {
		shared = prefix.real
	}
	for _, r := range rows {
		last := len(r.Prompt) - 1
		ints["pending"] = append(ints["pending"], r.Prompt[last])
		ints["lengths"] = append(ints["lengths"], int32(last))
		ints["count"] = append(ints["count"], int32(shared+last+1))
		ints["adapter"] = append(ints["adapter"], m.slot(r.Adapter))
	}
	var list []value
	for _, name := range []string{"pending", "lengths", "count", "adapter"} {
		list = append(list, value{name, tensors.FromFlatDataAndDimensions(ints[name], b)})
	}
	list = append(list, samplingInputs(rows)...)
	if d.Sampler.Penalties {
		list = append(list, m.penaltyInputs(rows, prefix)...)
	}
	vector := func(name string, ids []int32) {
		list = append(list, value{name, tensors.FromFlatDataAndDimensions(ids, len(ids))})
	}
	vector("stop", m.stops(o))
	if d.Closing > 0 {
		vector("closing", o.Closing)
		vector("answers", []int32{o.True, o.False})
	}
	if d.Pooled > 0 {
		keep := make([]int32, d.Pooled)
		for i, k := range o.KeepPooled {
			keep[i] = int32(k)
		}
		vector("keep", keep)
	}
	return append(list, value{"sure", tensors.FromScalar(float32(o.Sure))})
}

// stops are the stop tokens of a call; -1, which is no token, where there are none.
func (m *Model) stops(o ReviewOptions) []int32 {
	stop := o.Stop
	if stop == nil {
		stop = m.stop
	}
	if len(stop) == 0 {
		return []int32{-1}
	}
	return stop
}

// readVerdicts copies the first n rows' results to the host.
func readVerdicts(out map[string]*tensors.Tensor, n int, d decodeShape, o ReviewOptions, features int) ([]Verdict, error) {
	tokens, err := tensors.CopyFlatData[int32](out["tokens"])
	if err != nil {
		return nil, err
	}
	length, err := tensors.CopyFlatData[int32](out["length"])
	if err != nil {
		return nil, err
	}
	finish, err := tensors.CopyFlatData[int32](out["finish"])
	if err != nil {
		return nil, err
	}
	read := func(name string) []float32 {
		t, ok := out[name]
		if !ok || err != nil {
			return nil
		}
		var flat []float32
		flat, err = tensors.CopyFlatData[float32](t)
		return flat
	}
	p, closing, states := read("p"), read("closing.p"), read("states")
	list := make([]Verdict, n)
	for i := range list {
		v := &list[i]
		l := int(length[i])
		v.Tokens = slices.Clone(tokens[i*d.Tokens : i*d.Tokens+l])
		v.Finish = finishReasons[finish[i]]
		if p != nil {
			heads := out["p"].Shape().Dim(2)
			for t := range l + 1 {
				v.Ps = append(v.Ps, widen(at(p, heads, i, d.Tokens+1, t)))
			}
			v.P = v.Ps[l][0]
		}
		if closing != nil {
			v.P = float64(closing[i])
		}
		if states != nil {
			width := out["states"].Shape().Dim(2)
			for t := range l + 1 {
				v.States = append(v.States, at(states, width, i, d.Tokens+1, t))
			}
		}
	}
	for f := 0; d.Pooled > 0 && f < features; f++ {
		name := fmt.Sprintf("pooled.%d", f)
		flat := read(name)
		if err != nil {
			return nil, err
		}
		width := out[name].Shape().Dim(2)
		for i := range list {
			var kept [][]float32
			for k := range o.KeepPooled {
				kept = append(kept, at(flat, width, i, d.Pooled, k))
			}
			list[i].Pooled = append(list[i].Pooled, kept)
		}
	}
	return list, err
}

// at is line [row, t] of a tensor [rows, lines, width].
func at(flat []float32, width, row, lines, t int) []float32 {
	start := (row*lines + t) * width
	return slices.Clone(flat[start : start+width])
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
