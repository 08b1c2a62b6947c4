package model

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/transformer"
)

// Text is a prompt with a continuation to score.
type Text struct {
	Prompt       []int32 // at least one token
	Continuation []int32
	Adapter      int // -1 is the bare base
}

// Score returns the natural logarithm of the probability of each continuation token, given all before it: one slice a
// text, as long as its continuation. All texts run in one batch.
func (m *Model) Score(ctx context.Context, texts []Text) ([][]float64, error) {
	if m.IsEncoder() {
		return nil, m.encoderError()
	}
	rows := make([][]int32, len(texts))
	adapters := make([]int32, len(texts))
	longest := 1
	for i, t := range texts {
		if len(t.Prompt) == 0 {
			return nil, fmt.Errorf("text %d: the prompt is empty", i)
		}
		rows[i] = append(append([]int32{}, t.Prompt...), t.Continuation...)
		adapters[i] = m.slot(t.Adapter)
		longest = max(longest, len(t.Continuation))
	}
	// Vocabulary-wide logits are computed only at the positions that predict a continuation token.
	from := make([]int32, len(texts)*longest)
	targets := make([]int32, len(texts)*longest)
	for i, t := range texts {
		for k, id := range t.Continuation {
			from[i*longest+k] = int32(len(t.Prompt) + k - 1)
			targets[i*longest+k] = id
		}
	}
	out, err := m.whole(ctx, "score", rows, adapters, 0, []value{
		{"from", tensors.FromFlatDataAndDimensions(from, len(texts), longest)},
		{"targets", tensors.FromFlatDataAndDimensions(targets, len(texts), longest)},
	}, func(in nodes) []*Node {
		f, _ := m.pass(in)
		states := m.runLayers(f, m.decoder.Embed(f, in["ids"]))
		at := takePositions(states[len(states)-1], in["from"])
		logits := ConvertDType(m.decoder.Logits(f, at), dtypes.Float32)
		return []*Node{transformer.LogProbability(logits, in["targets"])}
	})
	if err != nil {
		return nil, err
	}
	defer finalizeAll(out)
	flat, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		return nil, err
	}
	scores := make([][]float64, len(texts))
	for i, t := range texts {
		scores[i] = widen(flat[i*longest : i*longest+len(t.Continuation)])
	}
	return scores, nil
}

// takePositions reads x [B, S, D] at positions [B, T] int32: [B, T, D].
func takePositions(x, positions *Node) *Node {
	b, t := positions.Shape().Dim(0), positions.Shape().Dim(1)
	row := Iota(x.Graph(), shapes.Make(dtypes.Int32, b, t), 0)
	return Gather(x, Stack([]*Node{row, positions}, -1))
}

// States are what a pass over given tokens leaves: everything that parity tests and head training read.
type States struct {
	Embed  [][]float32   // [row][n·D]: what enters layer 0
	Layers [][][]float32 // [layer][row][n·D]: the residual stream as it leaves each layer
	Last   [][]float32   // [row][n·D]: after the final norm
	Logits [][]float32   // [row][n·V]; only where asked for
	Pooler [][]float32   // [row][D]: what an encoder's pretrained pooler makes of Last; only where asked for
}

// StatesOptions choose what [Model.States] returns besides Last.
type StatesOptions struct {
	Layers bool // Embed and Layers too
	Logits bool // an encoder's are those of its masked language modelling, where the checkpoint has that head
	Pooler bool // encoders whose checkpoint has a pooler only
	// Types are BERT's segments of each row, as long as the row; nil is 0 everywhere.
	Types [][]int32
}

// States runs rows of tokens whole and returns their states, row-major, float32, padding removed. adapters holds a row's
// adapter index (-1: the bare base); nil is the base for all.
func (m *Model) States(ctx context.Context, rows [][]int32, adapters []int, o StatesOptions) (*States, error) {
	types, err := m.checkStates(rows, o)
	if err != nil {
		return nil, err
	}
	slots, err := m.slots(rows, adapters)
	if err != nil {
		return nil, err
	}
	out, err := m.whole(ctx, shapeKey("states", o.Layers, o.Logits, o.Pooler), rows, slots, 0, types, func(in nodes) []*Node {
		f, _ := m.pass(in)
		f.TokenTypes = in["types"]
		embed := m.layers.Embed(f, in["ids"])
		states := m.runLayers(f, embed)
		list := []*Node{states[len(states)-1]}
		if o.Pooler {
			list = append(list, m.layers.(transformer.Pooler).Pool(f, list[0]))
		}
		if o.Logits {
			list = append(list, m.logits(f, list[0]))
		}
		if o.Layers {
			list = append(list, embed)
			list = append(list, states[:len(states)-1]...)
		}
		for i, n := range list {
			list[i] = ConvertDType(n, dtypes.Float32)
		}
		return list
	})
	if err != nil {
		return nil, err
	}
	defer finalizeAll(out)
	next := func() ([][]float32, error) {
		t := out[0]
		out = out[1:]
		return unpad(t, rows)
	}
	s := &States{}
	if s.Last, err = next(); err != nil {
		return nil, err
	}
	if o.Pooler {
		if s.Pooler, err = lines(out[0]); err != nil {
			return nil, err
		}
		out = out[1:]
	}
	if o.Logits {
		if s.Logits, err = next(); err != nil {
			return nil, err
		}
	}
	if !o.Layers {
		return s, nil
	}
	if s.Embed, err = next(); err != nil {
		return nil, err
	}
	for range m.config.NumHiddenLayers {
		layer, err := next()
		if err != nil {
			return nil, err
		}
		s.Layers = append(s.Layers, layer)
	}
	return s, nil
}

// whole compiles and runs a program over whole rows, with further inputs that come after the rows'. room is the least length
// to compile for.
func (m *Model) whole(ctx context.Context, name string, rows [][]int32, slots []int32, room int, more []value, build func(in nodes) []*Node) ([]*tensors.Tensor, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("there are no rows")
	}
	longest := 0
	for i, r := range rows {
		if len(r) == 0 || len(r) > m.config.ContextLength {
			return nil, fmt.Errorf("row %d has %d tokens, expected 1 to %s", i, len(r), m.config.DescribeContext())
		}
		if err := m.checkTokens(r); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		longest = max(longest, len(r))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	s := bucket(max(longest, room))
	inputs := append(m.constants(false), m.rowInputs(rows, s, slots)...)
	inputs = append(inputs, more...)
	key := shapeKey(name, len(rows), s)
	for _, v := range more {
		key = shapeKey(key, v.name, v.tensor.Shape())
	}
	p, err := m.program(key, inputs, build)
	if err != nil {
		return nil, err
	}
	return p.run(inputs)
}

// unpad copies a tensor [B, S, X] to the host and keeps each row's real positions.
func unpad(t *tensors.Tensor, rows [][]int32) ([][]float32, error) {
	flat, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, err
	}
	s, width := t.Shape().Dim(1), t.Shape().Dim(2)
	out := make([][]float32, len(rows))
	for i, r := range rows {
		out[i] = flat[i*s*width : (i*s+len(r))*width]
	}
	return out, nil
}

func finalizeAll(list []*tensors.Tensor) {
	for _, t := range list {
		_ = t.FinalizeAll() // only fails where it is freed already
	}
}
