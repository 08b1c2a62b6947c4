package transformer

import (
	"encoding/json"
	"fmt"
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
}

// ropeTypes maps rope_type to its inverse frequencies, as modeling_rope_utils.py of transformers computes them. The
// result has dim/2 entries, in radians a position.
var ropeTypes = map[string]func(p RopeParameters, dim int) ([]float64, error){
	"default": ropeDefault,
	"linear":  ropeLinear,
	"llama3":  ropeLlama3,
}

// ropeDefault is theta^(-2i/dim): RoFormer, arXiv:2104.09864, section 3.2.2.
func ropeDefault(p RopeParameters, dim int) ([]float64, error) {
	freqs := make([]float64, dim/2)
	for i := range freqs {
		freqs[i] = math.Pow(p.RopeTheta, -float64(2*i)/float64(dim))
	}
	return freqs, nil
}

// ropeLinear divides every frequency by factor: position interpolation, arXiv:2306.15595.
func ropeLinear(p RopeParameters, dim int) ([]float64, error) {
	if p.Factor <= 0 {
		return nil, fmt.Errorf("rope_type \"linear\" needs a positive \"factor\", found %g", p.Factor)
	}
	freqs, err := ropeDefault(p, dim)
	for i := range freqs {
		freqs[i] /= p.Factor
	}
	return freqs, err
}

// ropeLlama3 keeps high frequencies, divides low ones by factor and blends those between: _compute_llama3_parameters.
func ropeLlama3(p RopeParameters, dim int) ([]float64, error) {
	original := float64(p.OriginalMaxPositionEmbeddings)
	if p.Factor <= 0 || p.LowFreqFactor <= 0 || p.HighFreqFactor <= p.LowFreqFactor || original <= 0 {
		return nil, fmt.Errorf("rope_type \"llama3\" needs factor, original_max_position_embeddings > 0 and "+
			"high_freq_factor > low_freq_factor > 0, found factor %g, original_max_position_embeddings %g, "+
			"low_freq_factor %g, high_freq_factor %g", p.Factor, original, p.LowFreqFactor, p.HighFreqFactor)
	}
	freqs, err := ropeDefault(p, dim)
	for i, freq := range freqs {
		wavelength := 2 * math.Pi / freq
		switch {
		case wavelength > original/p.LowFreqFactor:
			freqs[i] = freq / p.Factor
		case wavelength >= original/p.HighFreqFactor:
			smooth := (original/wavelength - p.LowFreqFactor) / (p.HighFreqFactor - p.LowFreqFactor)
			freqs[i] = (1-smooth)*freq/p.Factor + smooth*freq
		}
	}
	return freqs, err
}

// InverseFrequencies gives the rotation of each pair of elements, in radians a position; dim is the rotated part of
// head_dim.
func (p RopeParameters) InverseFrequencies(dim int) ([]float64, error) {
	compute, ok := ropeTypes[p.RopeType]
	if !ok {
		known := make([]string, 0, len(ropeTypes))
		for name := range ropeTypes {
			known = append(known, name)
		}
		slices.Sort(known)
		return nil, fmt.Errorf("rope_type %q is not known; known are %s", p.RopeType, strings.Join(known, ", "))
	}
	return compute(p, dim)
}

// readRope fills c.Rope from rope_parameters, or from rope_theta and rope_scaling.
func (c *Config) readRope() error {
	p := RopeParameters{}
	if c.Has("rope_theta") {
		if err := json.Unmarshal(c.Raw["rope_theta"], &p.RopeTheta); err != nil {
			return fmt.Errorf("key \"rope_theta\": expected a number, found %s", c.Raw["rope_theta"])
		}
	}
	key := "rope_parameters"
	if !c.Has(key) {
		key = "rope_scaling"
	}
	if c.Has(key) {
		if err := json.Unmarshal(c.Raw[key], &p); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	if p.RopeType == "" {
		p.RopeType = p.Type
	}
	if p.RopeType == "" {
		p.RopeType = "default"
	}
	if p.RopeTheta == 0 {
		p.RopeTheta = 10000
	}
	if p.RopeTheta < 0 || math.IsInf(p.RopeTheta, 0) || math.IsNaN(p.RopeTheta) {
		return fmt.Errorf("key \"rope_theta\": expected a positive number, found %g", p.RopeTheta)
	}
	if _, err := p.InverseFrequencies(2); err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	c.Rope = map[string]RopeParameters{"": p}
	return nil
}

// Rotation holds the cosines and sines of a batch's positions: each [B, 1, S, dim/2], in float32.
type Rotation struct {
	Cos, Sin *Node
}

// NewRotation computes the rotation of positions [B, S] int32 for inverse frequencies of dim/2 entries.
func NewRotation(positions *Node, inverseFrequencies []float64) Rotation {
	g := positions.Graph()
	freqs := make([]float32, len(inverseFrequencies))
	for i, f := range inverseFrequencies {
		freqs[i] = float32(f)
	}
	dims := positions.Shape().Dimensions
	pos := Reshape(ConvertDType(positions, dtypes.Float32), dims[0], 1, dims[1], 1)
	angles := Mul(pos, Reshape(Const(g, freqs), 1, 1, 1, len(freqs)))
	// Barriers, since XLA would else compute sines anew in every layer that it fuses them into.
	return Rotation{Cos: OptimizationBarrier(Cos(angles)), Sin: OptimizationBarrier(Sin(angles))}
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
