package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

// goldenAdapter is a fixture's adapter for the tiny model.
func goldenAdapter(name string) string {
	return filepath.Join("..", "testdata", "golden", "lora", "llama", name)
}

// adapted reviews the same rows, one on the base and the others on adapters 0, 1, …
func adapted(t testing.TB, m *model.Model, adapters ...int) []model.Verdict {
	t.Helper()
	rows := tinyRows(len(adapters)+1, model.Sampling{MaxTokens: 5, Temperature: 0.7, Seed: 3})
	for i, a := range adapters {
		rows[i+1].Adapter = a
	}
	return review(t, m, model.Batch{Prefix: tinyPrefix, Rows: rows}, closing)
}

// TestSetAdapter holds a model whose adapters were exchanged to one that was opened with them, and counts what is compiled.
func TestSetAdapter(t *testing.T) {
	b := testBackend(t, "")
	sequence := []string{"plain_qv", "all_linear", "rslora_qv", "bf16_file"}
	for name, room := range map[string]model.AdapterRoom{
		"with room":    {Slots: 2, Rank: 16, AllLinear: true},
		"without room": {},
	} {
		t.Run(name, func(t *testing.T) {
			m := openModel(t, tiny(t), model.Options{Backend: b, AdapterRoom: room})
			adapted(t, m, 0, 0)
			before := m.Counts().Compiled
			for i, adapter := range sequence {
				if err := m.SetAdapter(0, goldenAdapter(adapter)); err != nil {
					t.Fatal(err)
				}
				fresh := openModel(t, tiny(t), model.Options{Backend: b, Adapters: []string{goldenAdapter(adapter)}})
				if diff := cmp.Diff(adapted(t, fresh, 0, 0), adapted(t, m, 0, 0), cmp.Comparer(near)); diff != "" {
					t.Errorf("%d: with %s (-opened with it, +set): %s", i, adapter, diff)
				}
			}
			if got := m.Counts().Compiled; (got == before) != (name == "with room") {
				t.Errorf("%d programs compiled before and %d after the exchanges", before, got)
			}
		})
	}
}

func near(x, y float64) bool { return x-y < 1e-5 && y-x < 1e-5 }

// TestSetAdapterBeside checks that the other residents stay as they are, their prefix caches too.
func TestSetAdapterBeside(t *testing.T) {
	b := testBackend(t, "")
	open := func(adapters ...string) *model.Model {
		for i, a := range adapters {
			adapters[i] = goldenAdapter(a)
		}
		return openModel(t, tiny(t), model.Options{Backend: b, Adapters: adapters, AdapterRoom: model.AdapterRoom{AllLinear: true, Rank: 8}})
	}
	m := open("plain_qv", "all_linear")
	adapted(t, m, 0, 1, 1)
	if err := m.SetAdapter(1, goldenAdapter("rslora_qv")); err != nil {
		t.Fatal(err)
	}
	if i, err := m.AdapterIndex("rslora_qv"); err != nil || i != 1 {
		t.Errorf("rslora_qv is adapter %d (%v), expected 1", i, err)
	}
	if _, err := m.AdapterIndex("all_linear"); err == nil || !strings.Contains(err.Error(), "expected one of plain_qv, rslora_qv") {
		t.Errorf("the adapter that went is found: %v", err)
	}
	if diff := cmp.Diff(adapted(t, open("plain_qv", "rslora_qv"), 0, 1, 1), adapted(t, m, 0, 1, 1), cmp.Comparer(near)); diff != "" {
		t.Errorf("adapter 1 exchanged: %s", diff)
	}
	if err := m.SetAdapter(2, goldenAdapter("all_linear")); err != nil { // one more than there is room for
		t.Fatal(err)
	}
	if diff := cmp.Diff(adapted(t, open("plain_qv", "rslora_qv", "all_linear"), 2, 1, 0), adapted(t, m, 2, 1, 0), cmp.Comparer(near)); diff != "" {
		t.Errorf("adapter 2 added: %s", diff)
	}
}

// TestSixteenAdapters runs sixteen residents in one batch; each row is what it is alone.
func TestSixteenAdapters(t *testing.T) {
	b := testBackend(t, "")
	dir := t.TempDir()
	var adapters []string
	var rows []int
	for i := range model.MaxAdapters {
		adapters = append(adapters, filepath.Join(dir, fmt.Sprintf("a%d", i)))
		randomAdapter(t, tiny(t), adapters[i], 1+i%4, uint64(i))
		rows = append(rows, i)
	}
	m := openModel(t, tiny(t), model.Options{Backend: b, Adapters: adapters})
	together := adapted(t, m, rows...)
	for _, i := range []int{0, 7, 15} {
		one := openModel(t, tiny(t), model.Options{Backend: b, Adapters: adapters[i : i+1]})
		batch := model.Batch{Prefix: tinyPrefix, Rows: tinyRows(i+2, model.Sampling{MaxTokens: 5, Temperature: 0.7, Seed: 3})[i+1:]}
		batch.Rows[0].Adapter = 0
		if diff := cmp.Diff(review(t, one, batch, closing)[0], together[i+1], cmp.Comparer(near)); diff != "" {
			t.Errorf("row on adapter %d (-alone, +among 16): %s", i, diff)
		}
	}
	_, err := model.Open(context.Background(), tiny(t), model.Options{Backend: b, Adapters: append(adapters, goldenAdapter("plain_qv"))})
	if err == nil || !strings.Contains(err.Error(), "at most 16") {
		t.Errorf("17 adapters: %v", err)
	}
}

// randomAdapter writes an adapter on every projection of a model's layers.
func randomAdapter(t testing.TB, base, dir string, rank int, seed uint64) {
	t.Helper()
	config, err := transformer.LoadConfig(base)
	if err != nil {
		t.Fatal(err)
	}
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 9))
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(0.05 * random.NormFloat64())
		}
		return x
	}
	var modules []*lora.Module
	for _, tensor := range family.Tensors(config) {
		if tensor.Kind == transformer.Matrix && strings.Contains(tensor.Key, ".layers.") {
			out, in := tensor.Shape[0], tensor.Shape[1]
			modules = append(modules, &lora.Module{Name: strings.TrimSuffix(tensor.Key, ".weight"), Rank: rank, In: in, Out: out,
				A: normal(rank * in), B: normal(rank * out)})
		}
	}
	c := lora.Config{R: rank, Alpha: float64(rank), Bias: "none", TaskType: "CAUSAL_LM", TargetModules: lora.Targets{Pattern: "all-linear"}}
	a, err := lora.New(filepath.Base(dir), c, modules, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
}

func TestSetAdapterRefuses(t *testing.T) {
	b := testBackend(t, "")
	plain := []string{goldenAdapter("plain_qv")}
	head := goldenHead(t, classifier.PoolMax)
	for name, test := range map[string]struct {
		options model.Options
		slot    int
		adapter string
		want    string
	}{
		"not there":      {model.Options{}, 0, "nowhere", "adapter_config.json"},
		"slot":           {model.Options{Adapters: plain}, 2, goldenAdapter("rslora_qv"), "adapter 2 is not there; the model has 1"},
		"name":           {model.Options{Adapters: plain}, 1, goldenAdapter("plain_qv"), `two adapters are named "plain_qv"`},
		"must be merged": {model.Options{Adapters: plain, Heads: []string{head}}, 0, goldenAdapter("modules_to_save"), "merge it into the base"},
		"merged":         {model.Options{Adapters: plain, Merge: true}, 0, goldenAdapter("rslora_qv"), "merged into its weights"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Backend = b
			m := openModel(t, tiny(t), test.options)
			before := adapted(t, m, 0)
			err := m.SetAdapter(test.slot, test.adapter)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
			if diff := cmp.Diff(before, adapted(t, m, 0)); diff != "" {
				t.Errorf("the model changed: %s", diff)
			}
		})
	}
}

// BenchmarkSetAdapter exchanges an adapter of rank 16 on all projections of SmolLM2, with room for 1 and for 16.
func BenchmarkSetAdapter(b *testing.B) {
	base := fetched(b, "SmolLM2-135M-Instruct")
	dirs := []string{filepath.Join(b.TempDir(), "a"), filepath.Join(b.TempDir(), "b")}
	for i, dir := range dirs {
		randomAdapter(b, base, dir, 16, uint64(i))
	}
	for _, slots := range []int{1, model.MaxAdapters} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) {
			m := openModel(b, base, model.Options{Backend: testBackend(b, ""), Adapters: dirs[:1],
				AdapterRoom: model.AdapterRoom{Slots: slots, Rank: 16, AllLinear: true}})
			for b.Loop() {
				if err := m.SetAdapter(0, dirs[1]); err != nil {
					b.Fatal(err)
				}
				dirs[0], dirs[1] = dirs[1], dirs[0]
			}
		})
	}
}

// BenchmarkAdapters decodes 8 rows on one adapter and on four, of rank 16 on all projections: the ratio of the two is what
// mixing costs.
func BenchmarkAdapters(b *testing.B) {
	base := fetched(b, "SmolLM2-135M-Instruct")
	var dirs []string
	for i := range 4 {
		dirs = append(dirs, filepath.Join(b.TempDir(), fmt.Sprint(i)))
		randomAdapter(b, base, dirs[i], 16, uint64(i))
	}
	for _, resident := range []int{1, 4} {
		b.Run(fmt.Sprintf("adapters=%d", resident), func(b *testing.B) {
			m := openModel(b, base, model.Options{Backend: testBackend(b, ""), Adapters: dirs[:resident]})
			rows := tinyRows(8, model.Sampling{MaxTokens: 32})
			for i := range rows {
				rows[i].Adapter = i % resident
			}
			batch := model.Batch{Prefix: tinyPrefix, Rows: rows}
			o := model.ReviewOptions{Stop: []int32{}}
			run := func() {
				if _, err := m.Generate(context.Background(), batch, o); err != nil {
					b.Fatal(err)
				}
			}
			run() // compiles
			start, tokens := time.Now(), 0
			for b.Loop() {
				run()
				tokens += 8 * 32
			}
			b.ReportMetric(float64(tokens)/time.Since(start).Seconds(), "tokens/s")
		})
	}
}
