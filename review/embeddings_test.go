package review

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
)

// embeddedHead is a random head on two embeddings of a width.
func embeddedHead(t *testing.T, width, tokens int, seed uint64) *classifier.Head {
	t.Helper()
	c := classifier.DefaultConfig(2 * width)
	c.Features, c.MaxTokens = classifier.ReadsEmbeddings, tokens
	dir := filepath.Join(t.TempDir(), fmt.Sprint("head", seed))
	if err := testmodel.WriteHeadOf(dir, c, seed); err != nil {
		t.Fatal(err)
	}
	h, err := classifier.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Each head reads the finding's text and the analysis that is shown, as far as it was trained on.
func TestReviewByEmbeddings(t *testing.T) {
	m := openModel(t, 0, 0)
	embedder, err := model.NewEmbedder(m, classifier.PoolMean, "abc")
	if err != nil {
		t.Fatal(err)
	}
	heads := []*classifier.Head{embeddedHead(t, embedder.Width(), 6, 1), embeddedHead(t, embedder.Width(), 0, 2)}
	o := Options{Sampling: model.Sampling{MinTokens: 6, MaxTokens: 6}, Embeddings: &Embeddings{Heads: heads, Embedder: embedder}}
	r, err := New(m, o)
	if err != nil {
		t.Fatal(err)
	}
	findings := []*finding.Finding{code("a", 9), code("b", 1), code("c", 5)}
	for i, v := range reviewAll(t, r, findings) {
		text, _, err := prompts.Plain().Prompt(findings[i], 0)
		if err != nil {
			t.Fatal(err)
		}
		pairs, err := embedder.Pair(context.Background(), []string{text, text}, []string{v.Reasoning, ""}, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := []float64{heads[0].ProbabilityOf(pairs[0]), heads[1].ProbabilityOf(pairs[1])}
		if v.Error != "" || v.Reasoning == "" || math.Abs(v.P-want[0]) > 1e-6 || len(v.Heads) != 2 || math.Abs(v.Heads[1].P-want[1]) > 1e-6 {
			t.Errorf("finding %s: got %+v, expected probabilities %v", findings[i].ID, v, want)
		}
	}
}

func TestReviewByEmbeddingsRefuses(t *testing.T) {
	m := openModel(t, 0, 0)
	embedder, err := model.NewEmbedder(m, classifier.PoolMean, "abc")
	if err != nil {
		t.Fatal(err)
	}
	states := embeddedHead(t, embedder.Width(), 3, 1)
	states.Config.Features = ""
	other := embeddedHead(t, embedder.Width(), 3, 2)
	other.Config.Embedder = "def"
	adapted := embeddedHead(t, embedder.Width(), 3, 3)
	adapted.Config.AdapterSHA256 = "123"
	for want, o := range map[string]Options{
		"reads states of the model":        {Embeddings: &Embeddings{Heads: []*classifier.Head{states}}},
		"--embedder":                       {Embeddings: &Embeddings{Heads: []*classifier.Head{other}}},
		"reads 12 numbers":                 {Embeddings: &Embeddings{Heads: []*classifier.Head{embeddedHead(t, 6, 3, 4)}}},
		"SHA-256 123, found no adapter":    {Embeddings: &Embeddings{Heads: []*classifier.Head{adapted}}},
		"there are no verdicts on the way": {Trajectory: true, Embeddings: &Embeddings{Heads: []*classifier.Head{embeddedHead(t, embedder.Width(), 3, 5)}}},
	} {
		o.Embeddings.Embedder = embedder
		if _, err := New(m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected it to say %q", err, want)
		}
	}
}
