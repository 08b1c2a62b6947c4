package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

// TestParityEncoders holds every encoder fixture to what transformers computed: states of all layers, pools, the pretrained
// pooler and the LM head, by both spellings of the configuration.
func TestParityEncoders(t *testing.T) {
	b := testBackend(t, "")
	for _, dir := range fixtures.Glob(t, "encoders/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			t.Run("config.json", func(t *testing.T) { parityEncoder(t, b, dir, g) })
			t.Run("config.v4.json", func(t *testing.T) {
				if _, err := os.Stat(filepath.Join(dir, "config.v4.json")); err != nil {
					t.Skip("the fixture has no config.v4.json")
				}
				parityEncoder(t, b, withConfig(t, dir, "config.v4.json"), g)
			})
		})
	}
}

// TestParityEncodersGoBackend is the same on GoMLX's pure-Go backend.
func TestParityEncodersGoBackend(t *testing.T) {
	b := testBackend(t, "go")
	for _, dir := range fixtures.Glob(t, "encoders/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			parityEncoder(t, b, dir, openGolden(t, filepath.Join(dir, "expected.safetensors")))
		})
	}
}

func parityEncoder(t *testing.T, b backend.Choice, dir string, g golden) {
	t.Helper()
	m := openModel(t, dir, model.Options{Backend: b})
	rows := g.rows()
	_, pooler := g.Tensor("pooler_output")
	_, logits := g.Tensor("mlm_logits")
	_, typed := g.Tensor("token_type_ids")
	o := model.StatesOptions{Layers: true, Pooler: pooler, Logits: logits}
	if typed {
		types, s := g.Ints("token_type_ids"), g.Shape("token_type_ids")[1]
		for i, row := range rows {
			o.Types = append(o.Types, types[i*s:i*s+len(row)])
		}
	}
	got, err := m.States(context.Background(), rows, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	var w worst
	for i, row := range rows {
		compare := func(name string, values []float32) {
			n := len(row)
			if len(g.Shape(name)) == 2 {
				n = 1
			}
			want := g.Floats(name)
			size, width := len(want)/len(rows), g.Shape(name)[len(g.Shape(name))-1]
			w.compare(fmt.Sprintf("%s row %d", name, i), values, want[i*size:i*size+n*width])
		}
		compare("hidden.embed", got.Embed[i])
		for l := range got.Layers {
			compare(fmt.Sprintf("hidden.layer_%d", l), got.Layers[l][i])
		}
		compare("hidden_last", got.Last[i])
		if pooler {
			compare("pooler_output", got.Pooler[i])
		}
		if logits {
			compare("mlm_logits", got.Logits[i])
		}
	}
	if !typed { // Embed has no segments
		for name, pooling := range map[string]classifier.Pooling{"pooled_mean": classifier.PoolMean, "pooled_cls": classifier.PoolCLS} {
			pooled, err := m.Embed(context.Background(), rows, nil, classifier.Feature{Layer: classifier.LastLayer, Pooling: pooling})
			if err != nil {
				t.Fatal(err)
			}
			want := g.Floats(name)
			for i := range rows {
				w.compare(name, pooled[i], want[i*len(pooled[i]):(i+1)*len(pooled[i])])
			}
		}
	}
	w.check(t, tolerance(m))
}

// withConfig is a copy of a model's folder whose config.json is another file of it.
func withConfig(t *testing.T, dir, config string) string {
	t.Helper()
	mirror := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range append(files, filepath.Join(dir, config)) {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(from)
		if name == config {
			name = "config.json"
		}
		if err := os.WriteFile(filepath.Join(mirror, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return mirror
}

// tinyEncoder writes a BERT with a tokenizer.
func tinyEncoder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "encoder")
	if err := testmodel.WriteEncoder(dir, 96, 1); err != nil {
		t.Fatal(err)
	}
	return dir
}

// encoderHead writes a random head of a pooling and layer.
func encoderHead(t *testing.T, hidden int, f classifier.Feature, seed uint64) string {
	t.Helper()
	config := classifier.DefaultConfig(hidden)
	config.Pooling, config.Layer = f.Pooling, f.Layer
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("head%d", seed))
	if err := testmodel.WriteHeadOf(dir, config, seed); err != nil {
		t.Fatal(err)
	}
	return dir
}

// randomRows are rows of very unlike lengths.
func randomRows(m *model.Model, lengths ...int) [][]int32 {
	random := rand.New(rand.NewPCG(3, 5))
	rows := make([][]int32, len(lengths))
	for i, n := range lengths {
		for range n {
			rows[i] = append(rows[i], int32(random.IntN(m.Config().VocabSize)))
		}
	}
	return rows
}

// TestEncoderRowsTogether gives rows of very unlike length, in batches and one by one, to every family's pools and heads.
func TestEncoderRowsTogether(t *testing.T) {
	ctx := context.Background()
	features := []classifier.Feature{
		{Layer: classifier.LastLayer, Pooling: classifier.PoolCLS}, {Layer: classifier.LastLayer, Pooling: classifier.PoolMean},
		{Layer: 0, Pooling: classifier.PoolMeanAll}, {Layer: 1, Pooling: classifier.PoolLast},
	}
	for _, dir := range fixtures.Glob(t, "encoders/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			config, err := transformer.LoadConfig(dir)
			if err != nil {
				t.Fatal(err)
			}
			o := model.Options{Backend: testBackend(t, "go")}
			for i, f := range features {
				o.Heads = append(o.Heads, encoderHead(t, config.HiddenSize, f, uint64(i)))
			}
			m := openModel(t, dir, o)
			rows := randomRows(m, 1, 60, 7, 2, 33)
			together, err := m.Classify(ctx, rows, nil)
			if err != nil {
				t.Fatal(err)
			}
			var w worst
			for i, row := range rows {
				alone, err := m.Classify(ctx, [][]int32{row}, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.compare(fmt.Sprintf("p of row %d", i), narrow(together[i]), narrow(alone[0]))
				batch := model.Batch{Rows: []model.Row{{Prompt: row, Adapter: -1, Sampling: model.Sampling{MaxTokens: 9}}}}
				verdicts, err := m.Review(ctx, batch, model.ReviewOptions{Slots: 3, RoomPrompt: 50})
				if err != nil {
					t.Fatal(err)
				}
				w.compare(fmt.Sprintf("verdict of row %d", i), narrow(verdicts[0].Ps[0]), narrow(alone[0]))
				if len(verdicts[0].Ps) != 1 || len(verdicts[0].Tokens) != 0 || verdicts[0].P != verdicts[0].Ps[0][0] {
					t.Errorf("row %d: an encoder's verdict is %+v", i, verdicts[0])
				}
			}
			for _, f := range features {
				together, err := m.Embed(ctx, rows, nil, f)
				if err != nil {
					t.Fatal(err)
				}
				for i, row := range rows {
					alone, err := m.Embed(ctx, [][]int32{row}, nil, f)
					if err != nil {
						t.Fatal(err)
					}
					w.compare(fmt.Sprintf("%v of row %d", f, i), together[i], alone[0])
				}
			}
			w.check(t, 2e-5)
		})
	}
}

// TestEncoderManyRows gives Embed more rows than a batch takes, in an order that is not that of their lengths.
func TestEncoderManyRows(t *testing.T) {
	m := openModel(t, tinyEncoder(t), model.Options{Backend: testBackend(t, "go")})
	var lengths []int
	for i := range 75 {
		lengths = append(lengths, 1+i*37%90)
	}
	rows := randomRows(m, lengths...)
	feature := classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean}
	together, err := m.Embed(context.Background(), rows, nil, feature)
	if err != nil {
		t.Fatal(err)
	}
	if n := m.Counts().Compiled; n > 4 {
		t.Errorf("%d programs for 75 rows, expected 4 at most", n)
	}
	var w worst
	for _, i := range []int{0, 1, 40, 74} {
		alone, err := m.Embed(context.Background(), rows[i:i+1], nil, feature)
		if err != nil {
			t.Fatal(err)
		}
		w.compare(fmt.Sprintf("row %d", i), together[i], alone[0])
	}
	w.check(t, 2e-5)
}

// encoderAdapter writes an adapter of the tiny encoder, or one with DoRA, whose magnitudes are near the base's.
func encoderAdapter(t *testing.T, rank int, dora bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "adapter")
	random := rand.New(rand.NewPCG(9, uint64(rank)))
	normal := func(n int, mean, deviation float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(mean + deviation*random.NormFloat64())
		}
		return x
	}
	const d = testmodel.Hidden
	var modules []*lora.Module
	for i := range testmodel.Layers {
		for _, name := range []string{"query", "value"} {
			m := &lora.Module{Name: fmt.Sprintf("bert.encoder.layer.%d.attention.self.%s", i, name),
				Rank: rank, In: d, Out: d, A: normal(rank*d, 0, 0.3), B: normal(d*rank, 0, 0.3)}
			if dora {
				m.Magnitude = normal(d, 1, 0.1)
			}
			modules = append(modules, m)
		}
	}
	config := lora.Config{R: rank, Alpha: 6, Bias: "none", TaskType: "FEATURE_EXTRACTION", DoRA: dora,
		TargetModules: lora.Targets{Names: []string{"query", "value"}}}
	a, err := lora.New("adapter", config, modules, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEncoderLoRA adapts an encoder by modules named with the prefix of a model with a task's head, which the base lacks:
// live and merged give the same, and a row without the adapter what the base gives.
func TestEncoderLoRA(t *testing.T) {
	ctx := context.Background()
	base := tinyEncoder(t)
	adapter := encoderAdapter(t, 3, false)
	b := testBackend(t, "go")
	plain := openModel(t, base, model.Options{Backend: b})
	live := openModel(t, base, model.Options{Backend: b, Adapters: []string{adapter}})
	merged := openModel(t, base, model.Options{Backend: b, Adapters: []string{adapter}, Merge: true})
	rows := randomRows(plain, 11, 4)
	embed := func(m *model.Model, adapters []int) [][]float32 {
		t.Helper()
		x, err := m.Embed(ctx, rows, adapters, classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	base0, mixed, both := embed(plain, nil), embed(live, []int{0, -1}), embed(merged, nil)
	var w worst
	w.compare("merged", both[0], mixed[0])
	w.compare("bare", base0[1], mixed[1])
	w.check(t, 2e-5)
	var moved worst
	moved.compare("adapter", base0[0], mixed[0])
	if moved.diff < 0.01 {
		t.Errorf("the adapter moves the state by %g only", moved.diff)
	}
}

// TestEncoderErrors asks for what an encoder does not have.
func TestEncoderErrors(t *testing.T) {
	ctx := context.Background()
	dir := tinyEncoder(t)
	m := openModel(t, dir, model.Options{Backend: testBackend(t, "go")})
	rows := [][]int32{{2, 5, 3}}
	batch := model.Batch{Rows: []model.Row{{Prompt: rows[0], Adapter: -1}}}
	feature := func(layer classifier.Layer, pooling classifier.Pooling) classifier.Feature {
		return classifier.Feature{Layer: layer, Pooling: pooling}
	}
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"generate":  {func() error { _, err := m.Generate(ctx, batch, model.ReviewOptions{}); return err }, "is an encoder"},
		"score":     {func() error { _, err := m.Score(ctx, []model.Text{{Prompt: rows[0]}}); return err }, "is an encoder"},
		"review":    {func() error { _, err := m.Review(ctx, batch, model.ReviewOptions{}); return err }, "classifier head"},
		"classify":  {func() error { _, err := m.Classify(ctx, rows, nil); return err }, "no classifier head"},
		"pooling":   {func() error { _, err := m.Embed(ctx, rows, nil, feature(-1, "median")); return err }, `"median"`},
		"layer":     {func() error { _, err := m.Embed(ctx, rows, nil, feature(7, "mean")); return err }, "layers 0 to 1"},
		"empty row": {func() error { _, err := m.Embed(ctx, [][]int32{{}}, nil, feature(-1, "mean")); return err }, "0 tokens"},
		"long row": {func() error {
			_, err := m.Embed(ctx, [][]int32{make([]int32, 97)}, nil, feature(-1, "mean"))
			return err
		}, "97 tokens"},
		"vocabulary": {func() error { _, err := m.Embed(ctx, [][]int32{{1 << 20}}, nil, feature(-1, "mean")); return err }, "vocabulary"},
		"no pooler":  {func() error { _, err := m.States(ctx, rows, nil, model.StatesOptions{Pooler: true}); return err }, "no pretrained pooler"},
		"no LM head": {func() error { _, err := m.States(ctx, rows, nil, model.StatesOptions{Logits: true}); return err }, "masked language"},
		"segments": {func() error {
			_, err := m.States(ctx, rows, nil, model.StatesOptions{Types: [][]int32{{0, 2, 0}}})
			return err
		}, "segment 2"},
		"few adapters": {func() error { _, err := m.Embed(ctx, rows, []int{}, feature(-1, "mean")); return err }, "adapters are given for 0 rows"},
		"no adapter":   {func() error { _, err := m.Classify(ctx, rows, []int{3}); return err }, "adapter 3 is not there"},
		"few segments": {func() error {
			_, err := m.States(ctx, rows, nil, model.StatesOptions{Types: [][]int32{{0}}})
			return err
		}, "segments for 1"},
		"generated kind": {func() error {
			_, err := model.Open(ctx, dir, model.Options{Backend: testBackend(t, "go"), Features: []classifier.Feature{feature(-1, classifier.PoolMax)}})
			return err
		}, `"max" is over generated tokens`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.call(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected it to say %q", err, c.want)
			}
		})
	}
}

// TestEncoderEncode cuts a text that is too long, and leaves the special tokens around it.
func TestEncoderEncode(t *testing.T) {
	m := openModel(t, tinyEncoder(t), model.Options{Backend: testBackend(t, "go")})
	const cls, sep = 2, 3
	for _, c := range []struct {
		text         string
		tokens, want int
	}{{"f(x)", 6, 6}, {"", 2, 2}, {strings.Repeat("a", 94), 96, 96}, {strings.Repeat("a b ", 100), 202, 96}, {"[SEP]", 7, 7}} {
		ids, whole, err := m.Encode(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) != c.want || whole != c.tokens {
			t.Errorf("%.10q: %d of %d tokens, expected %d of %d", c.text, len(ids), whole, c.want, c.tokens)
		}
		if ids[0] != cls || ids[len(ids)-1] != sep || slices.Contains(ids[1:len(ids)-1], sep) {
			t.Errorf("%.10q: %v, expected one [CLS] before the text and one [SEP] after it", c.text, ids)
		}
	}
}

// TestEncoderSetAdapter exchanges adapters of an encoder for one that the bank has no room for.
func TestEncoderSetAdapter(t *testing.T) {
	base := tinyEncoder(t)
	small, large := encoderAdapter(t, 2, false), encoderAdapter(t, 5, true)
	b := testBackend(t, "go")
	m := openModel(t, base, model.Options{Backend: b, Adapters: []string{small}})
	if err := m.SetAdapter(0, large); err != nil {
		t.Fatal(err)
	}
	rows := randomRows(m, 11, 4)
	feature := classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean}
	swapped, err := m.Embed(context.Background(), rows, []int{0, 0}, feature)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := openModel(t, base, model.Options{Backend: b, Adapters: []string{large}, Merge: true}).
		Embed(context.Background(), rows, nil, feature)
	if err != nil {
		t.Fatal(err)
	}
	var w worst
	for i := range rows {
		w.compare(fmt.Sprintf("row %d", i), swapped[i], merged[i])
	}
	w.check(t, 2e-5)
}

// TestEncoderBFloat16 runs every family as on a GPU. bfloat16 has 8 bits: states of size 1 differ by some hundredths.
func TestEncoderBFloat16(t *testing.T) {
	b := testBackend(t, "")
	if !b.IsXLA() {
		t.Skip("the pure-Go backend takes minutes for bfloat16")
	}
	feature := classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean}
	for _, dir := range fixtures.Glob(t, "encoders/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var results [2][][]float32
			for i, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
				m := openModel(t, dir, model.Options{Backend: b, DType: dtype})
				var err error
				if results[i], err = m.Embed(context.Background(), randomRows(m, 20, 3), nil, feature); err != nil {
					t.Fatal(err)
				}
			}
			var w worst
			for i := range results[0] {
				w.compare(fmt.Sprintf("pooled state of row %d", i), results[1][i], results[0][i])
			}
			w.check(t, 0.1)
			if w.diff == 0 {
				t.Error("bfloat16 gives exactly float32's states")
			}
		})
	}
}
