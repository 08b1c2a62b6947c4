package main

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/weights"
)

// fetchedEncoder finds what `scripts/fetch minilm` brought; `make test` demands it.
func fetchedEncoder(t *testing.T) string {
	t.Helper()
	for _, dir := range backend.CacheDirs() {
		path := filepath.Join(dir, "models", "all-MiniLM-L6-v2")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("JANUS_REQUIRE_FETCHED") != "" {
		t.Fatal("all-MiniLM-L6-v2 is not in the cache: run `make fetch`")
	}
	t.Skip("all-MiniLM-L6-v2 is not in the cache: `make fetch` gets it")
	return ""
}

// TestReviewMiniLM reviews findings with a real encoder and a head of logistic regression, and holds the probabilities to the
// formula, worked on the encoder's embeddings of the findings' text. What reports look like is in testdata/script/encoder.txtar.
func TestReviewMiniLM(t *testing.T) {
	ctx := context.Background()
	dir := fetchedEncoder(t)
	findings := []finding.Finding{
		{ID: "sql", Tool: "scanner", Title: "SQL injection", Snippet: "db.Query(\"SELECT * FROM t WHERE id=\" + id)"},
		{ID: "long", Title: "Buffer overflow", Snippet: strings.Repeat("strcpy(a, b); // CWE-787\n", 300)},
		{ID: "short", Title: "XSS"},
	}
	var lines strings.Builder
	for _, f := range findings {
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(data, '\n'))
	}
	report := filepath.Join(t.TempDir(), "findings.jsonl")
	if err := os.WriteFile(report, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	head, judge := logisticHead(t, dir)

	cmd := exec.Command("janus", "review", report, "--model", dir, "--head", head, "--backend", "go", "--out-format", "jsonl")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]finding.Verdict{}
	for line := range strings.Lines(string(out)) {
		var v finding.Verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		got[v.ID] = v
	}

	choice, err := backend.New("go")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(ctx, dir, model.Options{Backend: choice})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // the test ends
	for _, f := range findings {
		v := got[f.ID]
		if !v.Done() || v.Error != "" || v.Tokens != 0 || v.Reasoning != "" || v.Head != "head" {
			t.Errorf("%s: %+v", f.ID, v)
		}
		if f.ID == "long" {
			if !strings.Contains(v.Note, "cut to fit: code") {
				t.Errorf("long: the note is %q, expected it to say what was cut", v.Note)
			}
			continue
		}
		text, _, err := prompts.Plain().Prompt(&f, 0)
		if err != nil {
			t.Fatal(err)
		}
		ids, _, err := m.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		pooled, err := m.Embed(ctx, [][]int32{ids}, nil, classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean})
		if err != nil {
			t.Fatal(err)
		}
		if want := judge(pooled[0]); math.Abs(v.P-want) > 1e-5 {
			t.Errorf("%s: p is %g, expected %g", f.ID, v.P, want)
		}
	}
	if got["sql"].P == got["short"].P {
		t.Error("two findings have one probability")
	}
}

// logisticHead saves a head without hidden layers for the base in dir, and returns its formula.
func logisticHead(t *testing.T, dir string) (folder string, judge func(pooled []float32) float64) {
	t.Helper()
	const width = 384
	c, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := c.SHA256()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	config := classifier.DefaultConfig(width)
	config.Layers, config.Pooling, config.BaseSHA256, config.Temperature = nil, classifier.PoolMean, sum, 1.5
	random := rand.New(rand.NewPCG(1, 2))
	w, b := make([]float32, width), []float32{0.25}
	for i := range w {
		w[i] = float32(random.NormFloat64())
	}
	h, err := classifier.New("head", config, map[string][]float32{"layers.0.weight": w, "layers.0.bias": b})
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), "head")
	if err := h.Save(folder); err != nil {
		t.Fatal(err)
	}
	return folder, func(pooled []float32) float64 {
		z := float64(b[0])
		for i, x := range pooled {
			z += float64(w[i]) * float64(x)
		}
		return 1 / (1 + math.Exp(-z/config.Temperature))
	}
}
