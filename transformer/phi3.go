package transformer

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Phi-3, Phi-3.5, Phi-4 and their mini models: modeling_phi3.py of transformers. A Llama whose q, k and v are one
// projection, and gate and up another; part of each head may pass unrotated.
func init() {
	Register(Family{
		ModelType: "phi3",
		Defaults:  phi3Defaults,
		Tensors:   phi3Tensors,
		New:       func(c *Config) Decoder { return phi3{trunk{c}} },
	})
}

// phi3Defaults are those of Phi3Config.
func phi3Defaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-5)
	setDefault(&c.MaxPositionEmbeddings, 4096)
	setDefault(&c.OriginalMaxPositionEmbeddings, 4096)
	c.slideEverywhere()
	for kind, p := range c.Rope {
		if p.RopeType == "su" || p.RopeType == "yarn" { // what the first files called it
			p.RopeType = "longrope"
			c.Rope[kind] = p
		}
	}
}

func phi3Tensors(c *Config) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	q, kv := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	list := trunkTensors(c)
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i)
		list = append(list, norms(d, p+".input_layernorm", p+".post_attention_layernorm")...)
		list = append(list, projection(p+".self_attn.qkv_proj", q+2*kv, d, false)...)
		list = append(list, projection(p+".self_attn.o_proj", d, q, false)...)
		list = append(list, projection(p+".mlp.gate_up_proj", 2*ff, d, false)...)
		list = append(list, projection(p+".mlp.down_proj", d, ff, false)...)
	}
	return list
}

type phi3 struct{ trunk }

// Layer implements [Decoder]: Phi3DecoderLayer.
func (m phi3) Layer(f *Forward, i int, h *Node) *Node {
	return m.preNormLayer(f, i, h, func(p string, x *Node) *Node {
		qkv := f.Weights.Linear(x, p+".qkv_proj") // rows of q, then of k, then of v
		q, kv := m.NumAttentionHeads*m.HeadDim, m.NumKeyValueHeads*m.HeadDim
		return m.attend(f, i, p,
			SplitHeads(sliceLast(qkv, 0, q), m.NumAttentionHeads),
			SplitHeads(sliceLast(qkv, q, q+kv), m.NumKeyValueHeads),
			SplitHeads(sliceLast(qkv, q+kv, q+2*kv), m.NumKeyValueHeads))
	}, func(p string, x *Node) *Node {
		both := f.Weights.Linear(x, p+".gate_up_proj") // rows of gate, then of up
		gate := Activation(m.HiddenAct)(sliceLast(both, 0, m.IntermediateSize))
		up := sliceLast(both, m.IntermediateSize, 2*m.IntermediateSize)
		return f.Weights.Linear(Mul(gate, up), p+".down_proj")
	})
}
