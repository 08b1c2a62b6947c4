package classifier

import (
	"fmt"
	"math"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	gocmp "github.com/google/go-cmp/cmp"
)

// probabilityByHand computes a head in float64.
func probabilityByHand(h *Head, pooled []float32) float32 {
	x := make([]float64, len(pooled))
	for i, v := range pooled {
		x[i] = float64(v)
	}
	if h.Config.LayerNorm {
		x = normByHand(x, h.tensors["norm.weight"], h.tensors["norm.bias"])
	}
	for layer := range len(h.Config.Layers) + 1 {
		if layer > 0 {
			for i, v := range x {
				x[i] = activationByHand(h.Config.Activation, v)
			}
		}
		w, bias := h.tensors[fmt.Sprintf("layers.%d.weight", layer)], h.tensors[fmt.Sprintf("layers.%d.bias", layer)]
		y := make([]float64, len(bias))
		for i := range y {
			y[i] = float64(bias[i])
			for j, v := range x {
				y[i] += v * float64(w[i*len(x)+j])
			}
		}
		x = y
	}
	return float32(1 / (1 + math.Exp(-x[0]/h.Config.Temperature)))
}

func normByHand(x []float64, weight, bias []float32) []float64 {
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (v-mean)/math.Sqrt(variance+1e-5)*float64(weight[i]) + float64(bias[i])
	}
	return y
}

func activationByHand(a Activation, x float64) float64 {
	switch a {
	case ActGELU:
		return x * (1 + math.Erf(x/math.Sqrt2)) / 2
	case ActReLU:
		return math.Max(x, 0)
	case ActTanh:
		return math.Tanh(x)
	default:
		return x / (1 + math.Exp(-x))
	}
}

// unlikeHeads differ in depth, activation, temperature, layer norm and in the pooled state they read.
func unlikeHeads(t *testing.T) Heads {
	t.Helper()
	return Heads{
		randomHead(t, 10, func(c *Config) { c.Temperature = 2 }),
		randomHead(t, 20, func(c *Config) { c.Layers = []int{}; c.Pooling = PoolMax }),
		randomHead(t, 30, func(c *Config) { c.Layers = []int{4, 3}; c.Activation = ActReLU; c.LayerNorm = true }),
		randomHead(t, 40, func(c *Config) { c.Activation = ActTanh; c.Layer = 1; c.Temperature = 0.5 }),
		randomHead(t, 50, func(c *Config) { c.Layers = []int{7}; c.Activation = ActSiLU; c.Pooling = PoolMax }),
	}
}

func TestHeads(t *testing.T) {
	heads := unlikeHeads(t)
	features := heads.Features()
	want := []Feature{{LastLayer, PoolMeanGenerated}, {LastLayer, PoolMax}, {1, PoolMeanGenerated}}
	if diff := gocmp.Diff(want, features); diff != "" {
		t.Fatal(diff)
	}
	of := []int{0, 1, 0, 2, 1} // the feature that each head reads
	const batch, width = 3, 6
	var inputs []any
	var pooled [][]float32
	for i := range features {
		x := randomTensor(uint64(60+i), batch, width)
		pooled = append(pooled, tensors.MustCopyFlatData[float32](x))
		inputs = append(inputs, x)
	}
	for _, p := range heads.Params() {
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
	}
	check := func(what string, heads Heads, got []float32) {
		t.Helper()
		for row := range batch {
			for i, h := range heads {
				want := probabilityByHand(h, pooled[of[i]][row*width:(row+1)*width])
				closeTo(t, fmt.Sprintf("%s, row %d, head %d", what, row, i), got[row*len(heads)+i:][:1], []float32{want}, 1e-5)
				onHost := float32(h.ProbabilityOf(pooled[of[i]][row*width : (row+1)*width]))
				closeTo(t, fmt.Sprintf("%s, row %d, head %d on the host", what, row, i), []float32{onHost}, []float32{want}, 1e-6)
			}
		}
	}
	check("all", heads, run(t, func(n []*Node) []*Node {
		return []*Node{heads.Probabilities(n[:len(features)], n[len(features):])}
	}, inputs...)[0])
	one := heads[:1]
	check("one", one, run(t, func(n []*Node) []*Node {
		return []*Node{one.Probabilities(n[:1], n[1:])}
	}, append([]any{inputs[0]}, inputs[len(features):len(features)+len(one.Params())]...)...)[0])
}

// Heads judge inside a While body, layer norm and all.
func TestHeadsInLoop(t *testing.T) {
	heads := unlikeHeads(t)[2:3]
	x := randomTensor(70, 2, 6)
	inputs := []any{x}
	for _, p := range heads.Params() {
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
	}
	got := run(t, func(n []*Node) []*Node {
		g := n[0].Graph()
		state := append([]*Node{Const(g, int32(0)), Const(g, [][]float32{{0}, {0}})}, n...)
		parameters := func(g *Graph, name string) []*Node {
			own := make([]*Node, len(state))
			for i, s := range state {
				own[i] = Parameter(g, fmt.Sprint(name, i), s.Shape())
			}
			return own
		}
		cond := NewClosure(g, func(g *Graph) []*Node {
			return []*Node{LessThan(parameters(g, "cond")[0], Const(g, int32(2)))}
		})
		body := NewClosure(g, func(g *Graph) []*Node {
			s := parameters(g, "body")
			next := append([]*Node{}, s...)
			next[0] = Add(s[0], Const(g, int32(1)))
			next[1] = Add(s[1], heads.Probabilities(s[2:3], s[3:]))
			return next
		})
		return []*Node{While(cond, body, state...)[1]}
	}, inputs...)[0]
	flat := tensors.MustCopyFlatData[float32](x)
	for row := range 2 {
		closeTo(t, fmt.Sprint("row ", row), got[row:row+1], []float32{2 * probabilityByHand(heads[0], flat[row*6:(row+1)*6])}, 1e-5)
	}
}

// Wrong calls of graph builders panic with what was expected, as GoMLX's do.
func TestBuildersSayWhatIsWrong(t *testing.T) {
	heads := unlikeHeads(t)
	pool, err := NewPool(PoolMeanAll)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		build func(x *Node)
		want  string
	}{
		"few features":  {func(x *Node) { heads.Probabilities([]*Node{x}, nil) }, "got 1 pooled states, expected 3"},
		"few tensors":   {func(x *Node) { heads.Probabilities([]*Node{x, x, x}, []*Node{x}) }, "1 tensors are left for head 0, expected 5"},
		"many weights":  {func(x *Node) { heads[0].Config.Logit(x, []*Node{x}) }, "got 1 tensors, expected 4"},
		"no prompt sum": {func(x *Node) { pool.Init(Prompt{Last: x}) }, `pooling "mean_all" needs the sum`},
		"short state":   {func(x *Node) { pool.Update([]*Node{x}, x, x) }, "the state has 1 nodes, expected 3"},
		"kind not kept": {func(x *Node) { pool.Value([]*Node{x, x, x}, PoolMax) }, `pooling "max" is not kept, only mean_all`},
		"flat states":   {func(x *Node) { Over(PoolMax, x, x, x) }, "states must be [B,S,D]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			be, err := openBackend()
			if err != nil {
				t.Fatal(err)
			}
			_, err = MustNewExec(be.Backend, func(x *Node) *Node {
				test.build(x)
				return x
			}).Call([][]float32{{1, 2, 3, 4, 5, 6}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
		})
	}
}
