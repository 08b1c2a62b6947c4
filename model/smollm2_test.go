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

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/weights"
)

// smolCase is a case of golden/smollm2/expected.json.
type smolCase struct {
	Messages            []tokenizer.Message `json:"messages"`
	AddGenerationPrompt bool                `json:"add_generation_prompt"`
	Rendered            string              `json:"rendered"`
	IDs                 []int32             `json:"ids"`
	Top20               []int32             `json:"top20_ids"`
	Top20Logits         []float32           `json:"top20_logits"`
	LogSumExp           float64             `json:"logsumexp"`
	Greedy              []int32             `json:"greedy_ids"`
	GreedyLogProbs      []float32           `json:"greedy_logprobs"`
}

// fetched finds what `make fetch` brought. `make test` sets JANUS_REQUIRE_FETCHED, so that CI cannot pass without it.
func fetched(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range backend.CacheDirs() {
		path := filepath.Join(dir, "models", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("JANUS_REQUIRE_FETCHED") != "" {
		t.Fatalf("%s is not in the cache: run `make fetch`", name)
	}
	t.Skipf("%s is not in the cache: `make fetch` gets it", name)
	return ""
}

// TestParitySmolLM2 converts the real small model's GGUF and holds it to transformers: token ids, the 20 best logits, 48
// greedy tokens with their log-probabilities, and pooled states.
func TestParitySmolLM2(t *testing.T) {
	file := fixtures.Glob(t, "smollm2/expected.json")[0]
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var expected struct{ Cases []smolCase }
	if err := json.Unmarshal(data, &expected); err != nil {
		t.Fatal(err)
	}
	states := openGolden(t, filepath.Join(filepath.Dir(file), "states.safetensors"))
	dir := filepath.Join(t.TempDir(), "smollm2")
	gguf := fetched(t, "SmolLM2-135M-Instruct.Q4_1.gguf")
	if err := weights.ConvertGGUF(context.Background(), gguf, dir, dtypes.InvalidDType, nil); err != nil {
		t.Fatal(err)
	}
	b := testBackend(t, "")
	limit := 1e-4
	if !b.IsXLA() { // pure Go sums in another order and takes 20 s a case
		expected.Cases, limit = expected.Cases[:2], 5e-4
	}
	m := openModel(t, dir, model.Options{Backend: b, Features: everyFeature})

	n := len(expected.Cases[0].Greedy)
	var batch model.Batch
	var texts []model.Text
	for i, c := range expected.Cases {
		checkText(t, m, i, c)
		batch.Rows = append(batch.Rows, model.Row{Prompt: c.IDs, Adapter: -1, Sampling: model.Sampling{MaxTokens: n}})
		texts = append(texts, model.Text{Prompt: c.IDs, Continuation: slices.Concat(c.Greedy, c.Top20), Adapter: -1})
	}
	verdicts, err := m.Generate(context.Background(), batch, model.ReviewOptions{Stop: []int32{}, KeepPooled: []int{n}})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := m.Score(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	var w worst
	for i, c := range expected.Cases {
		if !slices.Equal(verdicts[i].Tokens, c.Greedy) {
			t.Errorf("case %d: greedy ids %v, expected %v", i, verdicts[i].Tokens, c.Greedy)
		}
		w.compare(fmt.Sprintf("case %d greedy_logprobs", i), narrow(scores[i][:n]), c.GreedyLogProbs)
		for f, name := range map[int]string{0: "gen_mean_at", 1: "gen_mean_from"} {
			w.compare(fmt.Sprintf("case %d %s", i, name), verdicts[i].Pooled[f][0], states.Floats(fmt.Sprintf("case_%d.%s", i, name)))
		}
		w.compare(fmt.Sprintf("case %d top20_logits", i), topLogits(t, m, c), c.Top20Logits)
	}
	w.check(t, limit)
}

// checkText compares the chat template's text and ids.
func checkText(t *testing.T, m *model.Model, i int, c smolCase) {
	t.Helper()
	text, err := m.Chat().Render(c.Messages, c.AddGenerationPrompt, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text != c.Rendered {
		t.Errorf("case %d: rendered %q, expected %q", i, text, c.Rendered)
	}
	encoding, err := m.Tokenizer().Encode(text, tokenizer.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(encoding.IDs, c.IDs) {
		t.Errorf("case %d: ids %v, expected %v", i, encoding.IDs, c.IDs)
	}
}

// topLogits are the logits of the case's 20 best tokens at the prompt's last position. The best of all must be first.
func topLogits(t *testing.T, m *model.Model, c smolCase) []float32 {
	t.Helper()
	states, err := m.States(context.Background(), [][]int32{c.IDs}, nil, model.StatesOptions{Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config().VocabSize
	last := states.Logits[0][len(states.Logits[0])-v:]
	order := make([]int32, v)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if last[a] > last[b] {
			return -1
		}
		return 1
	})
	if !slices.Equal(order[:len(c.Top20)], c.Top20) {
		t.Errorf("the best tokens are %v, expected %v", order[:len(c.Top20)], c.Top20)
	}
	sum := 0.0
	for _, l := range last {
		sum += math.Exp(float64(l))
	}
	if got := math.Log(sum); math.Abs(got-c.LogSumExp) > 1e-3 {
		t.Errorf("logsumexp %g, expected %g", got, c.LogSumExp)
	}
	out := make([]float32, len(c.Top20))
	for i, id := range c.Top20 {
		out[i] = last[id]
	}
	return out
}
