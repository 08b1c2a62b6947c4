package transformer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// SmolLM3: modeling_smollm3.py of transformers. A Llama where some layers do not rotate queries and keys (NoPE,
// arXiv:2501.18795); those may have a sliding window.
func init() {
	Register(Family{
		ModelType: "smollm3",
		Defaults:  smollm3Defaults,
		Check:     smollm3Check,
		Tensors:   func(c *Config) []Tensor { return llamaTensors(c, c.AttentionBias, c.AttentionBias) },
		New:       func(c *Config) Decoder { return smollm3{trunk{c}} },
	})
}

// smollm3Defaults are those of SmolLM3Config.
func smollm3Defaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.MaxPositionEmbeddings, 32768)
	setDefault(&c.NoRopeLayerInterval, 4)
	setRopeTheta(c, "", 2e6)
	if !c.given("num_key_value_heads") {
		c.NumKeyValueHeads = 4
	}
	if !c.given("tie_word_embeddings") {
		c.TieWordEmbeddings = true
	}
	if c.NoRopeLayers == nil {
		for i := range c.NumHiddenLayers {
			rotated := 1
			if (i+1)%c.NoRopeLayerInterval == 0 {
				rotated = 0
			}
			c.NoRopeLayers = append(c.NoRopeLayers, rotated)
		}
	}
	if c.LayerTypes == nil && len(c.NoRopeLayers) >= c.NumHiddenLayers {
		c.setLayerTypes(func(i int) bool { return c.UseSlidingWindow && c.SlidingWindow > 0 && c.NoRopeLayers[i] == 0 })
	}
}

func smollm3Check(c *Config) error {
	if len(c.NoRopeLayers) < c.NumHiddenLayers {
		return fmt.Errorf("key \"no_rope_layers\": expected one number for each of %d layers, found %d",
			c.NumHiddenLayers, len(c.NoRopeLayers))
	}
	return nil
}

type smollm3 struct{ trunk }

// Layer implements [Decoder]: SmolLM3DecoderLayer.
func (m smollm3) Layer(f *Forward, i int, h *Node) *Node {
	return m.preNormLayer(f, i, h, func(p string, x *Node) *Node {
		q, k, v := f.ProjectHeads(p, x)
		if m.NoRopeLayers[i] != 0 {
			return m.attend(f, i, p, q, k, v)
		}
		out := f.Attend(i, q, k, v, AttentionOptions{Window: m.Window(i)})
		return f.Weights.Linear(out, p+".o_proj")
	}, m.gatedMLP(f))
}
