package configs_test

import (
	"path/filepath"
	"testing"

	"github.com/januslm/janus/eval/bench"
	"github.com/januslm/janus/train/run"
)

// TestBenchmarks loads each benchmark of the studies, with the recipes that it names from the repository's root.
func TestBenchmarks(t *testing.T) {
	t.Chdir("..")
	paths, err := filepath.Glob("configs/study/bench-*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d benchmarks, %v", len(paths), err)
	}
	for _, path := range paths {
		config := new(bench.Config)
		if err := run.LoadConfig(path, config); err != nil {
			t.Error(err)
			continue
		}
		if err := config.Check(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
