package transformer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// trunk is what stands before and after the layers in families whose tensors are named as Llama's: model.embed_tokens,
// model.norm (RMS) and lm_head, which may be tied to the embedding.
type trunk struct{ *Config }

// trunkTensors lists the trunk's tensors.
func trunkTensors(c *Config) []Tensor {
	list := []Tensor{
		{"model.embed_tokens.weight", []int{c.VocabSize, c.HiddenSize}, Table},
		{"model.norm.weight", []int{c.HiddenSize}, Vector},
	}
	return append(list, headTensor(c, "lm_head.weight"))
}

// headTensor is the LM head; some tied checkpoints hold a copy of the embedding there, which is not read.
func headTensor(c *Config, key string) Tensor {
	if c.TieWordEmbeddings {
		return Tensor{key, nil, Unused}
	}
	return Tensor{key, []int{c.VocabSize, c.HiddenSize}, Matrix}
}

// Embed implements [Decoder].
func (m trunk) Embed(f *Forward, ids *Node) *Node {
	return EmbedTokens(f, "model.embed_tokens.weight", ids)
}

// Norm implements [Decoder].
func (m trunk) Norm(f *Forward, h *Node) *Node {
	return m.rmsNorm(f, "model.norm", h)
}

// Logits implements [Decoder].
func (m trunk) Logits(f *Forward, h *Node) *Node {
	if m.TieWordEmbeddings {
		return f.Weights.Linear(h, "model.embed_tokens")
	}
	return f.Weights.Linear(h, "lm_head")
}

// rmsNorm is [RMSNorm] by the weight of a module.
func (m trunk) rmsNorm(f *Forward, module string, x *Node) *Node {
	return RMSNorm(x, f.Weights.Param(module+".weight"), m.RMSNormEps)
}

// attend rotates queries and keys of layer i, attends within the layer's window and projects by o_proj of module p.
func (m trunk) attend(f *Forward, i int, p string, q, k, v *Node) *Node {
	rotation := f.Rotation("")
	out := f.Attend(i, rotation.Apply(q), rotation.Apply(k), v, AttentionOptions{Window: m.Window(i)})
	return f.Weights.Linear(out, p+".o_proj")
}

// preNormLayer is the layer of Llama's many relatives: what attention and MLP do to a normed stream is added to it.
func (m trunk) preNormLayer(f *Forward, i int, h *Node, attention, mlp func(p string, x *Node) *Node) *Node {
	p := layerPrefix(i)
	h = Add(h, attention(p+".self_attn", m.rmsNorm(f, p+".input_layernorm", h)))
	return Add(h, mlp(p+".mlp", m.rmsNorm(f, p+".post_attention_layernorm", h)))
}

// gatedMLP is [GatedMLP] with the activation of the config.
func (m trunk) gatedMLP(f *Forward) func(p string, x *Node) *Node {
	return func(p string, x *Node) *Node { return GatedMLP(f.Weights, p, Activation(m.HiddenAct), x) }
}

func layerPrefix(i int) string { return fmt.Sprintf("model.layers.%d", i) }

// attentionTensors lists q_proj, k_proj and v_proj, with bias or without, and o_proj of module p.
func attentionTensors(c *Config, p string, qkvBias, outBias bool) []Tensor {
	d, q, kv := c.HiddenSize, c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	list := projection(p+".q_proj", q, d, qkvBias)
	list = append(list, projection(p+".k_proj", kv, d, qkvBias)...)
	list = append(list, projection(p+".v_proj", kv, d, qkvBias)...)
	return append(list, projection(p+".o_proj", d, q, outBias)...)
}

// gatedMLPTensors lists gate_proj, up_proj and down_proj of module p.
func gatedMLPTensors(c *Config, p string, bias bool) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	list := projection(p+".gate_proj", ff, d, bias)
	list = append(list, projection(p+".up_proj", ff, d, bias)...)
	return append(list, projection(p+".down_proj", d, ff, bias)...)
}

// norms lists the weights of norms of width n.
func norms(n int, modules ...string) []Tensor {
	var list []Tensor
	for _, module := range modules {
		list = append(list, Tensor{module + ".weight", []int{n}, Vector})
	}
	return list
}

// layerNorms lists the weights and biases of layer norms of width n.
func layerNorms(n int, modules ...string) []Tensor {
	list := norms(n, modules...)
	for _, module := range modules {
		list = append(list, Tensor{module + ".bias", []int{n}, Vector})
	}
	return list
}

// layerNorm is [LayerNorm] by weight and bias of a module.
func (f *Forward) layerNorm(module string, x *Node, eps float64) *Node {
	return LayerNorm(x, f.Weights.Param(module+".weight"), f.Weights.Param(module+".bias"), eps)
}

// sliceLast is x [..., n] from index from to index to of the last axis.
func sliceLast(x *Node, from, to int) *Node {
	axes := make([]SliceAxisSpec, x.Rank())
	for i := range axes {
		axes[i] = AxisRange()
	}
	axes[len(axes)-1] = AxisRange(from, to)
	return Slice(x, axes...)
}
