package transformer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/internal/nearest"
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

// Layers is what decoders and encoders are made of.
type Layers interface {
	// Embed turns ids [B, S] int32 into the residual stream [B, S, D] that enters layer 0.
	Embed(f *Forward, ids *Node) *Node
	// Layer runs layer i on the residual stream h [B, S, D], with the keys and values that f.Cache keeps.
	Layer(f *Forward, i int, h *Node) *Node
	// Norm is the final norm: what heads and the LM head read. [..., D] → [..., D].
	Norm(f *Forward, h *Node) *Node
}

// Decoder is a decoder-only model of one family and size.
type Decoder interface {
	Layers
	// Logits is the LM head over normed states: [..., D] → [..., V].
	Logits(f *Forward, h *Node) *Node
}

// Encoder is a model whose every position sees the whole text; it writes none. Some are a [Pooler] or a [MaskedLM] too.
type Encoder interface{ Layers }

// Pooler is an encoder whose checkpoints may hold a pretrained pooler. Module is the projection that it is made of.
type Pooler interface {
	PoolerModule() string
	// Pool makes one state of normed states: [B, S, D] → [B, D].
	Pool(f *Forward, h *Node) *Node
}

// MaskedLM is an encoder whose checkpoints may hold the LM head of its training. Module is the head's first projection.
type MaskedLM interface {
	MaskedLMModule() string
	// MaskedLogits scores the vocabulary at each position: normed states [..., D] → [..., V].
	MaskedLogits(f *Forward, h *Node) *Node
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
	// Extras are parts that some checkpoints have and others lack: a pooler, the LM head of an encoder. A part is taken
	// whole where its first tensor is there, and else not at all. Optional.
	Extras func(c *Config) [][]Tensor
	// ZeroNorms says that norms weigh by 1+w: those of a new model are 0, not 1.
	ZeroNorms bool
	// Rename gives a tensor of a checkpoint the key that Tensors lists, where checkpoints of the family spell it in
	// several ways, and "" where it belongs to a part that Janus does not read, such as a task's own head. Optional.
	Rename func(key string) string
	// New builds the decoder; nil in families of encoders.
	New func(c *Config) Decoder
	// NewEncoder builds the encoder; nil in families of decoders.
	NewEncoder func(c *Config) Encoder
}

// IsEncoder tells whether the family's models are encoders, which write no text.
func (f Family) IsEncoder() bool { return f.NewEncoder != nil }

// Layers builds the model, whichever it is.
func (f Family) Layers(c *Config) Layers {
	if f.IsEncoder() {
		return f.NewEncoder(c)
	}
	return f.New(c)
}

// TensorsOf lists the tensors of a checkpoint that has those of which has is true, by their keys after [Family.Rename].
func (f Family) TensorsOf(c *Config, has func(key string) bool) []Tensor {
	list := f.Tensors(c)
	if f.Extras == nil {
		return list
	}
	for _, part := range f.Extras(c) {
		there := has(part[0].Key)
		for _, t := range part {
			if !there {
				t = Tensor{t.Key, nil, Unused}
			}
			list = append(list, t)
		}
	}
	return list
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
	hint := ""
	if near := nearest.Of(modelType, known); nearest.Distance(modelType, near) <= 2 {
		hint = fmt.Sprintf(" (the nearest is %q)", near)
	}
	return Family{}, fmt.Errorf("architecture (model_type) %q is not known%s; known are %s", modelType, hint, strings.Join(known, ", "))
}
