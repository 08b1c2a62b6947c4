package report

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// Study is what a report is made of.
type Study struct {
	Benches   []*Bench
	Ablations []*Ablation
}

// Bench is a benchmark with its cases.
type Bench struct {
	Dir string
	results.Bench
	variants []*variant
}

// Ablation is a grid with its points.
type Ablation struct {
	Dir string
	results.Ablation
	points []results.Point
}

// variant is one of a benchmark's judges with its cases.
type variant struct {
	results.Variant
	cases  []*results.Case // with a verdict
	failed []*results.Case
	sample
}

// Read reads the folders of benchmarks and ablations. A folder that holds neither is an error that says what it does hold.
func Read(dirs []string) (*Study, error) {
	s := &Study{}
	var problems []error
	for _, dir := range dirs {
		bench, ablation := results.IsBench(dir), results.IsAblation(dir)
		if !bench && !ablation {
			problems = append(problems, notAResult(dir))
		}
		if bench {
			b, cases, err := results.ReadBench(dir)
			if err == nil {
				s.Benches = append(s.Benches, newBench(dir, b, cases))
			}
			problems = append(problems, err)
		}
		if ablation {
			a, points, err := results.ReadAblation(dir)
			if err == nil {
				s.Ablations = append(s.Ablations, &Ablation{dir, *a, points})
			}
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// notAResult says why a folder is no result, and where there are some.
func notAResult(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var below []string
	for _, e := range entries {
		if sub := filepath.Join(dir, e.Name()); e.IsDir() && (results.IsBench(sub) || results.IsAblation(sub)) {
			below = append(below, sub)
		}
	}
	err = fmt.Errorf("%s: expected %s of janus bench or %s of janus ablate in the folder, found neither", dir, results.BenchFile, results.AblationFile)
	if len(below) > 0 {
		err = fmt.Errorf("%w; they are in %s", err, strings.Join(below, ", "))
	}
	return err
}

// newBench sorts the cases by variant. Those that cannot be counted become failed ones, with the reason.
func newBench(dir string, b *results.Bench, cases []results.Case) *Bench {
	bench := &Bench{Dir: dir, Bench: *b}
	byName := map[string]*variant{}
	add := func(v results.Variant) *variant {
		if byName[v.Name] == nil {
			byName[v.Name] = &variant{Variant: v}
			bench.variants = append(bench.variants, byName[v.Name])
		}
		return byName[v.Name]
	}
	for _, v := range b.Variants {
		add(v)
	}
	for i := range cases {
		c := &cases[i]
		v := add(results.Variant{Name: c.Variant})
		if problem := uncountable(c); problem != "" {
			c.Error = problem
			v.failed = append(v.failed, c)
		} else {
			v.cases = append(v.cases, c)
		}
	}
	for _, v := range bench.variants {
		v.sample = sampleOf(v.cases)
	}
	return bench
}

// uncountable says why a case has no part in the figures.
func uncountable(c *results.Case) string {
	real, unreal := string(finding.TruePositive), string(finding.FalsePositive)
	switch {
	case c.Failed():
		return c.Error
	case c.Truth != real && c.Truth != unreal:
		return fmt.Sprintf("its truth is %q, expected %s or %s", c.Truth, real, unreal)
	case c.Verdict != real && c.Verdict != unreal:
		return fmt.Sprintf("its verdict is %q, expected %s or %s", c.Verdict, real, unreal)
	case math.IsNaN(c.P) || c.P < 0 || c.P > 1:
		return fmt.Sprintf("its probability is %v, expected 0 to 1", c.P)
	}
	return ""
}

// real tells whether a label says that a finding is.
func real(label string) bool { return label == string(finding.TruePositive) }

// right tells whether a verdict is.
func right(c *results.Case) bool { return c.Verdict == c.Truth }
