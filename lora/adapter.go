package lora

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Adapter is one LoRA adapter in host memory, in float32 whatever its file holds.
type Adapter struct {
	Name     string // the folder's base name, or what the maker calls it
	SHA256   string // of adapter_model.safetensors (or .bin), in hexadecimal; empty for an adapter that was not read from a folder
	Config   Config
	modules  map[string]*Module
	replaced map[string]Values
}

// Module is what an adapter adds to one projection.
type Module struct {
	Name      string    // base module, such as model.layers.0.self_attn.q_proj
	Rank      int       // r
	In, Out   int       // of the projection
	A         []float32 // [r,in] row-major
	B         []float32 // [out,r] row-major
	Magnitude []float32 // [out], DoRA's m; nil without DoRA
}

// Values is a tensor that takes the place of one of the base's: a bias, or a weight of a module in modules_to_save.
type Values struct {
	Shape []int
	Data  []float32
}

// New makes an adapter from its modules and from the base tensors that it replaces, by tensor name. Slices are kept, not
// copied. Sizes, ranks and DoRA's magnitudes must agree with the configuration.
func New(name string, config Config, modules []*Module, replaced map[string]Values) (*Adapter, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	a := &Adapter{Name: name, Config: config, modules: map[string]*Module{}, replaced: maps.Clone(replaced)}
	for _, m := range modules {
		if err := a.checkModule(m); err != nil {
			return nil, fmt.Errorf("module %s: %w", m.Name, err)
		}
		a.modules[m.Name] = m
	}
	for _, key := range a.Replaced() {
		v := replaced[key]
		if len(v.Data) != product(v.Shape) {
			return nil, fmt.Errorf("tensor %s has %d values, expected %d for shape %v", key, len(v.Data), product(v.Shape), v.Shape)
		}
		if err := checkFinite(v.Data); err != nil {
			return nil, fmt.Errorf("tensor %s %w", key, err)
		}
	}
	if len(a.modules)+len(a.replaced) == 0 {
		return nil, errors.New("the adapter holds no tensors")
	}
	return a, nil
}

func (a *Adapter) checkModule(m *Module) error {
	if _, twice := a.modules[m.Name]; twice {
		return errors.New("is there twice")
	}
	if want := a.Config.Rank(m.Name); m.Rank != want {
		return fmt.Errorf("lora_A has rank %d, but the configuration gives it %d", m.Rank, want)
	}
	if len(m.A) != m.Rank*m.In || len(m.B) != m.Out*m.Rank {
		return fmt.Errorf("lora_A has %d values and lora_B %d, expected [%d,%d] and [%d,%d]", len(m.A), len(m.B), m.Rank, m.In, m.Out, m.Rank)
	}
	switch {
	case a.Config.DoRA && len(m.Magnitude) != m.Out:
		return fmt.Errorf("lora_magnitude_vector has %d values, expected %d: use_dora is true", len(m.Magnitude), m.Out)
	case !a.Config.DoRA && m.Magnitude != nil:
		return errors.New("has a lora_magnitude_vector, but use_dora is false")
	}
	for _, part := range []struct {
		name   string
		values []float32
	}{{"lora_A", m.A}, {"lora_B", m.B}, {partMagnitude, m.Magnitude}} {
		if err := checkFinite(part.values); err != nil {
			return fmt.Errorf("%s %w", part.name, err)
		}
	}
	return nil
}

// checkFinite finds the first NaN or infinity.
func checkFinite(values []float32) error {
	const exponent = 0x7f800000 // all ones in NaN and infinity
	for i, v := range values {
		if math.Float32bits(v)&exponent == exponent {
			return fmt.Errorf("holds %v at %d: the adapter is damaged or its training diverged", v, i)
		}
	}
	return nil
}

// Modules returns the names of the adapted modules, sorted.
func (a *Adapter) Modules() []string { return slices.Sorted(maps.Keys(a.modules)) }

// Module returns what the adapter adds to a module.
func (a *Adapter) Module(name string) (*Module, bool) {
	m, ok := a.modules[name]
	return m, ok
}

// Replaced returns the names of the base tensors that the adapter replaces, sorted.
func (a *Adapter) Replaced() []string { return slices.Sorted(maps.Keys(a.replaced)) }

// Check reports whether the adapter fits a base model. shapeOf returns the shape of a base tensor by its full Hugging Face
// name, and whether there is one. The error names every module that the base lacks or has in another shape.
func (a *Adapter) Check(shapeOf func(tensor string) ([]int, bool)) error {
	var wrong []error
	for _, name := range a.Modules() {
		m := a.modules[name]
		shape, ok := shapeOf(name + ".weight")
		if !ok {
			wrong = append(wrong, fmt.Errorf("the base has no module %s", name))
		} else if want := []int{m.Out, m.In}; !slices.Equal(shape, want) {
			wrong = append(wrong, fmt.Errorf("module %s: the adapter is for a weight of shape %v, the base's is %v", name, want, shape))
		}
	}
	for _, name := range a.Replaced() {
		shape, ok := shapeOf(name)
		if !ok {
			wrong = append(wrong, fmt.Errorf("the base has no tensor %s", name))
		} else if want := a.replaced[name].Shape; !slices.Equal(shape, want) {
			wrong = append(wrong, fmt.Errorf("tensor %s: the adapter's has shape %v, the base's %v", name, want, shape))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	base := a.Config.BaseModel
	if base == "" {
		base = "an unnamed model"
	}
	return fmt.Errorf("adapter %q is for another base model (its own is %s): %w", a.Name, base, errors.Join(wrong...))
}

// moduleOf cuts the suffix off a weight's name.
func moduleOf(tensor string) string { return strings.TrimSuffix(tensor, ".weight") }

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
