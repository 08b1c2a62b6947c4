package transformer

import (
	"errors"
	"math"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// Gemma 2: modeling_gemma2.py of transformers (arXiv:2408.00118). Norms stand before and after attention and MLP and
// weigh by 1+w; scores and logits are soft-capped; every other layer has a sliding window.
func init() {
	Register(Family{
		ModelType: "gemma2",
		Defaults:  gemma2Defaults,
		Check:     gemmaCheck,
		ZeroNorms: true,
		Tensors:   gemmaTensors,
		New:       func(c *Config) Decoder { return gemma2{gemma{trunk{c}}} },
	})
}

// gemma2Defaults are those of Gemma2Config.
func gemma2Defaults(c *Config) {
	gemmaDefaults(c)
	setDefault(&c.MaxPositionEmbeddings, 8192)
	if !c.given("attn_logit_softcapping") {
		c.AttnLogitSoftcapping = 50
	}
	if !c.given("final_logit_softcapping") {
		c.FinalLogitSoftcapping = 30
	}
	if c.LayerTypes == nil {
		c.setLayerTypes(func(i int) bool { return i%2 == 0 })
	}
}

// gemmaDefaults are those that Gemma2Config and Gemma3TextConfig share. The activation is hidden_activation;
// hidden_act, which old files have too, is not read.
func gemmaDefaults(c *Config) {
	c.HiddenAct = c.HiddenActivation
	setDefault(&c.HiddenAct, "gelu_pytorch_tanh")
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.HeadDim, 256)
	setDefault(&c.QueryPreAttnScalar, 256)
	if !c.given("num_key_value_heads") {
		c.NumKeyValueHeads = 4
	}
	if !c.given("sliding_window") {
		c.SlidingWindow = 4096
	}
	if !c.given("tie_word_embeddings") {
		c.TieWordEmbeddings = true
	}
}

func gemmaCheck(c *Config) error {
	if c.UseBidirectionalAttention {
		return errors.New("key \"use_bidirectional_attention\": an encoder made of a Gemma is not supported, only a causal one")
	}
	return nil
}

func gemmaTensors(c *Config) []Tensor {
	list := trunkTensors(c)
	for i := range c.NumHiddenLayers {
		p := layerPrefix(i)
		list = append(list, norms(c.HiddenSize, p+".input_layernorm", p+".post_attention_layernorm",
			p+".pre_feedforward_layernorm", p+".post_feedforward_layernorm")...)
		list = append(list, attentionTensors(c, p+".self_attn", c.AttentionBias, c.AttentionBias)...)
		list = append(list, gatedMLPTensors(c, p+".mlp", false)...)
	}
	return list
}

// gemma is what Gemma 2 and 3 share.
type gemma struct{ trunk }

// Embed implements [Decoder]: the embedding is multiplied by sqrt(D), rounded to its dtype.
func (m gemma) Embed(f *Forward, ids *Node) *Node {
	h := m.trunk.Embed(f, ids)
	return Mul(h, ConstAs(h, math.Sqrt(float64(m.HiddenSize))))
}

// Norm implements [Decoder].
func (m gemma) Norm(f *Forward, h *Node) *Node { return m.norm(f, "model.norm", h) }

// Logits implements [Decoder].
func (m gemma) Logits(f *Forward, h *Node) *Node {
	return SoftCap(m.trunk.Logits(f, h), m.FinalLogitSoftcapping)
}

func (m gemma) norm(f *Forward, module string, x *Node) *Node {
	return RMSNormPlusOne(x, f.Weights.Param(module+".weight"), m.RMSNormEps)
}

// layer is Gemma2DecoderLayer around an attention.
func (m gemma) layer(f *Forward, i int, h *Node, attention func(p string, x *Node) *Node) *Node {
	p := layerPrefix(i)
	x := attention(p+".self_attn", m.norm(f, p+".input_layernorm", h))
	h = Add(h, m.norm(f, p+".post_attention_layernorm", x))
	x = m.gatedMLP(f)(p+".mlp", m.norm(f, p+".pre_feedforward_layernorm", h))
	return Add(h, m.norm(f, p+".post_feedforward_layernorm", x))
}

// attend is [trunk.attend] with a rotation of the layer's own, Gemma's scale and soft cap.
func (m gemma) attend(f *Forward, i int, p string, r Rotation, q, k, v *Node) *Node {
	out := f.Attend(i, r.Apply(q), r.Apply(k), v, AttentionOptions{
		Scale:   1 / math.Sqrt(m.QueryPreAttnScalar),
		Window:  m.Window(i),
		SoftCap: m.AttnLogitSoftcapping,
	})
	return f.Weights.Linear(out, p+".o_proj")
}

type gemma2 struct{ gemma }

// Layer implements [Decoder]: Gemma2DecoderLayer.
func (m gemma2) Layer(f *Forward, i int, h *Node) *Node {
	return m.layer(f, i, h, func(p string, x *Node) *Node {
		q, k, v := f.ProjectHeads(p, x)
		return m.attend(f, i, p, f.Rotation(""), q, k, v)
	})
}
