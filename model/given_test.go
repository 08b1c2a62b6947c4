package model_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
)

// The states of a model's own greedy analyses are the same whether it writes them or is given them: with every pooling, behind
// a shared prefix and without one, of analyses that end early and of none.
func TestGivenAsWritten(t *testing.T) {
	dir := t.TempDir()
	if err := testmodel.Write(dir, 128, 1); err != nil {
		t.Fatal(err)
	}
	var features []classifier.Feature
	for _, layer := range []classifier.Layer{classifier.LastLayer, 0} {
		for _, pooling := range []classifier.Pooling{"mean_generated", "mean_from", "mean_all", "last", "max"} {
			features = append(features, classifier.Feature{Layer: layer, Pooling: pooling})
		}
	}
	m, err := model.Open(context.Background(), dir, model.Options{Backend: testBackend(t, "go"), Features: features})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // only a test's
	lengths := []int{0, 1, 3, 8}
	for _, prefix := range [][]int32{nil, {1, 90, 91, 92}} {
		batch := model.Batch{Prefix: prefix}
		for i, prompt := range [][]int32{{50, 60, 70}, {80}, {51, 61, 71, 81, 91}} {
			batch.Rows = append(batch.Rows, model.Row{Prompt: prompt, Adapter: -1, Sampling: model.Sampling{MaxTokens: 8 - 4*i}})
		}
		written, err := m.Generate(context.Background(), batch, model.ReviewOptions{Stop: []int32{}, KeepPooled: lengths})
		if err != nil {
			t.Fatal(err)
		}
		var rows []model.Given
		for i, v := range written {
			rows = append(rows, model.Given{Prompt: batch.Rows[i].Prompt, Analysis: v.Tokens, Adapter: -1})
		}
		for _, slots := range []int{0, 4} {
			given, err := m.PoolGiven(context.Background(), prefix, rows, model.GivenOptions{Lengths: lengths, Slots: slots})
			if err != nil {
				t.Fatal(err)
			}
			if len(given) != len(rows) {
				t.Fatalf("%d rows came back, expected %d", len(given), len(rows))
			}
			for i, v := range written {
				for f := range features {
					for k := range lengths {
						if d := distance(v.Pooled[f][k], given[i][f][k]); d > 1e-5 {
							t.Errorf("prefix of %d, row %d, %+v after %d tokens: differs by %v", len(prefix), i, features[f], lengths[k], d)
						}
					}
				}
			}
		}
		rows[0].Analysis = []int32{1 << 20}
		if _, err := m.PoolGiven(context.Background(), prefix, rows, model.GivenOptions{Lengths: lengths}); err == nil || !strings.Contains(err.Error(), "outside the vocabulary") {
			t.Errorf("a token that is none: %v", err)
		}
	}
}

// distance is the largest between two states, NaN as infinity.
func distance(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if !(d <= worst) {
			worst = d
		}
	}
	if math.IsNaN(worst) || len(a) != len(b) || len(a) == 0 {
		return math.Inf(1)
	}
	return worst
}
