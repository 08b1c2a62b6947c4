package full

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// Network is a model whose weights are all trained.
type Network struct {
	Config  *transformer.Config
	Layers  transformer.Layers
	Tensors []transformer.Tensor // those that are read, without [transformer.Unused]
	// Params are the tensors with their first values, in the order of Tensors. An optimiser copies them; nothing else needs them.
	Params []optimize.Param
}

// Init makes a new model as the _init_weights of Hugging Face's classes does: matrices and tables are normal with a mean of 0 and a
// standard deviation of initializer_range, biases are 0, and norms change nothing. Each tensor's values are those of the seed
// and its own name.
func Init(c *transformer.Config, seed uint64) (*Network, error) {
	family, err := transformer.Lookup(c.ModelType)
	if err != nil {
		return nil, err
	}
	return newNetwork(c, family.Tensors(c), func(t transformer.Tensor) ([]float32, error) {
		values := make([]float32, size(t.Shape))
		switch {
		case t.Kind == transformer.Vector && (family.ZeroNorms || strings.HasSuffix(t.Key, ".bias")):
		case t.Kind == transformer.Vector:
			for i := range values {
				values[i] = 1
			}
		default:
			random := rand.New(rand.NewPCG(seed, hashed(t.Key)))
			for i := range values {
				values[i] = float32(random.NormFloat64() * c.InitializerRange)
			}
		}
		return values, nil
	})
}

// Read reads the model in a Hugging Face folder, with the parts that only some checkpoints of its family have.
func Read(dir string) (n *Network, err error) {
	c, err := transformer.LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	checkpoint, list, err := model.OpenCheckpoint(dir, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, checkpoint.Close()) }()
	want := make(map[string][]int, len(list))
	for _, t := range list {
		want[t.Key] = t.Shape
	}
	if err := weights.CheckShapes(checkpoint, want); err != nil {
		return nil, err
	}
	return newNetwork(c, list, func(t transformer.Tensor) ([]float32, error) {
		source, _ := checkpoint.Tensor(t.Key)
		values, err := weights.ToFloat32(source)
		return slices.Clone(values), errors.Join(err, checkpoint.Release(source)) // a copy, for the file is closed
	})
}

func newNetwork(c *transformer.Config, list []transformer.Tensor, values func(t transformer.Tensor) ([]float32, error)) (*Network, error) {
	family, err := transformer.Lookup(c.ModelType)
	if err != nil {
		return nil, err
	}
	n := &Network{Config: c, Layers: family.Layers(c)}
	for _, t := range list {
		if t.Kind == transformer.Unused {
			continue
		}
		data, err := values(t)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.Key, err)
		}
		n.Tensors = append(n.Tensors, t)
		n.Params = append(n.Params, optimize.Param{Name: t.Key, Shape: t.Shape, Data: data, NoDecay: t.Kind == transformer.Vector})
	}
	return n, nil
}

// Size is the number of parameters.
func (n *Network) Size() int64 {
	var total int64
	for _, t := range n.Tensors {
		total += int64(size(t.Shape))
	}
	return total
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// hashed makes a stream of random numbers of a name.
func hashed(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}
