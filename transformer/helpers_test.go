package transformer_test

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// openBackend opens $GOMLX_BACKEND, or pure Go, once: a tensor belongs to the backend that saw it first.
var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// fixtureDirs are all decoders that there are expected states of: those of the parity set, and the variants.
func fixtureDirs(t *testing.T) []string {
	t.Helper()
	variants, err := filepath.Glob(filepath.Join("testdata", "variants", "*"))
	if err != nil || len(variants) == 0 {
		t.Fatalf("testdata/variants holds nothing: %v", err)
	}
	return append(variants, fixtures.Glob(t, "decoders/*")...)
}

// tiny is a small model as package model would hold it, without its machinery.
type tiny struct {
	config  *transformer.Config
	layers  transformer.Layers
	decoder transformer.Decoder // nil where the model is an encoder
	keys    []string
	values  []*tensors.Tensor
}

// newTiny makes a model of a family's config from tensors that load gives.
func newTiny(t *testing.T, config *transformer.Config, list []transformer.Tensor, load func(spec transformer.Tensor) []float32) *tiny {
	t.Helper()
	m := &tiny{config: config, layers: family(t, config).Layers(config)}
	m.decoder, _ = m.layers.(transformer.Decoder)
	for _, spec := range list {
		if spec.Kind == transformer.Unused {
			continue
		}
		m.keys = append(m.keys, spec.Key)
		m.values = append(m.values, tensors.FromFlatDataAndDimensions(load(spec), spec.Shape...))
	}
	return m
}

func family(t *testing.T, config *transformer.Config) transformer.Family {
	t.Helper()
	f, err := transformer.Lookup(config.ModelType)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// openTiny reads a model folder.
func openTiny(t *testing.T, dir string) *tiny {
	t.Helper()
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	f := family(t, config)
	if f.Rename != nil {
		if err := c.Rename(f.Rename); err != nil {
			t.Fatal(err)
		}
	}
	list := f.TensorsOf(config, func(key string) bool {
		_, ok := c.Tensor(key)
		return ok
	})
	want := map[string][]int{}
	for _, spec := range list {
		want[spec.Key] = spec.Shape
	}
	if err := weights.CheckShapes(c, want); err != nil {
		t.Fatal(err)
	}
	return newTiny(t, config, list, func(spec transformer.Tensor) []float32 {
		tensor, _ := c.Tensor(spec.Key)
		values, err := weights.ToFloat32(tensor)
		if err != nil {
			t.Fatal(err)
		}
		return values
	})
}

// plainWeights is [transformer.Weights] without adapters.
type plainWeights map[string]*Node

func (w plainWeights) Param(key string) *Node {
	n, ok := w[key]
	if !ok {
		panic(fmt.Errorf("no tensor %s", key))
	}
	return n
}

func (w plainWeights) Linear(x *Node, module string) *Node {
	y := DotGeneral(x, []int{x.Rank() - 1}, nil, w.Param(module+".weight"), []int{1}, nil)
	if bias, ok := w[module+".bias"]; ok {
		y = Add(y, ExpandLeftToRank(bias, y.Rank()))
	}
	return y
}

// run executes a program over the model's weights and further inputs.
func (m *tiny) run(t *testing.T, inputs []any, build func(w plainWeights, in []*Node) []*Node) []*tensors.Tensor {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	args := slices.Clone(inputs)
	for _, v := range m.values {
		args = append(args, v)
	}
	results, err := MustNewExec(be.Backend, func(in []*Node) []*Node {
		w := plainWeights{}
		for i, key := range m.keys {
			w[key] = in[len(inputs)+i]
		}
		return build(w, in[:len(inputs)])
	}).Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// states are what a pass gave, by the names of the fixtures: [row][position·width].
type states map[string][][]float32

// prefill runs rows of unlike length in one batch, padded on the right, and then, one pass a token, those of after, which
// all rows take alike many of. The states are those of all tokens in turn.
func (m *tiny) prefill(t *testing.T, rows, after [][]int32) states {
	t.Helper()
	longest, lengths := 0, make([]int32, len(rows))
	for i, row := range rows {
		longest, lengths[i] = max(longest, len(row)), int32(len(row))
	}
	ids := make([]int32, len(rows)*longest)
	for i, row := range rows {
		copy(ids[i*longest:], row)
	}
	inputs := []any{
		tensors.FromFlatDataAndDimensions(ids, len(rows), longest),
		tensors.FromFlatDataAndDimensions(lengths, len(rows), 1),
	}
	for step := range steps(after) {
		column := make([]int32, len(rows))
		for i := range column {
			column[i] = after[i][step]
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(column, len(rows), 1))
	}
	var names []string
	results := m.run(t, inputs, func(w plainWeights, in []*Node) []*Node {
		var out []*Node
		names, out = m.passes(w, in, longest)
		return out
	})
	got := states{}
	for i, name := range names {
		flat, width := tensors.MustCopyFlatData[float32](results[i]), results[i].Shape().Dim(-1)
		size := len(flat) / len(rows)
		if got[name] == nil {
			got[name] = make([][]float32, len(rows))
		}
		for r := range rows {
			line := flat[r*size : (r+1)*size]
			if i < len(names)/(1+steps(after)) && results[i].Shape().Rank() == 3 {
				line = line[:len(rows[r])*width]
			}
			got[name][r] = append(got[name][r], line...)
		}
	}
	return got
}

func steps(after [][]int32) int {
	if len(after) == 0 {
		return 0
	}
	return len(after[0])
}

// passes builds the pass over whole rows and those over one token a row. in is ids [B, S], lengths [B, 1] and a column of
// ids [B, 1] a step. Every pass gives states of the same names.
func (m *tiny) passes(w plainWeights, in []*Node, s int) (names []string, out []*Node) {
	ids, lengths, columns := in[0], in[1], in[2:]
	g, b := ids.Graph(), ids.Shape().Dim(0)
	total := s + len(columns)
	grid := Iota(g, shapes.Make(dtypes.Int32, b, total), 1)
	// Columns after the prompts' go on from each row's own length.
	generated := GreaterOrEqual(grid, ConstAs(grid, s))
	positions := Where(generated, Add(Sub(grid, ConstAs(grid, s)), lengths), grid)
	valid := Or(generated, LessThan(grid, lengths))
	part := func(x *Node, from, to int) *Node { return Slice(x, AxisRange(), AxisRange(from, to)) }

	prefill := &transformer.PrefillCache{Span: &transformer.Span{Positions: part(positions, 0, s), Valid: part(valid, 0, s)}}
	names, out = m.pass(&transformer.Forward{Config: m.config, Weights: w, Positions: part(positions, 0, s), Cache: prefill}, ids)
	step := &transformer.StepCache{Rows: slices.Clone(prefill.Layers)}
	for i, layer := range step.Rows {
		room := func(x *Node) *Node {
			dims := slices.Clone(x.Shape().Dimensions)
			dims[2] = len(columns)
			return Concatenate([]*Node{x, Zeros(g, shapes.Make(x.DType(), dims...))}, 2)
		}
		if len(columns) > 0 {
			step.Rows[i] = transformer.KV{K: room(layer.K), V: room(layer.V)}.Turn()
		}
	}
	for i, column := range columns {
		at := s + i
		step.Column = Const(g, int32(at))
		step.Span = &transformer.Span{Positions: positions, Valid: And(valid, LessOrEqual(grid, ConstAs(grid, at)))}
		f := &transformer.Forward{Config: m.config, Weights: w, Positions: part(positions, at, at+1), Cache: step}
		n, o := m.pass(f, column)
		names, out = append(names, n...), append(out, o...)
	}
	return names, out
}

// pass is one forward pass; names are the fixtures'.
func (m *tiny) pass(f *transformer.Forward, ids *Node) (names []string, out []*Node) {
	h := m.layers.Embed(f, ids)
	names, out = append(names, "hidden.embed"), append(out, h)
	for i := range m.config.NumHiddenLayers {
		h = m.layers.Layer(f, i, h)
		names, out = append(names, fmt.Sprintf("hidden.layer_%d", i)), append(out, h)
	}
	h = m.layers.Norm(f, h)
	names, out = append(names, "hidden_last"), append(out, h)
	if m.decoder != nil {
		names, out = append(names, "logits"), append(out, m.decoder.Logits(f, h))
	}
	has := func(module string) bool { return slices.Contains(m.keys, module+".weight") }
	if p, ok := m.layers.(transformer.Pooler); ok && has(p.PoolerModule()) {
		names, out = append(names, "pooler_output"), append(out, p.Pool(f, h))
	}
	if l, ok := m.layers.(transformer.MaskedLM); ok && has(l.MaskedLMModule()) {
		names, out = append(names, "mlm_logits"), append(out, l.MaskedLogits(f, h))
	}
	return names, out
}

// largest is the largest difference of two vectors, infinite where their lengths differ or a value is not a number.
func largest(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}
