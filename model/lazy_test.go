package model_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
)

// A lazy model reads its weights at the first program, and then computes what another one does. Until then they need not be
// readable.
func TestLazy(t *testing.T) {
	dir := t.TempDir()
	if err := testmodel.Write(dir, 64, 1); err != nil {
		t.Fatal(err)
	}
	open := func(lazy bool) *model.Model {
		m, err := model.Open(context.Background(), dir, model.Options{Backend: testBackend(t, "go"), Lazy: lazy})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m
	}
	rows := [][]int32{{5, 6, 7}}
	want, err := open(false).States(context.Background(), rows, nil, model.StatesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := open(true)
	if m.WeightBytes() != 0 {
		t.Errorf("%d bytes of weights are loaded before they are needed", m.WeightBytes())
	}
	if err := os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.States(context.Background(), rows, nil, model.StatesOptions{}); err == nil {
		t.Error("a model without weights computed something")
	}
	if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	got, err := m.States(context.Background(), rows, nil, model.StatesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Last[0], want.Last[0]) || m.WeightBytes() == 0 {
		t.Errorf("states are %v, expected %v", got.Last[0][:3], want.Last[0][:3])
	}
}
