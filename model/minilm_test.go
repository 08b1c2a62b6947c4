package model_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
)

// TestMiniLM holds a real encoder to transformers: tokens, states, pools and the pretrained pooler of texts that run in one
// batch. testdata/minilm has the script that made what is expected.
func TestMiniLM(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join("testdata", "minilm")
	data, err := os.ReadFile(filepath.Join(dir, "sentences.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sentences []struct {
		Text string
		IDs  []int32
	}
	if err := json.Unmarshal(data, &sentences); err != nil {
		t.Fatal(err)
	}
	m := openModel(t, fetched(t, "all-MiniLM-L6-v2"), model.Options{Backend: testBackend(t, "")})
	var rows [][]int32
	for _, s := range sentences {
		ids, _, err := m.Encode(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, s.IDs) {
			t.Errorf("%.40q: tokens %v, expected %v", s.Text, ids, s.IDs)
		}
		rows = append(rows, s.IDs)
	}
	g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
	var w worst
	compare := func(name string, got [][]float32) {
		t.Helper()
		want := g.Floats(name)
		for i := range got {
			w.compare(fmt.Sprintf("%s of text %d", name, i), got[i], want[i*len(got[i]):(i+1)*len(got[i])])
		}
	}
	for name, f := range map[string]classifier.Feature{
		"pooled_mean":  {Layer: classifier.LastLayer, Pooling: classifier.PoolMean},
		"pooled_cls":   {Layer: classifier.LastLayer, Pooling: classifier.PoolCLS},
		"layer_2_mean": {Layer: 2, Pooling: classifier.PoolMean},
	} {
		got, err := m.Embed(ctx, rows, nil, f)
		if err != nil {
			t.Fatal(err)
		}
		compare(name, got)
		if name == "pooled_mean" {
			compare("sentence", unit(got))
		}
	}
	states, err := m.States(ctx, rows[:3], nil, model.StatesOptions{Pooler: true})
	if err != nil {
		t.Fatal(err)
	}
	compare("pooler_output", states.Pooler)
	w.check(t, 1e-4)
}

// unit scales vectors to length 1.
func unit(vectors [][]float32) [][]float32 {
	out := make([][]float32, len(vectors))
	for i, v := range vectors {
		sum := 0.0
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		for _, x := range v {
			out[i] = append(out[i], float32(float64(x)/math.Sqrt(sum)))
		}
	}
	return out
}
