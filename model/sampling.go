package model

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"
)

// Sampling says how a row's tokens are picked and when they end. The order is that of transformers' generate: penalties, then
// temperature, top-k, top-p and min-p. Penalties also change what greedy decoding takes.
type Sampling struct {
	MinTokens   int     // below it the stop tokens are suppressed
	MaxTokens   int     // at it the analysis ends; 0 gives the verdict without reasoning
	Temperature float64 // 0: greedy
	TopK        int     // 0: off
	TopP        float64 // 0 or 1: off
	MinP        float64 // tokens less likely than this share of the likeliest are left out; 0: off
	Seed        uint64  // of this row; its draws do not depend on the batch around it

	RepetitionPenalty float64 // divides the logits of tokens in prompt and text (multiplies negative ones); 0 or 1: off
	PresencePenalty   float64 // taken off the logits of tokens in the text; 0: off
	FrequencyPenalty  float64 // taken off once for each time that the text has the token; 0: off
}

// Validate refuses settings that mean nothing.
func (s Sampling) Validate() error {
	for _, number := range []struct {
		name     string
		value    float64
		low, top float64
	}{
		{"min tokens", float64(s.MinTokens), 0, math.Inf(1)},
		{"max tokens", float64(s.MaxTokens), 0, math.Inf(1)},
		{"temperature", s.Temperature, 0, math.Inf(1)},
		{"top-k", float64(s.TopK), 0, math.Inf(1)},
		{"top-p", s.TopP, 0, 1},
		{"min-p", s.MinP, 0, 1},
		{"repetition penalty", s.RepetitionPenalty, 0, math.Inf(1)},
		{"presence penalty", s.PresencePenalty, -1000, 1000},
		{"frequency penalty", s.FrequencyPenalty, -1000, 1000},
	} {
		if number.value >= number.low && number.value <= number.top && !math.IsInf(number.value, 0) { // NaN is neither
			continue
		}
		if math.IsInf(number.top, 1) {
			return fmt.Errorf("%s: expected %g or more, found %g", number.name, number.low, number.value)
		}
		return fmt.Errorf("%s: expected a number from %g to %g, found %g", number.name, number.low, number.top, number.value)
	}
	if s.MinTokens > s.MaxTokens {
		return fmt.Errorf("min tokens %d is more than max tokens %d", s.MinTokens, s.MaxTokens)
	}
	return nil
}

// with adds what a row needs.
func (k samplerKind) with(s Sampling) samplerKind {
	k.Noise = k.Noise || s.Temperature > 0
	k.Filter = k.Filter || s.TopK > 0 || s.TopP > 0 && s.TopP < 1 || s.MinP > 0
	k.Penalties = k.Penalties || s.repetition() != 1 || s.PresencePenalty != 0 || s.FrequencyPenalty != 0
	return k
}

func (s Sampling) repetition() float64 {
	if s.RepetitionPenalty == 0 {
		return 1
	}
	return s.RepetitionPenalty
}

// samplingInputs are what the loop reads of the rows' sampling, each [B].
func samplingInputs(rows []Row) []value {
	var least, most, topK []int32
	var temperature, topP, minP []float32
	var seeds [2][]uint32
	for _, r := range rows {
		s := r.Sampling
		least, most, topK = append(least, int32(s.MinTokens)), append(most, int32(s.MaxTokens)), append(topK, int32(s.TopK))
		p := s.TopP
		if p <= 0 {
			p = 1
		}
		temperature, topP, minP = append(temperature, float32(s.Temperature)), append(topP, float32(p)), append(minP, float32(s.MinP))
		hash := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("janus sampling "), s.Seed))
		for i := range seeds {
			seeds[i] = append(seeds[i], binary.LittleEndian.Uint32(hash[4*i:]))
		}
	}
	b := len(rows)
	return []value{
		{"min", tensors.FromFlatDataAndDimensions(least, b)},
		{"max", tensors.FromFlatDataAndDimensions(most, b)},
		{"topk", tensors.FromFlatDataAndDimensions(topK, b)},
		{"temperature", tensors.FromFlatDataAndDimensions(temperature, b)},
		{"topp", tensors.FromFlatDataAndDimensions(topP, b)},
		{"minp", tensors.FromFlatDataAndDimensions(minP, b)},
		{"seed0", tensors.FromFlatDataAndDimensions(seeds[0], b)},
		{"seed1", tensors.FromFlatDataAndDimensions(seeds[1], b)},
	}
}

// penaltyInputs are the rows' penalties [B], and which tokens their prompts have [B, V].
func (m *Model) penaltyInputs(rows []Row, prefix *cached) []value {
	b, v := len(rows), m.config.VocabSize
	var shared []int32
	if prefix != nil {
		shared = m.prefixTokens
	}
	var repetition, presence, frequency []float32
	prompted := make([]bool, b*v)
	for i, r := range rows {
		s := r.Sampling
		repetition = append(repetition, float32(s.repetition()))
		presence, frequency = append(presence, float32(s.PresencePenalty)), append(frequency, float32(s.FrequencyPenalty))
		for _, ids := range [][]int32{shared, r.Prompt} {
			for _, id := range ids {
				prompted[i*v+int(id)] = true
			}
		}
	}
	return []value{
		{"repetition", tensors.FromFlatDataAndDimensions(repetition, b)},
		{"presence", tensors.FromFlatDataAndDimensions(presence, b)},
		{"frequency", tensors.FromFlatDataAndDimensions(frequency, b)},
		{"prompted", tensors.FromFlatDataAndDimensions(prompted, b, v)},
	}
}
