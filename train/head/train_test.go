package head_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/train/head"
)

// made is data of two classes that overlap: every number has a size of its own, as the states of language models have, and
// input k has k more numbers.
func made(n, width, inputs int, seed uint64) *head.Data {
	random := rand.New(rand.NewPCG(seed, 1))
	direction := rand.New(rand.NewPCG(99, 99)) // of the classes, the same for all data
	d := &head.Data{}
	for i := range n {
		d.Labels = append(d.Labels, i%3 == 0)
	}
	for k := range inputs {
		w := width + k
		along := make([]float64, w)
		for j := range along {
			along[j] = direction.NormFloat64()
		}
		x := make([]float32, 0, n*w)
		for _, label := range d.Labels {
			side := -0.5
			if label {
				side = 0.5
			}
			for j := range w {
				size := math.Pow(10, float64(j%4)-2)
				x = append(x, float32(size*(5+side*along[j]+random.NormFloat64())))
			}
		}
		d.Inputs = append(d.Inputs, x)
	}
	return d
}

func auc(t *testing.T, labels []bool, logits []float64) float64 {
	t.Helper()
	p := make([]float64, len(logits))
	for i, z := range logits {
		p[i] = 1 / (1 + math.Exp(-z))
	}
	s, err := metrics.NewScores(labels, p)
	if err != nil {
		t.Fatal(err)
	}
	return s.ROCAUC()
}

// variety is specs of many shapes and settings on three inputs, of which the first and the last have the same width.
func variety(width int) []head.Spec {
	var specs []head.Spec
	for seed := range uint64(2) {
		for input := range 2 {
			for _, layers := range [][]int{{}, {4}, {8, 3}} {
				c := classifier.DefaultConfig(width + input)
				c.Layers = layers
				s := head.DefaultSpec(c)
				s.Name, s.Input, s.Seed, s.LearningRate = fmt.Sprint(layers, input, seed), input, seed, 5e-3
				specs = append(specs, s)
			}
		}
	}
	for i, layers := range [][]int{{7}, {2}, {9, 2}, {6, 4}} { // in one block with others, and on two inputs of one width
		for _, input := range []int{0, 2} {
			c := classifier.DefaultConfig(width)
			c.Layers, c.Dropout = layers, 0.1*float64(i%2)
			s := head.DefaultSpec(c)
			s.Name, s.Input, s.Seed, s.LearningRate = fmt.Sprint("wide ", layers, input), input, uint64(i), 5e-3
			specs = append(specs, s)
		}
	}
	changes := []func(s *head.Spec){
		func(s *head.Spec) { s.Loss = head.Brier },
		func(s *head.Spec) { s.Config.Activation, s.Smoothing = classifier.ActReLU, 0.1 },
		func(s *head.Spec) { s.Config.Activation, s.PosWeight = classifier.ActTanh, 2 },
		func(s *head.Spec) { s.Config.Activation, s.NegWeight = classifier.ActSiLU, 0.5 },
		func(s *head.Spec) { s.Config.Dropout = 0.3 },
		func(s *head.Spec) { s.Config.LayerNorm = true },
		func(s *head.Spec) { s.Config.LayerNorm, s.Config.Layers = true, []int{5} },
		func(s *head.Spec) { s.LearningRate, s.WeightDecay = 1e-2, 0.1 },
	}
	for i, change := range changes {
		c := classifier.DefaultConfig(width)
		c.Layers = []int{6}
		s := head.DefaultSpec(c)
		s.Name, s.Seed, s.LearningRate = fmt.Sprint("change ", i), uint64(i), 5e-3
		change(&s)
		specs = append(specs, s)
	}
	return specs
}

// What a head becomes does not depend on those beside it, and is the same every time.
func TestTogetherAsAlone(t *testing.T) {
	data, dev := made(90, 12, 2, 1), made(40, 12, 2, 2)
	for _, d := range []*head.Data{data, dev} {
		turned := slices.Clone(d.Inputs[0])
		for i := range turned {
			turned[i] = 1 - turned[i]
		}
		d.Inputs = append(d.Inputs, turned)
	}
	o := options(t)
	o.Epochs, o.BatchSize, o.Seed, o.Standardize = 12, 16, 7, true
	specs := variety(12)
	together, err := head.Train(context.Background(), data, dev, specs, o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := head.Train(context.Background(), data, dev, specs, o)
	if err != nil {
		t.Fatal(err)
	}
	judged, err := head.Judge(together, dev)
	if err != nil {
		t.Fatal(err)
	}
	for i := range specs {
		near(t, specs[i].Name+" logits on the host", judged[i], together[i].DevLogits, 1e-4, 1e-4)
		if !reflect.DeepEqual(together[i], again[i]) {
			t.Errorf("head %s differs from run to run", specs[i].Name)
		}
		alone, err := head.Train(context.Background(), data, dev, specs[i:i+1], o)
		if err != nil {
			t.Fatal(err)
		}
		if alone[0].Epoch != together[i].Epoch {
			t.Errorf("head %s: best epoch %d together, %d alone", specs[i].Name, together[i].Epoch, alone[0].Epoch)
		}
		near(t, specs[i].Name+" logits", together[i].DevLogits, alone[0].DevLogits, 1e-5, 1e-5)
		near(t, specs[i].Name+" losses", together[i].Losses, alone[0].Losses, 1e-5, 0)
		if a := auc(t, dev.Labels, together[i].DevLogits); a < 0.75 {
			t.Errorf("head %s learned nothing: AUC %.3f", specs[i].Name, a)
		}
	}
}

// The weights that come out judge the states as they are, as package classifier computes it: the scale is folded in.
func TestStandardizeFolds(t *testing.T) {
	data, dev := made(60, 10, 1, 3), made(30, 10, 1, 4)
	for i := range dev.N() { // a number that never changes must not become NaN
		dev.Inputs[0][i*10+2] = 7
	}
	for i := range data.N() {
		data.Inputs[0][i*10+2] = 7
	}
	for _, norm := range []bool{false, true} {
		c := classifier.DefaultConfig(10)
		c.LayerNorm = norm
		o := options(t)
		o.Standardize = true
		results, err := head.Train(context.Background(), data, dev, []head.Spec{head.DefaultSpec(c)}, o)
		if err != nil {
			t.Fatal(err)
		}
		h, err := classifier.New("head", c, results[0].Tensors)
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprint("logits, layer norm ", norm), logits(t, h, dev.Inputs[0]), results[0].DevLogits, 1e-4, 1e-4)
	}
}

// logits are a head's by its own arithmetic in float64: GELU alone.
func logits(t *testing.T, h *classifier.Head, x []float32) (out []float64) {
	t.Helper()
	w := map[string]classifier.Param{}
	for _, p := range h.Params() {
		w[p.Name] = p
	}
	d := h.Config.HiddenSize
	for ; len(x) > 0; x = x[d:] {
		v := widen(x[:d])
		if h.Config.LayerNorm {
			mean, variance := 0.0, 0.0
			for _, u := range v {
				mean += u / float64(d)
			}
			for _, u := range v {
				variance += (u - mean) * (u - mean) / float64(d)
			}
			for i := range v {
				v[i] = (v[i]-mean)/math.Sqrt(variance+1e-5)*float64(w["norm.weight"].Data[i]) + float64(w["norm.bias"].Data[i])
			}
		}
		for layer := range len(h.Config.Layers) + 1 {
			if layer > 0 {
				for i, u := range v {
					v[i] = u / 2 * (1 + math.Erf(u/math.Sqrt2))
				}
			}
			weight, bias := w[fmt.Sprintf("layers.%d.weight", layer)], w[fmt.Sprintf("layers.%d.bias", layer)]
			next := make([]float64, len(bias.Data))
			for i := range next {
				next[i] = float64(bias.Data[i])
				for k, u := range v {
					next[i] += u * float64(weight.Data[i*len(v)+k])
				}
			}
			v = next
		}
		out = append(out, v[0])
	}
	return out
}

// The best epoch is kept, and with patience the training ends soon after it.
func TestEarlyStopping(t *testing.T) {
	data, dev := made(30, 40, 1, 5), made(60, 40, 1, 6) // few rows of many numbers: overfits
	s := head.DefaultSpec(classifier.DefaultConfig(40))
	s.LearningRate = 1e-2
	o := options(t)
	o.Epochs, o.Standardize = 60, true
	whole, err := head.Train(context.Background(), data, dev, []head.Spec{s}, o)
	if err != nil {
		t.Fatal(err)
	}
	r := whole[0]
	lowest := 0
	for i, l := range r.DevLosses {
		if l < r.DevLosses[lowest] {
			lowest = i
		}
	}
	if r.Epoch != lowest+1 || len(r.DevLosses) != 60 || r.Epoch > 40 {
		t.Errorf("best epoch is %d of %d, expected %d, well before the end", r.Epoch, len(r.DevLosses), lowest+1)
	}
	o.Patience = 3
	early, err := head.Train(context.Background(), data, dev, []head.Spec{s}, o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(early[0].DevLosses); n != r.Epoch+3 {
		t.Errorf("training ended after %d epochs, expected 3 after the best one, %d", n, r.Epoch)
	}
	if diff := cmp.Diff(r.Tensors, early[0].Tensors); diff != "" {
		t.Error("with patience the weights are others")
	}
}

// A head that diverges is told, and costs the others nothing.
func TestDiverged(t *testing.T) {
	data, dev := made(60, 8, 1, 7), made(30, 8, 1, 8)
	good := head.DefaultSpec(classifier.DefaultConfig(8))
	bad := good
	bad.Config.Layers = []int{40} // so that the good one is padded
	bad.Name, bad.LearningRate = "hot", 1e38
	o := options(t)
	o.BatchSize = 16
	results, err := head.Train(context.Background(), data, dev, []head.Spec{bad, good}, o)
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err == nil || !strings.Contains(results[0].Err.Error(), "head hot: the loss is") || !strings.Contains(results[0].Err.Error(), "update ") {
		t.Errorf("the hot head's error is %v", results[0].Err)
	}
	// In an only update the loss is still a number: the dev rows show it.
	once := o
	once.Epochs, once.BatchSize = 1, 0
	short, err := head.Train(context.Background(), data, dev, []head.Spec{bad, good}, once)
	if err != nil {
		t.Fatal(err)
	}
	if short[0].Err == nil || short[0].Epoch != 0 || !strings.Contains(short[0].Err.Error(), "head hot: the loss on the dev rows is ") || short[1].Err != nil {
		t.Errorf("after one update: %v in epoch %d, and the good one's %v", short[0].Err, short[0].Epoch, short[1].Err)
	}
	alone, err := head.Train(context.Background(), data, dev, []head.Spec{good}, o)
	if err != nil {
		t.Fatal(err)
	}
	if results[1].Err != nil {
		t.Error(results[1].Err)
	}
	near(t, "logits of the good head", results[1].DevLogits, alone[0].DevLogits, 1e-5, 0)
}

func TestRefuses(t *testing.T) {
	good := made(9, 4, 1, 1)
	nan := made(9, 4, 1, 1)
	nan.Inputs[0][13] = float32(math.NaN())
	one := &head.Data{Labels: []bool{true, true}, Inputs: [][]float32{make([]float32, 8)}}
	none := &head.Data{Labels: []bool{false, false}, Inputs: one.Inputs}
	spec := func(change func(s *head.Spec)) []head.Spec {
		s := head.DefaultSpec(classifier.DefaultConfig(4))
		change(&s)
		return []head.Spec{s}
	}
	fine := spec(func(*head.Spec) {})
	for want, c := range map[string]struct {
		data, dev *head.Data
		specs     []head.Spec
		epochs    int
	}{
		"the training rows are empty":                     {&head.Data{}, nil, fine, 1},
		"all 2 training rows are labelled TP":             {one, nil, fine, 1},
		"all 2 training rows are labelled FP":             {none, nil, fine, 1},
		"all 2 dev rows are labelled TP":                  {good, one, fine, 1},
		"input 0 of the training rows holds NaN in row 3": {nan, nil, fine, 1},
		"epochs: expected 1":                              {good, nil, fine, 0},
		"no head is given":                                {good, nil, nil, 1},
		"reads input 3, and there are 1":                  {good, nil, spec(func(s *head.Spec) { s.Input = 3 }), 1},
		"for states of 5 numbers, and these have 4":       {good, nil, spec(func(s *head.Spec) { s.Config.HiddenSize = 5 }), 1},
		"loss is \"mse\"":                                 {good, nil, spec(func(s *head.Spec) { s.Loss = "mse" }), 1},
		"learning rate is 0":                              {good, nil, spec(func(s *head.Spec) { s.LearningRate = 0 }), 1},
		"label smoothing is 1":                            {good, nil, spec(func(s *head.Spec) { s.Smoothing = 1 }), 1},
		"class weights are 0 and 1":                       {good, nil, spec(func(s *head.Spec) { s.PosWeight = 0 }), 1},
		"weight decay is -1":                              {good, nil, spec(func(s *head.Spec) { s.WeightDecay = -1 }), 1},
		"layers[0] is 0":                                  {good, nil, spec(func(s *head.Spec) { s.Config.Layers = []int{0} }), 1},
	} {
		o := options(t)
		o.Epochs = c.epochs
		if _, err := head.Train(context.Background(), c.data, c.dev, c.specs, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected one with %q", err, want)
		}
	}
}

// Label smoothing moves what the loss is least at: to s/2 and 1−s/2. A head that can learn every row by heart ends there.
func TestSmoothingAndBrier(t *testing.T) {
	data := &head.Data{Labels: []bool{true, false}, Inputs: [][]float32{{1, 0, 0, 1}}}
	for _, loss := range []head.Loss{head.BCE, head.Brier} {
		s := head.DefaultSpec(classifier.DefaultConfig(2))
		s.Loss, s.Smoothing, s.WeightDecay, s.LearningRate = loss, 0.2, 0, 0.05
		o := options(t)
		o.Epochs = 400
		results, err := head.Train(context.Background(), data, nil, []head.Spec{s}, o)
		if err != nil {
			t.Fatal(err)
		}
		h, err := classifier.New("head", s.Config, results[0].Tensors)
		if err != nil {
			t.Fatal(err)
		}
		var p []float64
		for _, z := range logits(t, h, data.Inputs[0]) {
			p = append(p, 1/(1+math.Exp(-z)))
		}
		near(t, string(loss), p, []float64{0.9, 0.1}, 1e-3, 0)
	}
}
