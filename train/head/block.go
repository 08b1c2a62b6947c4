package head

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
)

// block is heads that train as one: of one kind, which is all that decides the operations (depth, activation, layer norm, loss,
// dropout or none), on I inputs of one width, with K heads of the same shapes on each. The first layers of an input's heads
// are one matrix of S rows, head under head, and of heads with one hidden layer the weights of their output stand beside its
// rows: so widths may differ at next to no cost. Later layers of deeper heads are stacked, and padded to the widest. A padded
// unit has weights and a bias of 0, passes on 0, since every activation of 0 is 0, gets no gradient, and so stays 0.
type block struct {
	config  classifier.Config // the kind; its layers are the widest of each
	loss    Loss
	dropout bool
	inputs  []int   // I of the data's inputs
	layers  [][]int // the widths of an input's K heads, sorted
	members []int   // indices of the specs, I × K: head h is on input h / K

	names []string             // of the tensors, as classifier.Config.ParamNames has them
	state []*tensors.Tensor    // parameters, first moments, second moments: 3 × names, of the shapes of dims
	hyper []*tensors.Tensor    // by hyperNames
	best  map[string][]float32 // the parameters at each member's lowest loss on the dev rows, as state has them
}

// What members of a block may differ in: headHypers are tensors [H]; rowHypers the same for each row of the first layers,
// [I, S], under names that end in .rows; and unit.rows is a row's number in its head.
var (
	headHypers = []string{"rate", "decay", "positive", "negative", "smoothing", "dropout", "seed0", "seed1"}
	rowHypers  = []string{"rate", "decay", "dropout", "seed0", "seed1", "unit"}
)

// ofRows is the name of a hyperparameter for rows.
func ofRows(name string) string { return name + ".rows" }

// hyperNames are the names of all, in the order of hypers.
func hyperNames() []string {
	list := slices.Clone(headHypers)
	for _, name := range rowHypers {
		list = append(list, ofRows(name))
	}
	return list
}

// kind is what heads of a block have in common. Of heads with several hidden layers, where padding is quadratic, widths are
// alike, too: at most a factor of 4.
func (s *Spec) kind() string {
	rounded := make([]int, len(s.Config.Layers))
	for i, width := range s.Config.Layers {
		for rounded[i] = 4; len(s.Config.Layers) > 1 && rounded[i] < width; {
			rounded[i] *= 4
		}
	}
	return fmt.Sprint(s.Config.HiddenSize, rounded, s.Config.Activation, s.Config.LayerNorm, s.Loss, s.Config.Dropout > 0)
}

// blocksOf puts heads together, in the order in which kinds, and then inputs, first come.
func blocksOf(specs []Spec) []*block {
	var list []*block
	inputs := map[string][]int{}  // by kind
	members := map[string][]int{} // by kind and input
	at := func(kind string, input int) string { return fmt.Sprint(kind, " on ", input) }
	var kinds []string
	for i := range specs {
		kind := specs[i].kind()
		if inputs[kind] == nil {
			kinds = append(kinds, kind)
		}
		if !slices.Contains(inputs[kind], specs[i].Input) {
			inputs[kind] = append(inputs[kind], specs[i].Input)
		}
		place := at(kind, specs[i].Input)
		members[place] = append(members[place], i)
	}
	for _, kind := range kinds {
		blocks := map[string]*block{} // by the shapes of an input's heads
		for _, input := range inputs[kind] {
			heads := members[at(kind, input)]
			slices.SortStableFunc(heads, func(a, b int) int { return slices.Compare(specs[a].Config.Layers, specs[b].Config.Layers) })
			b := newBlock(specs, heads)
			shapes := fmt.Sprint(b.layers)
			if blocks[shapes] == nil {
				blocks[shapes] = b
				list = append(list, b)
			}
			b = blocks[shapes]
			b.inputs, b.members = append(b.inputs, input), append(b.members, heads...)
		}
	}
	return list
}

// newBlock is one for heads of these shapes, without members yet.
func newBlock(specs []Spec, heads []int) *block {
	s := &specs[heads[0]]
	b := &block{config: s.Config, loss: s.Loss, dropout: s.Config.Dropout > 0, names: s.Config.ParamNames(), best: map[string][]float32{}}
	b.config.Layers = slices.Clone(s.Config.Layers)
	for _, i := range heads {
		b.layers = append(b.layers, specs[i].Config.Layers)
		for l, width := range specs[i].Config.Layers {
			b.config.Layers[l] = max(b.config.Layers[l], width)
		}
	}
	if len(b.config.Layers) > 0 {
		b.config.Layers[0] = slots(b.config.Layers)
	}
	return b
}

// slab is what the rows of a head with hidden layers are a multiple of: sums over a head's rows begin with sums of so many.
const slab = 8

// slots is how many rows a head's first layer takes: where it has no hidden one, that of its output.
func slots(layers []int) int {
	if len(layers) == 0 {
		return 1
	}
	return (layers[0] + slab - 1) / slab * slab
}

// rows is S, the rows of an input's first layers together.
func (b *block) rows() (n int) {
	for _, layers := range b.layers {
		n += slots(layers)
	}
	return n
}

// perRow tells whether a tensor has something for each row of the first layers.
func (b *block) perRow(name string) bool {
	return strings.HasPrefix(name, "layers.0.") || name == "layers.1.weight" && len(b.config.Layers) == 1
}

// dims is the shape of a tensor in state.
func (b *block) dims(name string) []int {
	switch {
	case name == "layers.0.weight":
		return []int{len(b.inputs), b.rows(), b.config.HiddenSize}
	case b.perRow(name):
		return []int{len(b.inputs), b.rows()}
	}
	return append([]int{len(b.members)}, b.config.ParamShapes()[name]...)
}

// place is where a head's tensor stands in one of state: rows of so many numbers, each so far behind the one before.
type place struct{ offset, rows, columns, stride int }

func (b *block) place(head int, name string) place {
	shapes := b.config
	shapes.Layers = b.layers[head%len(b.layers)]
	own := shapes.ParamShapes()[name]
	columns := own[len(own)-1]
	rows := 1
	if len(own) > 1 {
		rows = own[0]
	}
	all := b.dims(name)
	if !b.perRow(name) {
		return place{head * product(all[1:]), rows, columns, all[len(all)-1]}
	}
	start := head / len(b.layers) * b.rows()
	for _, layers := range b.layers[:head%len(b.layers)] {
		start += slots(layers)
	}
	if name == "layers.0.weight" {
		start *= columns
	}
	return place{start, rows, columns, columns}
}

func (p place) size() int { return p.rows * p.columns }

// take copies a head's tensor out of one of state, and put into it.
func (p place) take(all []float32) []float32 {
	var own []float32
	for r := range p.rows {
		own = append(own, all[p.offset+r*p.stride:][:p.columns]...)
	}
	return own
}

func (p place) put(all, own []float32) {
	for r := range p.rows {
		copy(all[p.offset+r*p.stride:], own[r*p.columns:(r+1)*p.columns])
	}
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// begin makes the members' first weights and empty moments. weights, where it has an entry, are a member's instead.
func (b *block) begin(specs []Spec, weights map[int]map[string][]float32) error {
	for _, name := range b.names {
		all := make([]float32, product(b.dims(name)))
		for h, i := range b.members {
			at := b.place(h, name)
			w := weights[i][name]
			if w == nil {
				w = initial(&specs[i], name, at.size())
			}
			if len(w) != at.size() {
				return fmt.Errorf("head %s: %s has %d numbers, expected %d", specs[i].Name, name, len(w), at.size())
			}
			at.put(all, w)
		}
		b.best[name] = all
		b.state = append(b.state, tensors.FromFlatDataAndDimensions(slices.Clone(all), b.dims(name)...))
	}
	for range 2 {
		for _, name := range b.names {
			b.state = append(b.state, tensors.FromFlatDataAndDimensions(make([]float32, product(b.dims(name))), b.dims(name)...))
		}
	}
	b.hyper = b.hypers(specs)
	return nil
}

// hypers are the tensors of hyperNames.
func (b *block) hypers(specs []Spec) (list []*tensors.Tensor) {
	floats, integers := map[string][]float32{}, map[string][]uint32{}
	for h, i := range b.members {
		s := &specs[i]
		for name, v := range map[string]float64{
			"rate": s.LearningRate, "decay": s.WeightDecay, "positive": s.PosWeight, "negative": s.NegWeight, "smoothing": s.Smoothing,
			"dropout": s.Config.Dropout,
		} {
			floats[name] = append(floats[name], float32(v))
		}
		integers["seed0"], integers["seed1"] = append(integers["seed0"], uint32(s.Seed)), append(integers["seed1"], uint32(s.Seed>>32))
		for unit := range slots(b.layers[h%len(b.layers)]) {
			for _, name := range rowHypers {
				if values := floats[name]; values != nil {
					floats[ofRows(name)] = append(floats[ofRows(name)], values[h])
				} else if values := integers[name]; values != nil {
					integers[ofRows(name)] = append(integers[ofRows(name)], values[h])
				}
			}
			integers[ofRows("unit")] = append(integers[ofRows("unit")], uint32(unit))
		}
	}
	for _, name := range hyperNames() {
		dims := []int{len(b.members)}
		if strings.HasSuffix(name, ofRows("")) {
			dims = []int{len(b.inputs), b.rows()}
		}
		if values := floats[name]; values != nil {
			list = append(list, tensors.FromFlatDataAndDimensions(values, dims...))
		} else {
			list = append(list, tensors.FromFlatDataAndDimensions(integers[name], dims...))
		}
	}
	return list
}

// initial is a tensor as torch.nn begins it: of a Linear layer uniform within ±1/√in, of a layer norm ones and zeros. Each
// tensor of each head has a random stream of its own.
func initial(s *Spec, name string, size int) []float32 {
	values := make([]float32, size)
	switch name {
	case "norm.weight":
		for i := range values {
			values[i] = 1
		}
		return values
	case "norm.bias":
		return values
	}
	in := s.Config.HiddenSize
	var layer int
	if _, err := fmt.Sscanf(name, "layers.%d.", &layer); err == nil && layer > 0 {
		in = s.Config.Layers[layer-1]
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	random := rand.New(rand.NewPCG(s.Seed, h.Sum64()))
	bound := 1 / math.Sqrt(float64(in))
	for i := range values {
		values[i] = float32((2*random.Float64() - 1) * bound)
	}
	return values
}

// keep copies the parameters at hand into best, of the members for which it is asked.
func (b *block) keep(improved []bool) error {
	if !slices.Contains(improved, true) {
		return nil
	}
	for k, name := range b.names {
		now, err := tensors.CopyFlatData[float32](b.state[k])
		if err != nil {
			return err
		}
		for h, yes := range improved {
			if yes {
				at := b.place(h, name)
				at.put(b.best[name], at.take(now))
			}
		}
	}
	return nil
}

// tensorsOf are a member's best parameters.
func (b *block) tensorsOf(head int) map[string][]float32 {
	out := map[string][]float32{}
	for _, name := range b.names {
		out[name] = b.place(head, name).take(b.best[name])
	}
	return out
}
