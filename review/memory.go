package review

import (
	"cmp"
	"context"
	"slices"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
)

// memoryFormat is part of every key. It changes when Janus computes other verdicts from the same files and settings.
const memoryFormat = 2

// Recipe is what verdicts depend on besides the findings.
type Recipe struct {
	Model         string // folders, as model.Open takes them
	Adapters      []string
	Heads         []string
	Embedder      string // of heads on embeddings: an encoder's folder; empty: the model's own token embeddings
	Merge         bool
	ContextLength int
	DType         string // as asked for
	Backend       string // what computes: see backend.Expected
	Options       Options
}

// Memory remembers verdicts of a recipe in a cache, so that what has not changed is not computed again, and no model is
// loaded where nothing has. A verdict is remembered by all that it follows from: the finding's whole prompt, the files of
// model, adapter and heads, and the settings. Threshold and margin are applied to what is remembered.
type Memory struct {
	cache  *Cache
	recipe Recipe

	base     string   // hash of all that findings share
	adapters []string // hashes
}

// setup is what all findings' keys share.
type setup struct {
	Format        int
	Model, Name   string
	Heads         [][2]string // names and hashes
	Embedder      string      `json:",omitempty"`
	Merged        []string    // adapters in the weights
	ContextLength int
	DType         string
	Backend       string

	Sampling     model.Sampling // without its seed
	Samples      int
	Thinking     *bool
	MaxPrompt    int
	Trajectory   bool
	Sure         float64
	Instructions string
	Closing      string
	Answers      []string `json:",omitempty"` // where they are not the usual ones
}

// NewMemory hashes the recipe's files. An error means that one cannot be read.
func NewMemory(ctx context.Context, c *Cache, r Recipe) (*Memory, error) {
	if r.Options.Prompts == nil {
		r.Options.Prompts = prompts.Plain()
	}
	m := &Memory{cache: c, recipe: r}
	o := r.Options
	s := setup{
		Format: memoryFormat, Name: name(r.Model), ContextLength: r.ContextLength, DType: r.DType, Backend: r.Backend,
		Sampling: o.Sampling, Samples: max(o.Samples, 1), Thinking: o.Thinking, MaxPrompt: cmp.Or(o.MaxPrompt, DefaultMaxPrompt), Trajectory: o.Trajectory, Sure: o.Sure,
		Instructions: o.Prompts.Instructions(), Closing: o.Prompts.Closing(),
	}
	if yes, no := o.Prompts.Answers(); yes != prompts.AnswerTrue || no != prompts.AnswerFalse {
		s.Answers = []string{yes, no}
	}
	s.Sampling.Seed = 0
	var err error
	if s.Model, err = fingerprint(ctx, r.Model, c); err != nil {
		return nil, err
	}
	for _, dir := range r.Heads {
		sum, err := fingerprint(ctx, dir, c)
		if err != nil {
			return nil, err
		}
		s.Heads = append(s.Heads, [2]string{name(dir), sum})
	}
	for _, dir := range r.Adapters {
		sum, err := fingerprint(ctx, dir, c)
		if err != nil {
			return nil, err
		}
		m.adapters = append(m.adapters, name(dir)+" "+sum)
	}
	if r.Embedder != "" {
		if s.Embedder, err = fingerprint(ctx, r.Embedder, c); err != nil {
			return nil, err
		}
	}
	if r.Merge {
		s.Merged = m.adapters
	}
	m.base = hashKey(s)
	return m, nil
}

// key is a finding's, or "" where its prompt cannot be written.
func (m *Memory) key(f *finding.Finding) string {
	o := m.recipe.Options
	text, _, err := o.Prompts.Prompt(f, 0)
	if err != nil {
		return ""
	}
	k := struct{ Base, Prompt, Adapter, Seed string }{Base: m.base, Prompt: text}
	if len(m.adapters) > 0 {
		k.Adapter = m.adapters[adapterOf(f, o.Categories)]
	}
	if o.Sampling.Temperature > 0 { // only then does the seed matter, which follows from the id
		k.Seed = hashKey([]uint64{RowSeed(o.Sampling.Seed, f.ID)})
	}
	return hashKey(k)
}

// memory is a verdict without what follows from the finding and from the threshold.
type memory struct {
	P          float64
	Reasoning  string
	Tokens     int
	Trajectory []float64               `json:",omitempty"`
	Heads      []finding.HeadVerdict   `json:",omitempty"`
	Samples    []finding.SampleVerdict `json:",omitempty"`
	Model      string
	Adapter    string  `json:",omitempty"`
	Head       string  `json:",omitempty"`
	Cut        string  `json:",omitempty"` // what was cut of the prompt
	Threshold  float64 // where the options name none
}

const memoryKind = "verdicts"

// recall returns the finding's verdict where it is remembered. It took no seconds.
func (m *Memory) recall(f *finding.Finding) (v finding.Verdict, ok bool) {
	key := m.key(f)
	var e memory
	if key == "" || !m.cache.get(memoryKind, key, &e) || !(e.P >= 0 && e.P <= 1) {
		return v, false
	}
	threshold := e.Threshold
	if t := m.recipe.Options.Threshold; t != nil {
		threshold = *t
	}
	v = finding.Verdict{
		ID: f.ID, Verdict: label(e.P, threshold, m.recipe.Options.Margin), P: e.P, Reasoning: e.Reasoning, Tokens: e.Tokens,
		Trajectory: e.Trajectory, Heads: e.Heads, Model: e.Model, Adapter: e.Adapter, Head: e.Head,
		Prompt: m.recipe.Options.Prompts.Version(f), Note: joinNotes(f.Notes),
	}
	if len(e.Samples) > 0 {
		v.Samples = e.Samples
		vote(&v, threshold, m.recipe.Options.Margin)
	}
	if e.Cut != "" {
		v.Note = joinNotes(append(slices.Clone(f.Notes), e.Cut))
	}
	return v, true
}

// keep remembers a verdict. Failures are not remembered: the next run may fare better.
func (m *Memory) keep(f *finding.Finding, o Outcome, threshold float64) {
	v := o.Verdict
	key := m.key(f)
	if !v.Judged() || key == "" {
		return
	}
	m.cache.put(memoryKind, key, memory{
		P: v.P, Reasoning: v.Reasoning, Tokens: v.Tokens, Trajectory: v.Trajectory, Heads: v.Heads, Samples: v.Samples,
		Model: v.Model, Adapter: v.Adapter, Head: v.Head, Cut: o.cut, Threshold: threshold,
	})
}
