package lora

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// part is what an adapter brings for one module, with all that the base's numbers are needed for worked out.
type part struct {
	module    *Module // nil: only a bias
	in, out   int
	scale     float64
	magnitude []float32 // [out], or nil
	bias      []float32 // [out], or nil
}

// parts works out what adapter a brings, by module. It changes nothing.
func (b *Bank) parts(a *Adapter) (map[string]*part, error) {
	parts := map[string]*part{}
	for _, name := range a.Modules() {
		m := a.modules[name]
		p := &part{module: m, in: m.In, out: m.Out, scale: a.Config.Scale(name)}
		parts[name] = p
		if m.Magnitude == nil {
			continue
		}
		w, _, err := b.baseTensor(name + ".weight")
		if err != nil {
			return nil, err
		}
		p.magnitude = make([]float32, m.Out)
		m.eachRow(w, p.scale, func(row int, sum []float64) {
			p.magnitude[row] = float32(float64(m.Magnitude[row])/norm(sum) - 1)
		})
	}
	for _, name := range a.Replaced() {
		if err := b.addBias(parts, name, a.replaced[name]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// addBias keeps the difference of a replaced bias to the base's. Other replaced tensors cannot be live.
func (b *Bank) addBias(parts map[string]*part, tensor string, v Values) error {
	module, ok := strings.CutSuffix(tensor, ".bias")
	if !ok {
		return fmt.Errorf("tensor %s: %w", tensor, ErrMustMerge)
	}
	base, _, err := b.baseTensor(tensor)
	if err != nil {
		return err
	}
	if len(base) != len(v.Data) {
		return fmt.Errorf("tensor %s: the adapter's has %d values, the base's %d", tensor, len(v.Data), len(base))
	}
	p, ok := parts[module]
	if !ok {
		_, shape, err := b.baseTensor(module + ".weight")
		if err != nil {
			return err
		}
		if len(shape) != 2 { // a norm
			return fmt.Errorf("tensor %s: %w", tensor, ErrMustMerge)
		}
		p = &part{in: shape[1], out: shape[0]}
		parts[module] = p
	}
	if p.out != len(v.Data) {
		return fmt.Errorf("tensor %s has %d values, the module %d outputs", tensor, len(v.Data), p.out)
	}
	p.bias = make([]float32, p.out)
	for i, value := range v.Data {
		p.bias[i] = value - base[i]
	}
	return nil
}

// write makes slot k of a module what the part says, with zeros where it has nothing.
func (b *Bank) write(k int, e *entry, p *part) {
	if e.a != nil {
		m, from, to, ranks := cmp.Or(p.module, &Module{}), b.offsets[k], b.offsets[k+1], b.Rank()
		for i := range e.in {
			line := e.a[i*ranks+from : i*ranks+to]
			for r := range m.Rank {
				line[r] = m.A[r*m.In+i]
			}
			clear(line[m.Rank:])
		}
		for r := range m.Rank {
			line := e.b[(from+r)*e.out : (from+r+1)*e.out]
			for i := range line {
				line[i] = float32(p.scale * float64(m.B[i*m.Rank+r]))
			}
		}
		clear(e.b[(from+m.Rank)*e.out : to*e.out])
	}
	for _, each := range []struct{ slots, line []float32 }{{e.magnitude, p.magnitude}, {e.bias, p.bias}} {
		if each.slots != nil {
			line := each.slots[k*e.out : (k+1)*e.out]
			clear(line[copy(line, each.line):])
		}
	}
}

// Replace puts adapter a into slot k in place of what was there; nil empties the slot. It returns the tensors that
// changed. No tensor changes its shape, so programs compiled with the bank go on with the new values. Where the room is
// too small the error is [ErrNoRoom], and the bank stays as it was. Check the adapter against the base first.
func (b *Bank) Replace(k int, a *Adapter) ([]Param, error) {
	if k < 0 || k >= b.Slots() {
		return nil, fmt.Errorf("slot %d is not there: the bank has %d", k, b.Slots())
	}
	var parts map[string]*part
	if a != nil {
		if i, taken := b.Index(a.Name); taken && i != k {
			return nil, fmt.Errorf("two adapters are named %q", a.Name)
		}
		var err error
		if parts, err = b.parts(a); err == nil {
			err = b.fits(k, a, parts)
		}
		if err != nil {
			return nil, fmt.Errorf("adapter %q: %w", a.Name, err)
		}
	}
	var changed []Param
	for _, key := range b.Keys() {
		p, ok := parts[key]
		if !ok && !b.adapters[k].touches(key) {
			continue
		}
		b.write(k, b.entries[key], cmp.Or(p, &part{}))
		changed = append(changed, b.params(key)...)
	}
	b.adapters[k] = a
	return changed, nil
}

// touches tells whether the adapter has a part for a module.
func (a *Adapter) touches(module string) bool {
	if a == nil {
		return false
	}
	_, product := a.modules[module]
	_, bias := a.replaced[module+".bias"]
	return product || bias
}

// fits tells what a slot lacks for an adapter.
func (b *Bank) fits(k int, a *Adapter, parts map[string]*part) error {
	if room := b.offsets[k+1] - b.offsets[k]; a.maxRank() > room {
		return fmt.Errorf("%w: its rank is %d, the slot is for %d", ErrNoRoom, a.maxRank(), room)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		p, e := parts[name], b.entries[name]
		switch {
		case e == nil || p.module != nil && e.a == nil:
			return fmt.Errorf("%w: module %s", ErrNoRoom, name)
		case e.in != p.in || e.out != p.out:
			return fmt.Errorf("module %s: the adapter is for a weight of shape [%d %d], the base has [%d %d]", name, p.out, p.in, e.out, e.in)
		case p.magnitude != nil && e.magnitude == nil:
			return fmt.Errorf("%w: DoRA's magnitude of module %s", ErrNoRoom, name)
		case p.bias != nil && e.bias == nil:
			return fmt.Errorf("%w: bias of module %s", ErrNoRoom, name)
		}
	}
	return nil
}
