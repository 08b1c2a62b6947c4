package head

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
)

// group is heads of one shape on one input: their tensors are stacked, the head's number first.
type group struct {
	input   int
	config  classifier.Config // the shape that all share
	loss    Loss
	dropout bool
	members []int // indices of the specs

	names  []string             // of the tensors, as classifier.Config.ParamNames has them
	state  []*tensors.Tensor    // parameters, first moments, second moments: 3 × names, each [H, …]
	hyper  []*tensors.Tensor    // see hyperNames
	best   map[string][]float32 // the parameters at each member's lowest loss on the dev rows
	shapes map[string][]int     // of one head's tensors
}

// hyperNames are what members of a group may differ in, each [H].
var hyperNames = []string{"rate", "decay", "positive", "negative", "smoothing", "dropout", "seed0", "seed1"}

// groupsOf puts heads of one shape together, in the order in which shapes first come.
func groupsOf(specs []Spec) []*group {
	var list []*group
	place := map[string]*group{}
	for i, s := range specs {
		key := fmt.Sprint(s.Input, s.Config.Layers, s.Config.Activation, s.Config.LayerNorm, s.Loss, s.Config.Dropout > 0)
		g := place[key]
		if g == nil {
			g = &group{
				input: s.Input, config: s.Config, loss: s.Loss, dropout: s.Config.Dropout > 0,
				names: s.Config.ParamNames(), shapes: s.Config.ParamShapes(), best: map[string][]float32{},
			}
			place[key] = g
			list = append(list, g)
		}
		g.members = append(g.members, i)
	}
	return list
}

// size is the number of numbers of one head's tensor.
func (g *group) size(name string) int {
	n := 1
	for _, d := range g.shapes[name] {
		n *= d
	}
	return n
}

// begin makes the members' first weights and empty moments. weights, where it has an entry, are a member's instead.
func (g *group) begin(specs []Spec, weights map[int]map[string][]float32) error {
	for _, name := range g.names {
		var stacked []float32
		for _, i := range g.members {
			w := weights[i][name]
			if w == nil {
				w = initial(&specs[i], name, g.size(name))
			}
			if len(w) != g.size(name) {
				return fmt.Errorf("head %s: %s has %d numbers, expected %d", specs[i].Name, name, len(w), g.size(name))
			}
			stacked = append(stacked, w...)
		}
		g.best[name] = stacked
		g.state = append(g.state, tensors.FromFlatDataAndDimensions(slices.Clone(stacked), g.stacked(name)...))
	}
	for range 2 {
		for _, name := range g.names {
			zeros := make([]float32, len(g.members)*g.size(name))
			g.state = append(g.state, tensors.FromFlatDataAndDimensions(zeros, g.stacked(name)...))
		}
	}
	g.hyper = g.hypers(specs)
	return nil
}

func (g *group) stacked(name string) []int { return append([]int{len(g.members)}, g.shapes[name]...) }

// hypers are the tensors of hyperNames.
func (g *group) hypers(specs []Spec) []*tensors.Tensor {
	columns := make([][]float32, 6)
	var seeds [2][]uint32
	for _, i := range g.members {
		s := &specs[i]
		for k, v := range []float64{s.LearningRate, s.WeightDecay, s.PosWeight, s.NegWeight, s.Smoothing, s.Config.Dropout} {
			columns[k] = append(columns[k], float32(v))
		}
		seeds[0], seeds[1] = append(seeds[0], uint32(s.Seed)), append(seeds[1], uint32(s.Seed>>32))
	}
	var list []*tensors.Tensor
	for _, c := range columns {
		list = append(list, tensors.FromFlatDataAndDimensions(c, len(c)))
	}
	for _, s := range seeds {
		list = append(list, tensors.FromFlatDataAndDimensions(s, len(s)))
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

// take copies the parameters at hand into best, of the members for which it is asked.
func (g *group) take(improved []bool) error {
	if !slices.Contains(improved, true) {
		return nil
	}
	for k, name := range g.names {
		now, err := tensors.CopyFlatData[float32](g.state[k])
		if err != nil {
			return err
		}
		n := g.size(name)
		for m, yes := range improved {
			if yes {
				copy(g.best[name][m*n:(m+1)*n], now[m*n:(m+1)*n])
			}
		}
	}
	return nil
}

// tensorsOf are a member's best parameters.
func (g *group) tensorsOf(member int) map[string][]float32 {
	out := map[string][]float32{}
	for _, name := range g.names {
		n := g.size(name)
		out[name] = slices.Clone(g.best[name][member*n : (member+1)*n])
	}
	return out
}
