package results_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
)

var sameNumber = cmp.Comparer(func(a, b metrics.Number) bool { return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) })

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	bench := &results.Bench{Name: "b", Folds: 5, Config: map[string]any{"k": "v"}, Variants: []results.Variant{{Name: "CH", Approach: "head"}}}
	cases := []results.Case{
		{Variant: "CH", ID: "1", Truth: "TP", Verdict: "FP", P: 0.25, Tokens: 2, Pieces: []string{"a", " b"}, Trajectory: []float32{0.5, 0.3, 0.25}},
		{Variant: "CH", ID: "2", Truth: "FP", Error: "no answer"},
	}
	if results.IsBench(dir) {
		t.Error("an empty folder is a benchmark")
	}
	if err := results.WriteBench(dir, bench, cases); err != nil {
		t.Fatal(err)
	}
	gotBench, gotCases, err := results.ReadBench(dir)
	if err != nil || !results.IsBench(dir) || results.IsAblation(dir) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bench, gotBench) + cmp.Diff(cases, gotCases, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}

	ablation := &results.Ablation{Name: "a", Axes: []results.Axis{{Name: "hidden", Values: []string{"none", "32"}}}, Passes: map[string]int{"forward": 3},
		Rows: []results.TestRow{{ID: "1", Truth: "TP"}}, Slopes: []results.Slope{{Metric: "f1", Lengths: []float64{0, 8}, Figures: []metrics.Number{0.5, metrics.Number(math.NaN())}}},
		Effects: []results.Effect{{Axis: "hidden", Value: "32", Mean: metrics.Interval{Value: 0.5, Low: metrics.Number(math.NaN()), High: 1}}}}
	points := []results.Point{{Hash: "x", Values: map[string]string{"hidden": "32"}, N: 2, ROCAUC: math.NaN(), P: []float64{0.1, 0.9}}}
	if err := results.WriteAblation(dir, ablation, points); err != nil {
		t.Fatal(err)
	}
	gotAblation, gotPoints, err := results.ReadAblation(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ablation, gotAblation, sameNumber) + cmp.Diff(points, gotPoints, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, results.CasesFile), []byte("PAR1 broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := results.ReadBench(dir); err == nil {
		t.Error("a broken table was read")
	}
}
