package ablate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/states"
)

// unit computes the passes of one tuning, and all points that are taken from them.
func (r *runner) unit(ctx context.Context, tuning setting, passes []*pass) (err error) {
	t, err := r.tune(ctx, tuning)
	if err != nil {
		return err
	}
	var all []*point
	for _, p := range passes {
		all = append(all, p.points...)
	}
	m, err := r.open(ctx, t, features(all))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for _, p := range passes {
		if err := r.pass(ctx, m, t, p); err != nil {
			return err
		}
	}
	return nil
}

// open opens the tuned model. Its weights stay on the disk as long as all states are there.
func (r *runner) open(ctx context.Context, t *tuned, features []classifier.Feature) (*model.Model, error) {
	o := model.Options{Backend: r.Backend, Features: features, Lazy: true}
	if t.adapter != "" {
		o.Adapters = []string{t.adapter}
	}
	if err := o.SetDType(r.Grid.DType); err != nil {
		return nil, err
	}
	return model.Open(ctx, t.dir, o)
}

// pass harvests the states and trains the heads.
func (r *runner) pass(ctx context.Context, m *model.Model, t *tuned, p *pass) error {
	rows := r.needed(p)
	harvested, err := r.harvest(ctx, m, t, p, rows)
	if err != nil {
		return err
	}
	tokens, err := r.tokens(rows, harvested)
	if err != nil {
		return err
	}
	for _, f := range features(p.points) { // one after another, as a large model's states take memory
		var points []*point
		for _, q := range p.points {
			if q.input().Feature == f {
				points = append(points, q)
			}
		}
		data, err := r.load(points, rows, harvested)
		if err != nil {
			return err
		}
		data.tokens = tokens
		for _, g := range byRows(points) {
			if err := r.train(ctx, p, data, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// needed lists the rows that a pass reads: all but training rows that no point has in its sample.
func (s *Study) needed(p *pass) []int {
	wanted := map[int]bool{}
	for _, g := range byRows(p.points) {
		for _, i := range s.Rows.sample(g[0].Samples, g[0].Seed) {
			wanted[i] = true
		}
	}
	var rows []int
	for i, side := range s.Rows.sides {
		if side != trainSide || wanted[i] {
			rows = append(rows, i)
		}
	}
	return rows
}

// harvest makes sure that the states of rows are there.
func (r *runner) harvest(ctx context.Context, m *model.Model, t *tuned, p *pass, rows []int) (*states.Harvested, error) {
	o := states.Options{
		Base: t.weights, Features: features(p.points), Sampling: r.Grid.sampling(p.setting),
		MaxPrompt: r.Grid.MaxPrompt, Prompts: r.prompts[p.Prompt], Limits: review.DefaultLimits(r.Backend.IsCPU()),
	}
	if list := m.Adapters(); len(list) > 0 {
		o.Adapter = list[0].SHA256
	}
	for _, in := range inputs(p.points) {
		o.Lengths = append(o.Lengths, in.Length)
	}
	start, before, first := time.Now(), r.work.Passes[countForward], -1
	doing := "reading, " + r.describe(p.setting)
	o.Progress = func(done, total int) {
		if first < 0 {
			first = done
		}
		r.work.Passes[countForward] = before + done - first
		if err := r.work.write(); err != nil {
			r.note("%v", err)
		}
		r.progress(doing, done, total)
	}
	list := make([]finding.Finding, len(rows))
	for k, i := range rows {
		list[k] = r.Rows.Findings[i]
	}
	h, err := states.Harvest(ctx, m, r.statesDir(), list, o)
	r.timed(countForward, start)
	if h != nil {
		r.work.Passes[countForward] = before + h.Computed
	}
	if err != nil {
		return nil, err
	}
	r.noteErrors(doing, list, h.Errors)
	if h.Cut > 0 {
		r.note("%s: %d prompts were cut to %d tokens (max_prompt)", doing, h.Cut, r.Grid.MaxPrompt)
	}
	return h, nil
}

// noteErrors tells of the first findings that failed, and counts the others.
func (r *runner) noteErrors(doing string, list []finding.Finding, errs []error) {
	const most = 3
	n := 0
	for k, err := range errs {
		if err == nil {
			continue
		}
		if n++; n <= most {
			r.note("%s: finding %q is left out: %v", doing, list[k].ID, err)
		}
	}
	if n > most {
		r.note("%s: %d findings more are left out", doing, n-most)
	}
}

// passData are the states that points of a pass read, by input, and where each row's stand.
type passData struct {
	inputs []states.Input
	x      [][]float32 // [input][row of at · D]
	width  int
	at     map[int]int // of a row of the study; one that failed is not there
	tokens map[int]int // of its analysis
}

func (r *runner) load(points []*point, rows []int, h *states.Harvested) (*passData, error) {
	d := &passData{inputs: inputs(points), at: map[int]int{}}
	var keys []string
	for k, i := range rows {
		if key := h.Keys[k]; key != "" {
			d.at[i] = len(keys)
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no finding could be read: %w", errors.Join(h.Errors...))
	}
	var err error
	if d.x, err = states.Load(r.statesDir(), keys, d.inputs); err != nil {
		return nil, err
	}
	d.width = len(d.x[0]) / len(keys)
	return d, nil
}

// tokens are the lengths of the rows' analyses.
func (r *runner) tokens(rows []int, h *states.Harvested) (map[int]int, error) {
	of := map[string]int{}
	for row, err := range states.Read(r.statesDir()) {
		if err != nil {
			return nil, err
		}
		of[row.Key] = int(row.Tokens)
	}
	list := map[int]int{}
	for k, i := range rows {
		list[i] = of[h.Keys[k]]
	}
	return list, nil
}
