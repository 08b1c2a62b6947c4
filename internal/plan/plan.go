// Package plan computes, from a model's config.json alone, the memory that running it takes.
package plan

import (
	"fmt"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

// DType is how weights are held.
type DType string

// The dtypes. With Int8 the matrices are 8-bit integers with one scale a row, and these, the embedding table and all else
// are bfloat16: it is for a GPU. On a CPU it takes what F32 takes while a program runs, since XLA makes float32 copies of the
// matrices, and besides a quarter of that, which is what stays between programs.
const (
	F32  DType = "f32"
	BF16 DType = "bf16"
	Int8 DType = "int8"
)

// DTypes lists them.
func DTypes() []DType { return []DType{F32, BF16, Int8} }

// Options say what is to be run.
type Options struct {
	DType     DType
	Batch     int   // rows that run together
	Prompt    int   // tokens of the longest prompt
	MaxTokens int   // most tokens to write
	Adapters  int   // resident at once
	Rank      int   // of each adapter, in every projection of the layers
	Memory    int64 // bytes of the device; 0 is not known
}

// Plan is the memory of a model that runs, in bytes.
type Plan struct {
	Model      string  `json:"model"` // model_type
	Options    Options `json:"options"`
	Parameters int64   `json:"parameters"`
	Weights    int64   `json:"weights"`
	Adapters   int64   `json:"adapters"`
	Heads      int64   `json:"heads"` // of one head of the usual size
	Runtime    int64   `json:"runtime"`
	Cache      []Cache `json:"cache"`   // by kind of layer
	Prefill    int64   `json:"prefill"` // what reading the prompts takes besides: the cache that it leaves, scores, activations
	Decode     int64   `json:"decode"`  // what writing takes besides: caches, logits
	Loading    int64   `json:"loading"` // what loading takes of the host's memory besides: the largest tensor on its way
	Total      int64   `json:"total"`   // at the worst moment
	Peak       string  `json:"peak"`    // which one that is: loading, prefill or decode
	Fits       *bool   `json:"fits,omitempty"`
	// LargestBatch is the most rows that fit; 0 where not even one does. Only with Options.Memory.
	LargestBatch int `json:"largest_batch"`

	parts []part
}

// Cache is the keys and values of the layers of one kind.
type Cache struct {
	Layers   int   `json:"layers"`
	Window   int   `json:"window,omitempty"` // of sliding layers; 0: they see everything
	PerToken int64 `json:"bytes_per_token"`  // of one row, all these layers
	Bytes    int64 `json:"bytes"`            // as the loop holds it
}

// part is a line of what prefill or decode take.
type part struct {
	name  string
	bytes int64
}

// What XLA takes besides tensors. On the CPU: the plugin and the process, and what compiling a layer into the two programs
// leaves, as measured of SmolLM2-135M (docs/models.md). On a GPU the context and the libraries' work space are outside what
// can be known here: an assumption on the safe side.
const (
	runtimeCPU      = 120e6
	runtimeCPULayer = 8.8e6
	runtimeGPU      = 1e9
)

// scoreBuffers is how many float32 buffers of the size of one layer's attention scores prefilling holds at its worst: the
// scores, their exponentials and what the masking between them leaves; measured as runtimeCPU was.
const scoreBuffers = 3

// logitBuffers is the same of the logits of a step: the loop's own, the masked ones, and two of sampling.
const logitBuffers = 4

// largestTried bounds the search for the largest batch.
const largestTried = 1 << 16

// New computes a plan.
func New(config *transformer.Config, o Options) (*Plan, error) {
	if err := o.check(config); err != nil {
		return nil, err
	}
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		return nil, err
	}
	c := counter{config: config, encoder: family.IsEncoder(), tensors: family.Tensors(config)}
	p := c.plan(o)
	if o.Memory == 0 {
		return p, nil
	}
	fits := p.Total <= o.Memory
	p.Fits = &fits
	// The total never falls as rows are added.
	low, high := 0, largestTried
	for low < high {
		middle := (low + high + 1) / 2
		try := o
		try.Batch = middle
		if c.plan(try).Total <= o.Memory {
			low = middle
		} else {
			high = middle - 1
		}
	}
	p.LargestBatch = low
	return p, nil
}

func (o Options) check(config *transformer.Config) error {
	if !slices.Contains(DTypes(), o.DType) {
		return fmt.Errorf("dtype: expected one of %v, found %q", DTypes(), o.DType)
	}
	const most = 1 << 20 // so that no product overflows
	for _, n := range []struct {
		name         string
		value, least int
	}{
		{"batch", o.Batch, 1}, {"prompt", o.Prompt, 1}, {"max-tokens", o.MaxTokens, 0}, {"adapters", o.Adapters, 0}, {"rank", o.Rank, 1},
	} {
		if n.value < n.least || n.value > most {
			return fmt.Errorf("%s: expected %d to %d, found %d", n.name, n.least, most, n.value)
		}
	}
	if o.Adapters > model.MaxAdapters {
		return fmt.Errorf("adapters: at most %d can be resident at once, found %d", model.MaxAdapters, o.Adapters)
	}
	if most := config.ContextLength; most > 0 && o.Prompt+o.MaxTokens > most {
		return fmt.Errorf("%d prompt and %d new tokens exceed the model's context of %s", o.Prompt, o.MaxTokens, config.DescribeContext())
	}
	return nil
}

// width is the bytes of a number of the states, and of all weights but projections in Int8.
func (d DType) width() int64 {
	if d == F32 {
		return 4
	}
	return 2
}

// counter adds up.
type counter struct {
	config  *transformer.Config
	encoder bool
	tensors []transformer.Tensor
}

func (c counter) plan(o Options) *Plan {
	p := &Plan{Model: c.config.ModelType, Options: o}
	c.weights(p)
	c.extras(p)
	layers := int64(c.config.NumHiddenLayers)
	p.Runtime = runtimeGPU
	if o.DType == F32 {
		p.Runtime = int64(runtimeCPU + runtimeCPULayer*float64(layers))
	}
	if c.encoder {
		c.encode(p)
	} else {
		c.decode(p)
	}
	p.Peak = "loading"
	if o.DType == F32 { // else it is in the host's memory, not the device's
		p.Total = p.Loading
	}
	if p.Prefill > p.Total {
		p.Peak, p.Total = "prefill", p.Prefill
	}
	if p.Decode > p.Total {
		p.Peak, p.Total = "decode", p.Decode
	}
	p.Total += p.Weights + p.Adapters + p.Heads + p.Runtime
	return p
}

// weights counts the base's tensors by the family's own table, as package model loads them: one at a time, of whose way the
// largest needs the most.
func (c counter) weights(p *Plan) {
	o := p.Options
	for _, t := range c.tensors {
		if t.Kind == transformer.Unused {
			continue
		}
		n := product(t.Shape)
		p.Parameters += n
		loading := 4 * n // in float32
		if t.Kind == transformer.Matrix {
			loading *= 2 // and transposed
		}
		p.Loading = max(p.Loading, loading)
		if o.DType == Int8 && t.Kind == transformer.Matrix {
			p.Weights += n + o.DType.width()*int64(t.Shape[0])
			continue
		}
		p.Weights += n * o.DType.width()
	}
}

// extras counts adapters in every projection of the layers, and a head.
func (c counter) extras(p *Plan) {
	o := p.Options
	for _, t := range c.tensors {
		isHead := slices.Equal(t.Shape, []int{c.config.VocabSize, c.config.HiddenSize})
		if t.Kind == transformer.Matrix && !isHead {
			p.Adapters += int64(o.Adapters) * int64(o.Rank) * int64(t.Shape[0]+t.Shape[1]) * o.DType.width()
		}
	}
	head := classifier.DefaultConfig(c.config.HiddenSize)
	for _, shape := range head.ParamShapes() {
		p.Heads += 4 * product(shape)
	}
}

// activations is what a layer holds of [rows·tokens] states: the stream, its norm, queries and the attention's output, and
// the MLP's two or three wide ones.
func (c counter) activations(o Options, tokens int) int64 {
	cfg := c.config
	perToken := int64(3*cfg.HiddenSize + 2*cfg.NumAttentionHeads*cfg.HeadDim + 3*cfg.IntermediateSize)
	return int64(o.Batch) * int64(tokens) * perToken * o.DType.width()
}

// scores is what attention holds while prompts are read, in float32 whatever the dtype.
func (c counter) scores(o Options, tokens int) int64 {
	return scoreBuffers * 4 * int64(o.Batch) * int64(c.config.NumAttentionHeads) * int64(tokens) * int64(tokens)
}

// encode is an encoder's pass: nothing is kept.
func (c counter) encode(p *Plan) {
	tokens, _ := model.CacheColumns(p.Options.Prompt+1, 0)
	p.add(&p.Prefill, "attention scores", c.scores(p.Options, tokens))
	p.add(&p.Prefill, "activations", c.activations(p.Options, tokens))
}

// decode is a decoder's prefill, and the loop. The prefilled cache stays until the loop has ended, and XLA copies the one
// that the loop starts with once. Sliding windows save no memory: a layer keeps all columns and masks those out of sight.
func (c counter) decode(p *Plan) {
	o, cfg := p.Options, c.config
	prefilled, decoding := model.CacheColumns(o.Prompt, o.MaxTokens)
	perLayer := 2 * int64(cfg.NumKeyValueHeads) * int64(cfg.HeadDim) * o.DType.width()
	var cache int64 // of a column of a row
	for i := range cfg.NumHiddenLayers {
		window := cfg.Window(i)
		at := slices.IndexFunc(p.Cache, func(k Cache) bool { return k.Window == window })
		if at < 0 {
			at = len(p.Cache)
			p.Cache = append(p.Cache, Cache{Window: window})
		}
		p.Cache[at].Layers++
		p.Cache[at].PerToken += perLayer
		p.Cache[at].Bytes += perLayer * int64(o.Batch) * int64(decoding)
		cache += perLayer
	}
	rows := int64(o.Batch)
	p.add(&p.Prefill, "cache of the prompts", cache*rows*int64(prefilled))
	p.add(&p.Prefill, "attention scores", c.scores(o, prefilled))
	p.add(&p.Prefill, "activations", c.activations(o, prefilled))
	p.add(&p.Decode, "cache of the prompts", cache*rows*int64(prefilled))
	p.add(&p.Decode, "cache of the loop, twice", 2*cache*rows*int64(decoding))
	p.add(&p.Decode, "logits", logitBuffers*4*rows*int64(cfg.VocabSize))
}

// add adds a part to prefill or decode.
func (p *Plan) add(to *int64, name string, bytes int64) {
	*to += bytes
	phase := "prefill"
	if to == &p.Decode {
		phase = "decode"
	}
	p.parts = append(p.parts, part{phase + ": " + name, bytes})
}

func product(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	return n
}
