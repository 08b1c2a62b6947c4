package transformer_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/weights"
)

// TestParityStates holds every fixture and variant to the states that transformers computed, layer by layer.
func TestParityStates(t *testing.T) {
	for _, dir := range fixtureDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := openTiny(t, dir)
			limit := 1e-4
			if strings.HasPrefix(m.config.ModelType, "gemma") {
				limit = 3e-5 // a wrong epsilon of its norms shows only below the others' limit
			}
			c, err := weights.Open(filepath.Join(dir, "expected.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
			rows := prompts(t, c)
			for _, row := range rows { // longrope beyond its original length
				if len(row) > m.config.ContextLength {
					if err := m.config.SetContextLength(len(row)); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := m.prefill(t, rows, nil)
			if len(got) != m.config.NumHiddenLayers+3 {
				t.Fatalf("the pass gave %d states, expected those of %d layers, embedding, norm and logits", len(got), m.config.NumHiddenLayers)
			}
			for name, byRow := range got {
				tensor, ok := c.Tensor(name)
				if !ok {
					t.Fatalf("the fixture has no %s", name)
				}
				want, err := weights.ToFloat32(tensor)
				if err != nil {
					t.Fatal(err)
				}
				for r, row := range rows {
					size := len(want) / len(rows)
					expected := want[r*size:][:len(row)*tensor.Shape[2]]
					if d := largest(byRow[r], expected); d > limit {
						t.Errorf("%s of row %d differs by %g, allowed %g", name, r, d, limit)
					}
				}
			}
		})
	}
}

// prompts are a fixture's rows without padding.
func prompts(t *testing.T, c *weights.Checkpoint) [][]int32 {
	t.Helper()
	read := func(name string) ([]int64, []int) {
		tensor, ok := c.Tensor(name)
		if !ok {
			t.Fatalf("the fixture has no %s", name)
		}
		values, err := weights.ToInt64(tensor)
		if err != nil {
			t.Fatal(err)
		}
		return values, tensor.Shape
	}
	ids, shape := read("input_ids")
	mask, _ := read("attention_mask")
	rows := make([][]int32, shape[0])
	for i, id := range ids {
		if mask[i] == 1 {
			rows[i/shape[1]] = append(rows[i/shape[1]], int32(id))
		}
	}
	return rows
}

// TestRowsAlone runs rows of very unlike length side by side, then some more tokens one by one, and expects what each whole
// row gives alone: neither padding nor neighbours nor the cache may show, with windows shorter than rows and longer.
func TestRowsAlone(t *testing.T) {
	const more = 3
	for _, dir := range fixtureDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := openTiny(t, dir)
			random := rand.New(rand.NewPCG(7, 1))
			tokens := func(n int) []int32 {
				row := make([]int32, n)
				for i := range row {
					row[i] = int32(random.IntN(m.config.VocabSize))
				}
				return row
			}
			rows := [][]int32{tokens(1), tokens(29), tokens(6), tokens(2)}
			var after [][]int32
			for range rows {
				after = append(after, tokens(more))
			}
			together := m.prefill(t, rows, after)
			for r, row := range rows {
				alone := m.prefill(t, [][]int32{append(row, after[r]...)}, nil)
				for name := range alone {
					if d := largest(together[name][r], alone[name][0]); d > 2e-5 {
						t.Errorf("%s of the row of %d tokens differs from the row alone by %g", name, len(row), d)
					}
				}
			}
		})
	}
}
