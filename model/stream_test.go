package model_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/januslm/janus/model"
)

// TestStream holds text in pieces of several lengths to Generate's, and ends rows from outside.
func TestStream(t *testing.T) {
	for _, on := range []string{"", "go"} {
		t.Run("backend "+on, func(t *testing.T) {
			m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, on), Adapters: []string{goldenAdapter("plain_qv")}})
			rows := tinyRows(3, model.Sampling{MaxTokens: 11, Temperature: 0.8, RepetitionPenalty: 1.2, Seed: 5})
			rows[1].Adapter, rows[2].Sampling.MaxTokens = 0, 4
			batch := model.Batch{Prefix: tinyPrefix, Rows: rows}
			want, err := m.Generate(context.Background(), batch, model.ReviewOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, piece := range []int{1, 4, 100} {
				told := make([][]int32, len(rows))
				got, err := m.Stream(context.Background(), batch, model.ReviewOptions{}, piece, func(row int, tokens []int32) bool {
					if len(tokens) > piece {
						t.Errorf("a piece of %d has %d tokens", piece, len(tokens))
					}
					told[row] = append(told[row], tokens...)
					return false
				})
				if err != nil {
					t.Fatal(err)
				}
				for i := range rows {
					if !slices.Equal(got[i].Tokens, want[i].Tokens) || got[i].Finish != want[i].Finish || !slices.Equal(told[i], want[i].Tokens) {
						t.Errorf("pieces of %d, row %d: %v (%s), told %v; Generate: %v (%s)",
							piece, i, got[i].Tokens, got[i].Finish, told[i], want[i].Tokens, want[i].Finish)
					}
				}
			}
			got, err := m.Stream(context.Background(), batch, model.ReviewOptions{}, 2, func(row int, _ []int32) bool { return row == 0 })
			if err != nil || got[0].Finish != model.FinishStop || len(got[0].Tokens) != 2 || !slices.Equal(got[1].Tokens, want[1].Tokens) {
				t.Errorf("row 0 ended after its first piece: %+v, %v", got, err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			got, err = m.Stream(ctx, batch, model.ReviewOptions{}, 3, func(int, []int32) bool { cancel(); return false })
			if !errors.Is(err, context.Canceled) || len(got[1].Tokens) != 3 {
				t.Errorf("interrupted after the first piece: %+v, %v", got, err)
			}
		})
	}
}
