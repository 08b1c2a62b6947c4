package ablate_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/eval/ablate"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/train/run"
)

var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// tiny writes a small model.
func tiny(t *testing.T, encoder bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	write := testmodel.Write
	if encoder {
		dir = filepath.Join(t.TempDir(), "encoder")
		write = testmodel.WriteEncoder
	}
	if err := write(dir, 1024, 1); err != nil {
		t.Fatal(err)
	}
	return dir
}

// findings writes a file of labelled findings, half of them real, in files of three.
func findings(t *testing.T, n int) string {
	t.Helper()
	words := strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon")
	var b strings.Builder
	for i := range n {
		w := words[i*7%len(words)] + words[i%len(words)]
		call := fmt.Sprintf("%s(%q, %s)", w, strings.Repeat(w, 1+i%3), w)
		if i%2 == 0 {
			call = fmt.Sprintf("%s(%q + %s)", w, "SELECT "+w, w)
		}
		data, err := json.Marshal(finding.Finding{
			ID: fmt.Sprint("f", i), Rule: "sqli", Category: "code", File: fmt.Sprintf("%d.go", i/3), Title: "SQL injection", Snippet: call, Label: []string{"TP", "FP"}[i%2],
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(data, '\n'))
	}
	path := filepath.Join(t.TempDir(), "findings.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// grid reads a grid of YAML and completes it with a model and findings.
func grid(t *testing.T, text string, model, data string) *ablate.Grid {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grid.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var g ablate.Grid
	if err := run.LoadConfig(path, &g); err != nil {
		t.Fatal(err)
	}
	g.Name, g.Model, g.Data = "test", []string{model}, []string{data}
	if err := g.Check(ablate.Source{}); err != nil {
		t.Fatal(err)
	}
	return &g
}

func study(t *testing.T, g *ablate.Grid, dir string) *ablate.Study {
	t.Helper()
	rows, err := ablate.ReadFiles(context.Background(), g.Data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ablate.New(context.Background(), g, ablate.Source{}, rows, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func options(t *testing.T) ablate.Options {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	return ablate.Options{Backend: be, Note: t.Logf}
}

func compute(t *testing.T, s *ablate.Study, o ablate.Options) {
	t.Helper()
	if err := s.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

func merge(t *testing.T, s *ablate.Study) (*results.Ablation, []results.Point) {
	t.Helper()
	a, points, err := s.Merge(map[string]string{"janus": "test"})
	if err != nil {
		t.Fatal(err)
	}
	return a, points
}

const heads = `
max_tokens: 6
length: [0, 2, 4, max]
hidden: [none, 4, 8x4]
seed: [0, 1]
epochs: 8
resamples: 50
`

// All heads of a grid come from one reading of each finding, two runs have the same tables, and a third computes nothing.
func TestOnePass(t *testing.T) {
	data, model := findings(t, 36), tiny(t, false)
	first := study(t, grid(t, heads, model, data), t.TempDir())
	compute(t, first, options(t))
	a, points := merge(t, first)
	if len(points) != 4*3*2 {
		t.Errorf("%d points", len(points))
	}
	if want := map[string]int{"forward": 36, "train": 0, "heads": 24}; !gocmp.Equal(a.Passes, want) {
		t.Errorf("computed %v, want %v", a.Passes, want)
	}
	for _, p := range points {
		if p.Error != "" || int(p.N) != len(a.Rows) || len(p.P) != len(a.Rows) || len(p.Hash) != 64 || p.Control != 1 {
			t.Errorf("point %+v", p)
		}
	}

	second := study(t, grid(t, heads, model, data), t.TempDir())
	compute(t, second, options(t))
	b, again := merge(t, second)
	same := gocmp.Options{cmpopts.IgnoreFields(results.Point{}, "Seconds"), cmpopts.EquateNaNs()}
	if d := gocmp.Diff(points, again, same); d != "" {
		t.Errorf("the second run differs: %s", d)
	}
	if ablate.Table(a, points) != ablate.Table(b, again) {
		t.Error("the second run has another table")
	}
	compute(t, second, options(t))
	if b, _ = merge(t, second); !gocmp.Equal(a.Passes, b.Passes) {
		t.Errorf("a rerun has computed something: %v", b.Passes)
	}
}
