package base

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/full"
	"github.com/januslm/janus/train/optimize"
)

// TestTransformers opens new models of all families in Python's transformers, with their tokenizers, and trains all of their
// weights there and here: the losses are the same. It runs where $JANUS_PYTHON, or python3, has torch and transformers.
func TestTransformers(t *testing.T) {
	python := cmp.Or(os.Getenv("JANUS_PYTHON"), "python3")
	if text, err := exec.Command(python, "-c", "import torch, transformers").CombinedOutput(); err != nil {
		t.Skipf("%s has no torch and transformers ($JANUS_PYTHON names another): %v: %s", python, err, bytes.TrimSpace(text))
	}
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata", "golden", "decoders", "*", "config.json"))
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	files = append(files, "") // the default
	const steps, text = 4, "The model's states, 1234 of them\n\n  <|endoftext|> žluťoučký kůň"
	o := optimize.AdamW{LearningRate: 5e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, MaxGradNorm: 0.5}
	job := map[string]any{"text": text, "steps": steps, "lr": o.LearningRate, "beta1": o.Beta1, "beta2": o.Beta2, "eps": o.Eps,
		"decay": o.WeightDecay, "clip": o.MaxGradNorm}
	var models []string
	var rows [][][]int32
	var losses [][]float64
	for _, file := range files {
		dir, d := newModel(t, file)
		var batch [][]int32
		for _, e := range d.Train[:3] {
			batch = append(batch, slices.Concat(e.Prompt, e.Completion))
		}
		models, rows, losses = append(models, dir), append(rows, batch), append(losses, updates(t, dir, o, d.Train[:3], steps))
	}
	job["models"], job["rows"] = models, rows
	data, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "full_updates.py"), path)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var want []struct {
		Losses []float64
		IDs    []int32
	}
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		for k, loss := range losses[i] {
			if math.Abs(loss-want[i].Losses[k]) > 2e-4 {
				t.Errorf("%s: loss %d is %v, with torch %v", file, k, loss, want[i].Losses[k])
			}
		}
		tok, err := tokenizer.OpenGo(models[i])
		if err != nil {
			t.Fatal(err)
		}
		if e, err := tok.Encode(text, tokenizer.EncodeOptions{}); err != nil || !slices.Equal(e.IDs, want[i].IDs) {
			t.Errorf("%s: ids %v, with transformers %v (%v)", file, e.IDs, want[i].IDs, err)
		}
	}
}

// newModel writes a new model of a family, the default where file is empty.
func newModel(t *testing.T, file string) (string, *Data) {
	t.Helper()
	c := settings(t)
	c.Vocab, c.Pattern = 300, "llama3"
	if file != "" {
		c.Arch, c.Hidden, c.Heads, c.Layers = file, 0, 0, 0
	}
	d, dir := prepare(t, c), t.TempDir()
	n, err := full.Init(d.Config, 3)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{}
	for _, p := range n.Params {
		values[p.Name] = p.Data
	}
	if err := n.SaveNew(context.Background(), dir, values, d.Files); err != nil {
		t.Fatal(err)
	}
	return dir, d
}

// updates are the losses before so many updates of all weights of the model in a folder.
func updates(t *testing.T, dir string, o optimize.AdamW, batch []train.Example, steps int) []float64 {
	t.Helper()
	n, err := full.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := full.New(choice(t).Backend, n, full.Options{AdamW: o, Schedule: optimize.Schedule{Kind: optimize.Constant}})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	var losses []float64
	for range steps {
		u, err := trainer.Step(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, u.Loss)
	}
	return losses
}
