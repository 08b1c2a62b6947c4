package transformer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Llama 1 to 3, CodeLlama, SmolLM and SmolLM2: modeling_llama.py of transformers.
func init() {
	Register(Family{
		ModelType: "llama",
		Defaults:  llamaDefaults,
		Tensors:   llamaTensors,
		New:       func(c *Config) Decoder { return llama{c} },
	})
}

// llamaDefaults are those of LlamaConfig.
func llamaDefaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.MaxPositionEmbeddings, 2048)
}

func llamaTensors(c *Config) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	q, kv := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	list := []Tensor{
		{"model.embed_tokens.weight", []int{c.VocabSize, d}, Table},
		{"model.norm.weight", []int{d}, Vector},
	}
	if !c.TieWordEmbeddings {
		list = append(list, Tensor{"lm_head.weight", []int{c.VocabSize, d}, Matrix})
	}
	for i := range c.NumHiddenLayers {
		p := fmt.Sprintf("model.layers.%d.", i)
		list = append(list,
			Tensor{p + "input_layernorm.weight", []int{d}, Vector},
			Tensor{p + "post_attention_layernorm.weight", []int{d}, Vector})
		list = append(list, projection(p+"self_attn.q_proj", q, d, c.AttentionBias)...)
		list = append(list, projection(p+"self_attn.k_proj", kv, d, c.AttentionBias)...)
		list = append(list, projection(p+"self_attn.v_proj", kv, d, c.AttentionBias)...)
		list = append(list, projection(p+"self_attn.o_proj", d, q, c.AttentionBias)...)
		list = append(list, projection(p+"mlp.gate_proj", ff, d, c.MLPBias)...)
		list = append(list, projection(p+"mlp.up_proj", ff, d, c.MLPBias)...)
		list = append(list, projection(p+"mlp.down_proj", d, ff, c.MLPBias)...)
	}
	return list
}

type llama struct{ *Config }

// Embed implements [Decoder].
func (m llama) Embed(f *Forward, ids *Node) *Node {
	return EmbedTokens(f, "model.embed_tokens.weight", ids)
}

// Layer implements [Decoder]: LlamaDecoderLayer.
func (m llama) Layer(f *Forward, i int, h *Node) *Node {
	p := fmt.Sprintf("model.layers.%d", i)
	x := RMSNorm(h, f.Weights.Param(p+".input_layernorm.weight"), m.RMSNormEps)
	h = Add(h, m.attention(f, i, p+".self_attn", x))
	x = RMSNorm(h, f.Weights.Param(p+".post_attention_layernorm.weight"), m.RMSNormEps)
	return Add(h, GatedMLP(f.Weights, p+".mlp", Activation(m.HiddenAct), x))
}

// attention is LlamaAttention.
func (m llama) attention(f *Forward, i int, p string, x *Node) *Node {
	q := SplitHeads(f.Weights.Linear(x, p+".q_proj"), m.NumAttentionHeads)
	k := SplitHeads(f.Weights.Linear(x, p+".k_proj"), m.NumKeyValueHeads)
	v := SplitHeads(f.Weights.Linear(x, p+".v_proj"), m.NumKeyValueHeads)
	rotation := f.Rotation("")
	out := f.Attend(i, rotation.Apply(q), rotation.Apply(k), v, AttentionOptions{})
	return f.Weights.Linear(out, p+".o_proj")
}

// Norm implements [Decoder].
func (m llama) Norm(f *Forward, h *Node) *Node {
	return RMSNorm(h, f.Weights.Param("model.norm.weight"), m.RMSNormEps)
}

// Logits implements [Decoder].
func (m llama) Logits(f *Forward, h *Node) *Node {
	if m.TieWordEmbeddings {
		return f.Weights.Linear(h, "model.embed_tokens")
	}
	return f.Weights.Linear(h, "lm_head")
}
