package transformer

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// StarCoder2: modeling_starcoder2.py of transformers (arXiv:2402.19173). Layer norms, biases everywhere and a plain MLP.
func init() {
	Register(Family{
		ModelType: "starcoder2",
		Defaults:  starcoder2Defaults,
		Tensors:   starcoder2Tensors,
		New:       func(c *Config) Decoder { return starcoder2{trunk{c}} },
	})
}

// starcoder2Defaults are those of Starcoder2Config.
func starcoder2Defaults(c *Config) {
	setDefault(&c.HiddenAct, "gelu_pytorch_tanh")
	setDefault(&c.NormEpsilon, 1e-5)
	setDefault(&c.MaxPositionEmbeddings, 4096)
	setDefault(&c.InitializerRange, 0.018042)
	if !c.given("num_key_value_heads") {
		c.NumKeyValueHeads = 2
	}
	if !c.given("use_bias") {
		c.UseBias = true
	}
	if !c.given("tie_word_embeddings") {
		c.TieWordEmbeddings = true
	}
	c.slideEverywhere()
}

func starcoder2Tensors(c *Config) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	list := append(trunkTensors(c), Tensor{"model.norm.bias", []int{d}, Vector})
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i)
		list = append(list, layerNorms(d, p+".input_layernorm", p+".post_attention_layernorm")...)
		list = append(list, attentionTensors(c, p+".self_attn", c.UseBias, c.UseBias)...)
		list = append(list, projection(p+".mlp.c_fc", ff, d, c.UseBias)...)
		list = append(list, projection(p+".mlp.c_proj", d, ff, c.UseBias)...)
	}
	return list
}

type starcoder2 struct{ trunk }

// Norm implements [Decoder].
func (m starcoder2) Norm(f *Forward, h *Node) *Node {
	return f.layerNorm("model.norm", h, m.NormEpsilon)
}

// Layer implements [Decoder]: Starcoder2DecoderLayer.
func (m starcoder2) Layer(f *Forward, i int, h *Node) *Node {
	p := layerPrefix(i)
	q, k, v := f.ProjectHeads(p+".self_attn", f.layerNorm(p+".input_layernorm", h, m.NormEpsilon))
	h = Add(h, m.attend(f, i, p+".self_attn", q, k, v))
	x := f.layerNorm(p+".post_attention_layernorm", h, m.NormEpsilon)
	return Add(h, MLP(f.Weights, p+".mlp.c_fc", p+".mlp.c_proj", Activation(m.HiddenAct), x))
}
