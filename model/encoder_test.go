package model_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/model"
)

// TestParityEncoders holds every encoder fixture to what transformers computed: states of all layers, pools, the pretrained
// pooler and the LM head, by both spellings of the configuration.
func TestParityEncoders(t *testing.T) {
	b := testBackend(t, "")
	for _, dir := range fixtures.Glob(t, "encoders/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			t.Run("config.json", func(t *testing.T) { parityEncoder(t, b, dir, g) })
			t.Run("config.v4.json", func(t *testing.T) {
				if _, err := os.Stat(filepath.Join(dir, "config.v4.json")); err != nil {
					t.Skip("the fixture has no config.v4.json")
				}
				parityEncoder(t, b, withConfig(t, dir, "config.v4.json"), g)
			})
		})
	}
}

// TestParityEncodersGoBackend is the same on GoMLX's pure-Go backend.
func TestParityEncodersGoBackend(t *testing.T) {
	b := testBackend(t, "go")
	for _, dir := range fixtures.Glob(t, "encoders/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			parityEncoder(t, b, dir, openGolden(t, filepath.Join(dir, "expected.safetensors")))
		})
	}
}

func parityEncoder(t *testing.T, b backend.Choice, dir string, g golden) {
	t.Helper()
	m := openModel(t, dir, model.Options{Backend: b})
	rows := g.rows()
	_, pooler := g.c.Tensor("pooler_output")
	_, logits := g.c.Tensor("mlm_logits")
	_, typed := g.c.Tensor("token_type_ids")
	o := model.StatesOptions{Layers: true, Pooler: pooler, Logits: logits}
	if typed {
		types, s := g.ints("token_type_ids"), g.shape("token_type_ids")[1]
		for i, row := range rows {
			o.Types = append(o.Types, types[i*s:i*s+len(row)])
		}
	}
	got, err := m.States(context.Background(), rows, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	var w worst
	for i, row := range rows {
		compare := func(name string, values []float32) {
			n := len(row)
			if len(g.shape(name)) == 2 {
				n = 1
			}
			want := g.floats(name)
			size, width := len(want)/len(rows), g.shape(name)[len(g.shape(name))-1]
			w.compare(fmt.Sprintf("%s row %d", name, i), values, want[i*size:i*size+n*width])
		}
		compare("hidden.embed", got.Embed[i])
		for l := range got.Layers {
			compare(fmt.Sprintf("hidden.layer_%d", l), got.Layers[l][i])
		}
		compare("hidden_last", got.Last[i])
		if pooler {
			compare("pooler_output", got.Pooler[i])
		}
		if logits {
			compare("mlm_logits", got.Logits[i])
		}
	}
	if !typed { // Embed has no segments
		for name, pooling := range map[string]classifier.Pooling{"pooled_mean": classifier.PoolMean, "pooled_cls": classifier.PoolCLS} {
			pooled, err := m.Embed(context.Background(), rows, nil, classifier.Feature{Layer: classifier.LastLayer, Pooling: pooling})
			if err != nil {
				t.Fatal(err)
			}
			want := g.floats(name)
			for i := range rows {
				w.compare(name, pooled[i], want[i*len(pooled[i]):(i+1)*len(pooled[i])])
			}
		}
	}
	w.check(t, tolerance(m))
}

// withConfig is a copy of a model's folder whose config.json is another file of it.
func withConfig(t *testing.T, dir, config string) string {
	t.Helper()
	mirror := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range append(files, filepath.Join(dir, config)) {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(from)
		if name == config {
			name = "config.json"
		}
		if err := os.WriteFile(filepath.Join(mirror, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return mirror
}
