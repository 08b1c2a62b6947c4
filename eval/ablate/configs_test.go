package ablate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/januslm/janus/eval/ablate"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/run"
)

const studies = "../../configs/study"

// Every grid of configs/study can be read and computed, and the recipes that it names are there.
func TestConfigs(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(studies, "ablate-*.yaml"))
	if err != nil || len(paths) < 13 {
		t.Fatalf("found only %d grids, %v", len(paths), err)
	}
	for _, path := range paths {
		var g ablate.Grid
		if err := run.LoadConfig(path, &g); err != nil {
			t.Error(err)
			continue
		}
		lines, err := run.Lines(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Check(ablate.Source{File: path, Lines: lines}); err != nil {
			t.Error(err)
		}
		var lora train.LoRAConfig
		var joint train.JointConfig
		for _, r := range []struct {
			path   string
			config interface{ Check() error }
		}{{g.LoRA, &lora}, {g.Joint, &joint}} {
			if r.path == "" {
				continue
			}
			if err := run.LoadConfig(filepath.Join("../..", r.path), r.config); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if err := r.config.Check(); err != nil {
				t.Errorf("%s: %s: %v", path, r.path, err)
			}
		}
	}
}

// The reference study is what the project promises: 6 head sizes, 8 lengths and 5 seeds over 200 findings at most.
func TestReferenceStudy(t *testing.T) {
	var g ablate.Grid
	if err := run.LoadConfig(filepath.Join(studies, "ablate-smollm2.yaml"), &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Hidden) != 6 || len(g.Length) != 8 || len(g.Seed) != 5 || g.Rows == 0 || g.Rows > 200 {
		t.Errorf("%d heads, %d lengths, %d seeds, %d rows", len(g.Hidden), len(g.Length), len(g.Seed), g.Rows)
	}
	for _, path := range g.Data {
		if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
			t.Error(err)
		}
	}
}
