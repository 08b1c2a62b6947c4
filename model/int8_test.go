package model_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/model"
)

// TestInt8 holds a model whose matrices are int8 to the same one in float32: logits near, with an adapter beside and on both
// backends, and the matrices a quarter of the memory.
func TestInt8(t *testing.T) {
	for _, on := range []string{"", "go"} {
		for _, name := range []string{"llama_gqa_untied", "phi3"} {
			t.Run(name+" backend "+on, func(t *testing.T) {
				dir := fixtures.Glob(t, filepath.Join("decoders", name))[0]
				b := testBackend(t, on)
				adapter := filepath.Join(t.TempDir(), "adapter")
				randomAdapter(t, dir, adapter, 4, 1)
				var logits [2][]float32
				var bytes [2]int64
				for i, int8 := range []bool{false, true} {
					m := openModel(t, dir, model.Options{Backend: b, Int8: int8, Adapters: []string{adapter}})
					states, err := m.States(context.Background(), [][]int32{tinyRows(5, model.Sampling{})[4].Prompt}, []int{0}, model.StatesOptions{Logits: true})
					if err != nil {
						t.Fatal(err)
					}
					logits[i], bytes[i] = states.Logits[0], m.WeightBytes()
				}
				if off := relative(logits[1], logits[0]); !(off > 1e-6 && off < 0.05) {
					t.Errorf("int8's logits are off by %g of float32's, expected at most 0.05 and more than nothing", off)
				}
				if !(float64(bytes[1]) < 0.6*float64(bytes[0])) { // embeddings stay as they are
					t.Errorf("%d bytes with int8, %d without", bytes[1], bytes[0])
				}
			})
		}
	}
}

// relative is ‖x − y‖ / ‖y‖.
func relative(x, y []float32) float64 {
	var d, n float64
	for i := range y {
		d += math.Pow(float64(x[i])-float64(y[i]), 2)
		n += math.Pow(float64(y[i]), 2)
	}
	return math.Sqrt(d / n)
}

// BenchmarkInt8 decodes with SmolLM2 in float32 and in int8, and says how far the logits are off.
func BenchmarkInt8(b *testing.B) {
	base := fetched(b, "SmolLM2-135M-Instruct")
	var exact []float32
	for _, int8 := range []bool{false, true} {
		name := map[bool]string{false: "float32", true: "int8"}[int8]
		b.Run(name, func(b *testing.B) {
			m := openModel(b, base, model.Options{Backend: testBackend(b, ""), Int8: int8})
			batch := model.Batch{Rows: tinyRows(1, model.Sampling{MaxTokens: 32})}
			o := model.ReviewOptions{Stop: []int32{}}
			states, err := m.States(context.Background(), [][]int32{tinyRows(5, model.Sampling{})[4].Prompt}, nil, model.StatesOptions{Logits: true})
			if err != nil {
				b.Fatal(err)
			}
			if exact == nil {
				exact = states.Logits[0]
			}
			run := func() {
				if _, err := m.Generate(context.Background(), batch, o); err != nil {
					b.Fatal(err)
				}
			}
			run() // compiles
			start, tokens := time.Now(), 0
			for b.Loop() {
				run()
				tokens += 32
			}
			b.ReportMetric(float64(tokens)/time.Since(start).Seconds(), "tokens/s")
			b.ReportMetric(float64(m.WeightBytes())/(1<<20), "MiB")
			b.ReportMetric(relative(states.Logits[0], exact), "logits-off")
		})
	}
}
