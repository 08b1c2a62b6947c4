package model

import (
	"context"
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/tokenizer"
)

// Embedder makes vectors of texts: the pooled last states of an encoder, or the mean of a decoder's own token embeddings, which
// runs no layer of it.
type Embedder struct {
	model   *Model
	pooling classifier.Pooling
	SHA256  string // of the model's weights
}

// NewEmbedder makes one of a model. Pooling is cls or mean; a decoder's tokens have only a mean.
func NewEmbedder(m *Model, pooling classifier.Pooling, sha256 string) (*Embedder, error) {
	switch {
	case m.tokenizer == nil:
		return nil, fmt.Errorf("model %s has no tokenizer: it cannot embed texts", m.dir)
	case pooling == classifier.PoolMean, pooling == classifier.PoolCLS && m.IsEncoder():
		return &Embedder{model: m, pooling: pooling, SHA256: sha256}, nil
	}
	return nil, fmt.Errorf("embeddings of %s: pooling is %q, expected mean, or of an encoder cls", m.dir, pooling)
}

// Width is E, the numbers of a vector.
func (e *Embedder) Width() int { return e.model.config.HiddenSize }

// WeightType is the model's.
func (e *Embedder) WeightType() string { return e.model.WeightType() }

// Embed returns a vector [E] of each text, cut to the context of an encoder and to most tokens of a decoder, 0 for all. A text
// without tokens is a vector of zeros, and equal texts are embedded once.
func (e *Embedder) Embed(ctx context.Context, texts []string, most int) ([][]float32, error) {
	var once []string
	places := map[string]int{}
	for _, text := range texts {
		if _, there := places[text]; !there {
			places[text] = len(once)
			once = append(once, text)
		}
	}
	vectors, err := e.embedOnce(ctx, once, most)
	if err != nil {
		return nil, err
	}
	all := make([][]float32, len(texts))
	for i, text := range texts {
		all[i] = vectors[places[text]]
	}
	return all, nil
}

func (e *Embedder) embedOnce(ctx context.Context, texts []string, most int) ([][]float32, error) {
	var rows [][]int32
	var places []int // of the rows among the texts
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		ids, err := e.tokens(text, most)
		if err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
		if len(ids) == 0 {
			vectors[i] = make([]float32, e.Width())
			continue
		}
		rows, places = append(rows, ids), append(places, i)
	}
	if len(rows) == 0 {
		return vectors, nil
	}
	some, err := e.run(ctx, rows)
	if err != nil {
		return nil, err
	}
	for k, i := range places {
		vectors[i] = some[k]
	}
	return vectors, nil
}

// run embeds rows of tokens.
func (e *Embedder) run(ctx context.Context, rows [][]int32) ([][]float32, error) {
	m := e.model
	if m.IsEncoder() {
		return m.Embed(ctx, rows, nil, classifier.Feature{Layer: classifier.LastLayer, Pooling: e.pooling})
	}
	slots, err := m.slots(rows, nil)
	if err != nil {
		return nil, err
	}
	return m.embed(ctx, "tokens", rows, slots, func(in nodes) []*Node {
		f, _ := m.pass(in)
		return []*Node{classifier.Over(e.pooling, m.decoder.Embed(f, in["ids"]), in["lengths"], in["lengths"])}
	})
}

func (e *Embedder) tokens(text string, most int) ([]int32, error) {
	if e.model.IsEncoder() {
		ids, _, err := e.model.Encode(text)
		return ids, err
	}
	encoded, err := e.model.tokenizer.Encode(text, tokenizer.EncodeOptions{LiteralSpecials: true})
	if err != nil {
		return nil, err
	}
	ids := encoded.IDs
	if most > 0 {
		ids = ids[:min(len(ids), most)]
	}
	return ids[:min(len(ids), e.model.config.ContextLength)], nil
}

// Pair returns what a head of Proposal 2 reads of each finding: the vector of its input, and behind it that of the analysis, [2E].
func (e *Embedder) Pair(ctx context.Context, inputs, analyses []string, most int) ([][]float32, error) {
	if len(inputs) != len(analyses) {
		return nil, fmt.Errorf("embeddings of %d inputs and %d analyses are asked for, expected as many", len(inputs), len(analyses))
	}
	vectors, err := e.Embed(ctx, append(inputs[:len(inputs):len(inputs)], analyses...), most)
	if err != nil {
		return nil, err
	}
	pairs := make([][]float32, len(inputs))
	for i := range pairs {
		pairs[i] = append(append(make([]float32, 0, 2*e.Width()), vectors[i]...), vectors[len(inputs)+i]...)
	}
	return pairs, nil
}

// Text is the text of generated tokens, as an analysis is shown.
func (m *Model) Text(tokens []int32) string {
	return strings.TrimSpace(m.tokenizer.Decode(tokens, true))
}
