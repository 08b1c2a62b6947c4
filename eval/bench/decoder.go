package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/train/states"
)

// runDecoders runs the variants of the base model, then those of adapters: of the one that is given, or of each fold's own.
func (j *Job) runDecoders(ctx context.Context) (err error) {
	var plain, tuned []*Variant
	for _, v := range j.of(byDecoder) {
		if v.tuned {
			tuned = append(tuned, v)
		} else {
			plain = append(plain, v)
		}
	}
	if len(plain)+len(tuned) == 0 {
		return nil
	}
	if j.base, err = heads.BaseSHA256(j.Model); err != nil {
		return err
	}
	if err := j.decode(ctx, plain, "", -1); err != nil {
		return err
	}
	if j.Config.Adapter != "" {
		return j.decode(ctx, tuned, j.Config.Adapter, -1)
	}
	for fold := range j.Rows.Folds {
		for _, prompt := range prompts.Variants() {
			list := ofPrompt(tuned, prompt)
			if !j.anyMissing(list, fold) {
				continue
			}
			adapter, err := j.tune(ctx, list[0], fold)
			if err == nil {
				err = j.decode(ctx, list, adapter, fold)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func ofPrompt(list []*Variant, prompt string) []*Variant {
	return slices.DeleteFunc(slices.Clone(list), func(v *Variant) bool { return v.prompt != prompt })
}

func (j *Job) anyMissing(list []*Variant, fold int) bool {
	return slices.ContainsFunc(list, func(v *Variant) bool { return len(j.missing(v, fold)) > 0 })
}

// decoding is the work of variants that share a model with its adapter.
type decoding struct {
	*Job
	model   *model.Model
	adapter string // SHA-256, or empty
	fold    int    // whose test rows are judged; below 0 all

	given       *classifier.Head // that all folds use; nil: each has its own
	givenSHA256 string
}

// decode judges the test rows of a fold, below 0 of all, by variants with one adapter, or none.
func (j *Job) decode(ctx context.Context, list []*Variant, adapter string, fold int) (err error) {
	if !j.anyMissing(list, fold) {
		return nil
	}
	d := &decoding{Job: j, fold: fold}
	features, err := j.Config.headSettings.Features()
	if err != nil {
		return err
	}
	if j.Config.Head != "" && slices.ContainsFunc(list, func(v *Variant) bool { return v.head }) {
		if d.given, err = classifier.Open(j.Config.Head); err != nil {
			return err
		}
		file, err := run.HashFile(j.Config.Head)
		if err != nil {
			return err
		}
		d.givenSHA256 = file.SHA256
		features = []classifier.Feature{d.given.Config.Feature()}
	}
	if d.model, err = j.open(ctx, adapter, features); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.model.Close()) }()
	if d.model.IsEncoder() {
		return fmt.Errorf("variant %s: %s is an encoder, which writes nothing: use %sDIR", list[0].Name, j.Model, encoderPrefix)
	}
	if a := d.model.Adapters(); len(a) > 0 {
		d.adapter = a[0].SHA256
	}
	if err := d.check(); err != nil {
		return err
	}
	peak := newPeak()
	for _, prompt := range prompts.Variants() {
		if err := d.prompted(ctx, ofPrompt(list, prompt), prompt); err != nil {
			return err
		}
	}
	u := used{ModelSHA256: j.base, HeadSHA256: d.givenSHA256, AdapterSHA256: d.adapter, Parameters: parameters(j.Model)}
	if u.WeightBytes = d.model.WeightBytes(); u.WeightBytes > 0 {
		u.PeakBytes = peak.bytes()
	}
	if err := j.recall(&u); err != nil {
		return err
	}
	return j.use(list, u)
}

func (j *Job) open(ctx context.Context, adapter string, features []classifier.Feature) (*model.Model, error) {
	o := model.Options{Backend: j.Backend, Features: features, Lazy: true}
	if adapter != "" {
		o.Adapters = []string{adapter}
	}
	if err := o.SetDType(j.Config.DType); err != nil {
		return nil, err
	}
	return model.Open(ctx, j.Model, o)
}

// check refuses a head that is for another model.
func (d *decoding) check() error {
	if d.given == nil {
		return nil
	}
	c := d.model.Config()
	return d.given.Check(classifier.Base{HiddenSize: c.HiddenSize, Layers: c.NumHiddenLayers, SHA256: d.base, AdapterSHA256: d.adapter})
}

// prompted runs the variants of a prompt.
func (d *decoding) prompted(ctx context.Context, list []*Variant, prompt string) error {
	if !d.anyMissing(list, d.fold) {
		return nil
	}
	set, err := prompts.Open(prompt, d.Config.Prompts)
	if err != nil {
		return err
	}
	prompter, err := review.NewPrompter(d.model, set)
	if err != nil {
		return err
	}
	p := &pass{decoding: d, set: set, prompter: prompter, tested: d.Rows.tested(d.fold)}
	// The closing phrase comes after the analysis, and a prompt leaves room for both.
	p.closing, _, _, p.noClosing = prompter.Closing()
	p.maxPrompt = min(d.Config.MaxPrompt, d.model.Config().ContextLength-d.Config.MaxTokens-len(p.closing)-1)
	var once []*Variant
	for _, v := range list {
		if v.samples == 1 {
			once = append(once, v)
		}
	}
	if d.anyMissing(once, d.fold) {
		if err := p.run(ctx, once); err != nil {
			return err
		}
	}
	for _, v := range list {
		if v.samples > 1 {
			if err := p.vote(ctx, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// pass is one reading of rows by a model with a prompt.
type pass struct {
	*decoding
	set       *prompts.Set
	prompter  *review.Prompter
	closing   []int32
	noClosing error // why there is none
	maxPrompt int
	tested    []int // rows
	rows      []int // that are read: the tested ones, and those that heads learn from
	keys      map[string][]int
}

// run reads the rows, and judges by what each gave: first the model's own answer, then the heads.
func (p *pass) run(ctx context.Context, list []*Variant) error {
	if err := p.read(ctx, list); err != nil {
		return err
	}
	for _, v := range list {
		if !v.head && len(p.missing(v, p.fold)) > 0 {
			if err := p.answers(ctx, v); err != nil {
				return err
			}
		}
	}
	for _, v := range list {
		if !v.head || len(p.missing(v, p.fold)) == 0 {
			continue
		}
		judge := p.heads
		if v.embeds {
			judge = p.embeddings
		}
		if err := judge(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// read makes sure that the rows' analyses and states are there.
func (p *pass) read(ctx context.Context, list []*Variant) error {
	p.rows = p.tested
	if p.given == nil && slices.ContainsFunc(list, func(v *Variant) bool { return v.head }) {
		p.rows = nil
		for i := range p.Rows.Findings {
			p.rows = append(p.rows, i)
		}
	}
	h, err := states.Harvest(ctx, p.model, p.States, pick(p.Rows.Findings, p.rows), p.options(list))
	if err != nil {
		return err
	}
	if h.Computed == 0 && h.Known > 0 {
		p.note("%s: the analyses were there", p.doing(list))
	}
	p.keys = map[string][]int{}
	var failed []results.Case
	for k, i := range p.rows {
		if h.Keys[k] != "" {
			p.keys[h.Analyses[k]] = append(p.keys[h.Analyses[k]], i)
			continue
		}
		for _, v := range list {
			if slices.Contains(p.missing(v, p.fold), i) {
				failed = append(failed, failedCase(p.Rows.newCase(v, i), h.Errors[k]))
			}
		}
	}
	return p.journal.addCases(failed)
}

// options are those of the pass.
func (p *pass) options(list []*Variant) states.Options {
	c := p.Config
	return states.Options{
		Base: p.base, Adapter: p.adapter, Features: p.model.Features(), Lengths: c.headSettings.Lengths, Sampling: c.sampling(),
		MaxPrompt: p.maxPrompt, Prompts: p.set, Limits: review.DefaultLimits(p.Backend.IsCPU()), Analyses: true,
		Progress: func(done, total int) { p.progress(p.doing(list), done, total) },
	}
}

// doing names the pass.
func (p *pass) doing(list []*Variant) string {
	names := ""
	for _, v := range list {
		names += ", " + v.Name
	}
	if p.fold >= 0 && p.Rows.Folds > 1 {
		names += fmt.Sprintf(", fold %d", p.fold)
	}
	return names[len(", "):]
}

func failedCase(c results.Case, err error) results.Case {
	c.Error = finding.Clean(err.Error())
	return c
}

// decide fills in the verdict that follows from a probability.
func decide(c *results.Case, p, threshold float64) {
	c.P, c.Threshold, c.Verdict = p, threshold, string(finding.FalsePositive)
	if p >= threshold {
		c.Verdict = string(finding.TruePositive)
	}
}

// answers judges by the answer that the model gives after the closing phrase.
func (p *pass) answers(ctx context.Context, v *Variant) error {
	return eachAnalysis(ctx, p, v, func(i int, a states.Told) (results.Case, error) {
		c := p.Rows.newCase(v, i)
		p.tell(&c, a.Tokens, a.PromptTokens, a.Seconds)
		if p.noClosing != nil {
			return failedCase(c, p.noClosing), nil
		}
		if !(a.P >= 0 && a.P <= 1) {
			return failedCase(c, fmt.Errorf("the model gave %v as a probability: its weights or the adapter may be broken", a.P)), nil
		}
		decide(&c, a.P, answerThreshold)
		return c, nil
	})
}

// answerThreshold is where of two answers the likelier one is the other.
const answerThreshold = 0.5

// tell fills in what was written.
func (p *pass) tell(c *results.Case, tokens []int32, prompt int32, seconds float64) {
	c.Analysis = text(p.model.Tokenizer(), tokens)
	c.Tokens, c.PromptTokens, c.Seconds = int32(len(tokens)), prompt, seconds
}

// casesAtOnce is how many cases go into the journal in one write, where they are computed from what is there.
const casesAtOnce = 64

// eachAnalysis makes the cases of a variant that are missing, from the analyses of its rows.
func eachAnalysis[A states.Analysis | states.Told](ctx context.Context, p *pass, v *Variant, judge func(i int, a A) (results.Case, error)) error {
	missing := map[int]bool{}
	for _, i := range p.missing(v, p.fold) {
		missing[i] = true
	}
	var cases []results.Case
	for a, err := range states.Analyses[A](p.States) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for _, i := range p.keys[states.KeyOf(a)] {
			if !missing[i] {
				continue
			}
			c, err := judge(i, a)
			if err != nil {
				return err
			}
			cases = append(cases, c)
		}
		if len(cases) >= casesAtOnce {
			if err := p.journal.addCases(cases); err != nil {
				return err
			}
			cases = nil
		}
	}
	return p.journal.addCases(cases)
}
