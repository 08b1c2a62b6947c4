package transformer

import (
	"errors"
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// ModernBERT: modeling_modernbert.py of transformers (arXiv:2412.13663). Most layers see a window to both sides and rotate
// by a theta of their own; norms stand before attention and MLP, but for the first layer, which the embedding's norm
// precedes; q, k and v are one projection, and so are the two halves of the gated MLP.
func init() {
	Register(Family{
		ModelType:  "modernbert",
		Defaults:   modernBERTDefaults,
		Check:      modernBERTCheck,
		Tensors:    modernBERTTensors,
		Extras:     modernBERTExtras,
		Rename:     modernBERTRename,
		NewEncoder: func(c *Config) Encoder { return modernBERT{c} },
	})
}

// modernBERTDefaults are those of ModernBertConfig.
func modernBERTDefaults(c *Config) {
	c.HiddenAct = c.HiddenActivation
	setDefault(&c.HiddenAct, "gelu")
	setDefault(&c.ClassifierActivation, "gelu")
	setDefault(&c.NormEps, 1e-5)
	setDefault(&c.MaxPositionEmbeddings, 8192)
	for key, value := range map[string]*bool{"decoder_bias": &c.DecoderBias, "tie_word_embeddings": &c.TieWordEmbeddings} {
		if !c.given(key) {
			*value = true
		}
	}
	if !c.given("local_attention") {
		c.LocalAttention = 128
	}
	if !c.given("global_attn_every_n_layers") {
		c.GlobalAttnEveryNLayers = 3
	}
	c.NumKeyValueHeads, c.HeadDim = c.NumAttentionHeads, 0
	c.SlidingWindow = max(c.LocalAttention, 0)/2 + 1 // to each side, the query itself included
	if c.LayerTypes == nil && c.GlobalAttnEveryNLayers > 0 {
		c.setLayerTypes(func(i int) bool { return i%c.GlobalAttnEveryNLayers != 0 })
	}
	setDefault(&c.GlobalRopeTheta, 160_000)
	setDefault(&c.LocalRopeTheta, 10_000)
	// rope_scaling, where the old spelling has it, is both kinds'.
	both := c.Rope[""]
	delete(c.Rope, "")
	for kind, theta := range map[string]float64{fullAttention: c.GlobalRopeTheta, slidingAttention: c.LocalRopeTheta} {
		p, ok := c.Rope[kind]
		if !ok {
			p = both
			p.RopeTheta = 0
		}
		setDefault(&p.RopeTheta, theta)
		c.Rope[kind] = p
	}
}

func modernBERTCheck(c *Config) error {
	if c.LayerTypes == nil {
		return fmt.Errorf("key \"global_attn_every_n_layers\": expected a positive number, found %d", c.GlobalAttnEveryNLayers)
	}
	if c.LocalAttention < 0 {
		return errors.New("key \"local_attention\": expected a window's width, found a negative number")
	}
	if _, err := activation(c.ClassifierActivation); err != nil {
		return fmt.Errorf("key \"classifier_activation\": %w", err)
	}
	return nil
}

func modernBERTTensors(c *Config) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	list := append(modernBERTNorm(c, "embeddings.norm"), Tensor{"embeddings.tok_embeddings.weight", []int{c.VocabSize, d}, Table})
	list = append(list, modernBERTNorm(c, "final_norm")...)
	for i := range c.NumHiddenLayers {
		p := fmt.Sprintf("layers.%d", i)
		if i > 0 {
			list = append(list, modernBERTNorm(c, p+".attn_norm")...)
		}
		list = append(list, modernBERTNorm(c, p+".mlp_norm")...)
		list = append(list, projection(p+".attn.Wqkv", 3*d, d, c.AttentionBias)...)
		list = append(list, projection(p+".attn.Wo", d, d, c.AttentionBias)...)
		list = append(list, projection(p+".mlp.Wi", 2*ff, d, c.MLPBias)...)
		list = append(list, projection(p+".mlp.Wo", d, ff, c.MLPBias)...)
	}
	return list
}

// modernBERTNorm lists a norm's tensors.
func modernBERTNorm(c *Config, module string) []Tensor {
	if c.NormBias {
		return layerNorms(c.HiddenSize, module)
	}
	return norms(c.HiddenSize, module)
}

// modernBERTExtras is the LM head. Its inner part is also that of classifiers, so the outer one tells that it is there.
func modernBERTExtras(c *Config) [][]Tensor {
	d := c.HiddenSize
	var head []Tensor
	if c.DecoderBias {
		head = append(head, Tensor{"decoder.bias", []int{c.VocabSize}, Vector})
	}
	head = append(head, projection("head.dense", d, d, c.ClassifierBias)...)
	head = append(head, modernBERTNorm(c, "head.norm")...)
	return [][]Tensor{append(head, headTensor(c, "decoder.weight"))}
}

// modernBERTRename knows names with "model." in front, as a model with a head is saved.
func modernBERTRename(key string) string {
	return keepParts(strings.TrimPrefix(key, "model."), "embeddings.", "layers.", "final_norm.", "head.", "decoder.")
}

type modernBERT struct{ *Config }

func (m modernBERT) norm(f *Forward, module string, x *Node) *Node {
	var bias *Node
	if m.NormBias {
		bias = f.Weights.Param(module + ".bias")
	}
	return LayerNorm(x, f.Weights.Param(module+".weight"), bias, m.NormEps)
}

// Embed implements [Encoder]: ModernBertEmbeddings.
func (m modernBERT) Embed(f *Forward, ids *Node) *Node {
	return m.norm(f, "embeddings.norm", EmbedTokens(f, "embeddings.tok_embeddings.weight", ids))
}

// Layer implements [Encoder]: ModernBertEncoderLayer.
func (m modernBERT) Layer(f *Forward, i int, h *Node) *Node {
	p := fmt.Sprintf("layers.%d", i)
	x := h
	if i > 0 {
		x = m.norm(f, p+".attn_norm", h)
	}
	h = Add(h, m.attention(f, i, p+".attn", x))
	x = f.Weights.Linear(m.norm(f, p+".mlp_norm", h), p+".mlp.Wi")
	gated := Mul(Activation(m.HiddenAct)(sliceLast(x, 0, m.IntermediateSize)), sliceLast(x, m.IntermediateSize, 2*m.IntermediateSize))
	return Add(h, f.Weights.Linear(gated, p+".mlp.Wo"))
}

// attention is ModernBertAttention.
func (m modernBERT) attention(f *Forward, i int, p string, x *Node) *Node {
	qkv := f.Weights.Linear(x, p+".Wqkv") // q, k and v one after another
	part := func(n int) *Node {
		return SplitHeads(sliceLast(qkv, n*m.HiddenSize, (n+1)*m.HiddenSize), m.NumAttentionHeads)
	}
	r := f.Rotation(m.LayerTypes[i])
	out := f.Attend(i, r.Apply(part(0)), r.Apply(part(1)), part(2), AttentionOptions{Window: m.Window(i), Bidirectional: true})
	return f.Weights.Linear(out, p+".Wo")
}

// Norm implements [Encoder].
func (m modernBERT) Norm(f *Forward, h *Node) *Node { return m.norm(f, "final_norm", h) }

// MaskedLMModule implements [MaskedLM].
func (m modernBERT) MaskedLMModule() string { return "head.dense" }

// MaskedLogits implements [MaskedLM]: ModernBertPredictionHead and the decoder of ModernBertForMaskedLM.
func (m modernBERT) MaskedLogits(f *Forward, h *Node) *Node {
	h = Activation(m.ClassifierActivation)(f.Weights.Linear(h, m.MaskedLMModule()))
	h = m.norm(f, "head.norm", h)
	if !m.TieWordEmbeddings {
		return f.Weights.Linear(h, "decoder")
	}
	y := f.Weights.Linear(h, "embeddings.tok_embeddings")
	if m.DecoderBias {
		y = Add(y, ExpandLeftToRank(f.Weights.Param("decoder.bias"), y.Rank()))
	}
	return y
}
