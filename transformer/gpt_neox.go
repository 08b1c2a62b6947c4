package transformer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// GPT-NeoX 20B and Pythia: modeling_gpt_neox.py of transformers (arXiv:2204.06745). Attention and MLP read the same
// stream side by side; q, k and v are one projection, laid out head by head; a part of each head is rotated.
func init() {
	Register(Family{
		ModelType: "gpt_neox",
		Defaults:  gptNeoXDefaults,
		Tensors:   gptNeoXTensors,
		New:       func(c *Config) Decoder { return gptNeoX{c} },
	})
}

// gptNeoXDefaults are those of GPTNeoXConfig.
func gptNeoXDefaults(c *Config) {
	setDefault(&c.HiddenAct, "gelu")
	setDefault(&c.LayerNormEps, 1e-5)
	setDefault(&c.MaxPositionEmbeddings, 2048)
	if !c.given("use_parallel_residual") {
		c.UseParallelResidual = true
	}
	if !c.given("attention_bias") {
		c.AttentionBias = true
	}
	c.NumKeyValueHeads, c.HeadDim, c.LayerTypes = c.NumAttentionHeads, 0, nil // it has no grouped queries and no windows
	for kind, p := range c.Rope {
		setDefault(&p.PartialRotaryFactor, 0.25)
		c.Rope[kind] = p
	}
}

func gptNeoXTensors(c *Config) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	list := append(layerNorms(d, "gpt_neox.final_layer_norm"),
		Tensor{"gpt_neox.embed_in.weight", []int{c.VocabSize, d}, Table},
		headTensor(c, "embed_out.weight"))
	for i := range c.NumHiddenLayers {
		p := fmt.Sprintf("gpt_neox.layers.%d", i)
		list = append(list, layerNorms(d, p+".input_layernorm", p+".post_attention_layernorm")...)
		list = append(list, projection(p+".attention.query_key_value", 3*d, d, c.AttentionBias)...)
		list = append(list, projection(p+".attention.dense", d, d, c.AttentionBias)...)
		list = append(list, projection(p+".mlp.dense_h_to_4h", ff, d, true)...)
		list = append(list, projection(p+".mlp.dense_4h_to_h", d, ff, true)...)
		// The causal mask, which old versions of transformers saved.
		list = append(list, Tensor{p + ".attention.bias", nil, Unused}, Tensor{p + ".attention.masked_bias", nil, Unused})
	}
	return list
}

type gptNeoX struct{ *Config }

// Embed implements [Decoder].
func (m gptNeoX) Embed(f *Forward, ids *Node) *Node {
	return EmbedTokens(f, "gpt_neox.embed_in.weight", ids)
}

// Layer implements [Decoder]: GPTNeoXLayer.
func (m gptNeoX) Layer(f *Forward, i int, h *Node) *Node {
	p := fmt.Sprintf("gpt_neox.layers.%d", i)
	attended := Add(h, m.attention(f, i, p+".attention", f.layerNorm(p+".input_layernorm", h, m.LayerNormEps)))
	x := attended
	if m.UseParallelResidual {
		x = h
	}
	x = f.layerNorm(p+".post_attention_layernorm", x, m.LayerNormEps)
	return Add(attended, MLP(f.Weights, p+".mlp.dense_h_to_4h", p+".mlp.dense_4h_to_h", Activation(m.HiddenAct), x))
}

// attention is GPTNeoXAttention.
func (m gptNeoX) attention(f *Forward, i int, p string, x *Node) *Node {
	qkv := SplitHeads(f.Weights.Linear(x, p+".query_key_value"), m.NumAttentionHeads) // [B, H, S, 3·hd]
	part := func(n int) *Node { return sliceLast(qkv, n*m.HeadDim, (n+1)*m.HeadDim) }
	r := f.Rotation("")
	out := f.Attend(i, r.Apply(part(0)), r.Apply(part(1)), part(2), AttentionOptions{})
	return f.Weights.Linear(out, p+".dense")
}

// Norm implements [Decoder].
func (m gptNeoX) Norm(f *Forward, h *Node) *Node {
	return f.layerNorm("gpt_neox.final_layer_norm", h, m.LayerNormEps)
}

// Logits implements [Decoder].
func (m gptNeoX) Logits(f *Forward, h *Node) *Node {
	if m.TieWordEmbeddings {
		return f.Weights.Linear(h, "gpt_neox.embed_in")
	}
	return f.Weights.Linear(h, "embed_out")
}
