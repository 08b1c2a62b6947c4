package transformer

import (
	"errors"
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// BERT and what is built like it, MiniLM among others: modeling_bert.py of transformers (arXiv:1810.04805). Positions are
// learned; norms stand after what attention and MLP add; the last layer's states are not normed again.
func init() {
	Register(Family{
		ModelType:  "bert",
		Defaults:   bertDefaults,
		Check:      bertCheck,
		Tensors:    bertTensors,
		Extras:     bertExtras,
		Rename:     bertRename,
		NewEncoder: func(c *Config) Encoder { return bert{c} },
	})
}

// bertDefaults are those of BertConfig.
func bertDefaults(c *Config) {
	setDefault(&c.HiddenAct, "gelu")
	setDefault(&c.LayerNormEps, 1e-12)
	setDefault(&c.MaxPositionEmbeddings, 512)
	if !c.given("type_vocab_size") {
		c.TypeVocabSize = 2
	}
	if !c.given("tie_word_embeddings") {
		c.TieWordEmbeddings = true
	}
	c.NumKeyValueHeads, c.HeadDim, c.LayerTypes = c.NumAttentionHeads, 0, nil
	c.Rope = nil // nothing rotates
}

func bertCheck(c *Config) error {
	if c.IsDecoder {
		return errors.New("key \"is_decoder\": only encoders of this family are supported")
	}
	if t := c.PositionEmbeddingType; t != "" && t != "absolute" {
		return fmt.Errorf("key \"position_embedding_type\": only \"absolute\" is supported, found %q", t)
	}
	return nil
}

func bertTensors(c *Config) []Tensor {
	d, ff := c.HiddenSize, c.IntermediateSize
	list := append(layerNorms(d, "embeddings.LayerNorm"),
		Tensor{"embeddings.word_embeddings.weight", []int{c.VocabSize, d}, Table},
		Tensor{"embeddings.position_embeddings.weight", []int{c.MaxPositionEmbeddings, d}, Table},
		bertTypes(c))
	for i := range c.NumHiddenLayers {
		p := fmt.Sprintf("encoder.layer.%d", i)
		for _, name := range []string{"query", "key", "value"} {
			list = append(list, projection(p+".attention.self."+name, d, d, true)...)
		}
		list = append(list, projection(p+".attention.output.dense", d, d, true)...)
		list = append(list, projection(p+".intermediate.dense", ff, d, true)...)
		list = append(list, projection(p+".output.dense", d, ff, true)...)
		list = append(list, layerNorms(d, p+".attention.output.LayerNorm", p+".output.LayerNorm")...)
	}
	return list
}

// bertTypes is the table of segments.
func bertTypes(c *Config) Tensor {
	const key = "embeddings.token_type_embeddings.weight"
	if c.TypeVocabSize == 0 {
		return Tensor{key, nil, Unused}
	}
	return Tensor{key, []int{c.TypeVocabSize, c.HiddenSize}, Table}
}

// bertExtras are the pooler, which only some checkpoints have, and the LM head.
func bertExtras(c *Config) [][]Tensor {
	d := c.HiddenSize
	head := projection("cls.predictions.transform.dense", d, d, true)
	head = append(head, layerNorms(d, "cls.predictions.transform.LayerNorm")...)
	head = append(head, headTensor(c, "cls.predictions.decoder.weight"), Tensor{"cls.predictions.decoder.bias", []int{c.VocabSize}, Vector})
	return [][]Tensor{bertPooler(d), head}
}

func bertPooler(d int) []Tensor { return projection("pooler.dense", d, d, true) }

// bertRename knows names with "bert." in front, as a model with a task's head is saved, and those of norms in checkpoints
// that came from TensorFlow.
func bertRename(key string) string {
	key = strings.TrimPrefix(key, "bert.")
	if norm, ok := strings.CutSuffix(key, "LayerNorm.gamma"); ok {
		key = norm + "LayerNorm.weight"
	}
	if norm, ok := strings.CutSuffix(key, "LayerNorm.beta"); ok {
		key = norm + "LayerNorm.bias"
	}
	if key == "cls.predictions.bias" { // the same, where it is tied; transformers reads the decoder's
		key = "cls.predictions.decoder.bias"
	}
	return keepParts(key, "embeddings.", "encoder.", "pooler.", "cls.predictions.")
}

// keepParts is the key where it is of one of the parts, else "". Old versions of transformers saved the positions 0, 1, 2, …
func keepParts(key string, parts ...string) string {
	if key == "embeddings.position_ids" {
		return ""
	}
	for _, part := range parts {
		if strings.HasPrefix(key, part) {
			return key
		}
	}
	return ""
}

type bert struct{ *Config }

// Embed implements [Encoder]: BertEmbeddings.
func (m bert) Embed(f *Forward, ids *Node) *Node { return m.embed(f, ids, f.Positions) }

// embed adds up words, segments and learned positions [B, S]. Those of padding may be beyond the table.
func (m bert) embed(f *Forward, ids, positions *Node) *Node {
	h := EmbedTokens(f, "embeddings.word_embeddings.weight", ids)
	if m.TypeVocabSize > 0 {
		types := f.TokenTypes
		if types == nil {
			types = Mul(ids, ConstAs(ids, 0))
		}
		h = Add(h, EmbedTokens(f, "embeddings.token_type_embeddings.weight", types))
	}
	positions = Min(positions, ConstAs(positions, m.MaxPositionEmbeddings-1))
	h = Add(h, EmbedTokens(f, "embeddings.position_embeddings.weight", positions))
	return f.layerNorm("embeddings.LayerNorm", h, m.LayerNormEps)
}

// Layer implements [Encoder]: BertLayer.
func (m bert) Layer(f *Forward, i int, h *Node) *Node {
	p := fmt.Sprintf("encoder.layer.%d", i)
	heads := func(name string) *Node {
		return SplitHeads(f.Weights.Linear(h, p+".attention.self."+name), m.NumAttentionHeads)
	}
	x := f.Attend(i, heads("query"), heads("key"), heads("value"), AttentionOptions{Bidirectional: true})
	x = f.Weights.Linear(x, p+".attention.output.dense")
	h = f.layerNorm(p+".attention.output.LayerNorm", Add(h, x), m.LayerNormEps)
	x = MLP(f.Weights, p+".intermediate.dense", p+".output.dense", Activation(m.HiddenAct), h)
	return f.layerNorm(p+".output.LayerNorm", Add(h, x), m.LayerNormEps)
}

// Norm implements [Encoder]: there is none.
func (m bert) Norm(_ *Forward, h *Node) *Node { return h }

// PoolerModule implements [Pooler].
func (m bert) PoolerModule() string { return "pooler.dense" }

// Pool implements [Pooler]: BertPooler reads the first token's state.
func (m bert) Pool(f *Forward, h *Node) *Node {
	first := Squeeze(Slice(h, AxisRange(), AxisElem(0)), 1)
	return Tanh(f.Weights.Linear(first, m.PoolerModule()))
}

// MaskedLMModule implements [MaskedLM].
func (m bert) MaskedLMModule() string { return "cls.predictions.transform.dense" }

// MaskedLogits implements [MaskedLM]: BertLMPredictionHead.
func (m bert) MaskedLogits(f *Forward, h *Node) *Node {
	h = Activation(m.HiddenAct)(f.Weights.Linear(h, m.MaskedLMModule()))
	h = f.layerNorm("cls.predictions.transform.LayerNorm", h, m.LayerNormEps)
	return m.vocabulary(f, h, "cls.predictions.decoder")
}

// vocabulary is the projection decoder, or the product with the word embeddings and the decoder's bias where they are tied.
func (m bert) vocabulary(f *Forward, h *Node, decoder string) *Node {
	if !m.TieWordEmbeddings {
		return f.Weights.Linear(h, decoder)
	}
	y := f.Weights.Linear(h, "embeddings.word_embeddings")
	return Add(y, ExpandLeftToRank(f.Weights.Param(decoder+".bias"), y.Rank()))
}
