package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/eval/floor"
	"github.com/januslm/janus/internal/nearest"
	"github.com/januslm/janus/prompts"
)

// kind is what runs a variant.
type kind int

const (
	byDecoder kind = iota
	byEncoder
	byAPI
	byAcceptAll
	byWords
)

// Variant is one way to judge findings, by its name: see docs/bench.md.
type Variant struct {
	Name string

	kind    kind
	tuned   bool   // with a LoRA adapter
	prompt  string // prompts.VariantPlain or VariantPE
	head    bool   // a head judges, not the generated answer
	embeds  bool   // the head reads embeddings of input and analysis
	samples int    // analyses that vote; 1 is one
	of      string // an encoder's folder or name, or an API's model
}

// Beginnings of names.
const (
	encoderPrefix = "encoder:"
	apiPrefix     = "api:"
	engineered    = "+pe"
)

// proposal2 is a head on embeddings of input and analysis, Proposal 2 of the study.
const proposal2 = "P2-CH"

// most analyses that vote, as package review has it.
const mostSamples = 1000

// Names lists the variants that have one name; others are SC@5 and the like, encoder:DIR, api:MODEL and api:MODEL+pe.
func Names() []string {
	return []string{"SC", "PE-SC", "FT-SC", "FT-PE-SC", "CH", "PE-CH", "FT-CH", "FT-PE-CH", proposal2, floor.AcceptAllName, floor.WordsName}
}

// nearestName is the name that was meant, in any case.
func nearestName(name string) string {
	var lower []string
	for _, n := range Names() {
		lower = append(lower, strings.ToLower(n))
	}
	return Names()[slices.Index(lower, nearest.Of(strings.ToLower(name), lower))]
}

// parseVariants reads names; one that stands twice is refused.
func parseVariants(names []string) ([]Variant, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("variants is empty: nothing would judge")
	}
	var list []Variant
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("variants: %s stands twice", name)
		}
		v, err := parseVariant(name)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func parseVariant(name string) (Variant, error) {
	v := Variant{Name: name, prompt: prompts.VariantPlain, samples: 1}
	switch {
	case name == floor.AcceptAllName:
		v.kind, v.prompt = byAcceptAll, ""
		return v, nil
	case name == floor.WordsName:
		v.kind, v.prompt = byWords, ""
		return v, nil
	case strings.HasPrefix(name, encoderPrefix) && name != encoderPrefix:
		v.kind, v.head, v.of, v.prompt = byEncoder, true, strings.TrimPrefix(name, encoderPrefix), ""
		return v, nil
	case strings.HasPrefix(name, apiPrefix) && strings.TrimSuffix(name, engineered) != apiPrefix:
		v.kind, v.of = byAPI, strings.TrimPrefix(name, apiPrefix)
		if model, ok := strings.CutSuffix(v.of, engineered); ok {
			v.of, v.prompt = model, prompts.VariantPE
		}
		return v, nil
	}
	known := fmt.Errorf("variants: expected %s, SC@K, %sDIR or %sMODEL, found %q; did you mean %s?",
		strings.Join(Names(), ", "), encoderPrefix, apiPrefix, name, nearestName(name))
	rest, votes, voted := strings.Cut(name, "@")
	if voted {
		k, err := strconv.Atoi(votes)
		if err != nil || k < 2 || k > mostSamples {
			return v, fmt.Errorf("variants: %s: expected 2 to %d analyses that vote, found %q", name, mostSamples, votes)
		}
		v.samples = k
	}
	rest, v.tuned = strings.CutPrefix(rest, "FT-")
	rest, pe := strings.CutPrefix(rest, "PE-")
	if pe {
		v.prompt = prompts.VariantPE
	}
	switch {
	case rest == "SC":
		return v, nil
	case rest == "CH" && voted:
		return v, fmt.Errorf("variants: %s: analyses vote by the model's own answer, so it is SC@%d", name, v.samples)
	case rest == "CH", rest == proposal2 && !voted:
		v.head, v.embeds = true, rest == proposal2
		return v, nil
	}
	return v, known
}

// results.Variant's words for approaches that write analyses on this machine.
const (
	approachHead       = "head"
	approachGenerative = "generative"
)

// approach is results.Variant's word for it.
func (v *Variant) approach() string {
	switch v.kind {
	case byEncoder:
		return "encoder"
	case byAPI:
		return "api"
	case byAcceptAll, byWords:
		return "floor"
	case byDecoder:
	}
	if v.head {
		return approachHead
	}
	return approachGenerative
}
