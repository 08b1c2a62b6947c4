package optimize

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/model"
)

// Input is a named input of a program.
type Input = model.Input

// Program is compiled for inputs of fixed names and shapes. What Run returns is the caller's to free.
type Program interface {
	Run(ctx context.Context, inputs []Input) ([]*tensors.Tensor, error)
	Close()
}

// Build makes a program's results of its inputs by name. frozen are the weights of a model, for programs of [OnModel] alone.
type Build func(frozen model.Frozen, in map[string]*Node) []*Node

// Compile makes a program. What build panics with becomes an error.
type Compile func(name string, inputs []Input, build Build) (Program, error)

// OnModel compiles programs over a model's weights, which stay as they are.
func OnModel(m *model.Model) Compile {
	return func(name string, inputs []Input, build Build) (Program, error) {
		p, err := m.NewProgram(name, inputs, build)
		if err != nil {
			return nil, err // a nil *model.Program is no nil Program
		}
		return p, nil
	}
}

// OnReplicas compiles programs over a model's weights on several devices, among which a batch's rows are divided. axes are the
// axes of rows, by input; other inputs are whole on each device.
func OnReplicas(r *model.Replicas, axes map[string]int) Compile {
	axis := func(input string) int {
		if n, ok := axes[input]; ok {
			return n
		}
		return -1
	}
	return func(name string, inputs []Input, build Build) (Program, error) {
		p, err := r.NewProgram(name, inputs, axis, build)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// OnBackend compiles programs of their inputs alone: frozen is empty.
func OnBackend(b compute.Backend) Compile {
	return func(name string, inputs []Input, build Build) (_ Program, err error) {
		defer recoverTo(&err, "building program "+name)
		g := NewGraph(b, name)
		in := make(map[string]*Node, len(inputs))
		for _, input := range inputs {
			in[input.Name] = Parameter(g, input.Name, input.Tensor.Shape())
		}
		if err := g.Compile(build(model.Frozen{}, in)...); err != nil {
			return nil, fmt.Errorf("compiling program %s: %w", name, err)
		}
		return &bare{g, inputNames(inputs)}, nil
	}
}

// bare is a program without a model.
type bare struct {
	graph *Graph
	names []string
}

func (p *bare) Run(ctx context.Context, inputs []Input) (out []*tensors.Tensor, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer recoverTo(&err, "running program "+p.graph.Name())
	args := make([]any, len(inputs))
	for i, input := range inputs {
		if i >= len(p.names) || input.Name != p.names[i] {
			return nil, fmt.Errorf("program %s: input %d is %q, expected one of %v", p.graph.Name(), i, input.Name, p.names)
		}
		args[i] = input.Tensor
	}
	return p.graph.Run(args...), nil
}

func (p *bare) Close() { p.graph.Finalize() }

func inputNames(inputs []Input) []string {
	names := make([]string, len(inputs))
	for i, input := range inputs {
		names[i] = input.Name
	}
	return names
}

// recoverTo turns a panic of a graph builder into an error. The first line is the message; GoMLX's stack stays in %+v.
func recoverTo(err *error, doing string) {
	switch r := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("%s: %w", doing, r)
	default:
		*err = fmt.Errorf("%s: %v", doing, r)
	}
}
