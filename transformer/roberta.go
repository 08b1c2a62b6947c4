package transformer

import (
	"errors"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// RoBERTa, CodeBERT, GraphCodeBERT and UniXcoder: modeling_roberta.py of transformers (arXiv:1907.11692). It is BERT with
// positions that count from after the padding token's id, and an LM head under another name.
func init() {
	Register(Family{
		ModelType:  "roberta",
		Defaults:   robertaDefaults,
		Check:      robertaCheck,
		Tensors:    bertTensors,
		Extras:     robertaExtras,
		Rename:     robertaRename,
		NewEncoder: func(c *Config) Encoder { return roberta{bert{c}} },
	})
}

// robertaDefaults are those of RobertaConfig.
func robertaDefaults(c *Config) {
	bertDefaults(c)
	if !c.given("pad_token_id") {
		c.PadTokenID = TokenIDs{1}
	}
	if len(c.PadTokenID) == 1 && c.PadTokenID[0] >= 0 {
		c.reservedPositions = int(c.PadTokenID[0]) + 1
	}
}

func robertaCheck(c *Config) error {
	if c.reservedPositions == 0 {
		return errors.New("key \"pad_token_id\": positions are counted from it, so one id is needed")
	}
	if c.positions() < 1 {
		return errors.New("key \"max_position_embeddings\": there is no position after that of pad_token_id")
	}
	return bertCheck(c)
}

func robertaExtras(c *Config) [][]Tensor {
	d := c.HiddenSize
	head := projection("lm_head.dense", d, d, true)
	head = append(head, layerNorms(d, "lm_head.layer_norm")...)
	head = append(head, headTensor(c, "lm_head.decoder.weight"), Tensor{"lm_head.decoder.bias", []int{c.VocabSize}, Vector})
	return [][]Tensor{bertPooler(d), head}
}

// robertaRename knows names with "roberta." in front, as a model with a task's head is saved.
func robertaRename(key string) string {
	key = strings.TrimPrefix(key, "roberta.")
	if key == "lm_head.bias" { // the same, where it is tied; transformers reads the decoder's
		key = "lm_head.decoder.bias"
	}
	return keepParts(key, "embeddings.", "encoder.", "pooler.", "lm_head.")
}

type roberta struct{ bert }

// Embed implements [Encoder]: RobertaEmbeddings. A token's position is the padding token's id plus the number of tokens up
// to it that are not padding; a padding token in the middle of a text has its own id for a position.
func (m roberta) Embed(f *Forward, ids *Node) *Node {
	g, s := ids.Graph(), ids.Shape().Dim(1)
	pad := ConstAs(ids, m.PadTokenID[0])
	counts := ConvertDType(NotEqual(ids, pad), dtypes.Float32) // sums of them are exact
	square := shapes.Make(dtypes.Int32, s, s)
	upTo := ConvertDType(LessOrEqual(Iota(g, square, 0), Iota(g, square, 1)), dtypes.Float32)
	sum := Mul(DotGeneral(counts, []int{1}, nil, upTo, []int{0}, nil), counts)
	return m.embed(f, ids, Add(ConvertDType(sum, dtypes.Int32), pad))
}

// MaskedLMModule implements [MaskedLM].
func (m roberta) MaskedLMModule() string { return "lm_head.dense" }

// MaskedLogits implements [MaskedLM]: RobertaLMHead, whose activation is always gelu.
func (m roberta) MaskedLogits(f *Forward, h *Node) *Node {
	h = gelu(f.Weights.Linear(h, m.MaskedLMModule()))
	h = f.layerNorm("lm_head.layer_norm", h, m.LayerNormEps)
	return m.vocabulary(f, h, "lm_head.decoder")
}
