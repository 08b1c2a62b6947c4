package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
)

// Given is a prompt with an analysis that another has written.
type Given struct {
	Prompt   []int32 // after the batch's prefix; at least one token
	Analysis []int32
	Adapter  int // -1 is the bare base
}

// GivenOptions say what [Model.PoolGiven] returns, and what its program is compiled for, as in [ReviewOptions].
type GivenOptions struct {
	Lengths     []int // tokens of the analysis after which states are pooled; behind its end, the state there
	Slots, Room int   // least rows, and least tokens of prompt and analysis
}

// PoolGiven reads prompts and given analyses in one go and returns the pooled states (see [Model.Features]) that a review would
// have had on its way if it had written them: [row][feature][length][D]. This is teacher forcing.
func (m *Model) PoolGiven(ctx context.Context, prefix []int32, rows []Given, o GivenOptions) ([][][][]float32, error) {
	if m.IsEncoder() {
		return nil, m.encoderError()
	}
	if len(m.features) == 0 || len(o.Lengths) == 0 {
		return nil, fmt.Errorf("pooling given analyses: no feature or no length is asked for")
	}
	batch := Batch{Prefix: prefix}
	for i, r := range rows {
		batch.Rows = append(batch.Rows, Row{Prompt: r.Prompt, Adapter: r.Adapter, Sampling: Sampling{MaxTokens: len(r.Analysis)}})
		if err := m.checkTokens(r.Analysis); err != nil {
			return nil, fmt.Errorf("row %d: analysis: %w", i, err)
		}
	}
	if err := m.check(batch); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	n := len(rows)
	for len(rows) < o.Slots {
		rows = append(slices.Clip(rows), Given{Prompt: rows[0].Prompt[:1], Adapter: rows[0].Adapter})
		batch.Rows = append(batch.Rows, Row{Adapter: rows[0].Adapter})
	}
	shared, err := m.prefix(prefix, batch.Rows)
	if err != nil {
		return nil, err
	}
	if shared != nil && shared.owned {
		defer shared.finalize()
	}
	out, err := m.runGiven(shared, rows, o)
	if err != nil {
		return nil, err
	}
	defer finalizeAll(out)
	return readGiven(out, n, len(o.Lengths))
}

// runGiven compiles and runs the program: a [B, K, D] for each feature.
func (m *Model) runGiven(prefix *cached, rows []Given, o GivenOptions) ([]*tensors.Tensor, error) {
	whole := make([][]int32, len(rows))
	slots, prompts, keep := make([]int32, len(rows)), make([]int32, len(rows)), make([]int32, len(o.Lengths))
	longest := o.Room
	for i, r := range rows {
		whole[i], slots[i], prompts[i] = slices.Concat(r.Prompt, r.Analysis), m.slot(r.Adapter), int32(len(r.Prompt))
		longest = max(longest, len(whole[i]))
	}
	for k, length := range o.Lengths {
		keep[k] = int32(length)
	}
	s := bucket(longest)
	inputs := append(m.constants(false), prefix.inputs("prefix")...)
	inputs = append(inputs, m.rowInputs(whole, s, slots)...)
	inputs = append(inputs, value{"prompts", tensors.FromFlatDataAndDimensions(prompts, len(prompts))},
		value{"keep", tensors.FromFlatDataAndDimensions(keep, len(keep))})
	p, err := m.program(shapeKey("given", len(rows), s, len(keep), prefix.shape()), inputs, func(in nodes) []*Node {
		f, _ := m.pass(in)
		states := m.runLayers(f, m.layers.Embed(f, in["ids"]))
		var out []*Node
		for _, feature := range m.features {
			var kept []*Node
			for k := range keep {
				length := Reshape(Slice(in["keep"], AxisElem(k)))
				kept = append(kept, m.pooledGiven(in, states, feature, Min(Add(in["prompts"], length), in["lengths"])))
			}
			out = append(out, Stack(kept, 1))
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	return p.run(inputs)
}

// pooledGiven pools a row's first total [B] tokens behind the prefix: [B, D].
func (m *Model) pooledGiven(in nodes, states []*Node, feature classifier.Feature, total *Node) *Node {
	mean := classifier.Over(feature.Pooling, states[layerPool{layer: feature.Layer}.state(m.config)], in["prompts"], total)
	if _, ok := in["prefix.length"]; !ok || feature.Pooling != classifier.PoolMeanAll {
		return mean
	}
	sums := 0
	for _, p := range m.pools {
		if p.layer == feature.Layer {
			break
		}
		if p.pool.NeedsPromptSum() {
			sums++
		}
	}
	own := InsertAxes(ConvertDType(total, dtypes.Float32), -1)
	sum := Add(in[fmt.Sprintf("prefix.sum.%d", sums)], Mul(mean, own))
	return Div(sum, Add(own, ConvertDType(in["prefix.length"], dtypes.Float32)))
}

// readGiven copies the first n rows' results to the host.
func readGiven(out []*tensors.Tensor, n, lengths int) ([][][][]float32, error) {
	list := make([][][][]float32, n)
	for _, t := range out {
		flat, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return nil, err
		}
		width := t.Shape().Dim(2)
		for i := range list {
			var kept [][]float32
			for k := range lengths {
				kept = append(kept, at(flat, width, i, lengths, k))
			}
			list[i] = append(list[i], kept)
		}
	}
	return list, nil
}
