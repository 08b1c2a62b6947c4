package main

import (
	"fmt"

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
	flags.Float64Var(&s.MinP, "min-p", 0, "sample from tokens at least this share as likely as the likeliest; 0 is off")
	flags.Float64Var(&s.RepetitionPenalty, "repetition-penalty", 1, "divides the logits of tokens that the prompt or the text has; 1 is off")
	flags.Float64Var(&s.PresencePenalty, "presence-penalty", 0, "taken off the logits of tokens that the text has; 0 is off")
	flags.Float64Var(&s.FrequencyPenalty, "frequency-penalty", 0, "taken off once for each time that the text has the token; 0 is off")
	flags.Uint64Var(&s.Seed, "seed", 0, "of sampling; the same seed gives the same text")
}

// addThinking adds the switch of models that can think before they answer.
func addThinking(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "thinking", "", "on or off: whether the model thinks first, where its chat template has that switch (default: the template's)")
}

// onOff reads a switch that may be left unset.
func onOff(name, text string) (*bool, error) {
	on := text == "on"
	switch text {
	case "":
		return nil, nil
	case "on", "off":
		return &on, nil
	}
	return nil, fmt.Errorf("--%s: expected on or off, found %q", name, text)
}
