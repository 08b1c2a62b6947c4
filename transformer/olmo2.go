package transformer

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// OLMo 2: modeling_olmo2.py of transformers (arXiv:2501.00656). What attention and MLP give is normed, not what they
// take; queries and keys are normed over the whole projection, before they are split into heads.
func init() {
	Register(Family{
		ModelType: "olmo2",
		Defaults:  olmo2Defaults,
		Tensors:   olmo2Tensors,
		New:       func(c *Config) Decoder { return olmo2{trunk{c}} },
	})
}

// olmo2Defaults are those of Olmo2Config.
func olmo2Defaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-5)
	setDefault(&c.MaxPositionEmbeddings, 2048)
	c.LayerTypes = nil // OLMo 2 has no windows
}

func olmo2Tensors(c *Config) []Tensor {
	list := trunkTensors(c)
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i)
		list = append(list, norms(c.HiddenSize, p+".post_attention_layernorm", p+".post_feedforward_layernorm")...)
		list = append(list, norms(c.NumAttentionHeads*c.HeadDim, p+".self_attn.q_norm")...)
		list = append(list, norms(c.NumKeyValueHeads*c.HeadDim, p+".self_attn.k_norm")...)
		list = append(list, attentionTensors(c, p+".self_attn", c.AttentionBias, c.AttentionBias)...)
		list = append(list, gatedMLPTensors(c, p+".mlp", false)...)
	}
	return list
}

type olmo2 struct{ trunk }

// Layer implements [Decoder]: Olmo2DecoderLayer.
func (m olmo2) Layer(f *Forward, i int, h *Node) *Node {
	p := layerPrefix(i)
	h = Add(h, m.rmsNorm(f, p+".post_attention_layernorm", m.attention(f, i, p+".self_attn", h)))
	return Add(h, m.rmsNorm(f, p+".post_feedforward_layernorm", m.gatedMLP(f)(p+".mlp", h)))
}

// attention is Olmo2Attention.
func (m olmo2) attention(f *Forward, i int, p string, x *Node) *Node {
	w := f.Weights
	q := SplitHeads(m.rmsNorm(f, p+".q_norm", w.Linear(x, p+".q_proj")), m.NumAttentionHeads)
	k := SplitHeads(m.rmsNorm(f, p+".k_norm", w.Linear(x, p+".k_proj")), m.NumKeyValueHeads)
	v := SplitHeads(w.Linear(x, p+".v_proj"), m.NumKeyValueHeads)
	return m.attend(f, i, p, q, k, v)
}
