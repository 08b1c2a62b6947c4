package ablate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// axis is one of the grid's: its values as text, how a setting takes one, and what a setting has, which is "" where the axis makes no
// difference to it.
type axis struct {
	name   string
	values []string
	set    func(s *setting, i int)
	text   func(s *setting, encoder bool) string
}

// axes lists the axes, those of what is computed first foremost, so that points of one pass stand together.
func (g *Grid) axes() []axis {
	always := func(text func(s *setting) string) func(*setting, bool) string {
		return func(s *setting, _ bool) string { return text(s) }
	}
	when := func(is func(s *setting, encoder bool) bool, text func(s *setting) string) func(*setting, bool) string {
		return func(s *setting, encoder bool) string {
			if !is(s, encoder) {
				return ""
			}
			return text(s)
		}
	}
	adapted := func(s *setting, _ bool) bool { return s.adapted() }
	writes := func(_ *setting, encoder bool) bool { return !encoder }
	return []axis{
		{"model", g.Model, func(s *setting, i int) { s.Model = g.Model[i] }, always(func(s *setting) string { return s.Model })},
		{"approach", g.Approach, func(s *setting, i int) { s.Approach = g.Approach[i] }, always(func(s *setting) string { return s.Approach })},
		{"rank", texts(g.Rank), func(s *setting, i int) { s.Rank = g.Rank[i] }, when(adapted, func(s *setting) string { return strconv.Itoa(s.Rank) })},
		{"target_modules", g.TargetModules, func(s *setting, i int) { s.Targets = modules(g.TargetModules[i]) }, when(adapted, func(s *setting) string { return s.Targets })},
		{"samples", g.Samples, func(s *setting, i int) { s.Samples = number(g.Samples[i]) }, always(samplesText)},
		{"prompt", g.Prompt, func(s *setting, i int) { s.Prompt = g.Prompt[i] }, always(func(s *setting) string { return s.Prompt })},
		{"temperature", texts(g.Temperature), func(s *setting, i int) { s.Temperature = g.Temperature[i] }, when(writes, func(s *setting) string { return fmt.Sprint(s.Temperature) })},
		{"min_tokens", texts(g.MinTokens), func(s *setting, i int) { s.Min = g.MinTokens[i] }, when(writes, func(s *setting) string { return strconv.Itoa(s.Min) })},
		{"max_tokens", texts(g.MaxTokens), func(s *setting, i int) { s.Max = g.MaxTokens[i] }, when(writes, func(s *setting) string { return strconv.Itoa(s.Max) })},
		{"length", g.Length, func(s *setting, i int) { s.Length = lengthOf(g.Length[i], s.Max) }, when(writes, func(s *setting) string { return strconv.Itoa(s.Length) })},
		{"pooling", g.Pooling, func(s *setting, i int) { s.Pooling = g.Pooling[i] }, always(func(s *setting) string { return s.Pooling })},
		{"layer", g.Layer, func(s *setting, i int) { s.Layer = g.Layer[i] }, always(func(s *setting) string { return s.Layer })},
		{"hidden", g.Hidden, func(s *setting, i int) { s.Hidden = g.Hidden[i] }, always(func(s *setting) string { return s.Hidden })},
		{"activation", g.Activation, func(s *setting, i int) { s.Activation = g.Activation[i] }, when(hasHidden, func(s *setting) string { return s.Activation })},
		{"seed", texts(g.Seed), func(s *setting, i int) { s.Seed = g.Seed[i] }, always(func(s *setting) string { return strconv.FormatUint(s.Seed, 10) })},
	}
}

// hasHidden tells whether there is a layer for an activation to stand behind.
func hasHidden(s *setting, _ bool) bool { return s.Hidden != noHidden }

// noHidden is logistic regression.
const noHidden = "none"

func texts[T any](list []T) (out []string) {
	for _, v := range list {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

func samplesText(s *setting) string {
	if s.Samples == 0 {
		return allSamples
	}
	return strconv.Itoa(s.Samples)
}

// number reads a number that was checked; a word is 0.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// lengthOf reads a length that was checked.
func lengthOf(text string, most int) int {
	if text == maxLength {
		return most
	}
	return number(text)
}

// modules puts the names of modules into one order.
func modules(text string) string {
	names := strings.Split(text, "+")
	slices.Sort(names)
	return strings.Join(names, "+")
}

// settings are all combinations of the axes' values, the last axis's going round first.
func (g *Grid) settings() []setting {
	axes := g.axes()
	at := make([]int, len(axes))
	var list []setting
	for {
		var s setting
		for k, a := range axes {
			a.set(&s, at[k])
		}
		list = append(list, s)
		k := len(axes) - 1
		for ; k >= 0; k-- {
			if at[k]++; at[k] < len(axes[k].values) {
				break
			}
			at[k] = 0
		}
		if k < 0 {
			return list
		}
	}
}
