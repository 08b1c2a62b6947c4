package review

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

// Defaults of [Options].
const (
	// DefaultMaxPrompt keeps prompts to what a small machine reads in a few seconds. Longer findings are cut.
	DefaultMaxPrompt = 2048
	// DefaultMargin calls a probability between 0.45 and 0.55 uncertain, where the threshold is 0.5.
	DefaultMargin = 0.05
	// leastShared is the shortest prefix worth a prefill of its own.
	leastShared = 16
	maxSamples  = 1000
)

// Options say how findings are reviewed.
type Options struct {
	// Sampling is every row's. Its seed is the run's: each row's own follows from it and from the finding's id, so that
	// neither the batch nor the other findings matter.
	Sampling model.Sampling
	// Samples is how many analyses are written of each finding; they vote (see [finding.Verdict]'s Samples). 0 and 1 are one.
	// More need a temperature.
	Samples int
	// Thinking says whether the model thinks before it answers, where its chat template has that switch (Qwen3, SmolLM3);
	// nil leaves it to the template.
	Thinking *bool
	Batch    int    // rows that run together; 0 goes by Limits
	Limits   Limits // of batches; unset: those for a CPU
	// MaxPrompt is the most tokens of a prompt; 0 is DefaultMaxPrompt. The model's context bounds it too, and what its heads were
	// trained on.
	MaxPrompt int
	// Threshold is the probability from which a finding is real. Nil means the first head's, or 0.5 without heads.
	Threshold *float64
	// Margin is how near the threshold a verdict is uncertain: see label.
	Margin     float64
	Trajectory bool
	Sure       float64 // see model.ReviewOptions
	// Categories are the adapters, by index, of findings of a category: see SplitAdapters. Others use adapter 0, where there
	// is one.
	Categories map[string]int
	// Prompts is the text that the model is asked with; nil is prompts.Plain.
	Prompts *prompts.Set
	// Embeddings judge in place of the model's own heads, where they are given.
	Embeddings *Embeddings
}

// engine is the model's part in a review.
type engine interface {
	Review(ctx context.Context, batch model.Batch, o model.ReviewOptions) ([]model.Verdict, error)
}

// Reviewer reviews findings with one model.
type Reviewer struct {
	engine    engine
	prompter  *Prompter
	answer    answer
	options   Options
	limit     int // tokens of a prompt
	headLimit int // the same that heads were trained on; 0 is not known
	threshold float64
	// ownThreshold is that where the options name none: the first head's, or 0.5.
	ownThreshold float64

	modelName string
	adapters  []string // names
	heads     []string // names
}

// New prepares a model for findings.
func New(m *model.Model, o Options) (*Reviewer, error) {
	prompter, err := NewPrompter(m, o.Prompts)
	if err != nil {
		return nil, err
	}
	if err := prompter.setThinking(o.Thinking); err != nil {
		return nil, err
	}
	if m.IsEncoder() && len(m.Heads()) == 0 {
		return nil, fmt.Errorf("model %s %w: give one that was trained on this model (--head)", m.Dir(), model.ErrEncoder)
	}
	r := &Reviewer{engine: m, prompter: prompter, modelName: name(m.Dir())}
	for _, a := range m.Adapters() {
		r.adapters = append(r.adapters, a.Name)
	}
	heads := m.Heads()
	if e := o.Embeddings; e != nil {
		if err := e.check(m, &o); err != nil {
			return nil, err
		}
		r.engine, heads = writer{m}, e.Heads
	}
	threshold := 0.5
	for i, h := range heads {
		r.heads = append(r.heads, h.Name)
		if n := h.Config.MaxInput; n > 0 && (r.headLimit == 0 || n < r.headLimit) {
			r.headLimit = n
		}
		if i == 0 {
			threshold = h.Config.Threshold
		}
	}
	if err := r.set(o, threshold, m.Config().ContextLength); err != nil {
		return nil, err
	}
	return r, nil
}

// set takes in the options and finds what follows from them.
func (r *Reviewer) set(o Options, threshold float64, positions int) (err error) {
	if err := o.Validate(); err != nil {
		return err
	}
	after := 1 // tokens of the context that are not the prompt's
	if r.prompter.encoder {
		o.Sampling, o.Samples, o.Sure, after = model.Sampling{}, 1, 0, 0 // it writes nothing
	}
	if len(r.heads) == 0 {
		if r.answer, err = newAnswer(r.prompter.tok, r.prompter.text); err != nil {
			return err
		}
	}
	r.ownThreshold = threshold
	if o.Threshold != nil {
		threshold = *o.Threshold
	}
	if o.MaxPrompt == 0 {
		o.MaxPrompt = DefaultMaxPrompt
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits(true)
	}
	if o.Batch > 0 {
		o.Limits = Limits{Rows: o.Batch}
	}
	r.options, r.threshold = o, threshold
	// The closing phrase and the answer come after the analysis.
	r.limit = min(o.MaxPrompt, positions-o.Sampling.MaxTokens-len(r.answer.closing)-after)
	if r.headLimit > 0 {
		r.limit = min(r.limit, r.headLimit)
	}
	if r.limit < 1 {
		return fmt.Errorf("%d new tokens leave no room for a prompt in the model's context of %d (--context-length, by default what config.json says)", o.Sampling.MaxTokens, positions)
	}
	return nil
}

// Threshold is the probability from which a finding is real.
func (r *Reviewer) Threshold() float64 { return r.threshold }

// Validate reports the first option that is out of range.
func (o Options) Validate() error {
	if err := o.Sampling.Validate(); err != nil {
		return err
	}
	switch {
	case o.Samples < 0 || o.Samples > maxSamples:
		return fmt.Errorf("samples: expected 1 to %d, found %d", maxSamples, o.Samples)
	case o.Samples > 1 && o.Sampling.Temperature == 0:
		return fmt.Errorf("samples: %d analyses without a temperature would all be the same: give one, 0.7 for instance", o.Samples)
	case o.Batch < 0:
		return fmt.Errorf("batch: expected 0 (Janus chooses) or more, found %d", o.Batch)
	case o.MaxPrompt < 0:
		return fmt.Errorf("longest prompt: expected 0 (%d) or more tokens, found %d", DefaultMaxPrompt, o.MaxPrompt)
	case o.Threshold != nil && !(*o.Threshold >= 0 && *o.Threshold <= 1):
		return fmt.Errorf("threshold: expected 0 to 1, found %v", *o.Threshold)
	case !(o.Margin >= 0 && o.Margin <= 0.5):
		return fmt.Errorf("margin: expected 0 to 0.5, found %v", o.Margin)
	case o.Sure != 0 && !(o.Sure > 0.5 && o.Sure <= 1):
		return fmt.Errorf("sure: expected a probability above 0.5, or 0 (off), found %v", o.Sure)
	}
	return nil
}

// row is a finding on its way through the model.
type row struct {
	index   int // of the finding
	prompt  []int32
	adapter int
	cut     string // what was cut of the prompt
	text    string // of the finding, where embeddings judge
	verdict finding.Verdict

	group *group
	seed  string // what the row's seed is made of besides the run's
}

// Outcome is the verdict of a finding.
type Outcome struct {
	Index   int // of the finding
	Verdict finding.Verdict

	cut string // what was cut of the prompt
}

// Review reviews findings and hands the verdicts of each batch to done as soon as it is through; the order is that of the
// batches, not of the findings. A finding that fails has its error in the verdict, and the others go on. Review ends early
// where ctx is cancelled, with its error, or where done returns one.
func (r *Reviewer) Review(ctx context.Context, findings []*finding.Finding, done func([]Outcome) error) error {
	var rows []*row
	for i, f := range findings {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := r.prepare(i, f)
		if err != nil {
			w.verdict.Error = err.Error()
			if err := done([]Outcome{{Index: i, Verdict: w.verdict}}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, r.samples(w).rows...)
	}
	prefix := r.takePrefix(rows)
	lengths := make([]int, len(rows))
	for i, w := range rows {
		lengths[i] = len(w.prompt)
	}
	for _, b := range Plan(lengths, r.options.Limits) {
		members := make([]*row, len(b.Rows))
		for i, at := range b.Rows {
			members[i] = rows[at]
		}
		if err := r.runBatch(ctx, prefix, members, b); err != nil {
			return err
		}
		var outcomes []Outcome
		for _, w := range members {
			if w.group.left--; w.group.left == 0 {
				outcomes = append(outcomes, r.outcome(w.group))
			}
		}
		if err := done(outcomes); err != nil {
			return err
		}
	}
	return nil
}

// prepare writes a finding's prompt and what is known of its verdict beforehand.
func (r *Reviewer) prepare(i int, f *finding.Finding) (*row, error) {
	w := &row{index: i, adapter: -1}
	if len(r.adapters) > 0 {
		w.adapter = adapterOf(f, r.options.Categories)
		w.verdict.Adapter = r.adapters[w.adapter]
	}
	w.verdict.ID, w.verdict.Model, w.verdict.Prompt = f.ID, r.modelName, r.prompter.text.Version(f)
	if len(r.heads) > 0 {
		w.verdict.Head = r.heads[0]
	}
	w.verdict.Note = joinNotes(f.Notes)
	if err := r.readText(w, f); err != nil {
		return w, err
	}
	prompt, note, err := r.prompter.Fit(f, r.limit)
	if err != nil {
		return w, err
	}
	w.prompt, w.cut = prompt, note
	if note != "" {
		w.verdict.Note = joinNotes(append(slices.Clone(f.Notes), note))
	}
	return w, nil
}

// takePrefix cuts off the tokens that all prompts begin with; at least one stays with each row.
func (r *Reviewer) takePrefix(rows []*row) []int32 {
	if len(rows) < 2 || r.prompter.encoder { // an encoder sees both ways: nothing is the same for all rows
		return nil
	}
	prompts := make([][]int32, len(rows))
	for i, w := range rows {
		prompts[i] = w.prompt[:len(w.prompt)-1]
	}
	n := tokenizer.CommonPrefix(prompts)
	if n < leastShared {
		return nil
	}
	prefix := rows[0].prompt[:n]
	for _, w := range rows {
		w.prompt = w.prompt[n:]
	}
	return prefix
}

// runBatch runs rows together. Where that fails they run one by one, so that only those fail that must. The error is
// ctx's.
func (r *Reviewer) runBatch(ctx context.Context, prefix []int32, rows []*row, b Batch) error {
	err := r.runRows(ctx, prefix, rows, b)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	for _, w := range rows {
		alone := err
		if len(rows) > 1 {
			alone = r.runRows(ctx, prefix, []*row{w}, Batch{Slots: 1, Room: b.Room})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if alone != nil {
			w.verdict.Error = alone.Error()
		}
	}
	return nil
}

// runRows is one call of the model.
func (r *Reviewer) runRows(ctx context.Context, prefix []int32, rows []*row, b Batch) error {
	o := r.options
	in := model.Batch{Prefix: prefix}
	for _, w := range rows {
		sampling := o.Sampling
		sampling.Seed = RowSeed(o.Sampling.Seed, w.seed)
		in.Rows = append(in.Rows, model.Row{Prompt: w.prompt, Adapter: w.adapter, Sampling: sampling})
	}
	start := time.Now()
	out, err := r.engine.Review(ctx, in, model.ReviewOptions{
		Closing: r.answer.closing, True: r.answer.yes, False: r.answer.no,
		Trajectory: o.Trajectory, Sure: o.Sure,
		Slots: b.Slots, RoomPrompt: b.Room - 1, RoomTokens: o.Sampling.MaxTokens,
	})
	if err == nil && o.Embeddings != nil {
		err = o.Embeddings.judge(ctx, rows, out, r.decoded)
	}
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds() / float64(len(rows))
	for i, w := range rows {
		w.verdict.Seconds = seconds
		r.judge(&w.verdict, out[i])
	}
	return nil
}

// name is what a folder is called in verdicts.
func name(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}
