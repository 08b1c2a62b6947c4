package model

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"
)

// resumed marks inputs of a stream's program that are the state in which the piece before left the loop.
const resumed = "resumed."

// Stream is Generate in pieces, for text that is shown while it is written: after every piece of so many tokens, deliver gets
// each row's new tokens, and may end a row by returning true (a stop string was found, say). The loop's state stays on the
// device from piece to piece, so the tokens are those of Generate.
//
// When ctx ends, Stream returns its error after the piece that is running, with what was written until then.
func (m *Model) Stream(ctx context.Context, batch Batch, o ReviewOptions, piece int, deliver func(row int, tokens []int32) (stop bool)) ([]Verdict, error) {
	if piece < 1 {
		return nil, fmt.Errorf("piece: expected 1 token or more, found %d", piece)
	}
	o.KeepStates, o.KeepPooled = false, nil
	var list []Verdict
	err := m.prepared(ctx, batch, o, func(rows []Row, prefix, cache *cached) error {
		s := &stream{m: m, shape: decodeShape{}.forRows(rows, o), rows: make([]streamRow, len(batch.Rows))}
		defer func() { finalizeValues(s.state) }()
		err := s.start(rows, prefix, cache, o)
		for err == nil && !s.ended() {
			if err = ctx.Err(); err == nil {
				err = s.next(piece, deliver)
			}
		}
		for _, r := range s.rows {
			list = append(list, Verdict{Tokens: r.tokens, Finish: r.finish})
		}
		return err
	})
	return list, err
}

// stream is a loop that runs in pieces.
type stream struct {
	m       *Model
	shape   decodeShape
	program *program
	inputs  []value // of every piece
	names   []string
	state   []value // what the last piece left, by names
	steps   int32
	slots   int
	rows    []streamRow
}

type streamRow struct {
	tokens []int32
	finish Finish
	ended  bool
}

func (s *stream) ended() bool {
	for _, r := range s.rows {
		if !r.ended {
			return false
		}
	}
	return true
}

// start makes the state before the first step, and the program that goes on from a state.
func (s *stream) start(rows []Row, prefix, cache *cached, o ReviewOptions) error {
	m, d := s.m, s.shape
	s.slots, s.steps = len(rows), 1 // the first step reads the prompt's last token and writes none
	stepInputs := m.stepInputs(rows, prefix, o, d)
	inputs := append(cache.inputs("row"), stepInputs...)
	var names []string
	p, err := m.program(m.decodeKey("stream start", d, rows, prefix, cache, o), inputs, func(in nodes) []*Node {
		var out []*Node
		for _, v := range m.freshState(d, in) {
			out, names = append(out, v.init), append(names, v.name)
		}
		return out
	})
	if err != nil {
		return err
	}
	if names != nil { // compiled just now
		p.outputs = names
	}
	s.names = p.outputs
	out, err := p.run(inputs)
	if err != nil {
		return err
	}
	s.keep(out)
	s.inputs = append(append(m.constants(false), prefix.inputs("prefix")...), stepInputs...)
	s.program, err = m.program(m.decodeKey("stream", d, rows, prefix, cache, o), s.pieceInputs(0), func(in nodes) []*Node {
		state := m.fixedState(in)
		for _, name := range s.names {
			init := in[resumed+name]
			switch name {
			case "done":
				init = Or(init, in["halt"])
			case "running":
				init = Const(init.Graph(), true)
			}
			state = append(state, loopVar{name, init})
		}
		last := m.decodeLoop(d, in, state)
		var out []*Node
		for _, name := range s.names {
			out = append(out, last[name])
		}
		return out
	})
	return err
}

// pieceInputs are the inputs of the piece that ends before step until.
func (s *stream) pieceInputs(until int32) []value {
	halt := make([]bool, s.slots)
	for i, r := range s.rows {
		halt[i] = r.ended
	}
	list := append(slices.Clone(s.inputs), value{"until", tensors.FromScalar(until)}, value{"halt", tensors.FromFlatDataAndDimensions(halt, s.slots)})
	return append(list, s.state...)
}

func (s *stream) keep(out []*tensors.Tensor) {
	finalizeValues(s.state)
	s.state = nil
	for i, t := range out {
		s.state = append(s.state, value{resumed + s.names[i], t})
	}
}

// next runs a piece and delivers what it wrote.
func (s *stream) next(piece int, deliver func(row int, tokens []int32) (stop bool)) error {
	s.steps += int32(piece)
	inputs := s.pieceInputs(s.steps)
	out, err := s.program.run(inputs)
	finalizeValues(inputs[len(inputs)-len(s.state)-2 : len(inputs)-len(s.state)])
	if err != nil {
		return err
	}
	s.m.counts.Decodes++
	s.keep(out)
	read := func(name string) (flat []int32) {
		if err == nil {
			flat, err = tensors.CopyFlatData[int32](out[slices.Index(s.names, name)])
		}
		return flat
	}
	step, tokens, length, finish := read("step"), read("tokens"), read("length"), read("finish")
	if err != nil {
		return err
	}
	for i := range s.rows {
		r := &s.rows[i]
		if r.ended {
			continue
		}
		upTo := step[0] - 1
		if finish[i] != finishNone {
			upTo, r.ended, r.finish = length[i], true, finishReasons[finish[i]]
		}
		fresh := tokens[i*s.shape.Tokens+len(r.tokens) : i*s.shape.Tokens+int(upTo)]
		r.tokens = append(r.tokens, fresh...)
		if deliver(i, slices.Clone(fresh)) && !r.ended {
			r.ended, r.finish = true, FinishStop
		}
	}
	return nil
}
