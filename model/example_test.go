package model_test

import (
	"context"
	"fmt"
	"log"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/model"
)

// A batch of two prompts behind a shared prefix: their analyses and verdicts come out of one execution. The model is a
// fixture with random weights, so the tokens mean nothing.
func ExampleModel_Review() {
	ctx := context.Background()
	b, err := backend.New("go") // "" takes the best that is there
	if err != nil {
		log.Fatal(err)
	}
	m, err := model.Open(ctx, "../testdata/golden/decoders/llama_gqa_untied", model.Options{Backend: b})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // the example ends

	verdicts, err := m.Review(ctx, model.Batch{
		Prefix: []int32{1, 40, 41, 42},
		Rows: []model.Row{
			{Prompt: []int32{50, 51}, Adapter: -1, Sampling: model.Sampling{MaxTokens: 4}},
			{Prompt: []int32{60, 61, 62}, Adapter: -1, Sampling: model.Sampling{MaxTokens: 2}},
		},
	}, model.ReviewOptions{
		Closing: []int32{70, 71}, // leads from the analysis to the answer
		True:    80, False: 81,   // the answer's two tokens
		Stop: []int32{},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range verdicts {
		fmt.Printf("%d tokens, ended by %s, real: %t\n", len(v.Tokens), v.Finish, v.P >= 0.5)
	}
	fmt.Println("executions:", m.Counts().Decodes)
	// Output:
	// 4 tokens, ended by budget, real: false
	// 2 tokens, ended by budget, real: false
	// executions: 1
}
