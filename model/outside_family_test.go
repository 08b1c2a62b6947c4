package model_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// The family "toy" is registered from outside package transformer, as docs/add-an-architecture.md says. Attention and MLP
// read the same normed stream; nothing rotates; the activation is max(x, 0)²; what is added to the stream is multiplied by
// a key of the family's own, "toy_scale".
func init() {
	transformer.Register(transformer.Family{
		ModelType: "toy",
		Defaults:  func(c *transformer.Config) { c.HiddenAct, c.RMSNormEps = "relu", 1e-5 },
		Check: func(c *transformer.Config) error {
			_, err := toyScale(c)
			return err
		},
		Tensors: toyTensors,
		New: func(c *transformer.Config) transformer.Decoder {
			scale, _ := toyScale(c) // Check has refused a wrong one
			return toy{c, scale}
		},
	})
}

func toyScale(c *transformer.Config) (scale float64, err error) {
	if err := json.Unmarshal(c.Raw["toy_scale"], &scale); err != nil {
		return 0, fmt.Errorf("key \"toy_scale\": expected a number, found %q", c.Raw["toy_scale"])
	}
	return scale, nil
}

func toyTensors(c *transformer.Config) []transformer.Tensor {
	d, q, kv := c.HiddenSize, c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	list := []transformer.Tensor{
		{Key: "wte.weight", Shape: []int{c.VocabSize, d}, Kind: transformer.Table},
		{Key: "ln_f.weight", Shape: []int{d}, Kind: transformer.Vector},
	}
	for i := range c.NumHiddenLayers {
		p := fmt.Sprintf("h.%d.", i)
		list = append(list,
			transformer.Tensor{Key: p + "ln.weight", Shape: []int{d}, Kind: transformer.Vector},
			transformer.Tensor{Key: p + "attn.q_proj.weight", Shape: []int{q, d}, Kind: transformer.Matrix},
			transformer.Tensor{Key: p + "attn.k_proj.weight", Shape: []int{kv, d}, Kind: transformer.Matrix},
			transformer.Tensor{Key: p + "attn.v_proj.weight", Shape: []int{kv, d}, Kind: transformer.Matrix},
			transformer.Tensor{Key: p + "attn.o_proj.weight", Shape: []int{d, q}, Kind: transformer.Matrix},
			transformer.Tensor{Key: p + "up.weight", Shape: []int{c.IntermediateSize, d}, Kind: transformer.Matrix},
			transformer.Tensor{Key: p + "down.weight", Shape: []int{d, c.IntermediateSize}, Kind: transformer.Matrix})
	}
	return list
}

type toy struct {
	*transformer.Config
	scale float64
}

func (m toy) Embed(f *transformer.Forward, ids *Node) *Node {
	return transformer.EmbedTokens(f, "wte.weight", ids)
}

func (m toy) Layer(f *transformer.Forward, i int, h *Node) *Node {
	p := fmt.Sprintf("h.%d", i)
	x := transformer.RMSNorm(h, f.Weights.Param(p+".ln.weight"), m.RMSNormEps)
	q, k, v := f.ProjectHeads(p+".attn", x)
	attended := f.Weights.Linear(f.Attend(i, q, k, v, transformer.AttentionOptions{}), p+".attn.o_proj")
	squaredReLU := func(x *Node) *Node {
		x = transformer.Activation("relu")(x)
		return Mul(x, x)
	}
	added := Add(attended, transformer.MLP(f.Weights, p+".up", p+".down", squaredReLU, x))
	return Add(h, Mul(added, ConstAs(added, m.scale)))
}

func (m toy) Norm(f *transformer.Forward, h *Node) *Node {
	return transformer.RMSNorm(h, f.Weights.Param("ln_f.weight"), m.RMSNormEps)
}

func (m toy) Logits(f *transformer.Forward, h *Node) *Node { return f.Weights.Linear(h, "wte") }

// toyConfig is the toy's config.json.
const toyConfig = `{"model_type": "toy", "vocab_size": 19, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
	"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "max_position_embeddings": 64, "toy_scale": 0.7}`

// TestFamilyFromOutside opens a folder of the toy family and holds states and greedy tokens to loops over plain slices.
func TestFamilyFromOutside(t *testing.T) {
	dir := t.TempDir()
	reference := writeToy(t, dir)
	m := openModel(t, dir, model.Options{Backend: testBackend(t, "go")})

	rows := [][]int32{{3, 1, 4, 1, 5, 9, 2, 6}, {7, 18}}
	got, err := m.States(t.Context(), rows, []int{-1, -1}, model.StatesOptions{Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	var w worst
	const n = 5
	var batch model.Batch
	for i, row := range rows {
		last, logits := reference.run(row)
		w.compare(fmt.Sprintf("states of row %d", i), got.Last[i], slices.Concat(last...))
		w.compare(fmt.Sprintf("logits of row %d", i), got.Logits[i], slices.Concat(logits...))
		batch.Rows = append(batch.Rows, model.Row{Prompt: row, Adapter: -1, Sampling: model.Sampling{MaxTokens: n}})
	}
	w.check(t, 1e-5)

	for i, v := range decodeRows(t, m, batch, n) {
		want := slices.Clone(rows[i])
		for range n {
			_, logits := reference.run(want)
			last := logits[len(logits)-1]
			want = append(want, int32(slices.Index(last, slices.Max(last))))
		}
		if want = want[len(rows[i]):]; !slices.Equal(v.Tokens, want) {
			t.Errorf("row %d: greedy tokens %v, expected %v", i, v.Tokens, want)
		}
	}
}

// writeToy writes a model folder with random weights.
func writeToy(t *testing.T, dir string) toyReference {
	t.Helper()
	c, err := transformer.ParseConfig([]byte(toyConfig))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(toyConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(11, 1))
	r := toyReference{c, map[string][]float32{}}
	var list []weights.Tensor
	for _, spec := range toyTensors(c) {
		size := 1
		for _, n := range spec.Shape {
			size *= n
		}
		var data []byte
		for range size {
			x := float32(random.NormFloat64() * 0.5)
			r.weights[spec.Key] = append(r.weights[spec.Key], x)
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
		list = append(list, weights.Tensor{Name: spec.Key, DType: dtypes.Float32, Shape: spec.Shape, Data: data})
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), list, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// toyReference is the toy family in loops over slices.
type toyReference struct {
	c       *transformer.Config
	weights map[string][]float32
}

// run gives the normed last states and the logits, [position][width].
func (r toyReference) run(ids []int32) (last, logits [][]float32) {
	d := r.c.HiddenSize
	h := make([][]float32, len(ids))
	for i, id := range ids {
		h[i] = slices.Clone(r.weights["wte.weight"][int(id)*d:][:d])
	}
	for layer := range r.c.NumHiddenLayers {
		p := fmt.Sprintf("h.%d.", layer)
		x := r.each(h, func(v []float32) []float32 { return r.norm(p+"ln.weight", v) })
		attended := r.attention(p+"attn.", x)
		for i := range h {
			up := r.times(p+"up.weight", x[i])
			for j, u := range up {
				up[j] = max(u, 0) * max(u, 0)
			}
			down := r.times(p+"down.weight", up)
			for j := range h[i] {
				h[i][j] += 0.7 * (attended[i][j] + down[j])
			}
		}
	}
	last = r.each(h, func(v []float32) []float32 { return r.norm("ln_f.weight", v) })
	return last, r.each(last, func(v []float32) []float32 { return r.times("wte.weight", v) })
}

// attention is causal softmax attention; heads 0 and 1 share keys and values 0, heads 2 and 3 share 1.
func (r toyReference) attention(p string, x [][]float32) [][]float32 {
	hd := r.c.HeadDim
	project := func(name string) [][]float32 {
		return r.each(x, func(v []float32) []float32 { return r.times(p+name+".weight", v) })
	}
	q, k, v := project("q_proj"), project("k_proj"), project("v_proj")
	out := make([][]float32, len(x))
	for i := range x {
		out[i] = make([]float32, len(q[i]))
		for head := range r.c.NumAttentionHeads {
			shared := head / 2
			var sum float64
			mix := make([]float64, hd)
			for j := range i + 1 {
				var score float64
				for n := range hd {
					score += float64(q[i][head*hd+n]) * float64(k[j][shared*hd+n])
				}
				weight := math.Exp(score / math.Sqrt(float64(hd)))
				sum += weight
				for n := range hd {
					mix[n] += weight * float64(v[j][shared*hd+n])
				}
			}
			for n := range hd {
				out[i][head*hd+n] = float32(mix[n] / sum)
			}
		}
	}
	return r.each(out, func(v []float32) []float32 { return r.times(p+"o_proj.weight", v) })
}

func (r toyReference) each(rows [][]float32, f func([]float32) []float32) [][]float32 {
	out := make([][]float32, len(rows))
	for i, row := range rows {
		out[i] = f(row)
	}
	return out
}

// times is W·x of the weight [out, in] of that key.
func (r toyReference) times(key string, x []float32) []float32 {
	w := r.weights[key]
	out := make([]float32, len(w)/len(x))
	for i := range out {
		var sum float64
		for j, v := range x {
			sum += float64(w[i*len(x)+j]) * float64(v)
		}
		out[i] = float32(sum)
	}
	return out
}

func (r toyReference) norm(key string, x []float32) []float32 {
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(float64(v)/math.Sqrt(squares/float64(len(x))+1e-5)) * r.weights[key][i]
	}
	return out
}
