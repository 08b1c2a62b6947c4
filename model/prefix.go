package model

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"
)

// prefix prefills the tokens that all rows share, once for each adapter that the rows use, and keeps the result for the
// batches to come. Rows of one adapter share one cache row; rows of several get theirs copied.
func (m *Model) prefix(tokens []int32, rows []Row) (*cached, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	var slots []int32
	index := make([]int32, len(rows))
	for i, r := range rows {
		slot := m.slot(r.Adapter)
		at := slices.Index(slots, slot)
		if at < 0 {
			at = len(slots)
			slots = append(slots, slot)
		}
		index[i] = int32(at)
	}
	if m.prefixTokens == nil || !slices.Equal(m.prefixTokens, tokens) {
		m.dropPrefixes()
		m.prefixTokens = slices.Clone(tokens)
	}
	parts := make([]*cached, len(slots))
	for i, slot := range slots {
		c, ok := m.prefixes[slot]
		if !ok {
			var err error
			if c, err = m.prefill(nil, [][]int32{tokens}, []int32{slot}, 0); err != nil {
				return nil, err
			}
			m.counts.Prefills++
			c.real = len(tokens)
			c.length = tensors.FromScalar(int32(len(tokens)))
			m.prefixes[slot] = c
		}
		parts[i] = c
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return m.spread(parts, index)
}

// spread gives each row the prefix cache of its adapter.
func (m *Model) spread(parts []*cached, index []int32) (*cached, error) {
	var inputs []value
	for i, p := range parts {
		inputs = append(inputs, p.inputs(fmt.Sprintf("part%d", i))...)
	}
	inputs = append(inputs, value{"index", tensors.FromFlatDataAndDimensions(index, len(index), 1)})
	tensorsPerPart := len(parts[0].inputs("")) - 1 // the length is the same for all
	p, err := m.program(shapeKey("spread", len(parts), len(index), parts[0].shape()), inputs, func(in nodes) []*Node {
		var out []*Node
		for t := range tensorsPerPart {
			var all []*Node
			for i, p := range parts {
				all = append(all, in[p.inputs(fmt.Sprintf("part%d", i))[t].name])
			}
			out = append(out, Gather(Concatenate(all, 0), in["index"]))
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	out, err := p.run(inputs)
	if err != nil {
		return nil, err
	}
	c := m.newCached(out, parts[0].tokens)
	c.real, c.owned, c.length = parts[0].real, true, tensors.FromScalar(int32(parts[0].real))
	return c, nil
}
