package main

import (
	"github.com/spf13/pflag"

	"github.com/januslm/janus/model"
)

// addSampling adds the flags that say how tokens are picked.
func addSampling(flags *pflag.FlagSet, s *model.Sampling, maxTokens int) {
	flags.IntVar(&s.MinTokens, "min-tokens", 0, "fewest tokens to write: the end is put off until then")
	flags.IntVar(&s.MaxTokens, "max-tokens", maxTokens, "most tokens to write")
	flags.Float64Var(&s.Temperature, "temperature", 0, "of sampling; 0 takes the likeliest token")
	flags.IntVar(&s.TopK, "top-k", 0, "sample from the N likeliest tokens; 0 is off")
	flags.Float64Var(&s.TopP, "top-p", 1, "sample from the likeliest tokens that make up this probability; 1 is off")
	flags.Uint64Var(&s.Seed, "seed", 0, "of sampling; the same seed gives the same text")
}
