package model

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
)

// rowsAxis is the mesh's only axis.
const rowsAxis = "rows"

// Replicas are a model's weights on several devices, for programs whose rows are divided among these.
type Replicas struct {
	model  *Model
	mesh   *distributed.DeviceMesh
	copies [][]*tensors.Tensor // of the devices after the first, which has the model's own
}

// Replicate copies the weights to the backend's first devices, so many with the one that has them.
func (m *Model) Replicate(devices int) (_ *Replicas, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.programs == nil {
		return nil, errClosed
	}
	if there := m.backend.NumDevices(); devices < 1 || devices > there {
		return nil, fmt.Errorf("%d devices are asked for, and backend %s has %d", devices, m.backend.Name(), there)
	}
	r := &Replicas{model: m}
	if r.mesh, err = distributed.NewDeviceMesh([]int{devices}, []string{rowsAxis}); err != nil {
		return nil, err
	}
	for device := 1; device < devices; device++ {
		var list []*tensors.Tensor
		for _, v := range m.store.values {
			t, err := v.tensor.OnDeviceClone(m.backend.Backend, compute.DeviceNum(device))
			if err != nil {
				r.copies = append(r.copies, list)
				r.Close()
				return nil, fmt.Errorf("copying %s to device %d: %w", v.name, device, err)
			}
			list = append(list, t)
		}
		r.copies = append(r.copies, list)
	}
	return r, nil
}

// Close frees the copies.
func (r *Replicas) Close() {
	for _, list := range r.copies {
		finalizeAll(list)
	}
	r.copies = nil
}

// ReplicatedProgram is a [Program] that runs on several devices at once.
type ReplicatedProgram struct {
	replicas *Replicas
	graph    *graph.Graph
	names    []string
	specs    []*distributed.ShardingSpec // of the inputs; nil is whole on each device
	outputs  int
}

// NewProgram compiles what build makes, of whole inputs, for all devices (XLA's Shardy divides the work). axis tells which axis of
// an input has the rows that are divided; below 0 the input is whole on each device, as are the results. An axis that the
// devices do not divide evenly is not divided.
func (r *Replicas) NewProgram(name string, inputs []Input, axis func(input string) int, build func(f Frozen, in map[string]*graph.Node) []*graph.Node) (p *ReplicatedProgram, err error) {
	m := r.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.programs == nil {
		return nil, errClosed
	}
	defer recoverTo(&err, "building program "+name)
	g := graph.NewGraph(m.backend.Backend, name)
	if err := g.SetAutoSharding(r.mesh); err != nil {
		return nil, err
	}
	whole := distributed.NewReplicatedShardingSpec(r.mesh)
	in := nodes{}
	for _, v := range m.store.values {
		in[v.name] = graph.ShardedParameter(g, v.name, v.tensor.Shape(), whole)
	}
	p = &ReplicatedProgram{replicas: r, graph: g}
	for _, input := range inputs {
		spec, parameter := r.split(input, axis(input.Name)), whole
		if spec != nil {
			parameter = spec
		}
		in[input.Name] = graph.ShardedParameter(g, input.Name, input.Tensor.Shape(), parameter)
		p.names, p.specs = append(p.names, input.Name), append(p.specs, spec)
	}
	results := build(Frozen{&graphWeights{store: m.store, in: in}}, in)
	p.outputs = len(results)
	specs := make([]*distributed.ShardingSpec, len(results))
	for i := range specs {
		specs[i] = whole
	}
	if err := g.CompileWithSharding(results, specs); err != nil {
		return nil, fmt.Errorf("compiling program %s: %w", name, err)
	}
	m.counts.Compiled++
	return p, nil
}

// split is how an input is divided, nil where it is not.
func (r *Replicas) split(input Input, axis int) *distributed.ShardingSpec {
	shape := input.Tensor.Shape()
	if axis < 0 || shape.Dim(axis)%r.mesh.NumDevices() != 0 {
		return nil
	}
	spec := &distributed.ShardingSpec{Mesh: r.mesh, Axes: make([]distributed.AxisSpec, shape.Rank())}
	spec.Axes[axis] = distributed.AxisSpec{rowsAxis}
	return spec
}

// Run executes the program once on inputs of the names and shapes that it was made for. The results, on the first device, are the
// caller's to free.
func (p *ReplicatedProgram) Run(ctx context.Context, inputs []Input) (results []*tensors.Tensor, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := p.replicas.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.programs == nil {
		return nil, errClosed
	}
	defer recoverTo(&err, "running program "+p.graph.Name())
	devices := p.replicas.mesh.NumDevices()
	args := make([]any, 0, devices*p.graph.NumParameters())
	var temporary []*tensors.Tensor
	defer func() { finalizeAll(temporary) }()
	placed, err := p.place(inputs, &temporary)
	if err != nil {
		return nil, err
	}
	for device := range devices {
		for i, v := range m.store.values {
			if device == 0 {
				args = append(args, v.tensor)
			} else {
				args = append(args, p.replicas.copies[device-1][i])
			}
		}
		for i := range inputs {
			args = append(args, placed[i][device])
		}
	}
	out := p.graph.Run(args...)
	if len(out) != devices*p.outputs {
		finalizeAll(out)
		return nil, fmt.Errorf("%d results, expected %d on each of %d devices", len(out), p.outputs, devices)
	}
	finalizeAll(out[p.outputs:])
	return out[:p.outputs], nil
}

// place makes each input's tensors by device. What it makes is added to temporary.
func (p *ReplicatedProgram) place(inputs []Input, temporary *[]*tensors.Tensor) ([][]*tensors.Tensor, error) {
	if len(inputs) != len(p.names) {
		return nil, fmt.Errorf("%d inputs, expected %d", len(inputs), len(p.names))
	}
	placed := make([][]*tensors.Tensor, len(inputs))
	for i, input := range inputs {
		if input.Name != p.names[i] {
			return nil, fmt.Errorf("input %d is %q, expected %q", i, input.Name, p.names[i])
		}
		if p.specs[i] != nil {
			parts, err := dtensor.ShardTensor(p.specs[i], input.Tensor)
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", input.Name, err)
			}
			placed[i] = parts.Shards()
			*temporary = append(*temporary, placed[i]...)
			continue
		}
		placed[i] = []*tensors.Tensor{input.Tensor}
		for device := 1; device < p.replicas.mesh.NumDevices(); device++ {
			t, err := input.Tensor.OnDeviceClone(p.replicas.model.backend.Backend, compute.DeviceNum(device))
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", input.Name, err)
			}
			placed[i], *temporary = append(placed[i], t), append(*temporary, t)
		}
	}
	return placed, nil
}

// Close frees the program.
func (p *ReplicatedProgram) Close() { p.graph.Finalize() }
