package run

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCharts(t *testing.T) {
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	for step := 1; step <= 40; step++ {
		x := float64(step)
		check(t, r.Log(step, map[string]float64{TrainLoss: 2 / math.Sqrt(x), LearningRate: 2e-4 * math.Min(x/5, 1-(x-5)/40)}))
		check(t, r.LogTiming(step, map[string]float64{Memory: 1.2e9 + 1e6*x}))
		if step%10 == 0 {
			check(t, r.Log(step, map[string]float64{DevLoss: 2.2 / math.Sqrt(x), DevAccuracy: 1 - 1/x, DevPrecision: 1 - 2/x, DevRecall: 1 - 1.5/x, DevF1: 1 - 1.7/x}))
		}
	}
	check(t, r.Close())
	files := must(Charts(dir))(t)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	want := []string{"loss.png", "loss.svg", "quality.png", "quality.svg", "learning_rate.png", "learning_rate.svg", "memory.png", "memory.svg"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	for name, texts := range map[string][]string{
		"loss.svg": {">train/loss<", ">dev/loss<"}, "quality.svg": {">dev/accuracy<", ">dev/f1<", ">0.8<"},
		"learning_rate.svg": {">train/learning_rate<"}, "memory.svg": {">GB<"},
	} {
		svg := read(t, dir, chartsName, name)
		for _, text := range texts {
			if !strings.Contains(svg, text) {
				t.Errorf("%s has no %s", name, text)
			}
		}
	}
}

func TestChartsOfNothing(t *testing.T) {
	files, err := Charts(t.TempDir())
	if err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestOutput(t *testing.T) {
	var config struct {
		Output
		Steps int `yaml:"steps" default:"2"`
	}
	check(t, LoadConfig(writeFile(t, "charts: true\nwandb: true\nsteps: 3\n"), &config))
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	trainTo(t, r, 2)
	check(t, r.Close())
	check(t, Output{}.Write(dir))
	files := []string{filepath.Join(chartsName, "loss.png"), wandbHistory}
	for _, name := range files {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there, which nobody asked for", name)
		}
	}
	check(t, config.Write(dir))
	for _, name := range files {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
