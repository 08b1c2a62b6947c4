package train

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/optimize"
)

// BenchmarkStep is an update of SmolLM2-135M on the backend that a user would get: r 16 on q and v, 4 rows of 256 tokens of
// which half are the answer. bench/peer_lora.py does the same with torch and PEFT.
func BenchmarkStep(b *testing.B) {
	dir := os.Getenv("MODEL_PATH")
	if dir == "" {
		dir = filepath.Join("..", ".cache", "models", "SmolLM2-135M-Instruct")
	}
	if _, err := os.Stat(dir); err != nil {
		b.Skipf("no model (make model fetches it): %v", err)
	}
	be, err := backend.New("")
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.Open(context.Background(), dir, model.Options{Backend: be, DType: dtypes.Float32})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // nothing is written
	a, err := lora.Init("bench", lora.Config{R: 16, Alpha: 32, Bias: "none", TargetModules: lora.Targets{Names: []string{"q_proj", "v_proj"}}}, m.LoRABase(), 1)
	if err != nil {
		b.Fatal(err)
	}
	t, err := New(m, a, Options{AdamW: optimize.DefaultAdamW(), Schedule: optimize.Schedule{Kind: optimize.Constant}})
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	batch := make([]Example, 4)
	for i := range batch {
		for k := range 128 {
			batch[i].Prompt = append(batch[i].Prompt, int32(1000+(i*131+k*17)%40000))
			batch[i].Completion = append(batch[i].Completion, int32(1000+(i*37+k*29)%40000))
		}
	}
	if _, err := t.Step(context.Background(), batch); err != nil { // compiles
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := t.Step(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(4*256*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
