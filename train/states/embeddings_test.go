package states_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train/states"
)

func embedder(t *testing.T, m *model.Model, sha string) *states.Embedder {
	t.Helper()
	e, err := model.NewEmbedder(m, classifier.PoolMean, sha)
	if err != nil {
		t.Fatal(err)
	}
	return &states.Embedder{Embedder: e, Pooling: classifier.PoolMean}
}

// Embeddings are those of the finding's text and, behind it, of the analysis so far, by either embedder; they are computed once.
func TestEmbeddings(t *testing.T) {
	m, encoder, list := tiny(t, false), tiny(t, true), findings(3)
	for name, e := range map[string]*states.Embedder{"tokens": embedder(t, m, "a"), "encoder": embedder(t, encoder, "b")} {
		dir, o := t.TempDir(), options()
		h, err := states.HarvestEmbeddings(context.Background(), m, e, dir, list, o)
		if err != nil {
			t.Fatal(err)
		}
		if h.Computed != 3 || h.Known != 0 {
			t.Errorf("%s: computed %d, knew %d", name, h.Computed, h.Known)
		}
		loaded, err := states.Load(dir, h.Keys, []states.Input{{Feature: e.Feature(), Length: 0}, {Feature: e.Feature(), Length: 4}})
		if err != nil {
			t.Fatal(err)
		}
		written := tokensOf(t, m, list)
		for i := range list {
			text, _, err := prompts.Plain().Prompt(&list[i], 0)
			if err != nil {
				t.Fatal(err)
			}
			for k, analysis := range []string{"", m.Text(written[i])} {
				want := slices.Concat(vector(t, name, m, encoder, text), vector(t, name, m, encoder, analysis))
				got := loaded[k][i*len(want):][:len(want)]
				for n := range want {
					if d := math.Abs(float64(want[n] - got[n])); !(d <= 1e-5) {
						t.Fatalf("%s: finding %d, analysis %q: number %d is %v, expected %v", name, i, analysis, n, got[n], want[n])
					}
				}
			}
		}
		before := m.Counts().Decodes
		again, err := states.HarvestEmbeddings(context.Background(), m, e, dir, list, o)
		if err != nil {
			t.Fatal(err)
		}
		if again.Known != 3 || again.Computed != 0 || m.Counts().Decodes != before || !slices.Equal(again.Keys, h.Keys) {
			t.Errorf("%s again: computed %d, knew %d", name, again.Computed, again.Known)
		}
		// Given, the same analyses are the same embeddings.
		for i := range list {
			o.Given = append(o.Given, written[i])
		}
		given, err := states.HarvestEmbeddings(context.Background(), m, e, dir, list, o)
		if err != nil || given.Known != 3 || !slices.Equal(given.Keys, h.Keys) {
			t.Errorf("%s given: %+v, %v", name, given, err)
		}
		o.Given[1] = nil
		given, err = states.HarvestEmbeddings(context.Background(), m, e, dir, list, o)
		if err != nil || given.Known != 2 || given.Keys[1] != "" || !strings.Contains(given.Errors[1].Error(), "no analysis") {
			t.Errorf("%s without one analysis: %+v, %v", name, given, err)
		}
	}
	if _, err := states.HarvestEmbeddings(context.Background(), encoder, embedder(t, encoder, "b"), t.TempDir(), list, options()); err == nil || !strings.Contains(err.Error(), "writes no analyses") {
		t.Errorf("analyses by an encoder: %v", err)
	}
}

// tokensOf are the model's own analyses, by finding.
func tokensOf(t *testing.T, m *model.Model, list []finding.Finding) map[int][]int32 {
	t.Helper()
	dir, o := t.TempDir(), options()
	o.Analyses = true
	h, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	written := map[int][]int32{}
	for a, err := range states.Analyses[states.Told](dir) {
		if err != nil {
			t.Fatal(err)
		}
		written[slices.Index(h.Analyses, a.Key)] = a.Tokens
	}
	return written
}

// vector is a text's embedding: an encoder's by Embed, and a decoder's as the mean of what enters its first layer.
func vector(t *testing.T, kind string, m, encoder *model.Model, text string) []float32 {
	t.Helper()
	if kind == "encoder" {
		ids, _, err := encoder.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		vectors, err := encoder.Embed(context.Background(), [][]int32{ids}, nil, classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean})
		if err != nil {
			t.Fatal(err)
		}
		return vectors[0]
	}
	mean := make([]float32, m.Config().HiddenSize)
	e, err := m.Tokenizer().Encode(text, tokenizer.EncodeOptions{LiteralSpecials: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.IDs) == 0 {
		return mean
	}
	s, err := m.States(context.Background(), [][]int32{e.IDs}, nil, model.StatesOptions{Layers: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range s.Embed[0] {
		mean[i%len(mean)] += v / float32(len(e.IDs))
	}
	return mean
}
