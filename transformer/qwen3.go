package transformer

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Qwen3: modeling_qwen3.py of transformers. A Qwen2 without biases, whose queries and keys are normed head by head.
// docs/add-an-architecture.md walks through this file.
func init() {
	Register(Family{
		ModelType: "qwen3",
		Defaults:  qwen3Defaults,
		Tensors:   qwen3Tensors,
		New:       func(c *Config) Decoder { return qwen3{trunk{c}} },
	})
}

// qwen3Defaults are those of Qwen3Config.
func qwen3Defaults(c *Config) {
	qwenDefaults(c)
	setDefault(&c.HeadDim, 128)
}

func qwen3Tensors(c *Config) []Tensor {
	list := llamaTensors(c, c.AttentionBias, c.AttentionBias)
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i) + ".self_attn"
		list = append(list, norms(c.HeadDim, p+".q_norm", p+".k_norm")...)
	}
	return list
}

type qwen3 struct{ trunk }

// Layer implements [Decoder]: Qwen3DecoderLayer.
func (m qwen3) Layer(f *Forward, i int, h *Node) *Node {
	return m.preNormLayer(f, i, h, func(p string, x *Node) *Node {
		q, k, v := f.ProjectHeads(p, x)
		q, k = m.rmsNorm(f, p+".q_norm", q), m.rmsNorm(f, p+".k_norm", k) // over hd, before RoPE
		return m.attend(f, i, p, q, k, v)
	}, m.gatedMLP(f))
}
