package transformer

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Llama 1 to 3, CodeLlama, SmolLM and SmolLM2: modeling_llama.py of transformers.
func init() {
	Register(Family{
		ModelType: "llama",
		Defaults:  llamaDefaults,
		Tensors:   func(c *Config) []Tensor { return llamaTensors(c, c.AttentionBias, c.AttentionBias) },
		New:       func(c *Config) Decoder { return llama{trunk{c}} },
	})
}

// llamaDefaults are those of LlamaConfig.
func llamaDefaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.MaxPositionEmbeddings, 2048)
	c.LayerTypes = nil // a Llama has no windows, whatever the file says
}

// llamaTensors lists Llama's tensors, with biases on q, k and v, on o, or on none.
func llamaTensors(c *Config, qkvBias, outBias bool) []Tensor {
	list := trunkTensors(c)
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i)
		list = append(list, norms(c.HiddenSize, p+".input_layernorm", p+".post_attention_layernorm")...)
		list = append(list, attentionTensors(c, p+".self_attn", qkvBias, outBias)...)
		list = append(list, gatedMLPTensors(c, p+".mlp", c.MLPBias)...)
	}
	return list
}

type llama struct{ trunk }

// Layer implements [Decoder]: LlamaDecoderLayer.
func (m llama) Layer(f *Forward, i int, h *Node) *Node {
	return m.preNormLayer(f, i, h, func(p string, x *Node) *Node {
		q, k, v := f.ProjectHeads(p, x)
		return m.attend(f, i, p, q, k, v)
	}, m.gatedMLP(f))
}
