package lora

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// ErrMustMerge says that an adapter changes something that is not a projection's product (an embedding, a norm, a whole
// module), so that it cannot be live beside others and must be merged.
var ErrMustMerge = errors.New("the adapter cannot be used live: merge it into the base")

// noOwner marks ranks that belong to no adapter. Rows on the bare base have adapter -1, so it has to be another number.
const noOwner = -2

// BankOptions fix the shapes of a bank's tensors. Two banks with the same options (and base) have the same shapes, so that
// one can take the place of the other in a compiled program.
type BankOptions struct {
	Slots     int      // room for adapters, K; 0: as many as there are
	Rank      int      // room for ranks, R, summed over adapters; 0: what they need
	Modules   []string // modules that have tensors even where no resident adapter needs them
	Magnitude bool     // keep room for DoRA even without a DoRA adapter
	Bias      bool     // keep room for biases even without an adapter that trains them
	// Base returns a base tensor's values and shape by full name. It is asked only for weights of DoRA modules and for
	// biases that adapters replace, and for modules that Modules names; it may be nil where none of these occur.
	Base func(tensor string) (values []float32, shape []int, err error)
}

// Bank holds the tensors of several adapters, laid out so that each row of a batch may use another one, or none. See
// [Delta] for the computation.
//
// All modules share one layout of ranks: adapter k has the ranks from the sum of its predecessors' on, as many as its
// widest module has. Where a module has less, the rest is zeros.
type Bank struct {
	names   []string
	slots   int
	owner   []int32
	scale   []float32
	entries map[string]*entry
}

// entry is one module's tensors. Nil: no resident adapter needs it.
type entry struct {
	in, out   int
	a         []float32 // [R,in]
	b         []float32 // [out,R], times the adapter's scale
	magnitude []float32 // [K,out]
	bias      []float32 // [K,out]
}

// Param is one tensor of a bank, to be handed to a program.
type Param struct {
	Name  string
	Shape []int
	Data  []float32 // row-major
}

// NewBank lays out adapters; a row's adapter index is the position here. Check each against the base first.
func NewBank(adapters []*Adapter, options BankOptions) (*Bank, error) {
	b := &Bank{slots: max(options.Slots, len(adapters)), entries: map[string]*entry{}}
	if options.Slots > 0 && len(adapters) > options.Slots {
		return nil, fmt.Errorf("%d adapters do not fit into %d slots", len(adapters), options.Slots)
	}
	for k, a := range adapters {
		if slices.Contains(b.names, a.Name) {
			return nil, fmt.Errorf("two adapters are named %q", a.Name)
		}
		b.names = append(b.names, a.Name)
		for range a.maxRank() {
			b.owner, b.scale = append(b.owner, int32(k)), append(b.scale, 1)
		}
	}
	if options.Rank > 0 && len(b.owner) > options.Rank {
		return nil, fmt.Errorf("the adapters need %d ranks together, there is room for %d", len(b.owner), options.Rank)
	}
	for len(b.owner) < max(options.Rank, 1) { // a tensor with no elements is more trouble than one of zeros
		b.owner, b.scale = append(b.owner, noOwner), append(b.scale, 0)
	}
	for _, module := range options.Modules {
		if err := b.reserve(module, options); err != nil {
			return nil, err
		}
	}
	offset := 0
	for k, a := range adapters {
		if err := b.fill(k, offset, a, options); err != nil {
			return nil, fmt.Errorf("adapter %q: %w", a.Name, err)
		}
		offset += a.maxRank()
	}
	return b, nil
}

func (a *Adapter) maxRank() int {
	most := 0
	for _, m := range a.modules {
		most = max(most, m.Rank)
	}
	return most
}

// reserve makes a module's tensors, all zero.
func (b *Bank) reserve(module string, options BankOptions) error {
	_, shape, err := options.base(module + ".weight")
	if err != nil {
		return err
	}
	if len(shape) != 2 {
		return fmt.Errorf("module %s has a weight of shape %v, expected [out,in]", module, shape)
	}
	e := b.entry(module, shape[1], shape[0])
	b.needProduct(e)
	if options.Magnitude {
		b.needMagnitude(e)
	}
	if options.Bias {
		b.needBias(e)
	}
	return nil
}

func (o BankOptions) base(tensor string) ([]float32, []int, error) {
	if o.Base == nil {
		return nil, nil, fmt.Errorf("tensor %s of the base is needed, but BankOptions.Base is nil", tensor)
	}
	values, shape, err := o.Base(tensor)
	if err != nil {
		return nil, nil, fmt.Errorf("base tensor %s: %w", tensor, err)
	}
	return values, shape, nil
}

func (b *Bank) entry(module string, in, out int) *entry {
	e, ok := b.entries[module]
	if !ok {
		e = &entry{in: in, out: out}
		b.entries[module] = e
	}
	return e
}

func (b *Bank) needProduct(e *entry) {
	if e.a == nil {
		e.a, e.b = make([]float32, b.Rank()*e.in), make([]float32, e.out*b.Rank())
	}
}

func (b *Bank) needMagnitude(e *entry) {
	if e.magnitude == nil {
		e.magnitude = make([]float32, b.slots*e.out)
	}
}

func (b *Bank) needBias(e *entry) {
	if e.bias == nil {
		e.bias = make([]float32, b.slots*e.out)
	}
}

// fill puts adapter a into slot k, its ranks from offset on.
func (b *Bank) fill(k, offset int, a *Adapter, options BankOptions) error {
	for _, name := range a.Modules() {
		m := a.modules[name]
		e := b.entry(name, m.In, m.Out)
		if e.in != m.In || e.out != m.Out {
			return fmt.Errorf("module %s: the adapter is for a weight of shape [%d %d], the base or another adapter has [%d %d]", name, m.Out, m.In, e.out, e.in)
		}
		b.needProduct(e)
		scale := a.Config.Scale(name)
		copy(e.a[offset*m.In:], m.A)
		for i := range m.Out {
			for r := range m.Rank {
				e.b[i*b.Rank()+offset+r] = float32(scale * float64(m.B[i*m.Rank+r]))
			}
		}
		if m.Magnitude == nil {
			continue
		}
		w, _, err := options.base(name + ".weight")
		if err != nil {
			return err
		}
		b.needMagnitude(e)
		m.eachRow(w, scale, func(row int, sum []float64) {
			e.magnitude[k*m.Out+row] = float32(float64(m.Magnitude[row])/norm(sum) - 1)
		})
	}
	for _, name := range a.Replaced() {
		if err := b.fillBias(k, name, a.replaced[name], options); err != nil {
			return err
		}
	}
	return nil
}

// fillBias keeps the difference of a replaced bias to the base's. Other replaced tensors cannot be live.
func (b *Bank) fillBias(k int, tensor string, v Values, options BankOptions) error {
	module, ok := strings.CutSuffix(tensor, ".bias")
	if !ok {
		return fmt.Errorf("tensor %s: %w", tensor, ErrMustMerge)
	}
	base, _, err := options.base(tensor)
	if err != nil {
		return err
	}
	if len(base) != len(v.Data) {
		return fmt.Errorf("tensor %s: the adapter's has %d values, the base's %d", tensor, len(v.Data), len(base))
	}
	e, ok := b.entries[module]
	if !ok {
		_, shape, err := options.base(module + ".weight")
		if err != nil {
			return err
		}
		if len(shape) != 2 { // a norm
			return fmt.Errorf("tensor %s: %w", tensor, ErrMustMerge)
		}
		e = b.entry(module, shape[1], shape[0])
	}
	if e.out != len(v.Data) {
		return fmt.Errorf("tensor %s has %d values, the module %d outputs", tensor, len(v.Data), e.out)
	}
	b.needBias(e)
	for i, value := range v.Data {
		e.bias[k*e.out+i] = value - base[i]
	}
	return nil
}

// Names returns the adapters' names by index.
func (b *Bank) Names() []string { return slices.Clone(b.names) }

// Index returns the index of a named adapter.
func (b *Bank) Index(name string) (int, bool) {
	i := slices.Index(b.names, name)
	return i, i >= 0
}

// Slots returns K, the room for adapters.
func (b *Bank) Slots() int { return b.slots }

// Rank returns R, the room for ranks.
func (b *Bank) Rank() int { return len(b.owner) }

// Owner returns the adapter index of each rank [R], -2 where there is none. It is a program's input, like Scale, so that
// another bank of the same shapes can take this one's place.
func (b *Bank) Owner() []int32 { return slices.Clone(b.owner) }

// Scale returns the strength of each rank [R]: 1 as trained (alpha/r is in B already), 0 where there is no adapter.
func (b *Bank) Scale() []float32 { return slices.Clone(b.scale) }

// Keys returns the names of the modules that have tensors, sorted.
func (b *Bank) Keys() []string { return slices.Sorted(maps.Keys(b.entries)) }

// Params returns all tensors in the order in which [Bank.Bind] takes their nodes.
func (b *Bank) Params() []Param {
	var params []Param
	for _, key := range b.Keys() {
		e := b.entries[key]
		for _, p := range []Param{
			{key + ".lora_A", []int{b.Rank(), e.in}, e.a},
			{key + ".lora_B", []int{e.out, b.Rank()}, e.b},
			{key + ".lora_magnitude", []int{b.slots, e.out}, e.magnitude},
			{key + ".lora_bias", []int{b.slots, e.out}, e.bias},
		} {
			if p.Data != nil {
				params = append(params, p)
			}
		}
	}
	return params
}

// Bind gives nodes, one for each of [Bank.Params], to the modules they belong to.
func (b *Bank) Bind(nodes []*graph.Node) map[string]Inputs {
	next := func(there []float32) *graph.Node {
		if there == nil {
			return nil
		}
		if len(nodes) == 0 {
			exceptions.Panicf("lora.Bank.Bind: got too few nodes, expected %d", len(b.Params()))
		}
		node := nodes[0]
		nodes = nodes[1:]
		return node
	}
	bound := map[string]Inputs{}
	for _, key := range b.Keys() {
		e := b.entries[key]
		bound[key] = Inputs{A: next(e.a), B: next(e.b), Magnitude: next(e.magnitude), Bias: next(e.bias)}
	}
	if len(nodes) > 0 {
		exceptions.Panicf("lora.Bank.Bind: got %d nodes too many", len(nodes))
	}
	return bound
}
