package run

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/januslm/janus/internal/charts"
)

// chartsName is the folder of a run's charts.
const chartsName = "charts"

// kinds are the charts of a run.
var kinds = []struct {
	file, title, unit string
	scale             float64
	ratio, fromZero   bool
	of                func(metric string) bool
}{
	{"loss", "Loss", "loss", 1, false, true, func(m string) bool { return strings.HasSuffix(m, "loss") }},
	{"quality", "Accuracy, precision, recall and F1", "", 1, true, false, func(m string) bool {
		return slices.Contains([]string{"accuracy", "precision", "recall", "f1"}, m[strings.LastIndex(m, "/")+1:])
	}},
	{"learning_rate", "Learning rate", "learning rate", 1, false, true, func(m string) bool { return m == LearningRate }},
	{"memory", "Resident memory", "GB", 1e-9, false, true, func(m string) bool { return m == Memory }},
}

// Charts draws the curves of a run, finished or not: loss, accuracy with precision, recall and F1, learning rate and
// memory, as far as they were logged, each as PNG and SVG in the folder charts of the run's. It returns the files.
func Charts(dir string) ([]string, error) {
	metrics, err := ReadMetrics(dir)
	if err != nil {
		return nil, err
	}
	timings, err := ReadTimings(dir)
	if err != nil {
		return nil, err
	}
	rows := append(metrics, timings...)
	if err := os.MkdirAll(filepath.Join(dir, chartsName), 0o755); err != nil {
		return nil, err
	}
	var files []string
	for _, k := range kinds {
		c := charts.Curves{Title: k.title, XLabel: "step", YLabel: k.unit, Ratio: k.ratio, FromZero: k.fromZero, Curves: curves(rows, k.of, k.scale)}
		if len(c.Curves) == 0 {
			continue
		}
		for _, ext := range []string{".png", ".svg"} {
			path := filepath.Join(dir, chartsName, k.file+ext)
			if err := c.Save(path); err != nil {
				return files, fmt.Errorf("drawing %s: %w", k.title, err)
			}
			files = append(files, path)
		}
	}
	return files, nil
}

// curves collects the metrics of a chart, the training's before the others.
func curves(rows []Row, of func(string) bool, scale float64) []charts.Curve {
	at := map[string]int{}
	var list []charts.Curve
	for _, row := range rows {
		for metric, value := range row.Values {
			if !of(metric) {
				continue
			}
			i, ok := at[metric]
			if !ok {
				i = len(list)
				at[metric] = i
				list = append(list, charts.Curve{Name: metric})
			}
			list[i].X = append(list[i].X, float64(row.Step))
			list[i].Y = append(list[i].Y, value*scale)
		}
	}
	slices.SortFunc(list, func(a, b charts.Curve) int {
		if trainA, trainB := strings.HasPrefix(a.Name, "train/"), strings.HasPrefix(b.Name, "train/"); trainA != trainB {
			if trainA {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}
