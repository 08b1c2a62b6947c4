package report

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
)

var update = flag.Bool("update", false, "write testdata anew")

// attack is text that a finding or a model may hold.
const attack = `"'></script><script>alert(1)</script><img src=x onerror=alert(1)> | **bold** [a](http://evil.example) @all #1 {{.}} ` + "\x1b[2J\u202e\x00"

var analysis = strings.Fields("The query is built from user input by string concatenation and no parameter is bound before it runs, so an attacker decides what the database does. " +
	"The value however comes from a fixed list that the caller checks, which makes the finding a false alarm in this place of the program.")

// fixtureBench is a small benchmark whose figures are made up from a seed: five judges of falling quality, an API that fails at times,
// trajectories, pairs, two folds, and hostile text in what a report shows.
func fixtureBench(findings int) (*results.Bench, []results.Case) {
	b := &results.Bench{
		Name: "fixture", Created: "2026-11-22T10:00:00Z", Seed: 7, Folds: 2,
		Config: map[string]any{"max_tokens": 48.0, "title": attack}, Versions: map[string]string{"janus": "test", "go": "go1.26"},
		Data: []results.Data{{Path: "data/" + attack, Rows: findings, SHA256: strings.Repeat("ab", 32)}},
		Variants: []results.Variant{
			{Name: "accept-all", Approach: "floor"},
			{Name: "tfidf-lr", Approach: "floor", Parameters: 5_432, TrainSeconds: 0.4},
			{Name: "SC", Approach: "generative", Model: "SmolLM2-135M", Prompt: "plain", Parameters: 134_515_008, WeightBytes: 538_060_032, PeakBytes: 1_503_238_553, ModelSHA256: strings.Repeat("cd", 32)},
			{Name: "FT-PE-CH", Approach: "head", Model: "SmolLM2-135M", Prompt: "pe", Parameters: 139_400_000, WeightBytes: 557_600_000, PeakBytes: 1_610_612_736, TrainSeconds: 812, ModelSHA256: strings.Repeat("cd", 32), AdapterSHA256: strings.Repeat("ef", 32), HeadSHA256: strings.Repeat("01", 32)},
			{Name: "api:big|model", Approach: "api", Model: "big|model", Prompt: "pe", PromptPrice: 0.5, CompletionPrice: 1.5},
		},
		Curves: map[string][]results.Step{},
	}
	for fold := range 2 {
		var steps []results.Step
		for k := range 40 {
			steps = append(steps, results.Step{Step: k + 1, Values: map[string]float64{"train/loss": 2.2*math.Exp(-float64(k)/15) + 0.1*float64(fold) + 0.4, "memory/resident_bytes": 1e9}})
			if k%10 == 9 {
				steps[k].Values["dev/f1"] = 0.5 + 0.008*float64(k)
			}
		}
		b.Curves[fmt.Sprintf("FT-PE-CH fold %d adapter", fold)] = steps
	}
	return b, fixtureCases(b.Variants, findings)
}

func fixtureCases(variants []results.Variant, findings int) (cases []results.Case) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, v := range variants {
		skill := map[string]float64{"tfidf-lr": 1.2, "SC": 0.4, "FT-PE-CH": 2.4, "api:big|model": 3}[v.Name]
		for i := range findings {
			truth := "FP"
			if i%5 < 2 {
				truth = "TP"
			}
			c := results.Case{
				Variant: v.Name, Fold: int32(i % 2), ID: fmt.Sprintf("f%03d", i), Source: []string{"owasp", "zap", "castle"}[i%3], Category: "code", Group: fmt.Sprint("file ", i/2),
				Title: "SQL query from concatenated text", Location: fmt.Sprintf("src/a%d.java:%d", i, 10+i), Truth: truth, Threshold: 0.5, PromptTokens: int32(300 + i),
			}
			if i == 1 {
				c.Title, c.Location, c.Category = attack, attack, attack
			}
			if i < 20 {
				c.Pair = fmt.Sprint("pair ", i/10, i%5/2, i%5)
			}
			fillCase(&c, v, skill, random)
			cases = append(cases, c)
		}
	}
	return cases
}

func fillCase(c *results.Case, v results.Variant, skill float64, random *rand.Rand) {
	sign := -1.0
	if c.Truth == "TP" {
		sign = 1
	}
	logit := sign*skill/2 + random.NormFloat64()
	sigmoid := func(x float64) float64 { return math.Round(1e6/(1+math.Exp(-x))) / 1e6 }
	c.P = sigmoid(logit)
	switch v.Approach {
	case "floor":
		c.PromptTokens = 0
		c.Seconds = 0.0002
		if v.Name == "accept-all" {
			c.P = 1
		}
	case "api":
		if c.ID == "f003" || c.ID == "f010" {
			c.Error = "429: " + attack
			return
		}
		c.Seconds, c.Tokens, c.Analysis = 1.1, int32(60+random.IntN(30)), "I think that it is real. "+attack
	default:
		c.Seconds = 0.4 + 0.1*random.Float64()
		n := 12 + random.IntN(len(analysis)-12)
		c.Tokens = int32(n)
		c.Trajectory = []float32{float32(sigmoid(random.NormFloat64() / 2))}
		for k := range n {
			part := float64(k+1) / float64(n)
			c.Trajectory = append(c.Trajectory, float32(sigmoid(logit*part+(1-part)*random.NormFloat64())))
			c.Pieces = append(c.Pieces, " "+analysis[k])
		}
		if c.ID == "f001" {
			c.Pieces[3] = attack
		}
		c.P = float64(c.Trajectory[n])
		c.Analysis = strings.TrimSpace(strings.Join(c.Pieces, ""))
	}
	c.Verdict = "FP"
	if c.P >= c.Threshold {
		c.Verdict = "TP"
	}
}

// fixtureAblation is a small grid of head sizes, lengths and seeds, with one point that failed.
func fixtureAblation() (*results.Ablation, []results.Point) {
	hidden, lengths, seeds := []string{"none", "32", "128"}, []string{"0", "8", "32", "64"}, []string{"1", "2"}
	a := &results.Ablation{
		Name: "grid", Created: "2026-11-22T11:00:00Z", Passes: map[string]int{"forward": 80, "heads": 24}, Times: map[string]float64{"forward": 31.5},
		Axes:   []results.Axis{{Name: "hidden", Values: hidden}, {Name: "length", Values: lengths}, {Name: "seed", Values: seeds}, {Name: "pooling", Values: []string{"mean_generated"}}},
		Config: map[string]any{"epochs": 20.0}, Versions: map[string]string{"janus": "test"},
	}
	for i := range 40 {
		a.Rows = append(a.Rows, results.TestRow{ID: fmt.Sprint("r", i), Source: "zap", Group: fmt.Sprint(i / 2), Truth: []string{"TP", "FP"}[i%2]})
	}
	random := rand.New(rand.NewPCG(3, 4))
	var points []results.Point
	for h, size := range hidden {
		for l, length := range lengths {
			for _, seed := range seeds {
				base := 0.55 + 0.05*float64(h) + 0.06*float64(l) - 0.02*float64(h*l) + 0.02*random.Float64()
				p := results.Point{
					Hash: strings.Repeat(fmt.Sprintf("%x%x", h, l), 32), Values: map[string]string{"hidden": size, "length": length, "seed": seed, "pooling": "mean_generated"},
					N: 40, Accuracy: base, Precision: base - 0.03, Recall: base + 0.02, F1: base, FPR: 1 - base, MCC: 2*base - 1, ROCAUC: base + 0.05, PRAUC: base + 0.01,
					Brier: 0.2, ECE: 0.07, FPReduction: base, Threshold: 0.5, Temperature: 1, Tokens: 32, Control: 1, Seconds: 0.2,
				}
				if size == "128" && length == "64" && seed == "2" {
					p = results.Point{Hash: p.Hash, Values: p.Values, Error: "diverged: " + attack}
				}
				points = append(points, p)
			}
		}
	}
	a.Effects, a.Slopes = fixtureEffects(hidden, lengths)
	return a, points
}

func fixtureEffects(hidden, lengths []string) (effects []results.Effect, slopes []results.Slope) {
	around := func(v float64) metrics.Interval {
		return metrics.Interval{Value: metrics.Number(v), Low: metrics.Number(v - 0.06), High: metrics.Number(v + 0.05)}
	}
	for _, axis := range []results.Axis{{Name: "hidden", Values: hidden}, {Name: "length", Values: lengths}} {
		for i, value := range axis.Values {
			for _, metric := range []string{"accuracy", "precision", "f1", "roc_auc"} {
				e := results.Effect{Axis: axis.Name, Value: value, Metric: metric, Points: 8, Mean: around(0.6 + 0.04*float64(i))}
				if i > 0 {
					e.Against, e.Pairs, e.Difference = axis.Values[0], 8, around(0.04*float64(i))
				}
				effects = append(effects, e)
			}
		}
	}
	return effects, []results.Slope{{Metric: "accuracy", Lengths: []float64{0, 8, 32, 64}, Figures: []metrics.Number{0.6, 0.64, 0.68, 0.72}, Value: metrics.Interval{Value: 0.0015, Low: -0.0004, High: 0.003}}}
}

// TestFixture: the folders in testdata hold what the fixture makes.
func TestFixture(t *testing.T) {
	bench, cases := fixtureBench(40)
	ablation, points := fixtureAblation()
	if *update {
		for _, err := range []error{results.WriteBench("testdata/bench", bench, cases), results.WriteAblation("testdata/ablation", ablation, points)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	gotBench, gotCases, err := results.ReadBench("testdata/bench")
	if err != nil {
		t.Fatal(err)
	}
	gotAblation, gotPoints, err := results.ReadAblation("testdata/ablation")
	if err != nil {
		t.Fatal(err)
	}
	o := []cmp.Option{cmpopts.EquateEmpty(), cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)}
	if diff := cmp.Diff(bench, gotBench, o...) + cmp.Diff(cases, gotCases, o...) + cmp.Diff(ablation, gotAblation, o...) + cmp.Diff(points, gotPoints, o...); diff != "" {
		t.Errorf("run the test with -update: %s", diff)
	}
}

func document(t *testing.T, o Options, dirs ...string) *Document {
	t.Helper()
	study, err := Read(dirs)
	if err != nil {
		t.Fatal(err)
	}
	d, err := study.Document(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (run with -update where this is meant):\n%s", path, diff)
	}
}
