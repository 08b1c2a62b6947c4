package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// value is a named input of a program.
type value struct {
	name   string
	tensor *tensors.Tensor
}

// nodes are a program's inputs, or a loop's state, by name.
type nodes map[string]*graph.Node

// program is a compiled graph. Its inputs are given in the order of names.
type program struct {
	graph   *graph.Graph
	names   []string
	outputs []string // names, where what it returns differs from call to call
}

// compile builds a graph with one parameter an input and compiles it. What build panics with becomes the error.
func compile(b compute.Backend, name string, inputs []value, build func(in nodes) []*graph.Node) (p *program, err error) {
	defer recoverTo(&err, "building program "+name)
	g := graph.NewGraph(b, name)
	in := make(nodes, len(inputs))
	p = &program{graph: g, names: make([]string, len(inputs))}
	for i, v := range inputs {
		p.names[i] = v.name
		in[v.name] = graph.Parameter(g, v.name, v.tensor.Shape())
	}
	if err := g.Compile(build(in)...); err != nil {
		return nil, fmt.Errorf("compiling program %s: %w", name, err)
	}
	return p, nil
}

// run executes the program once.
func (p *program) run(inputs []value) (outputs []*tensors.Tensor, err error) {
	defer recoverTo(&err, "running program "+p.graph.Name())
	args := make([]any, len(inputs))
	for i, v := range inputs {
		if v.name != p.names[i] {
			return nil, fmt.Errorf("program %s: input %d is %q, expected %q", p.graph.Name(), i, v.name, p.names[i])
		}
		args[i] = v.tensor
	}
	return p.graph.Run(args...), nil
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

// loopVar is one value of a loop's state.
type loopVar struct {
	name string
	init *graph.Node
}

// loop runs body on the state while the scalar bool state[running] holds, and returns the last state. Everything that
// body uses must be in the state: closures cannot capture what surrounds them. body changes the map in place.
func loop(g *graph.Graph, state []loopVar, running string, body func(s nodes)) nodes {
	// The pure-Go backend (compute v0.1.4) fails on parameters that come after the last node that a closure needs, and the
	// condition needs only this one.
	at := slices.IndexFunc(state, func(v loopVar) bool { return v.name == running })
	state[at], state[len(state)-1] = state[len(state)-1], state[at]

	parameters := func(g *graph.Graph, of string) nodes {
		s := make(nodes, len(state))
		for _, v := range state {
			s[v.name] = graph.Parameter(g, of+"/"+v.name, v.init.Shape())
		}
		return s
	}
	condition := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		return []*graph.Node{parameters(g, "while")[running]}
	})
	step := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g, "do")
		body(s)
		out := make([]*graph.Node, len(state))
		for i, v := range state {
			out[i] = s[v.name]
		}
		return out
	})
	initial := make([]*graph.Node, len(state))
	for i, v := range state {
		initial[i] = v.init
	}
	last := graph.While(condition, step, initial...)
	out := make(nodes, len(state))
	for i, v := range state {
		out[v.name] = last[i]
	}
	return out
}

// shapeKey names a program by what its compilation depends on.
func shapeKey(name string, parts ...any) string {
	words := make([]string, 0, len(parts)+1)
	words = append(words, name)
	for _, p := range parts {
		words = append(words, fmt.Sprint(p))
	}
	return strings.Join(words, " ")
}
