package train

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
)

// python is $JANUS_PYTHON, or python3, where PEFT can be imported.
func python(t *testing.T) string {
	t.Helper()
	name := cmp.Or(os.Getenv("JANUS_PYTHON"), "python3")
	if text, err := exec.Command(name, "-c", "import torch, transformers, peft").CombinedOutput(); err != nil {
		t.Skipf("%s has no torch, transformers and peft ($JANUS_PYTHON names another): %v: %s", name, err, bytes.TrimSpace(text))
	}
	return name
}

// Adapters that were trained here give the same logits in PEFT, and what PEFT saves of them gives the same here.
func TestPEFTRoundTrip(t *testing.T) {
	name := python(t)
	base := fixtures.Glob(t, "decoders/qwen2")[0]
	m := openModel(t, base)
	examples := openGolden(t, base, "expected.safetensors").examples()
	configs := []lora.Config{
		qv(0, false),
		qv(0, true),
		{R: 3, Alpha: 6, RSLoRA: true, Bias: "all", TargetModules: lora.Targets{Pattern: "all-linear"}},
		{R: 3, Alpha: 6, Bias: "lora_only", TargetModules: lora.Targets{Pattern: `.*\.1\..*(q|down)_proj`},
			RankPattern: lora.Patterns{{Key: "q_proj", Value: 5}}, AlphaPattern: lora.Patterns{{Key: "down_proj", Value: 1}}},
		{R: 2, Alpha: 2, LayersToAdapt: []int{0, 2}, TargetModules: lora.Targets{Names: []string{"gate_proj", "k_proj"}}},
	}
	job := struct {
		Adapters []string  `json:"adapters"`
		Rows     [][]int32 `json:"rows"`
	}{}
	for _, e := range examples {
		job.Rows = append(job.Rows, append(slices.Clone(e.Prompt), e.Completion...))
	}
	o := fixtureOptions()
	o.AdamW.LearningRate = 1e-2
	for _, c := range configs {
		trainer := fresh(t, m, c, o)
		steps(t, trainer, 3, examples)
		a, err := trainer.Adapter()
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "adapter")
		if err := a.Save(dir); err != nil {
			t.Fatal(err)
		}
		job.Adapters = append(job.Adapters, dir)
	}
	var want [][][]float32
	runPython(t, name, base, job, &want)
	for i, dir := range job.Adapters {
		for _, from := range []string{dir, dir + "-again"} {
			got := logitsWith(t, base, from, job.Rows)
			for r := range job.Rows {
				allNear(t, filepath.Base(from)+" logits", got[r], want[i][r], 0, 1e-4)
			}
		}
	}
}

// runPython runs testdata/peft_logits.py.
func runPython(t *testing.T, name, base string, job, into any) {
	t.Helper()
	data, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, filepath.Join("testdata", "peft_logits.py"), base, file)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "CUDA_VISIBLE_DEVICES=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.Bytes())
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

// logitsWith are those of a model with an adapter live.
func logitsWith(t *testing.T, base, adapter string, rows [][]int32) [][]float32 {
	t.Helper()
	m, err := model.Open(context.Background(), base, model.Options{
		Backend: testBackend(t), DType: dtypes.Float32, Adapters: []string{adapter},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // nothing is written
	states, err := m.States(context.Background(), rows, make([]int, len(rows)), model.StatesOptions{Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	return states.Logits
}
