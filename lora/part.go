package lora

import (
	"fmt"
	"maps"
	"slices"
)

// Role is what a tensor of an adapter is for.
type Role int

// The roles.
const (
	RoleA         Role = iota // A of a module, [r,in]
	RoleB                     // B of a module, [out,r]
	RoleMagnitude             // DoRA's m of a module, [out]
	RoleReplaced              // a tensor in place of one of the base's
)

// Part is one tensor of an adapter: what training changes and what a file holds.
type Part struct {
	Name  string // in PEFT's file
	Of    string // the module; of RoleReplaced, the base's tensor
	Role  Role
	Shape []int
	Data  []float32 // the adapter's own memory
}

// Parts lists the adapter's tensors: module by module, sorted, then those in place of the base's.
func (a *Adapter) Parts() []Part {
	var all []Part
	for _, name := range a.Modules() {
		m := a.modules[name]
		all = append(all,
			Part{prefix + name + "." + partA, name, RoleA, []int{m.Rank, m.In}, m.A},
			Part{prefix + name + "." + partB, name, RoleB, []int{m.Out, m.Rank}, m.B})
		if m.Magnitude != nil {
			all = append(all, Part{prefix + name + "." + partMagnitude, name, RoleMagnitude, []int{m.Out}, m.Magnitude})
		}
	}
	for _, name := range a.Replaced() {
		v := a.replaced[name]
		all = append(all, Part{prefix + a.savedName(name), name, RoleReplaced, v.Shape, v.Data})
	}
	return all
}

// With returns an adapter like a with other values, in the order of [Adapter.Parts]. Values that are not finite are an error.
func (a *Adapter) With(values [][]float32) (*Adapter, error) {
	parts := a.Parts()
	if len(values) != len(parts) {
		return nil, fmt.Errorf("got %d tensors for an adapter of %d", len(values), len(parts))
	}
	modules := map[string]*Module{}
	replaced := map[string]Values{}
	for i, p := range parts {
		if p.Role == RoleReplaced {
			replaced[p.Of] = Values{Shape: p.Shape, Data: values[i]}
			continue
		}
		m := modules[p.Of]
		if m == nil {
			like := *a.modules[p.Of]
			m = &like
			modules[p.Of] = m
		}
		switch p.Role {
		case RoleA:
			m.A = values[i]
		case RoleB:
			m.B = values[i]
		case RoleMagnitude:
			m.Magnitude = values[i]
		}
	}
	return New(a.Name, a.Config, slices.Collect(maps.Values(modules)), replaced)
}
