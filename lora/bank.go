package lora

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// ErrMustMerge says that an adapter changes something that is not a projection's product (an embedding, a norm, a whole
// module), so that it cannot be live beside others and must be merged.
var ErrMustMerge = errors.New("the adapter cannot be used live: merge it into the base")

// noOwner marks ranks that belong to no adapter. Rows on the bare base have adapter -1, so it has to be another number.
const noOwner = -2

// ErrNoRoom says that a bank's tensors are too small for an adapter: another rank, other modules, DoRA or biases.
var ErrNoRoom = errors.New("the bank has no room for the adapter")

// BankOptions are the room that a bank keeps for adapters that come later, by [Bank.Replace]: the shapes of its tensors,
// and so the programs compiled with them, stay as they are.
type BankOptions struct {
	Slots     int      // room for adapters, K; 0: as many as there are
	Rank      int      // least room for ranks in each slot; a slot always has what its first adapter needs
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
// All modules share one layout of ranks: each slot has its own range of them, as wide as its adapter's widest module or as
// the options ask. Where a module has less, the rest is zeros.
type Bank struct {
	adapters []*Adapter // [K]; nil where a slot is empty
	offsets  []int      // [K+1]: slot k has ranks offsets[k] to offsets[k+1]
	base     func(tensor string) ([]float32, []int, error)
	entries  map[string]*entry
}

// entry is one module's tensors. Nil: no resident adapter needs it.
type entry struct {
	in, out   int
	a         []float32 // [in,R]
	b         []float32 // [R,out], times the adapter's scale
	magnitude []float32 // [K,out]
	bias      []float32 // [K,out]
}

// Param is one tensor of a bank, to be handed to a program. Matrices are stored the other way round than in PEFT's file,
// A as [in,R] and B as [R,out]: XLA's CPU backend multiplies a few rows by them up to four times as fast.
type Param struct {
	Name  string
	Shape []int
	Data  []float32 // row-major

	axis  int  // along which slots follow one another
	ranks bool // by ranks; else one line a slot
}

// CopySlot copies what belongs to slot k, in row-major order, to a copy of the tensor p.
func (b *Bank) CopySlot(to []float32, p Param, k int) {
	from, end := k, k+1
	if p.ranks {
		from, end = b.offsets[k], b.offsets[k+1]
	}
	inner := 1
	for _, d := range p.Shape[p.axis+1:] {
		inner *= d
	}
	step := p.Shape[p.axis] * inner
	for start := 0; start < len(p.Data); start += step {
		copy(to[start+from*inner:start+end*inner], p.Data[start+from*inner:start+end*inner])
	}
}

// NewBank lays out adapters; a row's adapter index is the position here. Check each against the base first.
func NewBank(adapters []*Adapter, options BankOptions) (*Bank, error) {
	slots := max(options.Slots, len(adapters))
	if options.Slots > 0 && len(adapters) > options.Slots {
		return nil, fmt.Errorf("%d adapters do not fit into %d slots", len(adapters), options.Slots)
	}
	b := &Bank{adapters: make([]*Adapter, slots), offsets: make([]int, slots+1), base: options.Base, entries: map[string]*entry{}}
	for k := range slots {
		room := options.Rank
		if k < len(adapters) {
			room = max(room, adapters[k].maxRank())
		}
		b.offsets[k+1] = b.offsets[k] + room
	}
	for _, module := range options.Modules {
		if err := b.reserve(module, options); err != nil {
			return nil, err
		}
	}
	for k, a := range adapters {
		if err := b.put(k, a); err != nil {
			return nil, err
		}
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
	_, shape, err := b.baseTensor(module + ".weight")
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

func (b *Bank) baseTensor(tensor string) ([]float32, []int, error) {
	if b.base == nil {
		return nil, nil, fmt.Errorf("tensor %s of the base is needed, but BankOptions.Base is nil", tensor)
	}
	values, shape, err := b.base(tensor)
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
		e.magnitude = make([]float32, b.Slots()*e.out)
	}
}

func (b *Bank) needBias(e *entry) {
	if e.bias == nil {
		e.bias = make([]float32, b.Slots()*e.out)
	}
}

// put lays adapter a out in the empty slot k, making the tensors that it needs.
func (b *Bank) put(k int, a *Adapter) error {
	if i, taken := b.Index(a.Name); taken && i != k {
		return fmt.Errorf("two adapters are named %q", a.Name)
	}
	parts, err := b.parts(a)
	if err != nil {
		return fmt.Errorf("adapter %q: %w", a.Name, err)
	}
	for name, p := range parts {
		e := b.entry(name, p.in, p.out)
		if e.in != p.in || e.out != p.out {
			return fmt.Errorf("adapter %q: module %s: the adapter is for a weight of shape [%d %d], the base or another adapter has [%d %d]",
				a.Name, name, p.out, p.in, e.out, e.in)
		}
		if p.module != nil {
			b.needProduct(e)
		}
		if p.magnitude != nil {
			b.needMagnitude(e)
		}
		if p.bias != nil {
			b.needBias(e)
		}
		b.write(k, e, p)
	}
	b.adapters[k] = a
	return nil
}

// Adapters returns the adapters by slot; nil where a slot is empty.
func (b *Bank) Adapters() []*Adapter { return slices.Clone(b.adapters) }

// Index returns the slot of a named adapter.
func (b *Bank) Index(name string) (int, bool) {
	i := slices.IndexFunc(b.adapters, func(a *Adapter) bool { return a != nil && a.Name == name })
	return i, i >= 0
}

// Slots returns K, the room for adapters.
func (b *Bank) Slots() int { return len(b.adapters) }

// Rank returns R, the room for ranks of all slots together. It is at least 1: a tensor with no elements is more trouble
// than one of zeros.
func (b *Bank) Rank() int { return max(b.offsets[len(b.offsets)-1], 1) }

// Owner returns the slot of each rank [R], -2 where there is none.
func (b *Bank) Owner() []int32 {
	owner := []int32{}
	for k := range b.adapters {
		for range b.offsets[k+1] - b.offsets[k] {
			owner = append(owner, int32(k))
		}
	}
	if len(owner) == 0 {
		owner = append(owner, noOwner)
	}
	return owner
}

// Scale returns the strength of each rank [R]: 1 as trained, since alpha/r is in B already.
func (b *Bank) Scale() []float32 { return slices.Repeat([]float32{1}, b.Rank()) }

// Keys returns the names of the modules that have tensors, sorted.
func (b *Bank) Keys() []string { return slices.Sorted(maps.Keys(b.entries)) }

// Params returns all tensors in the order in which [Bank.Bind] takes their nodes.
func (b *Bank) Params() []Param {
	var params []Param
	for _, key := range b.Keys() {
		params = append(params, b.params(key)...)
	}
	return params
}

// params are the tensors of one module.
func (b *Bank) params(key string) []Param {
	e := b.entries[key]
	all := []Param{
		{Name: key + ".lora_A", Shape: []int{e.in, b.Rank()}, Data: e.a, axis: 1, ranks: true},
		{Name: key + ".lora_B", Shape: []int{b.Rank(), e.out}, Data: e.b, ranks: true},
		{Name: key + ".lora_magnitude", Shape: []int{b.Slots(), e.out}, Data: e.magnitude},
		{Name: key + ".lora_bias", Shape: []int{b.Slots(), e.out}, Data: e.bias},
	}
	return slices.DeleteFunc(all, func(p Param) bool { return p.Data == nil })
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
