package dataset

import (
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is added comes back; added again it takes the old one's place.
func TestBenchmarks(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "b.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	b := Benchmark{
		Name: "study", Created: "2026-11-22T10:00:00Z", Variant: "CH", Seed: math.MaxUint64, Config: json.RawMessage(`{"folds":5}`),
		ModelSHA256: "m", AdapterSHA256: "a", HeadSHA256: "h",
	}
	results := []BenchmarkResult{
		{CaseID: "a", Truth: "TP", Verdict: "FP", P: 0.25, Tokens: 3, Seconds: 0.5},
		{CaseID: "b", Truth: "FP", Error: "no answer", P: math.NaN()},
	}
	for range 2 {
		if b.ID, err = s.AddBenchmark(t.Context(), b, results); err != nil {
			t.Fatal(err)
		}
	}
	other := b
	other.Variant, other.Config = "SC", nil
	if other.ID, err = s.AddBenchmark(t.Context(), other, nil); err != nil {
		t.Fatal(err)
	}
	other.Config = json.RawMessage("{}")
	var got []Benchmark
	for b, err := range s.Benchmarks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b)
	}
	if diff := cmp.Diff([]Benchmark{b, other}, got); diff != "" {
		t.Error(diff)
	}
	var rows []BenchmarkResult
	for r, err := range s.BenchmarkResults(t.Context(), b.ID) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if diff := cmp.Diff(results, rows, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	// A result that cannot be added leaves nothing of its benchmark, and what was there stays.
	if _, err := s.AddBenchmark(t.Context(), b, append(results, results[0])); err == nil {
		t.Error("a case was added twice")
	}
	n := 0
	for _, err := range s.BenchmarkResults(t.Context(), b.ID) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d results are left of 2", n)
	}
}
