package head

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"
)

// programs are the compiled update of all blocks on a batch, and their logits on the dev rows.
type programs struct {
	backend compute.Backend
	blocks  []*block
	inputs  []*tensors.Tensor // the training rows' states, [N, I, D] for each list of inputs that blocks read
	dev     []*tensors.Tensor
	labels  *tensors.Tensor // [N] of the training rows
	reads   []int           // of each block, the index in inputs
	batch   int             // rows of a batch; 0 is all, and no rows are picked
	update  *Graph
	predict *Graph
	steps   int // done
}

// compile builds both programs. The labels' tensor has the shape [N].
func (p *programs) compile() (err error) {
	defer recoverTo(&err, "building the program that trains heads")
	g := NewGraph(p.backend, "train heads")
	correct := Parameter(g, "corrections", shapes.Make(dtypes.Float32, 2))
	number := Parameter(g, "step", shapes.Make(dtypes.Uint32))
	n := p.labels.Shape().Dim(0)
	if p.batch > 0 {
		n = p.batch
	}
	in := Parameter(g, "in", shapes.Make(dtypes.Float32, n))
	var picked *Node
	if p.batch > 0 {
		picked = Parameter(g, "rows", shapes.Make(dtypes.Int32, p.batch, 1))
	}
	pick := func(x *Node) *Node {
		if picked == nil {
			return x
		}
		return Gather(x, picked)
	}
	y := pick(Parameter(g, "labels", p.labels.Shape()))
	batches := make([]*Node, len(p.inputs))
	for i, x := range p.inputs {
		batches[i] = pick(Parameter(g, fmt.Sprint("x", i), x.Shape()))
	}
	var losses, next []*Node
	for i, b := range p.blocks {
		state := parameters(g, fmt.Sprintf("block%d/state", i), b.state)
		hyper := hyperOf(parameters(g, fmt.Sprintf("block%d/hyper", i), b.hyper))
		after, loss := b.step(batches[p.reads[i]], y, in, state, hyper, correct, number)
		losses, next = append(losses, loss), append(next, after...)
	}
	p.update = g
	if err := g.Compile(append([]*Node{joined(losses, 0)}, next...)...); err != nil {
		return fmt.Errorf("compiling the program that trains heads: %w", err)
	}
	return p.compilePredict()
}

func (p *programs) compilePredict() error {
	if p.dev == nil {
		return nil
	}
	g := NewGraph(p.backend, "judge by heads")
	xs := parameters(g, "x", p.dev)
	var out []*Node
	for i, b := range p.blocks {
		params := parameters(g, fmt.Sprintf("block%d", i), b.state[:len(b.names)])
		out = append(out, b.logits(xs[p.reads[i]], params, nil))
	}
	p.predict = g
	if err := g.Compile(out...); err != nil {
		return fmt.Errorf("compiling the program that judges by heads: %w", err)
	}
	return nil
}

func parameters(g *Graph, name string, list []*tensors.Tensor) []*Node {
	out := make([]*Node, len(list))
	for i, t := range list {
		out[i] = Parameter(g, fmt.Sprintf("%s%d", name, i), t.Shape())
	}
	return out
}

// joined concatenates along an axis.
func joined(list []*Node, axis int) *Node {
	if len(list) == 1 {
		return list[0]
	}
	return Concatenate(list, axis)
}

// step runs one update on the rows (all of them where the programs have no batch) and returns the losses, one a head in the
// blocks' order, still on the device.
func (p *programs) step(rows []int32) (losses *tensors.Tensor, err error) {
	defer recoverTo(&err, "training heads")
	p.steps++
	n := p.labels.Shape().Dim(0)
	args := []any{corrections(p.steps), uint32(p.steps)}
	if p.batch > 0 {
		index, in := make([]int32, p.batch), make([]float32, p.batch)
		copy(index, rows)
		for i := range rows {
			in[i] = 1
		}
		args = append(args, in, tensors.FromFlatDataAndDimensions(index, p.batch, 1))
	} else {
		in := make([]float32, n)
		for i := range in {
			in[i] = 1
		}
		args = append(args, in)
	}
	args = append(args, p.labels)
	for _, x := range p.inputs {
		args = append(args, x)
	}
	for _, b := range p.blocks {
		for _, t := range b.state {
			donated, err := DonateTensorBuffer(t, p.backend, 0)
			if err != nil {
				return nil, err
			}
			args = append(args, donated)
		}
		for _, t := range b.hyper {
			args = append(args, t)
		}
	}
	out := p.update.Run(args...)
	losses, out = out[0], out[1:]
	for _, b := range p.blocks {
		copy(b.state, out[:len(b.state)])
		out = out[len(b.state):]
	}
	return losses, nil
}

// judge returns each block's logits on the dev rows, [H·N] flat, by parameters that params gives of a b.
func (p *programs) judge(params func(b *block) []*tensors.Tensor) (logits [][]float32, err error) {
	defer recoverTo(&err, "judging by heads")
	var args []any
	for _, x := range p.dev {
		args = append(args, x)
	}
	for _, b := range p.blocks {
		for _, t := range params(b) {
			args = append(args, t)
		}
	}
	for _, t := range p.predict.Run(args...) {
		flat, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return nil, err
		}
		logits = append(logits, flat)
		if err := t.FinalizeAll(); err != nil {
			return nil, err
		}
	}
	return logits, nil
}

// close frees the programs and all that is on the device.
func (p *programs) close() {
	for _, g := range []*Graph{p.update, p.predict} {
		if g != nil {
			g.Finalize()
		}
	}
	free := func(list []*tensors.Tensor) {
		for _, t := range list {
			_ = t.FinalizeAll() // nothing can be done about it
		}
	}
	free(p.inputs)
	free(p.dev)
	for _, b := range p.blocks {
		free(b.state)
		free(b.hyper)
	}
	if p.labels != nil {
		free([]*tensors.Tensor{p.labels})
	}
}
