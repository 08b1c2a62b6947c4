package ablate_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/dataset"
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
	data, model := findings(t, 24), tiny(t, false)
	first := study(t, grid(t, heads, model, data), t.TempDir())
	compute(t, first, options(t))
	a, points := merge(t, first)
	if len(points) != 4*3*2 {
		t.Errorf("%d points", len(points))
	}
	if want := map[string]int{"forward": 24, "train": 0, "heads": 24}; !gocmp.Equal(a.Passes, want) {
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

// 6 head sizes × 8 lengths × 5 seeds take one reading of each finding, no more than a plain pass does.
func TestPromisedGrid(t *testing.T) {
	s := study(t, grid(t, `
max_tokens: 8
length: [0, 1, 2, 3, 4, 5, 6, max]
hidden: [none, 4, 8, 16, 4x4, 8x4]
seed: [0, 1, 2, 3, 4]
epochs: 2
resamples: 10
`, tiny(t, false), findings(t, 24)), t.TempDir())
	compute(t, s, options(t))
	a, points := merge(t, s)
	if want := map[string]int{"forward": 24, "train": 0, "heads": 240}; !gocmp.Equal(a.Passes, want) || len(points) != 240 {
		t.Errorf("%d points, computed %v, want %v", len(points), a.Passes, want)
	}
	if cost := ablate.Cost(a); !strings.HasPrefix(cost, "passes: forward 24, train 0, heads 240\ntime: forward ") {
		t.Errorf("the cost is %q", cost)
	}
}

const passes = `
max_tokens: 4
length: [0, max]
prompt: [plain, pe]
min_tokens: [0, 2]
hidden: [none, 4]
epochs: 4
resamples: 20
max_prompt: 900
`

var pointsAlike = gocmp.Options{cmpopts.IgnoreFields(results.Point{}, "Seconds"), cmpopts.EquateNaNs()}

// A study that is stopped again and again goes on, reads nothing twice, and ends with the points of one that was not.
func TestStoppedStudy(t *testing.T) {
	data, model, text := findings(t, 24), tiny(t, false), strings.Replace(passes, "min_tokens: [0, 2]", "", 1)
	whole := study(t, grid(t, text, model, data), t.TempDir())
	compute(t, whole, options(t))
	a, want := merge(t, whole)

	s := study(t, grid(t, text, model, data), t.TempDir())
	stops := 0
	for ; ; stops++ {
		ctx, stop := context.WithCancel(context.Background())
		o, now, first := options(t), "", 0
		o.Progress = func(doing string, done, _ int) {
			if doing != now {
				now, first = doing, done
			}
			if done > first && strings.HasPrefix(doing, "reading") { // after a batch
				stop()
			}
		}
		err := s.Run(ctx, o)
		stop()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if stops < 2 {
		t.Errorf("the study was stopped %d times, expected one a pass at least", stops)
	}
	b, got := merge(t, s)
	if d := gocmp.Diff(want, got, pointsAlike, cmpopts.EquateApprox(0, 1e-4)); d != "" {
		t.Errorf("the stopped study differs: %s", d)
	}
	if !gocmp.Equal(a.Passes, b.Passes) {
		t.Errorf("the stopped study computed %v, the other %v", b.Passes, a.Passes)
	}
}

// Workers compute each a share, and together what one would.
func TestWorkers(t *testing.T) {
	data, model := findings(t, 24), tiny(t, false)
	whole := study(t, grid(t, passes, model, data), t.TempDir())
	compute(t, whole, options(t))
	a, want := merge(t, whole)

	s := study(t, grid(t, passes, model, data), t.TempDir())
	for _, worker := range []int{2, 0} { // the others are lost
		o := options(t)
		o.Share = ablate.Share{Worker: worker, Workers: 4}
		compute(t, s, o)
	}
	if points, of, err := s.Missing(4); err != nil || points != 8 || !gocmp.Equal(of, []int{1, 3}) {
		t.Errorf("missing are %d points of the workers %v, %v", points, of, err)
	}
	if _, points := merge(t, s); len(points) != 8 {
		t.Errorf("merged %d points of two workers, expected 8", len(points))
	}
	o := options(t)
	o.Share = ablate.Share{Worker: 1, Workers: 2} // what was 1 and 3 of 4
	compute(t, s, o)
	b, got := merge(t, s)
	if d := gocmp.Diff(want, got, pointsAlike); d != "" {
		t.Errorf("the workers' points differ: %s", d)
	}
	if ablate.Table(a, want) != ablate.Table(b, got) || !gocmp.Equal(a.Passes, b.Passes) {
		t.Errorf("the workers' table differs, or what was computed: %v and %v", b.Passes, a.Passes)
	}
}

// More values on an axis leave the points that are there; a damaged file is named, and its points are computed anew without it.
func TestGrowingGrid(t *testing.T) {
	data, model, dir := findings(t, 24), tiny(t, false), t.TempDir()
	compute(t, study(t, grid(t, heads, model, data), dir), options(t))
	more := study(t, grid(t, strings.Replace(heads, "[none, 4, 8x4]", "[8x4, 4, 3]", 1), model, data), dir)
	if points, _, err := more.Missing(1); err != nil || points != 8 {
		t.Errorf("%d points are missing, expected those of a new head, 8 (%v)", points, err)
	}
	compute(t, more, options(t))
	a, _ := merge(t, more)
	if want := map[string]int{"forward": 24, "train": 0, "heads": 24 + 8}; !gocmp.Equal(a.Passes, want) {
		t.Errorf("computed %v, want %v", a.Passes, want)
	}

	files, err := filepath.Glob(filepath.Join(dir, "points", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files of points: %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("PAR1 broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := more.Missing(1); err == nil || !strings.Contains(err.Error(), files[0]) {
		t.Errorf("of a damaged file the error is %v", err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	compute(t, more, options(t))
	if a, points := merge(t, more); len(points) != 24 || a.Passes["forward"] != 24 {
		t.Errorf("%d points, computed %v", len(points), a.Passes)
	}
}

// Samples are of both labels, and fewer are among more; points with the same rows are trained together.
func TestSamples(t *testing.T) {
	s := study(t, grid(t, "max_tokens: 2\nsamples: [6, 10, all]\nseed: [0, 1]\nhidden: none\nepochs: 3\nresamples: 20\n", tiny(t, false), findings(t, 24)), t.TempDir())
	compute(t, s, options(t))
	a, points := merge(t, s)
	if len(points) != 6 || a.Passes["forward"] != 24 {
		t.Errorf("%d points, computed %v", len(points), a.Passes)
	}
	var of []string
	for _, e := range a.Effects {
		if e.Axis == "samples" && e.Metric == "f1" {
			of = append(of, fmt.Sprint(e.Value, " ", e.Points, " ", e.Pairs, " ", e.Against))
		}
	}
	if want := []string{"6 2 0 ", "10 2 2 6", "all 2 2 6"}; !gocmp.Equal(of, want) {
		t.Errorf("effects of samples: %q, want %q", of, want)
	}
}

// An encoder has no lengths; what makes no difference is no point of its own.
func TestEncoder(t *testing.T) {
	s := study(t, grid(t, "max_tokens: [2, 4]\nlength: [0, max]\npooling: [cls, mean, mean_all]\nhidden: [none, 4]\nactivation: [gelu, relu]\nepochs: 3\nresamples: 20\n", tiny(t, true), findings(t, 24)), t.TempDir())
	compute(t, s, options(t))
	a, points := merge(t, s)
	if len(points) != 2*3 { // cls and mean, of none, 4 with gelu and 4 with relu
		t.Errorf("%d points", len(points))
	}
	for _, p := range points {
		for _, axis := range []string{"length", "max_tokens", "rank", "temperature"} {
			if v, has := p.Values[axis]; has {
				t.Errorf("a point has the %s %s", axis, v)
			}
		}
		if !math.IsNaN(p.Control) {
			t.Errorf("control is %v of what writes nothing", p.Control)
		}
	}
	if table := ablate.Table(a, points); strings.Contains(table, "NaN") || strings.Contains(table, "Control") {
		t.Errorf("table:\n%s", table)
	}
}

// lessons writes a file of training data: exchanges with an analysis, half of them vulnerable.
func lessons(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		e := dataset.Example{
			Request: fmt.Sprintf("GET /p%d?q=%d HTTP/1.1", i*i, i), Response: fmt.Sprintf("HTTP/1.1 200 OK\r\n\r\n<p>%d</p>", 3*i), Analysis: fmt.Sprintf("Parameter q is %d.", i),
			IsVulnerable: i%2 == 0, VulnCategory: dataset.XSS, Group: fmt.Sprint("g", i/2),
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(data, '\n'))
	}
	path := filepath.Join(t.TempDir(), "lessons.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const recipe = `
max_steps: 2
batch_size: 4
gradient_accumulation: 1
max_length: 512
lora_dropout: 0
learning_rate: 1e-3
`

// Adapters are trained once for all points that stand on them, and what is trained is asked with the words that it learned with.
func TestAdapters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(file, []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	all := filepath.Join(t.TempDir(), "full.yaml")
	if err := os.WriteFile(all, []byte(strings.Replace(recipe, "lora_dropout: 0\n", "", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	text := "full: " + all + "\napproach: [none, lora, joint, full]\nrank: [2, 4]\nmax_tokens: 2\nlength: [0, max]\nhidden: [none, 4]\nepochs: 3\nresamples: 20\nlora: " + file + "\njoint: " + file + "\n"
	model, data, dir := tiny(t, false), lessons(t, 16), t.TempDir()
	s := study(t, grid(t, text, model, data), dir)
	compute(t, s, options(t))
	a, points := merge(t, s)
	if len(points) != 4+8+8+4 {
		t.Errorf("%d points", len(points))
	}
	trainings, err := filepath.Glob(filepath.Join(dir, "adapters", "*", "adapter", "adapter_model.safetensors"))
	if err != nil || len(trainings) != 4 {
		t.Errorf("trained %q, %v", trainings, err)
	}
	if a.Passes["forward"] != 6*16 || a.Passes["train"] != 5*2 || a.Passes["heads"] != 24 {
		t.Errorf("computed %v", a.Passes)
	}
	for _, e := range a.Effects {
		if e.Metric != "f1" || e.Against == "" {
			continue
		}
		want := map[string]int{"approach lora": 8, "approach joint": 8, "approach full": 4, "rank 4": 8, "length 2": 12, "hidden 4": 12}[e.Axis+" "+e.Value]
		if e.Pairs != want {
			t.Errorf("%s %s has %d pairs with %s, want %d", e.Axis, e.Value, e.Pairs, e.Against, want)
		}
	}

	compute(t, study(t, grid(t, text, model, data), dir), options(t))
	if b, _ := merge(t, s); !gocmp.Equal(a.Passes, b.Passes) {
		t.Errorf("a rerun has computed something: %v", b.Passes)
	}
}

// What cannot learn from the rows is refused before any work.
func TestNothingToLearn(t *testing.T) {
	rows, err := ablate.ReadFiles(context.Background(), []string{findings(t, 24)})
	if err != nil {
		t.Fatal(err)
	}
	g := grid(t, "approach: [none, lora, full]\nlora: nowhere.yaml\n", tiny(t, false), "")
	_, err = ablate.New(context.Background(), g, ablate.Source{}, rows, t.TempDir())
	for _, want := range []string{"approach[1]: lora learns analyses, and no training row has one", "lora: its recipe: ", "approach[2]: full learns analyses"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected %s", err, want)
		}
	}
}
