package classifier

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
)

// openBackend opens $GOMLX_BACKEND, or pure Go, once: a tensor belongs to the backend that saw it first.
var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// run executes one program and returns its results' values.
func run(t *testing.T, build func(inputs []*Node) []*Node, inputs ...any) [][]float32 {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	results, err := MustNewExec(be.Backend, build).Call(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	values := make([][]float32, len(results))
	for i, result := range results {
		values[i] = tensors.MustCopyFlatData[float32](result)
	}
	return values
}

func randomTensor(seed uint64, dims ...int) *tensors.Tensor {
	random := rand.New(rand.NewPCG(seed, 0))
	values := make([]float32, product(dims))
	for i := range values {
		values[i] = float32(random.NormFloat64())
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// poolByHand follows the formulas of the package documentation in float64.
func poolByHand(kind Pooling, states [][]float32, prompt, total int) []float32 {
	d := len(states[0])
	out := make([]float32, d)
	first, last := 0, total
	switch kind {
	case PoolMeanGenerated, PoolMax:
		first = prompt
		if total == prompt {
			first = prompt - 1
		}
	case PoolMeanFrom:
		first, last = prompt-1, total-1
		if total == prompt {
			last = prompt
		}
	case PoolLast:
		first = total - 1
	case PoolCLS:
		last = 1
	}
	for j := range d {
		sum, most := 0.0, math.Inf(-1)
		for i := first; i < last; i++ {
			sum += float64(states[i][j])
			most = max(most, float64(states[i][j]))
		}
		out[j] = float32(sum / float64(last-first))
		if kind == PoolMax {
			out[j] = float32(most)
		}
	}
	return out
}

func rows(values []float32, width int) [][]float32 {
	var out [][]float32
	for i := 0; i < len(values); i += width {
		out = append(out, values[i:i+width])
	}
	return out
}

func closeTo(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if worst := maxDiff(got, want); !(worst <= tolerance) {
		t.Errorf("%s: largest error %g, allowed %g", what, worst, tolerance)
	}
}

// maxDiff returns the largest difference, NaN if a value is NaN or the lengths differ.
func maxDiff(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.NaN()
	}
	worst := 0.0
	for i := range got {
		worst = math.Max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	return worst
}

// Rows of different prompt lengths and numbers of generated tokens, one with none; padding holds NaN.
var (
	promptLengths = []int32{3, 1, 5}
	totalLengths  = []int32{7, 6, 5}
)

const poolSteps, poolWidth = 7, 4

func pooledStates() *tensors.Tensor {
	states := randomTensor(1, len(promptLengths), poolSteps, poolWidth)
	tensors.MustMutableFlatData(states, func(flat []float32) {
		for row, total := range totalLengths {
			for i := int(total); i < poolSteps; i++ {
				for j := range poolWidth {
					flat[(row*poolSteps+i)*poolWidth+j] = float32(math.NaN())
				}
			}
		}
	})
	return states
}

func TestOver(t *testing.T) {
	states := pooledStates()
	flat := tensors.MustCopyFlatData[float32](states)
	for _, kind := range append(append([]Pooling{}, decoderPoolings...), encoderPoolings...) {
		t.Run(string(kind), func(t *testing.T) {
			got := run(t, func(in []*Node) []*Node {
				return []*Node{Over(kind, in[0], in[1], in[2])}
			}, states, promptLengths, totalLengths)[0]
			for row := range promptLengths {
				mine := rows(flat[row*poolSteps*poolWidth:(row+1)*poolSteps*poolWidth], poolWidth)
				want := poolByHand(kind, mine, int(promptLengths[row]), int(totalLengths[row]))
				closeTo(t, fmt.Sprint("row ", row), got[row*poolWidth:(row+1)*poolWidth], want, 1e-6)
			}
		})
	}
}

// The running pool inside a While loop must give, after every token, what pooling the whole sequence gives.
func TestPoolInLoop(t *testing.T) {
	pool, err := NewPool(append([]Pooling{PoolMax}, decoderPoolings...)...)
	if err != nil {
		t.Fatal(err)
	}
	kinds := pool.Kinds()
	states := pooledStates()
	flat := tensors.MustCopyFlatData[float32](states)
	prompts := run(t, func(in []*Node) []*Node {
		p := PromptOf(in[0], in[1])
		return []*Node{p.Last, p.Sum}
	}, states, promptLengths)
	for steps := range 5 {
		// fed[i] holds each row's state at its i-th generated token, active[i] whether it has one.
		var fed [][][]float32
		var active [][]bool
		for i := range 5 {
			var x [][]float32
			var on []bool
			for row, prompt := range promptLengths {
				at := min(int(prompt)+i, poolSteps-1)
				x = append(x, flat[(row*poolSteps+at)*poolWidth:][:poolWidth])
				on = append(on, int(prompt)+i < int(totalLengths[row]) && i < steps)
			}
			fed, active = append(fed, x), append(active, on)
		}
		got := run(t, func(in []*Node) []*Node {
			prompt := Prompt{Last: in[0], Sum: in[1], Count: in[2]}
			final := loop(pool, pool.Init(prompt), in[3], in[4])
			var out []*Node
			for _, kind := range kinds {
				out = append(out, pool.Value(final, kind))
			}
			return out
		}, tensors.FromFlatDataAndDimensions(prompts[0], len(promptLengths), poolWidth),
			tensors.FromFlatDataAndDimensions(prompts[1], len(promptLengths), poolWidth), promptLengths, fed, active)
		for k, kind := range kinds {
			for row, prompt := range promptLengths {
				total := min(int(prompt)+steps, int(totalLengths[row]))
				mine := rows(flat[row*poolSteps*poolWidth:(row+1)*poolSteps*poolWidth], poolWidth)
				want := poolByHand(kind, mine, int(prompt), total)
				closeTo(t, fmt.Sprintf("%s, row %d, %d steps", kind, row, steps), got[k][row*poolWidth:(row+1)*poolWidth], want, 1e-6)
			}
		}
	}
}

// loop feeds fed [T,B,D] where active [T,B] into the pool, in a While whose body uses only its own parameters.
func loop(pool *Pool, initial []*Node, fed, active *Node) []*Node {
	g := fed.Graph()
	state := append([]*Node{Const(g, int32(0)), fed, active}, initial...)
	parameters := func(g *Graph, name string) []*Node {
		var in []*Node
		for i, s := range state {
			in = append(in, Parameter(g, fmt.Sprint(name, i), s.Shape()))
		}
		return in
	}
	cond := NewClosure(g, func(g *Graph) []*Node {
		return []*Node{LessThan(parameters(g, "cond")[0], Const(g, int32(fed.Shape().Dim(0))))}
	})
	body := NewClosure(g, func(g *Graph) []*Node {
		in := parameters(g, "body")
		step := in[0]
		pick := func(all *Node) *Node {
			here := ConvertDType(Equal(Iota(g, all.Shape(), 0), ConvertDType(step, all.DType())), all.DType())
			return ReduceSum(Where(Equal(here, ConstAs(all, 1)), all, ConstAs(all, 0)), 0)
		}
		on := GreaterThan(pick(ConvertDType(in[2], in[1].DType())), ConstAs(in[1], 0.5))
		next := pool.Update(in[3:], pick(in[1]), on)
		return append([]*Node{Add(step, Const(g, int32(1))), in[1], in[2]}, next...)
	})
	return While(cond, body, state...)[3:]
}

func TestNewPoolRefusesEncoderKinds(t *testing.T) {
	for _, kind := range []Pooling{PoolCLS, PoolMean, "median"} {
		if _, err := NewPool(PoolLast, kind); err == nil {
			t.Errorf("%q was taken", kind)
		}
	}
}
