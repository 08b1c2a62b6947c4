package lora

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Base is what a new adapter must know of the model that it is for.
type Base struct {
	// Modules are all projections, Linear those that "all-linear" means: all but the LM head.
	Modules, Linear []string
	Biases          []string // tensors, for a Bias of "all"
	// Shape is a tensor's shape; of a projection's weight it is [out, in].
	Shape func(tensor string) ([]int, bool)
	// Values reads a tensor: biases to be trained, and the weights of modules with DoRA.
	Values func(tensor string) (values []float32, shape []int, err error)
}

// Init makes a new adapter that changes nothing yet, as PEFT's LoraLayer.reset_lora_parameters does: A is uniform within ±1/√in
// (Kaiming's with a = √5, as torch initialises a linear layer), B is zero, DoRA's m is the length of the base's rows, biases are
// the base's. The same seed gives the same values, module by module. "all-linear" is written out as names.
func Init(name string, c Config, base Base, seed uint64) (*Adapter, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if len(c.ModulesToSave) > 0 {
		return nil, fmt.Errorf("modules_to_save (%s) cannot be trained: name them as target modules", strings.Join(c.ModulesToSave, ", "))
	}
	if c.Dropout < 0 || c.Dropout >= 1 {
		return nil, fmt.Errorf("lora_dropout is %v, expected at least 0 and below 1", c.Dropout)
	}
	targets, err := c.choose(base)
	if err != nil {
		return nil, err
	}
	var modules []*Module
	for _, target := range targets {
		m, err := c.fresh(target, base, seed)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", target, err)
		}
		modules = append(modules, m)
	}
	replaced, err := c.biases(targets, base)
	if err != nil {
		return nil, err
	}
	return New(name, c, modules, replaced)
}

// choose lists the modules to adapt, sorted.
func (c *Config) choose(base Base) ([]string, error) {
	t := &c.TargetModules
	if t.Pattern == allLinear || slices.Equal(t.Names, []string{allLinear}) {
		*t = Targets{Names: lastParts(base.Linear)}
	}
	if len(t.Names) == 0 && t.Pattern == "" {
		return nil, fmt.Errorf("no target modules are named; the model's are %s, and %q is all of them but the LM head",
			strings.Join(lastParts(base.Modules), ", "), allLinear)
	}
	if t.Pattern != "" && len(c.LayersToAdapt) > 0 { // PEFT refuses such a configuration
		return nil, fmt.Errorf("layers_to_transform is for modules by name, and target_modules is the pattern %q: let the pattern choose the layers", t.Pattern)
	}
	chosen := c.matcher()
	if chosen == nil {
		_, err := regexp.Compile(t.Pattern)
		return nil, fmt.Errorf("target_modules, the pattern %q: %w", t.Pattern, err)
	}
	var targets []string
	for _, module := range base.Modules {
		if chosen(module) {
			targets = append(targets, module)
		}
	}
	for _, name := range t.Names {
		if !slices.ContainsFunc(base.Modules, func(m string) bool { return ends(m, name) }) {
			return nil, fmt.Errorf("target module %q: the model has none of that name; it has %s", name, strings.Join(lastParts(base.Modules), ", "))
		}
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("target_modules (%s) and layers_to_transform choose none of the model's modules, which are named like %s",
			t, base.Modules[0])
	}
	for _, layer := range c.LayersToAdapt {
		if !slices.ContainsFunc(targets, func(m string) bool { return strings.Contains(m, fmt.Sprintf(".%d.", layer)) }) {
			return nil, fmt.Errorf("layers_to_transform: the model has no module of target_modules (%s) in layer %d", t, layer)
		}
	}
	for _, p := range slices.Concat(c.RankPattern, c.AlphaPattern) {
		if !slices.ContainsFunc(targets, func(m string) bool { _, ok := (Patterns{p}).Lookup(m); return ok }) {
			return nil, fmt.Errorf("rank_pattern or alpha_pattern: the key %q fits no adapted module, which are named like %s", p.Key, targets[0])
		}
	}
	slices.Sort(targets)
	return targets, nil
}

// lastParts are the names of modules without the layers that they stand in, each once, sorted.
func lastParts(modules []string) []string {
	var names []string
	for _, m := range modules {
		_, name := cutLast(m)
		if name == "" {
			name = m
		}
		names = append(names, name)
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// fresh initialises a module.
func (c *Config) fresh(name string, base Base, seed uint64) (*Module, error) {
	shape, ok := base.Shape(name + ".weight")
	if !ok || len(shape) != 2 {
		return nil, errors.New("is not one of the base's projections")
	}
	m := &Module{Name: name, Rank: c.Rank(name), Out: shape[0], In: shape[1]}
	m.A, m.B = make([]float32, m.Rank*m.In), make([]float32, m.Out*m.Rank)
	random := rand.New(rand.NewPCG(seed, hashed(name)))
	bound := 1 / math.Sqrt(float64(m.In))
	for i := range m.A {
		m.A[i] = float32((2*random.Float64() - 1) * bound)
	}
	if !c.DoRA {
		return m, nil
	}
	norms, err := base.Norms(name)
	if err != nil {
		return nil, err
	}
	for _, n := range norms {
		m.Magnitude = append(m.Magnitude, float32(n))
	}
	return m, nil
}

// Norms are the lengths of the rows of a module's weight, [out].
func (b Base) Norms(module string) ([]float64, error) {
	values, shape, err := b.Values(module + ".weight")
	if err != nil {
		return nil, err
	}
	norms := make([]float64, shape[0])
	for i := range norms {
		sum := 0.0
		for _, v := range values[i*shape[1] : (i+1)*shape[1]] {
			sum += float64(v) * float64(v)
		}
		norms[i] = math.Sqrt(sum)
	}
	return norms, nil
}

// biases are those that the configuration trains, with the base's values.
func (c *Config) biases(targets []string, base Base) (map[string]Values, error) {
	var names []string
	switch c.Bias {
	case "lora_only":
		for _, module := range targets {
			if slices.Contains(base.Biases, module+".bias") {
				names = append(names, module+".bias")
			}
		}
	case "all":
		names = base.Biases
	}
	replaced := map[string]Values{}
	for _, name := range names {
		values, shape, err := base.Values(name)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		replaced[name] = Values{Shape: shape, Data: values}
	}
	return replaced, nil
}

// hashed makes a stream of random numbers of a name.
func hashed(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}
