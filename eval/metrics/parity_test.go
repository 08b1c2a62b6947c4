package metrics_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/internal/fixtures"
)

// golden is a case of metrics.json: scikit-learn's figures, or null where there is none.
type golden struct {
	Name      string
	Scores    []float64
	Labels    []float64
	Threshold float64
	Expected  map[string]json.RawMessage
}

// The figures of scikit-learn, edge cases too. Every key that a case has must be known here and agree.
func TestParityMetrics(t *testing.T) {
	for _, path := range fixtures.Glob(t, "head/metrics.json") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Cases []golden }
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatal(err)
		}
		if len(file.Cases) == 0 {
			t.Fatalf("%s has no case", path)
		}
		for _, c := range file.Cases {
			t.Run(c.Name, func(t *testing.T) { c.check(t) })
		}
	}
}

func (c golden) check(t *testing.T) {
	labels := make([]bool, len(c.Labels))
	for i, y := range c.Labels {
		labels[i] = y == 1
	}
	s, err := metrics.NewScores(labels, c.Scores)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := json.Marshal(s.Summary(c.Threshold)) // through JSON, which refuses NaN
	if err != nil {
		t.Fatal(err)
	}
	var figures map[string]json.RawMessage
	if err := json.Unmarshal(summary, &figures); err != nil {
		t.Fatal(err)
	}
	for key, want := range c.Expected {
		switch key {
		case "ece_bins":
			checkBins(t, s.Bins(metrics.ECEBins), want)
		case "roc_curve":
			checkROC(t, s.Points(), want)
		case "confusion":
			var a, b metrics.Confusion
			decode(t, figures[key], &a)
			decode(t, want, &b)
			if a != b {
				t.Errorf("confusion is %+v, expected %+v", a, b)
			}
		default:
			got, ok := figures[key]
			if !ok {
				t.Errorf("there is no figure %q", key)
				continue
			}
			var a, b metrics.Number
			decode(t, got, &a)
			decode(t, want, &b)
			near(t, key, float64(a), float64(b))
		}
	}
}

func decode(t *testing.T, data json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

// near fails unless the values agree to 1e-12, or both are NaN.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) && math.IsNaN(want) {
		return
	}
	if !(math.Abs(got-want) <= 1e-12*max(1, math.Abs(want))) {
		t.Errorf("%s is %v, expected %v", what, got, want)
	}
}

func checkBins(t *testing.T, bins []metrics.Bin, want json.RawMessage) {
	t.Helper()
	var list [][3]metrics.Number
	decode(t, want, &list)
	if len(bins) != len(list) {
		t.Fatalf("there are %d bins, expected %d", len(bins), len(list))
	}
	for i, b := range bins {
		near(t, "count", float64(b.Count), float64(list[i][0]))
		if b.Count == 0 {
			continue // the fixture's mean and share are null
		}
		near(t, "mean", float64(b.Mean), float64(list[i][1]))
		near(t, "share", float64(b.Share), float64(list[i][2]))
	}
}

func checkROC(t *testing.T, points []metrics.Point, want json.RawMessage) {
	t.Helper()
	var curve struct{ FPR, TPR []float64 }
	decode(t, want, &curve)
	if len(points) != len(curve.FPR) {
		t.Fatalf("the curve has %d points, expected %d", len(points), len(curve.FPR))
	}
	for i, p := range points {
		near(t, "FPR", p.Confusion.FPR(), curve.FPR[i])
		near(t, "TPR", p.Confusion.Recall(), curve.TPR[i])
	}
}
