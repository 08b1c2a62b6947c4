package model_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/model"
)

// TestSameSeed gives the same bytes twice, in another process's place another model, and other bytes for other seeds.
func TestSameSeed(t *testing.T) {
	run := func(seed uint64) []model.Verdict {
		m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, ""), Heads: []string{goldenHead(t, classifier.PoolMeanAll)}})
		rows := tinyRows(4, model.Sampling{MaxTokens: 16, Temperature: 1, TopK: 50, TopP: 0.95, Seed: seed})
		return review(t, m, model.Batch{Prefix: tinyPrefix, Rows: rows}, model.ReviewOptions{})
	}
	a, b, c := run(1), run(1), run(1000)
	different := false
	for i := range a {
		if !slices.Equal(a[i].Tokens, b[i].Tokens) || !slices.EqualFunc(a[i].Ps, b[i].Ps, slices.Equal) {
			t.Errorf("row %d: the same seed gave %v and %v", i, a[i].Tokens, b[i].Tokens)
		}
		different = different || !slices.Equal(a[i].Tokens, c[i].Tokens)
	}
	if !different {
		t.Error("another seed gave the same tokens")
	}
}

// TestSampling compares the frequencies of 2048 draws with the distribution that the logits define.
func TestSampling(t *testing.T) {
	for _, on := range []string{"", "go"} {
		t.Run("backend "+on, func(t *testing.T) { testSampling(t, testBackend(t, on)) })
	}
}

func testSampling(t *testing.T, b backend.Choice) {
	m := openModel(t, tiny(t), model.Options{Backend: b})
	prompt := tinyRows(3, model.Sampling{})[2].Prompt
	states, err := m.States(context.Background(), [][]int32{prompt}, nil, model.StatesOptions{Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config().VocabSize
	logits := states.Logits[0][len(states.Logits[0])-v:]
	for name, s := range map[string]model.Sampling{
		"temperature": {Temperature: 1.5},
		"top-k":       {Temperature: 1, TopK: 5},
		"top-p":       {Temperature: 1, TopP: 0.6},
		"both":        {Temperature: 2, TopK: 20, TopP: 0.5},
		"min-p":       {Temperature: 1.5, MinP: 0.3},
		"penalties":   {Temperature: 1, RepetitionPenalty: 3, PresencePenalty: 5, TopP: 0.9}, // nothing is written yet
	} {
		t.Run(name, func(t *testing.T) {
			want := distribution(penalised(logits, prompt, nil, s), s)
			const draws, width = 2048, 256
			counts := make([]float64, v)
			for at := 0; at < draws; at += width {
				rows := make([]model.Row, width)
				for i := range rows {
					s.MaxTokens, s.Seed = 1, uint64(at+i)
					rows[i] = model.Row{Prompt: prompt, Adapter: -1, Sampling: s}
				}
				got, err := m.Generate(context.Background(), model.Batch{Rows: rows}, model.ReviewOptions{Stop: []int32{}})
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range got {
					counts[g.Tokens[0]]++
				}
			}
			for id, p := range want {
				sigma := math.Sqrt(draws * p * (1 - p))
				if p == 0 && counts[id] > 0 || math.Abs(counts[id]-draws*p) > 5*sigma+1 {
					t.Errorf("token %d was drawn %g times, expected %.1f ± %.1f", id, counts[id], draws*p, sigma)
				}
			}
		})
	}
}

// penalised is what the penalties make of logits after a prompt and a text.
func penalised(logits []float32, prompt, text []int32, s model.Sampling) []float32 {
	logits = slices.Clone(logits)
	for id := range logits {
		made := 0
		for _, t := range text {
			if int(t) == id {
				made++
			}
		}
		x := float64(logits[id])
		if by := s.RepetitionPenalty; by != 0 && (made > 0 || slices.Contains(prompt, int32(id))) {
			if x > 0 {
				x /= by
			} else {
				x *= by
			}
		}
		x -= s.FrequencyPenalty * float64(made)
		if made > 0 {
			x -= s.PresencePenalty
		}
		logits[id] = float32(x)
	}
	return logits
}

// TestPenalties follows greedy decoding under penalties step by step, with the logits of the text so far.
func TestPenalties(t *testing.T) {
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, "")})
	rows := tinyRows(3, model.Sampling{MaxTokens: 12})
	rows[0].Sampling.RepetitionPenalty = 1.8
	rows[1].Sampling.PresencePenalty, rows[1].Sampling.FrequencyPenalty = 0.7, 0.4
	rows[2].Sampling.RepetitionPenalty, rows[2].Sampling.FrequencyPenalty = 0.8, -0.2
	got, err := m.Generate(context.Background(), model.Batch{Prefix: tinyPrefix, Rows: rows}, model.ReviewOptions{Stop: []int32{}})
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config().VocabSize
	for i, r := range rows {
		prompt := slices.Concat(tinyPrefix, r.Prompt)
		all := slices.Concat(prompt, got[i].Tokens)
		states, err := m.States(context.Background(), [][]int32{all}, nil, model.StatesOptions{Logits: true})
		if err != nil {
			t.Fatal(err)
		}
		for k, token := range got[i].Tokens {
			at := len(prompt) - 1 + k
			logits := penalised(states.Logits[0][at*v:(at+1)*v], prompt, got[i].Tokens[:k], r.Sampling)
			if best := slices.Max(logits); logits[token] < best-1e-4 {
				t.Errorf("row %d, token %d: %d has logit %g, the best %g", i, k, token, logits[token], best)
			}
		}
	}
}

// distribution is what the transformers warpers make of logits: temperature, then top-k, top-p and min-p.
func distribution(logits []float32, s model.Sampling) []float64 {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if logits[a] > logits[b] {
			return -1
		}
		return 1
	})
	if s.TopK > 0 {
		order = order[:s.TopK]
	}
	weights, total := make([]float64, len(logits)), 0.0
	for _, id := range order {
		weights[id] = math.Exp(float64(logits[id]-logits[order[0]]) / s.Temperature)
		total += weights[id]
	}
	if s.TopP > 0 {
		sum := 0.0
		for i, id := range order {
			if sum >= s.TopP*total {
				for _, out := range order[i:] {
					weights[out] = 0
				}
				break
			}
			sum += weights[id]
		}
		total = sum
	}
	if s.MinP > 0 {
		total = 0
		for id := range weights {
			if weights[id] < s.MinP { // the likeliest has weight 1
				weights[id] = 0
			}
			total += weights[id]
		}
	}
	for i := range weights {
		weights[i] /= total
	}
	return weights
}
