package states

import (
	"encoding/json"
	"iter"
	"math"
	"path/filepath"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
)

// Analysis is what a model wrote about a finding, with all that its one pass gave: the verdict by the closing phrase, and the
// pooled states after every token, from which any head's verdicts follow without another pass.
type Analysis struct {
	Key          string  `parquet:"key,dict"` // see Harvested.Analyses
	PromptTokens int32   `parquet:"prompt_tokens"`
	Tokens       []int32 `parquet:"tokens,list"` // without the stop token
	// P is the probability that the finding is real, by the two answers after the closing phrase; NaN where the tokenizer does
	// not tell these apart, and of a model that has heads.
	P       float64   `parquet:"p"`
	Seconds float64   `parquet:"seconds"`     // wall time of its batch, by the rows of that
	States  []float32 `parquet:"states,list"` // [feature][len(Tokens)+1][D], features in the order of the options
}

// Told is an Analysis without its states, which are many times larger.
type Told struct {
	Key          string  `parquet:"key,dict"`
	PromptTokens int32   `parquet:"prompt_tokens"`
	Tokens       []int32 `parquet:"tokens,list"`
	P            float64 `parquet:"p"`
	Seconds      float64 `parquet:"seconds"`
}

// analysesDir is the folder, among the states, that holds the parts with analyses.
const analysesDir = "analyses"

// Analyses gives the analyses of a folder of states, part by part, each once. A is [Analysis] or [Told]. An error is the last
// thing that it gives.
func Analyses[A Analysis | Told](dir string) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		list, err := parts(filepath.Join(dir, analysesDir))
		seen := map[string]bool{}
		again := true
		for i := 0; err == nil && again && i < len(list); i++ {
			err = readPart(list[i], func(a A) bool {
				if key := KeyOf(a); !seen[key] {
					seen[key] = true
					again = yield(a, nil)
				}
				return again
			})
		}
		if err != nil && again {
			var none A
			yield(none, err)
		}
	}
}

// KeyOf is the key of either form.
func KeyOf[A Analysis | Told](a A) string {
	switch a := any(a).(type) {
	case Analysis:
		return a.Key
	case Told:
		return a.Key
	}
	return ""
}

// writing is a harvest's work on analyses; nil where they are not kept.
type writing struct {
	options model.ReviewOptions // the closing phrase and its answers, and that states after every token are kept
	closed  bool                // there is such a phrase
	setup   []byte              // what keys follow from besides those of the states
	there   map[string]bool     // by key
}

// newWriting prepares for analyses and lists those that are there.
func (h *harvest) newWriting(prompter *review.Prompter) (err error) {
	if !h.options.Analyses || h.model.IsEncoder() {
		return nil
	}
	w := &writing{there: map[string]bool{}}
	closing, yes, no, err := prompter.Closing()
	if w.closed = err == nil && len(h.model.Heads()) == 0; w.closed { // a head would judge in its place
		w.options.Closing, w.options.True, w.options.False = closing, yes, no
	}
	for k := range h.options.Sampling.MaxTokens + 1 {
		w.options.KeepPooled = append(w.options.KeepPooled, k)
	}
	var names []string
	for _, f := range h.options.Features {
		names = append(names, FeatureName(f))
	}
	if w.setup, err = json.Marshal(struct {
		Closing []int32
		Answers [2]int32
		Names   []string
	}{closing, [2]int32{yes, no}, names}); err != nil {
		return err
	}
	type only struct {
		Key string `parquet:"key,dict"`
	}
	list, err := parts(filepath.Join(h.dir, analysesDir))
	for i := 0; err == nil && i < len(list); i++ {
		err = readPart(list[i], func(o only) bool { w.there[o.Key] = true; return true })
	}
	h.writing = w
	return err
}

// key is an analysis's, by that of the finding's states.
func (w *writing) key(states string) string {
	if w == nil || states == "" {
		return ""
	}
	return hashOf(states + string(w.setup))
}

// lacks tells whether the analysis is to be kept and is not there.
func (w *writing) lacks(states string) bool { return w != nil && !w.there[w.key(states)] }

// analysis takes what a row's pass gave; features are the indices of the options' features among the model's.
func (w *writing) analysis(key string, prompt int, v *model.Verdict, features []int, seconds float64) Analysis {
	a := Analysis{Key: w.key(key), PromptTokens: int32(prompt), Tokens: v.Tokens, P: math.NaN(), Seconds: seconds}
	if w.closed {
		a.P = v.P
	}
	for _, f := range features {
		for t := range len(v.Tokens) + 1 {
			a.States = append(a.States, v.Pooled[f][t]...)
		}
	}
	return a
}
