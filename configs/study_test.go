package configs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// quotedInterval is a figure with its interval, as reports write it.
var quotedInterval = regexp.MustCompile(`[−+]?[0-9]+\.[0-9]+ \([−+]?[0-9]+\.[0-9]+ to [−+]?[0-9]+\.[0-9]+\)`)

// The answers of the reference study quote its report: each figure with an interval stands there in the same digits.
func TestStudyQuotesItsReport(t *testing.T) {
	answers, err := os.ReadFile("../docs/study/README.md")
	if err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile("../docs/study/report.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := quotedInterval.FindAllString(string(answers), -1)
	if len(quoted) < 10 {
		t.Errorf("the answers quote %d figures with an interval, expected some for every question", len(quoted))
	}
	for _, figure := range quoted {
		if !strings.Contains(string(report), figure) {
			t.Errorf("docs/study/README.md has %s, which docs/study/report.md has not", figure)
		}
	}
}
