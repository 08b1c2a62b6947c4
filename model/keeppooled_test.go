package model_test

import (
	"context"
	"slices"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
)

// A length that no row of the batch reaches has the state at the row's end.
func TestKeepPooledAfterEnd(t *testing.T) {
	dir := t.TempDir()
	if err := testmodel.Write(dir, 128, 1); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(context.Background(), dir, model.Options{Backend: testBackend(t, "go"), Features: []classifier.Feature{
		{Layer: classifier.LastLayer, Pooling: classifier.PoolMeanGenerated}, {Layer: 0, Pooling: classifier.PoolLast},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // only a test's
	batch := model.Batch{Rows: []model.Row{{Prompt: []int32{1, 50, 60, 70}, Adapter: -1, Sampling: model.Sampling{MaxTokens: 8}}}}
	free, err := m.Generate(context.Background(), batch, model.ReviewOptions{Stop: []int32{}})
	if err != nil {
		t.Fatal(err)
	}
	tokens := free[0].Tokens
	end := slices.IndexFunc(tokens, func(id int32) bool { return id != tokens[0] }) // the first that did not come before
	if end < 1 {
		t.Fatalf("the model writes one token over and over: %v", tokens)
	}
	v, err := m.Generate(context.Background(), batch, model.ReviewOptions{Stop: []int32{tokens[end]}, KeepPooled: []int{end, end + 1, 8}})
	if err != nil {
		t.Fatal(err)
	}
	if len(v[0].Tokens) != end {
		t.Fatalf("the row has %d tokens, expected %d", len(v[0].Tokens), end)
	}
	for f, kept := range v[0].Pooled {
		if !slices.Equal(kept[1], kept[0]) || !slices.Equal(kept[2], kept[0]) || slices.Max(kept[0]) == 0 {
			t.Errorf("feature %d: the states after the row's end differ from that at its end", f)
		}
	}
}
