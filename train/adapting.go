package train

import (
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
)

// Adapting is an adapter in training beside a frozen base, whatever the loss is: its tensors as an optimiser has them, and both
// together as the weights of a graph.
type Adapting struct {
	adapter *lora.Adapter // as it was given: names, shapes and configuration
	modules int
	squares []model.Input // ‖W‖² of the rows of modules with DoRA
}

// NewAdapting takes an adapter for a model that is open without adapters. The adapter is one of [lora.Init], or one to be trained
// further.
func NewAdapting(m *model.Model, a *lora.Adapter) (*Adapting, error) {
	if err := m.CheckTrainable(); err != nil {
		return nil, err
	}
	base := m.LoRABase()
	if err := a.Check(base.Shape); err != nil {
		return nil, err
	}
	t := &Adapting{adapter: a, modules: len(a.Modules())}
	for _, p := range a.Parts() {
		if p.Role != lora.RoleMagnitude {
			continue
		}
		norms, err := base.Norms(p.Of)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", p.Of, err)
		}
		squares := make([]float32, len(norms))
		for i, n := range norms {
			squares[i] = float32(n * n)
		}
		t.squares = append(t.squares, model.Input{Name: "squares." + p.Of, Tensor: tensors.FromFlatDataAndDimensions(squares, len(squares))})
	}
	return t, nil
}

// Params are the adapter's tensors, in the order of its parts.
func (t *Adapting) Params() []optimize.Param {
	var params []optimize.Param
	for _, p := range t.adapter.Parts() {
		params = append(params, optimize.Param{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	return params
}

// Inputs are those that [Adapting.Weights] reads of a batch besides params. random makes the seeds of dropout; without it there
// is no dropout.
func (t *Adapting) Inputs(random *rand.Rand) []model.Input {
	list := slices.Clone(t.squares)
	if random == nil || t.adapter.Config.Dropout == 0 {
		return list
	}
	seeds := make([]uint32, t.modules)
	for i := range seeds {
		seeds[i] = random.Uint32()
	}
	return append(list, model.Input{Name: "seeds", Tensor: tensors.FromFlatDataAndDimensions(seeds, t.modules)})
}

// Weights are the base with the adapter, in a graph.
func (t *Adapting) Weights(f model.Frozen, params []*Node, in map[string]*Node) transformer.Weights {
	squares := map[string]*Node{}
	for _, module := range t.adapter.Modules() {
		squares[module] = in["squares."+module]
	}
	w := adapt(f, t.adapter, params, squares)
	if seeds := in["seeds"]; seeds != nil {
		w.seeds, w.dropout = seeds, t.adapter.Config.Dropout
	}
	return w
}

// Adapter is the adapter with other values, in the order of the params.
func (t *Adapting) Adapter(values [][]float32) (*lora.Adapter, error) { return t.adapter.With(values) }

// Close frees what is on the device.
func (t *Adapting) Close() {
	for _, in := range t.squares {
		optimize.Finalize([]*tensors.Tensor{in.Tensor})
	}
}
