package heads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/states"
)

// Job is one training of heads.
type Job struct {
	Config  *Config // checked
	Rows    *Rows
	Model   *model.Model // opened with Config.Features; it may be a lazy one
	Backend compute.Backend
	Base    string // SHA-256 of the base's weights
	Limits  review.Limits
	Prompts *prompts.Set
	States  string // folder
	// Embedder makes the embeddings where Config has them as features.
	Embedder *states.Embedder
	// Progress is told of the harvest and then of the epochs; it may be nil.
	Progress func(doing string, done, total int)
}

// Trained is a head with its figures on the dev rows.
type Trained struct {
	Name        string          `json:"name"`
	Dev         metrics.Summary `json:"dev"`
	Temperature float64         `json:"temperature"`
	Epoch       int             `json:"epoch"` // after which its weights were taken
	Note        string          `json:"note,omitempty"`

	Head              *classifier.Head `json:"-"`
	Losses, DevLosses []float64        `json:"-"` // by epoch
}

// Result is what came of a job.
type Result struct {
	Heads     []Trained       `json:"heads"` // the best first: by ROC AUC, then Brier
	AcceptAll metrics.Summary `json:"accept_all"`
	Train     int             `json:"train_rows"`
	DevRows   int             `json:"dev_rows"`
	Failed    []string        `json:"failed,omitempty"` // findings without states, and heads that diverged

	Known, Computed, Limit, Cut, Long int `json:"-"` // see states.Harvested
}

// Train harvests what is not there yet, and trains, calibrates and judges the heads.
func (j *Job) Train(ctx context.Context) (*Result, error) {
	if err := j.Rows.Check(); err != nil {
		return nil, err
	}
	c := j.Config
	inputs, err := c.inputs()
	if err != nil {
		return nil, err
	}
	harvested, err := j.harvest(ctx, inputs)
	if err != nil {
		return nil, err
	}
	r := &Result{Known: harvested.Known, Computed: harvested.Computed, Limit: cmp.Or(harvested.Limit, c.MaxPrompt), Cut: harvested.Cut, Long: harvested.Long}
	train, dev, err := j.load(harvested, inputs, r)
	if err != nil {
		return nil, err
	}
	positives := count(train.Labels)
	embedder := ""
	if j.Embedder != nil {
		embedder = j.Embedder.SHA256
	}
	specs, err := j.Config.specs(len(train.Inputs[0])/train.N(), embedder, positives, train.N()-positives)
	if err != nil {
		return nil, err
	}
	results, err := head.Train(ctx, train, dev, specs, head.Options{
		Backend: j.Backend, Epochs: c.Epochs, BatchSize: c.BatchSize, Patience: c.Patience, Seed: c.Seed, Standardize: c.Standardize,
		Progress: func(done, total int) { j.progress("training", done, total) },
	})
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Epoch == 0 {
			r.Failed = append(r.Failed, results[i].Err.Error())
			continue
		}
		t, err := j.finish(&results[i], dev.Labels, r.Limit)
		if err != nil {
			return nil, err
		}
		r.Heads = append(r.Heads, *t)
	}
	if len(r.Heads) == 0 {
		return nil, errors.New(r.Failed[len(r.Failed)-1])
	}
	slices.SortStableFunc(r.Heads, func(a, b Trained) int {
		return cmp.Or(cmp.Compare(b.Dev.ROCAUC, a.Dev.ROCAUC), cmp.Compare(a.Dev.Brier, b.Dev.Brier))
	})
	r.AcceptAll, err = AcceptAll(dev.Labels)
	return r, err
}

func (j *Job) progress(doing string, done, total int) {
	if j.Progress != nil {
		j.Progress(doing, done, total)
	}
}

func (j *Job) harvest(ctx context.Context, inputs []states.Input) (*states.Harvested, error) {
	features, err := j.Config.Features()
	if err != nil {
		return nil, err
	}
	o := states.Options{
		Base: j.Base, Adapter: j.adapter(), Features: features, Sampling: j.Config.sampling(),
		MaxPrompt: j.Config.MaxPrompt, Prompts: j.Prompts, Limits: j.Limits,
		Progress: func(done, total int) { j.progress("harvesting", done, total) },
	}
	for _, in := range inputs {
		o.Lengths = append(o.Lengths, in.Length)
	}
	if j.Config.Analyses == Given {
		if o.Given, err = j.given(); err != nil {
			return nil, err
		}
	}
	if j.Config.Reads == classifier.ReadsEmbeddings {
		o.Features = j.Model.Features() // with which analyses may be there
		return states.HarvestEmbeddings(ctx, j.Model, j.Embedder, j.States, j.Rows.Findings, o)
	}
	return states.Harvest(ctx, j.Model, j.States, j.Rows.Findings, o)
}

// given are the tokens of the findings' own analyses, without a verdict at their ends.
func (j *Job) given() ([][]int32, error) {
	list := make([][]int32, len(j.Rows.Findings))
	for i := range list {
		f := &j.Rows.Findings[i]
		e, err := j.Model.Tokenizer().Encode(prompts.WithoutVerdict(f.Analysis), tokenizer.EncodeOptions{LiteralSpecials: true})
		if err != nil {
			return nil, fmt.Errorf("%s: analysis: %w", Where(f), err)
		}
		list[i] = e.IDs
	}
	return list, nil
}

// adapter is the SHA-256 of the model's adapter, or empty.
func (j *Job) adapter() string {
	if list := j.Model.Adapters(); len(list) > 0 {
		return list[0].SHA256
	}
	return ""
}

// load reads the states of the rows that have them, by side.
func (j *Job) load(h *states.Harvested, inputs []states.Input, r *Result) (train, dev *head.Data, err error) {
	var keys [2][]string
	sides := [2]*head.Data{{}, {}}
	for i, key := range h.Keys {
		if key == "" {
			r.Failed = append(r.Failed, fmt.Sprintf("%s: %v", Where(&j.Rows.Findings[i]), h.Errors[i]))
			continue
		}
		side := 0
		if j.Rows.Dev[i] {
			side = 1
		}
		keys[side] = append(keys[side], key)
		sides[side].Labels = append(sides[side].Labels, j.Rows.Labels[i])
	}
	r.Train, r.DevRows = len(keys[0]), len(keys[1])
	if r.Train == 0 || r.DevRows == 0 {
		if len(r.Failed) > 0 {
			return nil, nil, fmt.Errorf("%d rows to train on and %d dev rows are left: %s", r.Train, r.DevRows, r.Failed[0])
		}
		return nil, nil, fmt.Errorf("%d rows to train on and %d dev rows: give more labelled findings", r.Train, r.DevRows)
	}
	all, err := states.Load(j.States, slices.Concat(keys[0], keys[1]), inputs)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range all {
		cut := len(x) / (r.Train + r.DevRows) * r.Train
		sides[0].Inputs, sides[1].Inputs = append(sides[0].Inputs, x[:cut]), append(sides[1].Inputs, x[cut:])
	}
	return sides[0], sides[1], nil
}

// finish calibrates a head and chooses its threshold on the dev rows.
func (j *Job) finish(r *head.Result, labels []bool, limit int) (*Trained, error) {
	calibration, err := Calibrate(r.DevLogits, labels, j.Config.Calibrate, j.Config.Threshold)
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", r.Spec.Name, err)
	}
	t := &Trained{
		Name: r.Spec.Name, Dev: calibration.Dev, Temperature: calibration.Temperature, Epoch: r.Epoch, Note: calibration.Note,
		Losses: r.Losses, DevLosses: r.DevLosses,
	}
	if r.Err != nil {
		t.Note = strings.TrimSuffix(r.Err.Error()+"; the weights are those before; "+t.Note, "; ")
	}
	c := r.Spec.Config
	c.Temperature, c.Threshold, c.MaxInput, c.BaseSHA256, c.AdapterSHA256 = t.Temperature, t.Dev.Threshold, limit, j.Base, j.adapter()
	c.Trained = map[string]any{
		"by": "janus train head", "seed": r.Spec.Seed, "epoch": r.Epoch, "loss": string(r.Spec.Loss), "dev": t.Dev,
		"prompt": j.Config.Prompt, "max_tokens": j.Config.MaxTokens, "analyses": cmp.Or(j.Config.Analyses, Own),
	}
	if t.Head, err = classifier.New(t.Name, c, r.Tensors); err != nil {
		return nil, fmt.Errorf("head %s: %w", t.Name, err)
	}
	return t, nil
}

// AcceptAll is the floor: the figures of calling every finding real.
func AcceptAll(labels []bool) (metrics.Summary, error) {
	p := make([]float64, len(labels))
	for i := range p {
		p[i] = 1
	}
	s, err := metrics.NewScores(labels, p)
	if err != nil {
		return metrics.Summary{}, err
	}
	return s.Summary(0.5), nil
}

func count(labels []bool) (n int) {
	for _, l := range labels {
		if l {
			n++
		}
	}
	return n
}
