package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/optimize"
)

// randomModel is a tiny one with random weights.
func randomModel(t *testing.T) *model.Model {
	t.Helper()
	dir := t.TempDir()
	if err := testmodel.Write(dir, 64, 1); err != nil {
		t.Fatal(err)
	}
	return openModel(t, dir)
}

// randomRows are of all kinds: with and without an analysis, a verdict behind it, a label.
func randomRows(n int) []JointExample {
	random := rand.New(rand.NewPCG(3, 4))
	tokens := func(n int) []int32 {
		list := make([]int32, n)
		for i := range list {
			list[i] = 10 + random.Int32N(40000)
		}
		return list
	}
	var rows []JointExample
	for i := range n {
		e := JointExample{Example: Example{Prompt: tokens(2 + random.IntN(6))}, Labelled: i%4 != 3, Real: i%4 != 3 && i%2 == 0}
		if i%3 != 1 || !e.Labelled {
			e.Completion = tokens(3 + random.IntN(5))
			e.Analysis = len(e.Completion) - 2
		}
		rows = append(rows, e)
	}
	return rows
}

func jointOptions(lm, own float64) JointOptions {
	c := classifier.DefaultConfig(testmodel.Hidden)
	c.Layers, c.LayerNorm = []int{8}, true
	s := head.DefaultSpec(c)
	s.Seed, s.PosWeight, s.Smoothing = 5, 1.5, 0.1
	return JointOptions{Options: fixtureOptions(), Head: s, HeadRate: 3, LMWeight: lm, HeadWeight: own, Lengths: []int{0, 2, 99}}
}

// freshJoint makes a new adapter, with a B that is not zero, and a head, and their trainer.
func freshJoint(t *testing.T, m *model.Model, c lora.Config, o JointOptions) *JointTrainer {
	t.Helper()
	trainer, err := NewJoint(m, moved(t, m, c), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trainer.Close)
	return trainer
}

// moved is an adapter that changes something, as after some training.
func moved(t *testing.T, m *model.Model, c lora.Config) *lora.Adapter {
	t.Helper()
	c.Bias = "none"
	a, err := lora.Init("moved", c, m.LoRABase(), 7)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(8, 9))
	for _, p := range a.Parts() {
		if p.Role == lora.RoleB {
			for i := range p.Data {
				p.Data[i] = float32(0.1 * random.NormFloat64())
			}
		}
	}
	return a
}

// With a weight of 0 for the answers, nothing behind what the head reads is computed or counts.
func TestJointReadsNoFurtherThanTheHead(t *testing.T) {
	m := randomModel(t)
	o := jointOptions(0, 1)
	o.Lengths = []int{0, 2}
	rows := randomRows(8)
	longer := slices.Clone(rows)
	for i, e := range longer {
		if e.Analysis >= 2 {
			longer[i].Completion = slices.Concat(e.Completion, make([]int32, 40))
			longer[i].Analysis = e.Analysis + 40
		}
	}
	short, long := freshJoint(t, m, qv(0, false), o), freshJoint(t, m, qv(0, false), o)
	if got, want := long.inputs(longer, 1, 1, nil), short.inputs(rows, 1, 1, nil); !slices.EqualFunc(got, want, func(a, b model.Input) bool {
		return a.Name == b.Name && a.Tensor.Shape().Equal(b.Tensor.Shape())
	}) {
		t.Error("the program's inputs grow with what no loss reads")
	}
	for range 2 {
		u, err := short.Step(context.Background(), rows)
		if err != nil {
			t.Fatal(err)
		}
		v, err := long.Step(context.Background(), longer)
		if err != nil {
			t.Fatal(err)
		}
		if u.Loss != v.Loss || u.GradNorm != v.GradNorm {
			t.Errorf("loss %v and gradient %v, of longer answers %v and %v", u.Loss, u.GradNorm, v.Loss, v.GradNorm)
		}
	}
}

// With a weight of 0 for the head, the adapter is what train lora makes of the same rows.
func TestJointWithoutHeadIsLoRA(t *testing.T) {
	m := randomModel(t)
	var rows []JointExample
	for _, e := range randomRows(12) {
		if len(e.Completion) > 0 {
			rows = append(rows, e)
		}
	}
	c := qv(0.2, false)
	o := jointOptions(1, 0)
	o.Rows = 8
	joint := freshJoint(t, m, c, o)
	alone, err := New(m, moved(t, m, c), o.Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alone.Close)
	for range 4 {
		u, err := joint.Step(context.Background(), rows[:3], rows[3:])
		if err != nil {
			t.Fatal(err)
		}
		v, err := alone.Step(context.Background(), plain(rows[:3]), plain(rows[3:]))
		if err != nil {
			t.Fatal(err)
		}
		near(t, "the loss", u.LM, v.Loss, 1e-6, 0)
		near(t, "the gradient's norm", u.GradNorm, v.GradNorm, 1e-5, 0)
	}
	a, errA := joint.Adapter()
	b, errB := alone.Adapter()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for i, p := range a.Parts() {
		allNear(t, p.Name, p.Data, b.Parts()[i].Data, 0, 1e-6)
	}
}

// The gradients are the slopes of the loss, in the adapter and in the head, by central differences along random directions.
func TestJointGradients(t *testing.T) {
	m := randomModel(t)
	rows := randomRows(7)
	for name, weights := range map[string][2]float64{"head alone": {0, 1}, "both": {0.7, 1.3}} {
		for _, feature := range jointFeatures() {
			t.Run(fmt.Sprint(name, " ", feature.Pooling, " ", feature.Layer), func(t *testing.T) {
				o := jointOptions(weights[0], weights[1])
				o.Head.Config.Pooling, o.Head.Config.Layer, o.Rows = feature.Pooling, feature.Layer, 8
				trainer := freshJoint(t, m, qv(0, false), o)
				labelled, _ := classes(rows)
				inputs := trainer.inputs(rows, 1/float32(jointTokens(rows)), labelled, nil)
				_, gradients, err := trainer.optimizer.Gradients(context.Background(), inputs, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer optimize.Finalize(gradients)
				checkSlope(t, trainer, inputs, gradients, 0, trainer.parts, "adapter")
				checkSlope(t, trainer, inputs, gradients, trainer.parts, len(gradients), "head")
			})
		}
	}
}

// jointFeatures are all poolings of the last layer's states, and states of a layer below.
func jointFeatures() []classifier.Feature {
	list := []classifier.Feature{{Layer: 0, Pooling: classifier.PoolMeanFrom}}
	for _, p := range []classifier.Pooling{classifier.PoolMeanGenerated, classifier.PoolMeanFrom, classifier.PoolMeanAll, classifier.PoolLast} {
		list = append(list, classifier.Feature{Layer: classifier.LastLayer, Pooling: p})
	}
	return list
}

// checkSlope moves the params from one index to another along their gradient.
func checkSlope(t *testing.T, trainer *JointTrainer, inputs []model.Input, gradients []*tensors.Tensor, from, to int, what string) {
	t.Helper()
	const step = 1e-2
	sum := 0.0
	directions := make([][]float32, len(gradients))
	for i := from; i < to; i++ {
		directions[i] = tensors.MustCopyFlatData[float32](gradients[i])
		sum += length(directions[i]) * length(directions[i])
	}
	norm := math.Sqrt(sum)
	if norm == 0 {
		t.Fatalf("%s: the gradient is 0", what)
	}
	lossAt := func(distance float64) float64 {
		out, err := trainer.optimizer.Evaluate(context.Background(), fmt.Sprint("moved ", what, distance), inputs, func(f model.Frozen, params []*Node, in map[string]*Node) []*Node {
			moved := slices.Clone(params)
			for i := from; i < to; i++ {
				along := Const(params[i].Graph(), tensors.FromFlatDataAndDimensions(directions[i], params[i].Shape().Dimensions...))
				moved[i] = Add(params[i], Mul(along, ConstAs(along, distance/norm)))
			}
			return trainer.loss(f, moved, in, false)[:1]
		})
		if err != nil {
			t.Fatal(err)
		}
		defer optimize.Finalize(out)
		values, err := optimize.Scalars(out)
		if err != nil {
			t.Fatal(err)
		}
		return values[0]
	}
	slope := (lossAt(step) - lossAt(-step)) / (2 * step)
	near(t, what+": the slope along the gradient", slope, norm, 1e-2, 1e-5)
}

// What the head is trained on are the states that a review of the same prompt pools over the same tokens, and its verdict is the
// review's, before an analysis and after any length of it.
func TestJointPoolsAsReview(t *testing.T) {
	dir := t.TempDir()
	if err := testmodel.Write(dir, 64, 1); err != nil {
		t.Fatal(err)
	}
	const tokens = 6
	for _, feature := range append(jointFeatures(), classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMax}) {
		t.Run(fmt.Sprint(feature.Pooling, " ", feature.Layer), func(t *testing.T) {
			m := openModel(t, dir)
			o := jointOptions(1, 1)
			o.Head.Config.Pooling, o.Head.Config.Layer = feature.Pooling, feature.Layer
			trainer := freshJoint(t, m, qv(0, false), o)
			for range 3 {
				if _, err := trainer.Step(context.Background(), randomRows(6)); err != nil {
					t.Fatal(err)
				}
			}
			verdicts, prompts := reviewed(t, dir, trainer, tokens)
			rows := make([]JointExample, len(prompts))
			for i, v := range verdicts {
				rows[i] = JointExample{Example: Example{Prompt: prompts[i], Completion: v.Tokens}, Analysis: len(v.Tokens), Labelled: true}
			}
			trainer.options.Lengths = []int{0, 1, tokens}
			out, err := trainer.optimizer.Evaluate(context.Background(), "pooled", trainer.inputs(rows, 1, 1, nil), func(f model.Frozen, params []*Node, in map[string]*Node) []*Node {
				_, pooled := trainer.forward(f, params, in, false)
				return pooled
			})
			if err != nil {
				t.Fatal(err)
			}
			defer optimize.Finalize(out)
			_, logits, err := trainer.Judge(context.Background(), rows)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range verdicts {
				for k, n := range []int{0, 1, tokens} {
					what := fmt.Sprintf("row %d after %d tokens", i, n)
					got := tensors.MustCopyFlatData[float32](out[k])[i*testmodel.Hidden:][:testmodel.Hidden]
					allNear(t, what+": pooled", got, v.Pooled[0][k], 0, 2e-5)
					near(t, what+": probability", 1/(1+math.Exp(-logits[i][k])), v.Ps[min(n, len(v.Tokens))][0], 0, 1e-5)
				}
			}
		})
	}
}

// reviewed saves the adapter and the head, and reviews prompts by them.
func reviewed(t *testing.T, dir string, trainer *JointTrainer, tokens int) ([]model.Verdict, [][]int32) {
	t.Helper()
	a, errA := trainer.Adapter()
	h, errH := trainer.Head()
	if errA != nil || errH != nil {
		t.Fatal(errA, errH)
	}
	adapter, own := filepath.Join(t.TempDir(), "adapter"), filepath.Join(t.TempDir(), "head")
	if err := a.Save(adapter); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(own); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(context.Background(), dir, model.Options{
		Backend: testBackend(t), DType: dtypes.Float32, Adapters: []string{adapter}, Heads: []string{own},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // nothing is written
	batch := model.Batch{}
	var prompts [][]int32
	for i, e := range randomRows(5) {
		prompts = append(prompts, e.Prompt)
		batch.Rows = append(batch.Rows, model.Row{Prompt: e.Prompt, Adapter: 0, Sampling: model.Sampling{
			MinTokens: tokens, MaxTokens: tokens, Temperature: 1, TopP: 1, Seed: uint64(i),
		}})
	}
	verdicts, err := m.Review(context.Background(), batch, model.ReviewOptions{KeepPooled: []int{0, 1, tokens}, Trajectory: true})
	if err != nil {
		t.Fatal(err)
	}
	return verdicts, prompts
}

// Both parts are learned, and a restored state goes on to the same bits.
func TestJointLearnsAndResumes(t *testing.T) {
	m := randomModel(t)
	o := jointOptions(1, 1)
	o.AdamW.LearningRate, o.Rows = 1e-2, 4
	rows := randomRows(8)
	whole := freshJoint(t, m, qv(0.1, false), o)
	var first, last JointUpdate
	dir := t.TempDir()
	for i := range 12 {
		var err error
		if last, err = whole.Step(context.Background(), rows[:4], rows[4:]); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = last
		}
		if i == 5 {
			if err := whole.SaveState(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !(last.LM < first.LM && last.Head < first.Head) {
		t.Errorf("the losses went from %v and %v to %v and %v", first.LM, first.Head, last.LM, last.Head)
	}
	near(t, "the loss", last.Loss, last.LM+last.Head, 1e-6, 0)
	resumed := freshJoint(t, m, qv(0.1, false), o)
	if err := resumed.RestoreState(dir); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if _, err := resumed.Step(context.Background(), rows[:4], rows[4:]); err != nil {
			t.Fatal(err)
		}
	}
	a, errA := whole.optimizer.Values()
	b, errB := resumed.optimizer.Values()
	if errA != nil || errB != nil || !slices.EqualFunc(a, b, slices.Equal) {
		t.Errorf("a resumed training gives other bits (%v, %v)", errA, errB)
	}
}

// Rows without an analysis alone need no logits of the vocabulary, and are learned from.
func TestJointLabelsAlone(t *testing.T) {
	m := randomModel(t)
	o := jointOptions(1, 1)
	o.AdamW.LearningRate, o.Rows = 1e-2, 4
	rows := randomRows(8)
	for i := range rows {
		rows[i].Completion, rows[i].Analysis, rows[i].Labelled, rows[i].Real = nil, 0, true, i%2 == 0
	}
	trainer := freshJoint(t, m, qv(0, false), o)
	before, err := trainer.Adapter()
	if err != nil {
		t.Fatal(err)
	}
	var last JointUpdate
	for range 30 {
		if last, err = trainer.Step(context.Background(), rows); err != nil {
			t.Fatal(err)
		}
	}
	if last.LM != 0 || !(last.Head < 0.4) {
		t.Errorf("the last losses are %v and %v", last.LM, last.Head)
	}
	after, err := trainer.Adapter()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(before.Parts()[0].Data, after.Parts()[0].Data) {
		t.Error("the adapter did not learn from the head")
	}
	if _, err := trainer.Step(context.Background(), []JointExample{{Example: Example{Prompt: []int32{1}}}}); err == nil {
		t.Error("a row with nothing to learn from was taken")
	}
}
