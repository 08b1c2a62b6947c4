package transformer_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// encoderDirs are all encoders that there are expected states of: those of the parity set, and the variants.
func encoderDirs(t *testing.T) []string {
	t.Helper()
	variants, err := filepath.Glob(filepath.Join("testdata", "encoders", "*"))
	if err != nil || len(variants) == 0 {
		t.Fatalf("testdata/encoders holds nothing: %v", err)
	}
	return append(variants, fixtures.Glob(t, "encoders/*")...)
}

// TestParityEncoderStates holds every encoder to the states that transformers computed, layer by layer. Fixtures with
// segments are package model's.
func TestParityEncoderStates(t *testing.T) {
	for _, dir := range encoderDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c, err := weights.Open(filepath.Join(dir, "expected.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
			if _, typed := c.Tensor("token_type_ids"); typed {
				t.Skip("the fixture has segments")
			}
			m := openTiny(t, dir)
			rows := prompts(t, c)
			got := m.prefill(t, rows, nil)
			for _, name := range c.Names() {
				if name == "input_ids" || name == "attention_mask" || strings.HasPrefix(name, "pooled_") {
					continue
				}
				if got[name] == nil {
					t.Errorf("the pass gave no %s", name)
					continue
				}
				tensor, _ := c.Tensor(name)
				want, err := weights.ToFloat32(tensor)
				if err != nil {
					t.Fatal(err)
				}
				for r, row := range rows {
					expected := want[r*len(want)/len(rows):][:len(got[name][r])]
					if len(tensor.Shape) == 3 && len(expected) != len(row)*tensor.Shape[2] {
						t.Fatalf("%s of row %d has %d values for %d tokens", name, r, len(expected), len(row))
					}
					if d := largest(got[name][r], expected); d > 1e-4 {
						t.Errorf("%s of row %d differs by %g, allowed 1e-4", name, r, d)
					}
				}
			}
		})
	}
}

// TestEncoderRowsAlone runs rows of very unlike length side by side and expects what each gives alone.
func TestEncoderRowsAlone(t *testing.T) {
	for _, dir := range encoderDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := openTiny(t, dir)
			random := rand.New(rand.NewPCG(7, 1))
			var rows [][]int32
			for _, n := range []int{1, min(m.config.ContextLength, 60), 6, 2} {
				row := make([]int32, n)
				for i := range row {
					row[i] = int32(random.IntN(m.config.VocabSize))
				}
				rows = append(rows, row)
			}
			together := m.prefill(t, rows, nil)
			for r, row := range rows {
				alone := m.prefill(t, [][]int32{row}, nil)
				for name := range alone {
					if d := largest(together[name][r], alone[name][0]); d > 2e-5 {
						t.Errorf("%s of the row of %d tokens differs from the row alone by %g", name, len(row), d)
					}
				}
			}
		})
	}
}

// TestEncoderConfigErrors refuses what the encoders' files do not implement, by the key's name.
func TestEncoderConfigErrors(t *testing.T) {
	const bert = `"vocab_size": 9, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2`
	const t5 = `"vocab_size": 9, "d_model": 8, "d_ff": 8, "num_layers": 2, "num_heads": 2`
	for name, c := range map[string]struct{ config, want string }{
		"bert as a decoder":    {`{"model_type": "bert", "is_decoder": true, ` + bert + `}`, `"is_decoder"`},
		"relative positions":   {`{"model_type": "bert", "position_embedding_type": "relative_key", ` + bert + `}`, `"position_embedding_type"`},
		"no padding":           {`{"model_type": "roberta", "pad_token_id": null, ` + bert + `}`, `"pad_token_id"`},
		"padding is the last":  {`{"model_type": "roberta", "max_position_embeddings": 2, ` + bert + `}`, `"max_position_embeddings"`},
		"no buckets":           {`{"model_type": "t5", "relative_attention_num_buckets": 2, ` + t5 + `}`, `"relative_attention_num_buckets"`},
		"buckets over all":     {`{"model_type": "t5", "relative_attention_max_distance": 8, ` + t5 + `}`, `"relative_attention_max_distance"`},
		"layers without end":   {`{"model_type": "t5", "num_layers": 2000000000}`, `"num_layers"`},
		"unknown activation":   {`{"model_type": "t5", "feed_forward_proj": "gated-x", ` + t5 + `}`, `"x"`},
		"odd heads rotated":    {`{"model_type": "modernbert", "head_dim": 5, ` + strings.Replace(bert, `"num_attention_heads": 2`, `"num_attention_heads": 8`, 1) + `}`, `"head_dim"`},
		"no full layers":       {`{"model_type": "modernbert", "global_attn_every_n_layers": 0, ` + bert + `}`, `"global_attn_every_n_layers"`},
		"negative window":      {`{"model_type": "modernbert", "local_attention": -4, ` + bert + `}`, `"local_attention"`},
		"classifier's act":     {`{"model_type": "modernbert", "classifier_activation": "x", ` + bert + `}`, `"classifier_activation"`},
		"heads do not divide":  {`{"model_type": "bert", ` + strings.Replace(bert, `"num_attention_heads": 2`, `"num_attention_heads": 3`, 1) + `}`, `num_attention_heads 3`},
		"T5 without its sizes": {`{"model_type": "t5", "vocab_size": 9}`, `"hidden_size"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := transformer.ParseConfig([]byte(c.config))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected it to say %s", err, c.want)
			}
		})
	}
}

// TestEncoderContext tells how long texts may get.
func TestEncoderContext(t *testing.T) {
	parse := func(text string) *transformer.Config {
		t.Helper()
		c, err := transformer.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const bert = `"vocab_size": 9, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2`
	codebert := parse(`{"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1, ` + bert + `}`)
	if codebert.ContextLength != 512 || !strings.Contains(codebert.DescribeContext(), "512 (max_position_embeddings, 514") {
		t.Errorf("RoBERTa's context is %s, expected 512 of 514", codebert.DescribeContext())
	}
	if err := codebert.SetContextLength(513); err == nil {
		t.Error("RoBERTa takes 513 tokens, but the table has positions for 512")
	}
	codet5 := parse(`{"model_type": "t5", "vocab_size": 9, "d_model": 8, "d_ff": 8, "num_layers": 2, "num_heads": 2, "n_positions": 300}`)
	if codet5.ContextLength != 300 {
		t.Errorf("T5's context is %d, expected n_positions, 300", codet5.ContextLength)
	}
	if err := codet5.SetContextLength(5000); err != nil || codet5.ContextLength != 5000 {
		t.Errorf("T5's positions are relative, but 5000 tokens are refused: %v", err)
	}
}
