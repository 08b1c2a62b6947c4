package model

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/transformer"
)

// Frozen is what a program of another package sees of the model's weights: they are its inputs, and stay as they are.
// Adapters are not in it.
type Frozen struct{ weights *graphWeights }

// Param is a tensor by its Hugging Face key. It panics where there is none, as graph builders do.
func (f Frozen) Param(key string) *graph.Node { return f.weights.Param(key) }

// Has tells whether the model has a tensor.
func (f Frozen) Has(key string) bool { return f.weights.in[key] != nil }

// Product is x·Wᵀ by the weight of a module, without its bias: x [..., in] → [..., out].
func (f Frozen) Product(x *graph.Node, module string) *graph.Node {
	return f.weights.product(x, module)
}

// Input is an input of a [Program] besides the weights.
type Input struct {
	Name   string
	Tensor *tensors.Tensor // its shape is the program's for good
}

// Program is a compiled program of another package over the model's weights: a training step, for instance. It does not
// outlive the model.
type Program struct {
	model   *Model
	program *program
}

// NewProgram compiles what build makes of the weights and of further inputs, by name.
func (m *Model) NewProgram(name string, inputs []Input, build func(f Frozen, in map[string]*graph.Node) []*graph.Node) (*Program, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(context.Background()); err != nil {
		return nil, err
	}
	p, err := compile(m.backend.Backend, name, m.frozenInputs(inputs), func(in nodes) []*graph.Node {
		return build(Frozen{&graphWeights{store: m.store, in: in}}, in)
	})
	if err != nil {
		return nil, err
	}
	m.counts.Compiled++
	return &Program{m, p}, nil
}

// Run executes the program on inputs of the names and shapes that it was made for. The results are the caller's to free.
func (p *Program) Run(ctx context.Context, inputs []Input) ([]*tensors.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.model.mu.Lock()
	defer p.model.mu.Unlock()
	if p.model.programs == nil {
		return nil, errClosed
	}
	return p.program.run(p.model.frozenInputs(inputs))
}

// Close frees the program.
func (p *Program) Close() { p.program.graph.Finalize() }

func (m *Model) frozenInputs(inputs []Input) []value {
	list := slices.Clone(m.store.values)
	for _, in := range inputs {
		list = append(list, value{in.Name, in.Tensor})
	}
	return list
}

// Layers is the model's architecture.
func (m *Model) Layers() transformer.Layers { return m.layers }

// LoRABase is what a new adapter must know of the model; see [lora.Init].
func (m *Model) LoRABase() lora.Base {
	base := lora.Base{
		Linear: slices.Clone(m.linearModules),
		Shape: func(tensor string) ([]int, bool) {
			shape := m.tensors[tensor]
			return shape, shape != nil
		},
		Values: m.baseTensor,
	}
	for key, kind := range m.store.kinds {
		switch {
		case kind == transformer.Matrix:
			base.Modules = append(base.Modules, strings.TrimSuffix(key, ".weight"))
		case strings.HasSuffix(key, ".bias"):
			base.Biases = append(base.Biases, key)
		}
	}
	slices.Sort(base.Modules)
	slices.Sort(base.Biases)
	slices.Sort(base.Linear)
	return base
}

// CheckTrainable says why the model cannot be the frozen base of a training, if it cannot.
func (m *Model) CheckTrainable() error {
	if len(m.adapters) > 0 {
		return fmt.Errorf("model %s is open with an adapter: training starts from the bare base, or merge the adapter into a model first (janus adapter merge)", m.dir)
	}
	return nil
}
