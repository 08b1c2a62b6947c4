package states

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/tokenizer"
)

// KeyFormat is part of every key. It changes when Janus computes other states from the same weights and settings.
const KeyFormat = 2

// Options say what is harvested, and how.
type Options struct {
	Base, Adapter string // SHA-256 of the weights that the model was opened from; the adapter's may be empty
	// Features are the pooled states; the model must have been opened with them (model.Options.Features).
	Features []classifier.Feature
	// Lengths are the numbers of tokens after which states are kept. An encoder has 0 alone.
	Lengths   []int
	Sampling  model.Sampling // its seed is the run's, as in package review
	MaxPrompt int            // most tokens of a prompt; 0 is review.DefaultMaxPrompt
	Prompts   *prompts.Set   // nil is prompts.Plain
	Limits    review.Limits  // of batches
	// Analyses keeps what the model writes, too: see [Analysis]. An encoder writes nothing.
	Analyses bool
	// Given are tokens of analyses, one a finding, that the model reads instead of writing its own (teacher forcing); nil leaves
	// it to the model. What exceeds the sampling's most tokens is not read. The findings without one fail.
	Given [][]int32
	// Progress is told how many findings are done; it may be nil.
	Progress func(done, total int)
}

// errNoAnalysis is for findings without one where analyses are given.
var errNoAnalysis = errors.New("there is no analysis of it to be read")

// Harvested is what came of it.
type Harvested struct {
	Keys     []string // of the findings; empty where one failed
	Analyses []string // keys of the analyses; nil where they are not kept, empty where a finding failed
	Errors   []error  // of the findings
	Limit    int      // most tokens of a prompt: of Options.MaxPrompt and what the context leaves, the less
	Cut      int      // findings whose prompt was cut to it
	Long     int      // given analyses that were not read to their end
	Known    int      // findings whose states were there
	Computed int
}

// harvest is one under way.
type harvest struct {
	model    *model.Model
	settings string // see settingsOf
	dir      string
	findings []finding.Finding
	options  Options
	prompts  [][]int32
	result   *Harvested
	there    map[place]bool
	writing  *writing // nil where analyses are not kept
	done     int
}

// Harvest makes sure that a folder has the states of all findings, running the model for those whose states are not there.
// A finding that fails has its error in the result, and the others go on. When ctx ends, what was computed is there, and the
// next harvest goes on.
func Harvest(ctx context.Context, m *model.Model, dir string, findings []finding.Finding, o Options) (*Harvested, error) {
	if (len(o.Features) == 0 || len(o.Lengths) == 0) && !o.Analyses {
		return nil, errors.New("states: no feature or no length is asked for")
	}
	if err := o.check(m, len(findings)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	h := &harvest{model: m, dir: dir, findings: findings, options: o, prompts: make([][]int32, len(findings)),
		result: &Harvested{Keys: make([]string, len(findings)), Errors: make([]error, len(findings))}}
	var err error
	if h.there, err = places(dir); err != nil {
		return nil, err
	}
	if err := h.prepare(ctx); err != nil {
		return nil, err
	}
	todo := h.missing()
	h.done = len(findings) - len(todo)
	h.report()
	prefix := h.prefix()
	lengths := make([]int, len(todo))
	for k, i := range todo {
		lengths[k] = len(h.prompts[i]) + len(h.given(i)) - len(prefix)
	}
	for _, b := range review.Plan(lengths, o.Limits) {
		rows := make([]int, len(b.Rows))
		for k, at := range b.Rows {
			rows[k] = todo[at]
		}
		if err := h.batch(ctx, prefix, rows, b); err != nil {
			return h.result, err
		}
		h.done += len(rows)
		h.report()
	}
	if h.writing != nil {
		for _, key := range h.result.Keys {
			h.result.Analyses = append(h.result.Analyses, h.writing.key(key))
		}
	}
	return h.result, nil
}

func (h *harvest) report() {
	if h.options.Progress != nil {
		h.options.Progress(h.done, len(h.findings))
	}
}

func (o *Options) check(m *model.Model, findings int) error {
	if err := o.Sampling.Validate(); err != nil {
		return err
	}
	if o.MaxPrompt == 0 {
		o.MaxPrompt = review.DefaultMaxPrompt
	}
	if m.IsEncoder() {
		if o.Given != nil {
			return errors.New("states: an encoder reads findings alone: no analyses can be given to it")
		}
		o.Sampling = model.Sampling{}
	}
	if o.Given != nil && (o.Analyses || len(o.Given) != findings) {
		return fmt.Errorf("states: %d analyses are given for %d findings, expected one each, and none to be kept", len(o.Given), findings)
	}
	for _, k := range o.Lengths {
		if k < 0 || k > o.Sampling.MaxTokens {
			return fmt.Errorf("states: length %d is asked for, and analyses have 0 to %d tokens", k, o.Sampling.MaxTokens)
		}
	}
	for _, f := range o.Features {
		if !m.IsEncoder() && !slices.Contains(m.Features(), f) {
			return fmt.Errorf("states: the model was opened without the feature %s", FeatureName(f))
		}
	}
	o.Lengths = slices.Clone(o.Lengths)
	slices.Sort(o.Lengths)
	o.Lengths = slices.Compact(o.Lengths)
	if o.Limits == (review.Limits{}) {
		o.Limits = review.DefaultLimits(true)
	}
	return nil
}

// prepare writes the prompts and their keys.
func (h *harvest) prepare(ctx context.Context) error {
	prompter, err := review.NewPrompter(h.model, h.options.Prompts)
	if err != nil {
		return err
	}
	if err := h.newWriting(prompter); err != nil {
		return err
	}
	if h.settings, err = settingsOf(h.model); err != nil {
		return err
	}
	limit := h.model.Config().ContextLength - h.options.Sampling.MaxTokens
	if !h.model.IsEncoder() {
		limit-- // as in a review, so that prompts are the same
	}
	limit = min(limit, h.options.MaxPrompt)
	if limit < 1 {
		return fmt.Errorf("%d new tokens leave no room for a prompt in the model's context of %d", h.options.Sampling.MaxTokens, h.model.Config().ContextLength)
	}
	h.result.Limit = limit
	for i := range h.findings {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := &h.findings[i]
		ids, note, err := prompter.Fit(f, limit)
		if err == nil && h.options.Given != nil && len(h.options.Given[i]) == 0 {
			err = errNoAnalysis
		}
		if err != nil {
			h.result.Errors[i] = err
			continue
		}
		if h.options.Given != nil && len(h.options.Given[i]) > h.options.Sampling.MaxTokens {
			h.result.Long++
		}
		if note != "" {
			h.result.Cut++
		}
		if h.result.Keys[i], err = h.key(i, ids); err != nil {
			return err
		}
		h.prompts[i] = ids
	}
	return nil
}

// missing lists the findings that lack a state, one of each key.
func (h *harvest) missing() (todo []int) {
	taken := map[string]bool{}
	for i, key := range h.result.Keys {
		switch {
		case key == "":
		case len(h.lacking(key)) == 0 && !h.writing.lacks(key) || taken[key]:
			h.result.Known++
		default:
			taken[key] = true
			todo = append(todo, i)
		}
	}
	return todo
}

// lacking lists the states of a key that are not there.
func (h *harvest) lacking(key string) (list []place) {
	for _, f := range h.options.Features {
		for _, k := range h.options.Lengths {
			if p := (place{key, FeatureName(f), int32(k)}); !h.there[p] {
				list = append(list, p)
			}
		}
	}
	return list
}

// prefix is what all prompts begin with, so that it is computed once; of all findings, those that are there too, so that a
// harvest that goes on computes as the first would have.
func (h *harvest) prefix() []int32 {
	if h.model.IsEncoder() {
		return nil
	}
	var starts [][]int32
	for _, p := range h.prompts {
		if len(p) > 0 {
			starts = append(starts, p[:len(p)-1])
		}
	}
	if len(starts) < 2 {
		return nil
	}
	return starts[0][:tokenizer.CommonPrefix(starts)]
}

// batch runs findings together and writes their states. Where that fails they run one by one, so that only those fail that
// must. The error is ctx's, or that of writing.
func (h *harvest) batch(ctx context.Context, prefix []int32, rows []int, b review.Batch) error {
	states, err := h.run(ctx, prefix, rows, b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		return h.write(rows, states)
	}
	for _, i := range rows {
		alone := err
		if len(rows) > 1 {
			states, alone = h.run(ctx, prefix, []int{i}, review.Batch{Slots: 1, Room: b.Room})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if alone != nil {
			h.result.fail(h.result.Keys[i], alone)
			continue
		}
		if err := h.write([]int{i}, states); err != nil {
			return err
		}
	}
	return nil
}

// fail gives all findings of a key, which are alike, an error. One of them ran, and the others were taken for known.
func (r *Harvested) fail(key string, err error) {
	alike := 0
	for i := range r.Keys {
		if r.Keys[i] == key {
			r.Errors[i], r.Keys[i] = err, ""
			alike++
		}
	}
	r.Known -= alike - 1
}

// pooled are a finding's states by feature and length, the number of its analysis's tokens, and that where it is kept.
type pooled struct {
	states   [][][]float32
	tokens   int
	analysis Analysis
}

func (p *pooled) finite() bool {
	for _, lengths := range p.states {
		for _, state := range lengths {
			if slices.ContainsFunc(state, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }) {
				return false
			}
		}
	}
	return true
}

func (h *harvest) run(ctx context.Context, prefix []int32, rows []int, b review.Batch) ([]pooled, error) {
	adapter := -1
	if len(h.model.Adapters()) > 0 {
		adapter = 0
	}
	if h.model.IsEncoder() {
		return h.embed(ctx, rows, adapter)
	}
	if h.options.Given != nil {
		return h.force(ctx, prefix, rows, adapter, b)
	}
	batch := model.Batch{Prefix: prefix}
	for _, i := range rows {
		s := h.options.Sampling
		s.Seed = review.RowSeed(s.Seed, h.findings[i].ID)
		batch.Rows = append(batch.Rows, model.Row{Prompt: h.prompts[i][len(prefix):], Adapter: adapter, Sampling: s})
	}
	o := model.ReviewOptions{KeepPooled: h.options.Lengths}
	pass := h.model.Generate
	if h.writing != nil {
		o = h.writing.options
		if h.writing.closed {
			pass = h.model.Review
		}
	}
	o.Slots, o.RoomPrompt, o.RoomTokens = b.Slots, b.Room-1, h.options.Sampling.MaxTokens
	start := time.Now()
	verdicts, err := pass(ctx, batch, o)
	if err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds() / float64(len(rows))
	features := h.features()
	list := make([]pooled, len(rows))
	for k := range verdicts {
		v := &verdicts[k]
		list[k].tokens = len(v.Tokens)
		for _, f := range features {
			var kept [][]float32
			for _, length := range h.options.Lengths {
				kept = append(kept, v.Pooled[f][slices.Index(o.KeepPooled, length)])
			}
			list[k].states = append(list[k].states, kept)
		}
		if h.writing != nil {
			list[k].analysis = h.writing.analysis(h.result.Keys[rows[k]], len(h.prompts[rows[k]]), v, features, seconds)
		}
	}
	return list, nil
}

// errNotFinite is for findings whose states are no numbers: kept, they would spoil every training.
var errNotFinite = errors.New("its states are NaN or infinite: the model's weights, an adapter or a dtype of too little range may be at fault")

// write adds parts with what was lacking: the analyses, then the states.
func (h *harvest) write(rows []int, list []pooled) error {
	for k, i := range rows {
		if !list[k].finite() {
			h.result.fail(h.result.Keys[i], errNotFinite)
		}
	}
	failed := func(i int) bool { return h.result.Keys[i] == "" }
	if slices.ContainsFunc(rows, failed) {
		var kept []pooled
		for k, i := range rows {
			if !failed(i) {
				kept = append(kept, list[k])
			}
		}
		rows, list = slices.DeleteFunc(slices.Clone(rows), failed), kept
	}
	if err := h.writeAnalyses(rows, list); err != nil {
		return fmt.Errorf("writing analyses: %w", err)
	}
	var out []Row
	for k, i := range rows {
		f := &h.findings[i]
		for n, feature := range h.options.Features {
			for l, length := range h.options.Lengths {
				p := place{h.result.Keys[i], FeatureName(feature), int32(length)}
				if h.there[p] {
					continue
				}
				out = append(out, Row{
					Key: p.Key, ID: f.ID, Source: f.Source, Label: f.Label, Group: f.Group, Split: f.Split,
					Feature: p.Feature, Length: p.Length, Tokens: int32(list[k].tokens), State: list[k].states[n][l],
				})
			}
		}
		h.result.Computed++
	}
	if len(out) == 0 {
		return nil
	}
	if err := writeRows(h.dir, out); err != nil {
		return fmt.Errorf("writing states: %w", err)
	}
	for _, r := range out {
		h.there[place{r.Key, r.Feature, r.Length}] = true
	}
	return nil
}

func (h *harvest) writeAnalyses(rows []int, list []pooled) error {
	var out []Analysis
	for k, i := range rows {
		if key := h.result.Keys[i]; h.writing.lacks(key) {
			h.writing.there[h.writing.key(key)] = true
			out = append(out, list[k].analysis)
		}
	}
	if len(out) == 0 {
		return nil
	}
	dir := filepath.Join(h.dir, analysesDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var keys strings.Builder
	for _, a := range out {
		fmt.Fprintln(&keys, a.Key)
	}
	return writePart(dir, keys.String(), out)
}
