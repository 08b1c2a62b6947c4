package transformer

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// RopeParameters are the keys of rope_parameters (transformers 5), or of rope_scaling with rope_theta beside it.
type RopeParameters struct {
	RopeType                      string  `json:"rope_type"`
	Type                          string  `json:"type"` // the oldest spelling of rope_type
	RopeTheta                     float64 `json:"rope_theta"`
	PartialRotaryFactor           float64 `json:"partial_rotary_factor"`
	Factor                        float64 `json:"factor"`
	LowFreqFactor                 float64 `json:"low_freq_factor"`
	HighFreqFactor                float64 `json:"high_freq_factor"`
	OriginalMaxPositionEmbeddings int     `json:"original_max_position_embeddings"`

	// yarn and longrope
	AttentionFactor float64 `json:"attention_factor"`
	// yarn
	BetaFast     float64 `json:"beta_fast"`
	BetaSlow     float64 `json:"beta_slow"`
	MScale       float64 `json:"mscale"`
	MScaleAllDim float64 `json:"mscale_all_dim"`
	Truncate     *bool   `json:"truncate"`
	// longrope: one number for each pair of elements
	ShortFactor []float64 `json:"short_factor"`
	LongFactor  []float64 `json:"long_factor"`

	MaxPositionEmbeddings int `json:"-"` // the model's
	ContextLength         int `json:"-"` // see [Config.SetContextLength]
}

// InverseFrequencies gives the rotation of each pair of elements, in radians a position; dim is the rotated part of
// head_dim.
func (p RopeParameters) InverseFrequencies(dim int) ([]float64, error) {
	compute, ok := ropeTypes[p.RopeType]
	if !ok {
		known := slices.Sorted(maps.Keys(ropeTypes))
		return nil, fmt.Errorf("rope_type %q is not known; known are %s", p.RopeType, strings.Join(known, ", "))
	}
	return compute(p, dim)
}

// readRope fills c.Rope from rope_parameters, or from rope_theta and rope_scaling, as far as the document goes;
// [Config.completeRope] does the rest once the family has set its defaults.
func (c *Config) readRope() error {
	shared := RopeParameters{RopeTheta: c.RopeTheta, PartialRotaryFactor: c.PartialRotaryFactor}
	setDefault(&shared.RopeTheta, c.RotaryEmbBase)
	setDefault(&shared.PartialRotaryFactor, c.RotaryPct)
	c.Rope = map[string]RopeParameters{}

	key := "rope_parameters"
	if !c.Has(key) {
		key = "rope_scaling"
	}
	read := func(kind string, document json.RawMessage) error {
		p := shared
		if err := json.Unmarshal(document, &p); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		setDefault(&p.RopeType, p.Type)
		c.Rope[kind] = p
		return nil
	}
	if !c.Has(key) {
		return read("", json.RawMessage("{}"))
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(c.Raw[key], &entries); err != nil {
		return fmt.Errorf("key %q: expected an object, found %s", key, c.Raw[key])
	}
	for kind, entry := range entries { // one object for each kind of layer, as in Gemma 3
		if entry[0] == '{' {
			if err := read(kind, entry); err != nil {
				return err
			}
		}
	}
	if len(c.Rope) > 0 {
		return nil
	}
	return read("", c.Raw[key])
}

// setRopeTheta sets the theta of a kind of layer where the document gives none.
func setRopeTheta(c *Config, kind string, theta float64) {
	p, ok := c.Rope[kind]
	if kind == "" && !ok {
		return // nested by layer types: those say it
	}
	setDefault(&p.RopeTheta, theta)
	c.Rope[kind] = p
}

// completeRope sets what transformers' standardize_rope_params does, and refuses what cannot be computed.
func (c *Config) completeRope() error {
	for kind, p := range c.Rope {
		setDefault(&p.RopeType, "default")
		setDefault(&p.RopeTheta, 10000)
		if p.RopeTheta < 0 || math.IsInf(p.RopeTheta, 0) || math.IsNaN(p.RopeTheta) {
			return fmt.Errorf("key \"rope_theta\": expected a positive number, found %g", p.RopeTheta)
		}
		p.MaxPositionEmbeddings = c.MaxPositionEmbeddings
		if c.OriginalMaxPositionEmbeddings > 0 {
			p.OriginalMaxPositionEmbeddings = c.OriginalMaxPositionEmbeddings
		}
		setDefault(&p.OriginalMaxPositionEmbeddings, c.MaxPositionEmbeddings)
		c.Rope[kind] = p
	}
	return c.setContextLength(c.defaultContextLength())
}

func (c *Config) defaultContextLength() int {
	length := c.positions()
	for _, p := range c.Rope {
		if p.RopeType == "longrope" {
			length = min(length, p.OriginalMaxPositionEmbeddings)
		}
	}
	return length
}

// positions is how many positions max_position_embeddings leaves for tokens.
func (c *Config) positions() int { return c.MaxPositionEmbeddings - c.reservedPositions }

// DescribeContext is the context length and the key that it comes from, for error messages.
func (c *Config) DescribeContext() string {
	switch {
	case c.reservedPositions > 0 && c.ContextLength == c.positions():
		return fmt.Sprintf("%d (max_position_embeddings, %d, of which %d are no token's)",
			c.ContextLength, c.MaxPositionEmbeddings, c.reservedPositions)
	case c.ContextLength == c.MaxPositionEmbeddings:
		return fmt.Sprintf("%d (max_position_embeddings)", c.ContextLength)
	case c.ContextLength == c.defaultContextLength():
		return fmt.Sprintf("%d (original_max_position_embeddings; up to %d with a context length of one's own)",
			c.ContextLength, c.MaxPositionEmbeddings)
	}
	return fmt.Sprintf("%d (the context length asked for)", c.ContextLength)
}

// SetContextLength says how long sequences get, generated tokens included. By default it is max_position_embeddings, and
// for rope_type "longrope" original_max_position_embeddings.
//
// The rotations of "dynamic" and "longrope" depend on a sequence's length. Transformers chooses them anew in every pass,
// by the longest row of the batch; keys that are cached already keep their old rotation. Here the choice is made once, by
// this length and for every row, so that neither its neighbours in the batch, nor a shared prefix, nor where generation
// stands changes what a row gives. Up to the default length that is what transformers computes; beyond, it is what
// transformers computes for a sequence of exactly n positions (longrope: of any length over the original).
//
// Set it before any graph is built.
func (c *Config) SetContextLength(n int) error {
	limit := c.positions()
	if c.relativePositions {
		limit = math.MaxInt32
	}
	for _, p := range c.Rope {
		switch p.RopeType {
		case "yarn":
			limit = max(limit, int(p.factor()*float64(p.OriginalMaxPositionEmbeddings)))
		case "dynamic":
			limit = max(limit, int(p.Factor*float64(c.MaxPositionEmbeddings)))
		}
	}
	if n <= 0 || n > limit {
		return fmt.Errorf("a context length of %d is asked for, but the model can do 1 to %d", n, limit)
	}
	return c.setContextLength(n)
}

func (c *Config) setContextLength(n int) error {
	for kind, p := range c.Rope {
		p.ContextLength = n
		dim := c.rotaryDim(p)
		if dim <= 0 || dim > c.HeadDim || dim%2 != 0 {
			return fmt.Errorf("partial_rotary_factor %g of head_dim %d: rotary embedding needs an even number of elements, found %d",
				p.PartialRotaryFactor, c.HeadDim, dim)
		}
		if _, err := p.InverseFrequencies(dim); err != nil {
			return fmt.Errorf("rotary embedding (key \"rope_parameters\" or \"rope_scaling\"): %w", err)
		}
		c.Rope[kind] = p
	}
	c.ContextLength = n
	return nil
}

// rotaryDim is how many elements of each head are rotated.
func (c *Config) rotaryDim(p RopeParameters) int {
	if p.PartialRotaryFactor == 0 {
		return c.HeadDim
	}
	return int(float64(c.HeadDim) * p.PartialRotaryFactor)
}

// Rotation holds the cosines and sines of a batch's positions: each [B, 1, S, dim/2], in float32.
type Rotation struct {
	Cos, Sin *Node
}

// NewRotation computes the rotation of positions [B, S] int32 for inverse frequencies of dim/2 entries; scaling multiplies
// cosines and sines.
func NewRotation(positions *Node, inverseFrequencies []float64, scaling float64) Rotation {
	g := positions.Graph()
	freqs := make([]float32, len(inverseFrequencies))
	for i, f := range inverseFrequencies {
		freqs[i] = float32(f)
	}
	dims := positions.Shape().Dimensions
	pos := Reshape(ConvertDType(positions, dtypes.Float32), dims[0], 1, dims[1], 1)
	angles := Mul(pos, Reshape(Const(g, freqs), 1, 1, 1, len(freqs)))
	cos, sin := Cos(angles), Sin(angles)
	if scaling != 1 {
		cos, sin = Mul(cos, ConstAs(cos, scaling)), Mul(sin, ConstAs(sin, scaling))
	}
	// Barriers, since XLA would else compute sines anew in every layer that it fuses them into.
	return Rotation{Cos: OptimizationBarrier(cos), Sin: OptimizationBarrier(sin)}
}

// Apply rotates x [B, heads, S, hd], pairing element i with i+hd/2 as Hugging Face's rotate_half does. Where the rotation
// is narrower than half of hd, the rest of each head passes unrotated (partial rotary embedding).
func (r Rotation) Apply(x *Node) *Node {
	half := r.Cos.Shape().Dim(-1)
	hd := x.Shape().Dim(-1)
	dtype := x.DType()
	x32 := ConvertDType(x, dtypes.Float32)
	part := func(from, to int) *Node {
		return Slice(x32, AxisRange(), AxisRange(), AxisRange(), AxisRange(from, to))
	}
	x1, x2 := part(0, half), part(half, 2*half)
	pieces := []*Node{
		Sub(Mul(x1, r.Cos), Mul(x2, r.Sin)),
		Add(Mul(x2, r.Cos), Mul(x1, r.Sin)),
	}
	if 2*half < hd {
		pieces = append(pieces, part(2*half, hd))
	}
	return ConvertDType(Concatenate(pieces, -1), dtype)
}
