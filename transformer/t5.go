package transformer

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// The encoder of T5, T5 1.1 and Flan-T5, CodeT5 and CodeT5+: modeling_t5.py of transformers (arXiv:1910.10683). Scores are not
// scaled; what tells positions apart is a bias on them by the distance, whose table the first block has for all. The decoder
// of the checkpoint is not read.
func init() {
	for _, modelType := range []string{"t5", "codet5p_embedding"} {
		Register(Family{
			ModelType:  modelType,
			Defaults:   t5Defaults,
			Check:      t5Check,
			Tensors:    t5Tensors,
			Rename:     t5Rename,
			NewEncoder: func(c *Config) Encoder { return t5{c} },
		})
	}
}

// t5Defaults are those of T5Config. The published models were trained on 512 tokens; longer texts can be asked for.
func t5Defaults(c *Config) {
	c.HiddenSize, c.IntermediateSize, c.HeadDim = c.DModel, c.DFF, c.DKV
	c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads = c.NumLayers, c.NumHeads, c.NumHeads
	setDefault(&c.HeadDim, 64)
	setDefault(&c.FeedForwardProj, "relu")
	c.HiddenAct = strings.TrimPrefix(c.FeedForwardProj, "gated-")
	if c.FeedForwardProj == "gated-gelu" {
		c.HiddenAct = "gelu_new"
	}
	c.RMSNormEps = c.LayerNormEpsilon
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.RelativeAttentionNumBuckets, 32)
	setDefault(&c.RelativeAttentionMaxDistance, 128)
	c.MaxPositionEmbeddings = c.NPositions
	setDefault(&c.MaxPositionEmbeddings, 512)
	c.relativePositions = true
	c.LayerTypes, c.Rope = nil, nil
}

func t5Check(c *Config) error {
	buckets, distance := c.RelativeAttentionNumBuckets, c.RelativeAttentionMaxDistance
	if buckets < 4 || buckets/4 >= distance {
		return fmt.Errorf("keys \"relative_attention_num_buckets\" and \"relative_attention_max_distance\": "+
			"expected 4 or more buckets, and a distance over a quarter of them, found %d and %d", buckets, distance)
	}
	return nil
}

// gated tells whether the MLP has a gate.
func (m t5) gated() bool { return strings.HasPrefix(m.FeedForwardProj, "gated-") }

const t5BiasKey = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"

func t5Tensors(c *Config) []Tensor {
	d, inner, ff := c.HiddenSize, c.NumAttentionHeads*c.HeadDim, c.IntermediateSize
	list := append(norms(d, "encoder.final_layer_norm"),
		Tensor{"shared.weight", []int{c.VocabSize, d}, Table},
		Tensor{t5BiasKey, []int{c.RelativeAttentionNumBuckets, c.NumAttentionHeads}, Table})
	ups := []string{"wi"}
	if (t5{c}).gated() {
		ups = []string{"wi_0", "wi_1"}
	}
	for i := range c.NumHiddenLayers {
		p := fmt.Sprintf("encoder.block.%d", i)
		for _, name := range []string{"q", "k", "v"} {
			list = append(list, projection(p+".layer.0.SelfAttention."+name, inner, d, false)...)
		}
		list = append(list, projection(p+".layer.0.SelfAttention.o", d, inner, false)...)
		for _, up := range ups {
			list = append(list, projection(p+".layer.1.DenseReluDense."+up, ff, d, false)...)
		}
		list = append(list, projection(p+".layer.1.DenseReluDense.wo", d, ff, false)...)
		list = append(list, norms(d, p+".layer.0.layer_norm", p+".layer.1.layer_norm")...)
	}
	return list
}

// t5Rename leaves the decoder and the heads of tasks out, and knows the other name of the word embedding.
func t5Rename(key string) string {
	key = strings.TrimPrefix(key, "transformer.") // classifiers
	if key == "encoder.embed_tokens.weight" {
		return "shared.weight"
	}
	return keepParts(key, "shared.", "encoder.")
}

type t5 struct{ *Config }

// Embed implements [Encoder].
func (m t5) Embed(f *Forward, ids *Node) *Node { return EmbedTokens(f, "shared.weight", ids) }

// Layer implements [Encoder]: T5Block.
func (m t5) Layer(f *Forward, i int, h *Node) *Node {
	p := fmt.Sprintf("encoder.block.%d.layer", i)
	x := m.norm(f, p+".0.layer_norm", h)
	attention := p + ".0.SelfAttention"
	heads := func(name string) *Node {
		return SplitHeads(f.Weights.Linear(x, attention+"."+name), m.NumAttentionHeads)
	}
	out := f.Attend(i, heads("q"), heads("k"), heads("v"), AttentionOptions{Scale: 1, Bidirectional: true, Bias: m.bias(f)})
	h = Add(h, f.Weights.Linear(out, attention+".o"))
	x = m.norm(f, p+".1.layer_norm", h)
	return Add(h, m.mlp(f, p+".1.DenseReluDense", x))
}

// mlp is T5DenseActDense or, with a gate, T5DenseGatedActDense.
func (m t5) mlp(f *Forward, p string, x *Node) *Node {
	act := Activation(m.HiddenAct)
	if !m.gated() {
		return MLP(f.Weights, p+".wi", p+".wo", act, x)
	}
	gate := act(f.Weights.Linear(x, p+".wi_0"))
	return f.Weights.Linear(Mul(gate, f.Weights.Linear(x, p+".wi_1")), p+".wo")
}

// Norm implements [Encoder].
func (m t5) Norm(f *Forward, h *Node) *Node { return m.norm(f, "encoder.final_layer_norm", h) }

func (m t5) norm(f *Forward, module string, x *Node) *Node {
	return RMSNorm(x, f.Weights.Param(module+".weight"), m.RMSNormEps)
}

// bias is compute_bias of T5Attention: [H, S, S], the same for all layers.
func (m t5) bias(f *Forward) *Node {
	return f.Once("t5.bias", func() *Node {
		g, s := f.Positions.Graph(), f.Positions.Shape().Dim(1)
		buckets := make([]int32, 2*s-1) // by the key's position less the query's, from -(S-1) on
		for i := range buckets {
			buckets[i] = int32(m.bucket(i - (s - 1)))
		}
		byDistance := Gather(f.Weights.Param(t5BiasKey), InsertAxes(Const(g, buckets), -1)) // [2S-1, H]
		square := shapes.Make(dtypes.Int32, s, s)
		distance := Sub(Iota(g, square, 1), Iota(g, square, 0))
		distance = Add(distance, ConstAs(distance, s-1))
		return OptimizationBarrier(TransposeAllAxes(Gather(byDistance, InsertAxes(distance, -1)), 2, 0, 1))
	})
}

// bucket is _relative_position_bucket of T5Attention, bidirectional, with its float32: one half of the buckets is for keys
// after the query; of each half, one half is for single distances and the other for ranges that grow by a factor.
func (m t5) bucket(distance int) int {
	half := m.RelativeAttentionNumBuckets / 2
	first := 0
	if distance > 0 {
		first = half
	}
	distance = max(distance, -distance)
	exact := half / 2
	if distance < exact {
		return first + distance
	}
	farther := float32(math.Log(float64(float32(distance) / float32(exact))))
	farther /= float32(math.Log(float64(m.RelativeAttentionMaxDistance) / float64(exact)))
	return first + min(exact+int(farther*float32(half-exact)), half-1)
}
