package transformer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Kind tells how a tensor is used, which decides how package model may store it.
type Kind int

const (
	// Matrix is the [out, in] weight of a projection, read only through [Weights.Linear].
	Matrix Kind = iota
	// Table is an embedding [V, D]: looked up by [Weights.Param] and, where tied, multiplied by [Weights.Linear].
	Table
	// Vector is a bias or a norm's weight, read by [Weights.Param].
	Vector
	// Unused is in some checkpoints of the family and never read; its Shape is nil.
	Unused
)

// Tensor is one tensor of a family's checkpoint.
type Tensor struct {
	Key   string // Hugging Face's key, such as "model.layers.0.self_attn.q_proj.weight"
	Shape []int
	Kind  Kind
}

// Weights is where a layer gets its numbers from.
type Weights interface {
	// Param returns the tensor of that Hugging Face key, as shaped in the file.
	Param(key string) *Node
	// Linear returns x·Wᵀ (+ b where the family has "module.bias") for the projection "module.weight" [out, in]:
	// x [..., in] → [..., out]. LoRA and quantisation live behind it.
	Linear(x *Node, module string) *Node
}

// Decoder is a decoder-only model of one family and size.
type Decoder interface {
	// Embed turns ids [B, S] int32 into the residual stream [B, S, D] that enters layer 0.
	Embed(f *Forward, ids *Node) *Node
	// Layer runs layer i on the residual stream h [B, S, D], with the keys and values that f.Cache keeps.
	Layer(f *Forward, i int, h *Node) *Node
	// Norm is the final norm: what heads and the LM head read. [..., D] → [..., D].
	Norm(f *Forward, h *Node) *Node
	// Logits is the LM head over normed states: [..., D] → [..., V].
	Logits(f *Forward, h *Node) *Node
}

// Family is what the file of an architecture registers.
type Family struct {
	ModelType string // config.json's model_type
	// Defaults sets keys that the family's Hugging Face class defaults when config.json leaves them out. Optional.
	Defaults func(c *Config)
	// Check refuses configurations that the family's file does not implement. Optional.
	Check func(c *Config) error
	// Tensors lists every tensor of the checkpoint.
	Tensors func(c *Config) []Tensor
	// New builds the decoder.
	New func(c *Config) Decoder
}

var (
	familiesMu  sync.RWMutex
	families    = map[string]Family{}
	unsupported = map[string]error{}
)

// Register makes a family known under its model_type. Call it from an init function; a second family of the same
// model_type panics, since which one would win is a matter of import order.
func Register(f Family) {
	familiesMu.Lock()
	defer familiesMu.Unlock()
	if _, taken := families[f.ModelType]; taken {
		panic(fmt.Sprintf("transformer: model_type %q is registered twice", f.ModelType))
	}
	families[f.ModelType] = f
}

// RegisterUnsupported gives a model_type an error of its own, which says what to do instead.
func RegisterUnsupported(modelType string, why error) {
	familiesMu.Lock()
	defer familiesMu.Unlock()
	unsupported[modelType] = why
}

// Lookup finds the family of a model_type.
func Lookup(modelType string) (Family, error) {
	familiesMu.RLock()
	defer familiesMu.RUnlock()
	if f, ok := families[modelType]; ok {
		return f, nil
	}
	if why, ok := unsupported[modelType]; ok {
		return Family{}, fmt.Errorf("architecture (model_type) %q is not supported: %w", modelType, why)
	}
	known := slices.Sorted(maps.Keys(families))
	return Family{}, fmt.Errorf("architecture (model_type) %q is not known; known are %s",
		modelType, strings.Join(known, ", "))
}
