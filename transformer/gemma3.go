package transformer

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Gemma 3, text: modeling_gemma3.py of transformers (arXiv:2503.19786). A Gemma 2 whose queries and keys are normed head
// by head instead of soft-capped; layers with a sliding window rotate by another theta than full ones.
func init() {
	Register(Family{
		ModelType: "gemma3_text",
		Defaults:  gemma3Defaults,
		Check:     gemmaCheck,
		ZeroNorms: true,
		Tensors:   gemma3Tensors,
		New:       func(c *Config) Decoder { return gemma3{gemma{trunk{c}}} },
	})
	RegisterUnsupported("gemma3", errors.New("this is a Gemma 3 that also sees images, of which Janus runs the text part "+
		"only: load it with Gemma3ForCausalLM of transformers and save_pretrained it (config.json then says gemma3_text)"))
}

// gemma3Defaults are those of Gemma3TextConfig.
func gemma3Defaults(c *Config) {
	gemmaDefaults(c)
	setDefault(&c.MaxPositionEmbeddings, 131072)
	setDefault(&c.SlidingWindowPattern, 6)
	if c.LayerTypes == nil {
		c.setLayerTypes(func(i int) bool { return (i+1)%c.SlidingWindowPattern != 0 })
	}
	if full, old := c.Rope[""]; old { // rope_theta and rope_scaling are for full layers, rope_local_base_freq for others
		c.Rope = map[string]RopeParameters{
			fullAttention:    full,
			slidingAttention: {RopeTheta: c.RopeLocalBaseFreq},
		}
	}
	setRopeTheta(c, fullAttention, 1e6)
	setRopeTheta(c, slidingAttention, 1e4)
}

func gemma3Tensors(c *Config) []Tensor {
	list := gemmaTensors(c)
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i) + ".self_attn"
		list = append(list, norms(c.HeadDim, p+".q_norm", p+".k_norm")...)
	}
	return list
}

type gemma3 struct{ gemma }

// Layer implements [Decoder]: Gemma3DecoderLayer.
func (m gemma3) Layer(f *Forward, i int, h *Node) *Node {
	return m.layer(f, i, h, func(p string, x *Node) *Node {
		q, k, v := f.ProjectHeads(p, x)
		q, k = m.norm(f, p+".q_norm", q), m.norm(f, p+".k_norm", k)
		return m.attend(f, i, p, f.Rotation(m.LayerTypes[i]), q, k, v)
	})
}
