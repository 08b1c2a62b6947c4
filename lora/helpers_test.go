package lora_test

import (
	"errors"
	"math/rand/v2"

	"github.com/januslm/janus/lora"
)

func isMustMerge(err error) bool { return errors.Is(err, lora.ErrMustMerge) }

func or(s, fallback string) string {
	if s != "" {
		return s
	}
	return fallback
}

// randomInput returns normally distributed values.
func randomInput(seed uint64, dims ...int) []float32 {
	n := 1
	for _, d := range dims {
		n *= d
	}
	random := rand.New(rand.NewPCG(seed, 1))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(random.NormFloat64())
	}
	return values
}
