package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/transformer"
)

// cached is what prefilling left on the device: keys and values a layer, each [B or 1, KV, S, hd], and, where a head pools
// over the prompt, the sum of its states a layer that heads read, [B or 1, D] float32.
type cached struct {
	kv     []kvTensors
	sums   []*tensors.Tensor
	length *tensors.Tensor // prefix only: scalar int32, how many of the S columns are real
	tokens int             // S
	real   int             // prefix only: the value of length
	owned  bool            // by the batch that it was made for, and freed with it
}

type kvTensors struct{ k, v *tensors.Tensor }

// newCached takes a program's outputs: keys and values layer by layer, then the sums. tokens is their S.
func (m *Model) newCached(out []*tensors.Tensor, tokens int) *cached {
	n := m.config.NumHiddenLayers
	c := &cached{tokens: tokens, sums: out[2*n:]}
	for i := range n {
		c.kv = append(c.kv, kvTensors{out[2*i], out[2*i+1]})
	}
	return c
}

func (c *cached) finalize() {
	if c == nil {
		return
	}
	for _, l := range c.kv {
		_, _ = l.k.FinalizeAll(), l.v.FinalizeAll() // only fail where freed already
	}
	for _, s := range c.sums {
		_ = s.FinalizeAll()
	}
	if c.length != nil {
		_ = c.length.FinalizeAll()
	}
}

// inputs names the tensors for a program, under prefix "prefix" or "row".
func (c *cached) inputs(of string) []value {
	if c == nil {
		return nil
	}
	var list []value
	for i, l := range c.kv {
		list = append(list, value{fmt.Sprintf("%s.k.%d", of, i), l.k}, value{fmt.Sprintf("%s.v.%d", of, i), l.v})
	}
	for i, s := range c.sums {
		list = append(list, value{fmt.Sprintf("%s.sum.%d", of, i), s})
	}
	if c.length != nil {
		list = append(list, value{of + ".length", c.length})
	}
	return list
}

// layers collects the nodes that inputs named.
func layers(in nodes, of string, n int) []transformer.KV {
	if _, ok := in[of+".k.0"]; !ok {
		return nil
	}
	list := make([]transformer.KV, n)
	for i := range list {
		list[i] = transformer.KV{K: in[fmt.Sprintf("%s.k.%d", of, i)], V: in[fmt.Sprintf("%s.v.%d", of, i)]}
	}
	return list
}

// prefixSpan is where the shared prefix stands: columns 0 to length-1.
func prefixSpan(prefix []transformer.KV, length *Node) *transformer.Span {
	if prefix == nil {
		return nil
	}
	columns := Iota(length.Graph(), shapes.Make(dtypes.Int32, 1, prefix[0].V.Shape().Dim(2)), 1)
	return &transformer.Span{Positions: columns, Valid: LessThan(columns, length)}
}

// pass starts a forward pass over whole rows ids [B, S], right-padded to lengths [B], after the prefix if there is one.
func (m *Model) pass(in nodes) (f *transformer.Forward, cache *transformer.PrefillCache) {
	ids, lengths := in["ids"], in["lengths"]
	g := ids.Graph()
	b, s := ids.Shape().Dim(0), ids.Shape().Dim(1)
	columns := Iota(g, shapes.Make(dtypes.Int32, b, s), 1)
	valid := LessThan(columns, BroadcastToDims(Reshape(lengths, b, 1), b, s))
	positions := columns
	prefix := layers(in, "prefix", m.config.NumHiddenLayers)
	if prefix != nil {
		positions = Add(columns, in["prefix.length"])
	}
	cache = &transformer.PrefillCache{
		Prefix:     prefix,
		PrefixSpan: prefixSpan(prefix, in["prefix.length"]),
		Span:       &transformer.Span{Positions: positions, Valid: valid},
	}
	return &transformer.Forward{Config: m.config, Weights: m.weights(in), Positions: positions, Cache: cache}, cache
}

// prefill runs rows of tokens and keeps their cache. prefix may be nil; room is the least S to compile for.
func (m *Model) prefill(prefix *cached, rows [][]int32, adapters []int32, room int) (*cached, error) {
	longest := room
	for _, r := range rows {
		longest = max(longest, len(r))
	}
	s := bucket(longest)
	inputs := m.constants(false)
	inputs = append(inputs, prefix.inputs("prefix")...)
	inputs = append(inputs, m.rowInputs(rows, s, adapters)...)

	p, err := m.program(shapeKey("prefill", len(rows), s, prefix.shape()), inputs, func(in nodes) []*Node {
		f, cache := m.pass(in)
		h := m.decoder.Embed(f, in["ids"])
		states := m.runLayers(f, h)
		out := make([]*Node, 0, 2*len(cache.Layers))
		for _, l := range cache.Layers {
			out = append(out, l.K, l.V)
		}
		return append(out, m.promptSums(in, cache.Span.Valid, states)...)
	})
	if err != nil {
		return nil, err
	}
	out, err := p.run(inputs)
	if err != nil {
		return nil, err
	}
	return m.newCached(out, s), nil
}

// shape tells programs apart by their prefix.
func (c *cached) shape() string {
	if c == nil {
		return "-"
	}
	return fmt.Sprint(c.kv[0].k.Shape().Dimensions)
}

// rowInputs are the padded rows: ids [B, S], lengths [B], adapter [B], all int32.
func (m *Model) rowInputs(rows [][]int32, s int, adapters []int32) []value {
	ids := make([]int32, len(rows)*s)
	lengths := make([]int32, len(rows))
	for i, r := range rows {
		copy(ids[i*s:], r)
		lengths[i] = int32(len(r))
	}
	return []value{
		{"ids", tensors.FromFlatDataAndDimensions(ids, len(rows), s)},
		{"lengths", tensors.FromFlatDataAndDimensions(lengths, len(rows))},
		{"adapter", tensors.FromFlatDataAndDimensions(adapters, len(rows))},
	}
}

// runLayers runs all layers and returns the states after each, and last the normed state of the last: L+1 of [B, S, D].
func (m *Model) runLayers(f *transformer.Forward, h *Node) []*Node {
	states := make([]*Node, 0, m.config.NumHiddenLayers+1)
	for i := range m.config.NumHiddenLayers {
		h = m.layers.Layer(f, i, h)
		states = append(states, h)
	}
	return append(states, m.layers.Norm(f, h))
}

// promptSums adds up, for each layer that some head pools over the prompt, the states at valid positions: [B, D].
func (m *Model) promptSums(in nodes, valid *Node, states []*Node) []*Node {
	var sums []*Node
	for _, p := range m.pools {
		if !p.pool.NeedsPromptSum() {
			continue
		}
		x := ConvertDType(states[p.state(m.config)], dtypes.Float32)
		keep := BroadcastToDims(InsertAxes(valid, -1), x.Shape().Dimensions...)
		sum := ReduceSum(Where(keep, x, ConstAs(x, 0)), 1)
		if before, ok := in[fmt.Sprintf("prefix.sum.%d", len(sums))]; ok {
			sum = Add(sum, before)
		}
		sums = append(sums, sum)
	}
	return sums
}
