package bench

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/results"
)

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// finish writes the results.
func (j *Job) finish(ctx context.Context) (*Outcome, error) {
	o := &Outcome{}
	var err error
	if o.Bench, err = j.describe(); err != nil {
		return nil, err
	}
	for i := range j.Config.variants {
		cases := j.cases(&j.Config.variants[i])
		failed, why := 0, ""
		for k := range cases {
			if cases[k].Failed() {
				failed, why = failed+1, cmp.Or(why, cases[k].Error)
			}
		}
		if failed > 0 {
			j.note("%s: %d of %d cases have no verdict; the first: %s", j.Config.variants[i].Name, failed, len(cases), why)
		}
		o.Failed += failed
		o.Cases = append(o.Cases, cases...)
	}
	if err := results.WriteBench(j.Dir, o.Bench, o.Cases); err != nil {
		return nil, err
	}
	text, err := Tables(o.Bench, o.Cases, TableOptions{Seed: j.Config.Seed, Resamples: j.Config.Resamples, MinTokens: j.Config.MinTokens, MaxTokens: j.Config.MaxTokens})
	if err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(filepath.Join(j.Dir, tablesFile), []byte(text), 0o644); err != nil {
		return nil, err
	}
	return o, j.keep(ctx, o)
}

// describe is the benchmark without its cases.
func (j *Job) describe() (*results.Bench, error) {
	settings, err := j.Config.settings()
	if err != nil {
		return nil, err
	}
	b := &results.Bench{
		Name: cmp.Or(j.Config.Name, filepath.Base(j.Dir)), Created: j.start.Created, Seed: j.Config.Seed, Folds: j.Rows.Folds,
		Config: settings, Versions: j.Versions, Data: j.Rows.Data, Curves: map[string][]results.Step{},
	}
	for i := range j.Config.variants {
		b.Variants = append(b.Variants, j.variant(&j.Config.variants[i]))
	}
	for what, t := range j.journal.trained {
		if len(t.Curve) > 0 {
			b.Curves[what] = t.Curve
		}
	}
	return b, nil
}

func (j *Job) variant(v *Variant) results.Variant {
	u := j.journal.used[v.Name]
	r := results.Variant{
		Name: v.Name, Approach: v.approach(), Prompt: v.prompt, AdapterSHA256: u.AdapterSHA256,
		Parameters: u.Parameters, WeightBytes: u.WeightBytes, PeakBytes: u.PeakBytes,
	}
	switch v.kind {
	case byDecoder:
		r.Model, r.ModelSHA256 = filepath.Base(j.Model), cmp.Or(u.ModelSHA256, j.base)
	case byEncoder:
		r.Model, r.ModelSHA256 = filepath.Base(filepath.Clean(v.of)), u.ModelSHA256
	case byAPI:
		prices := j.Config.prices(v.of)
		r.Model, r.PromptPrice, r.CompletionPrice = v.of, prices.Prompt, prices.Completion
	case byAcceptAll, byWords:
	}
	// What was trained for it, by name, so that the last is the last fold's.
	for _, what := range slices.SortedFunc(maps.Keys(j.journal.trained), byFold) {
		t := j.journal.trained[what]
		switch {
		case strings.HasPrefix(what, v.Name+" fold ") && strings.HasSuffix(what, " head"):
			r.TrainSeconds += t.Seconds
			r.HeadSHA256 = t.SHA256
		case strings.HasPrefix(what, v.Name+" fold "):
			r.TrainSeconds += t.Seconds
		case v.tuned && strings.HasPrefix(what, adapterOf(v.prompt)+" fold "):
			r.TrainSeconds += t.Seconds // each variant that uses the adapter would have to train it
		}
	}
	if v.head && r.HeadSHA256 == "" {
		r.HeadSHA256 = u.HeadSHA256
	}
	return r
}

// byFold orders names such as "CH fold 10 head" by the fold.
func byFold(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// cases are a variant's, in the order of the rows.
func (j *Job) cases(v *Variant) (list []results.Case) {
	for _, i := range j.Rows.tested(-1) {
		if c, ok := j.journal.cases[[2]string{v.Name, j.Rows.IDs[i]}]; ok {
			list = append(list, c)
		}
	}
	return list
}

// keep puts the results into the store.
func (j *Job) keep(ctx context.Context, o *Outcome) error {
	if j.Store == nil {
		return nil
	}
	config, err := json.Marshal(o.Bench.Config)
	if err != nil {
		return err
	}
	for _, v := range o.Bench.Variants {
		b := dataset.Benchmark{
			Name: o.Bench.Name, Created: o.Bench.Created, Variant: v.Name, Seed: o.Bench.Seed, Config: config,
			ModelSHA256: v.ModelSHA256, AdapterSHA256: v.AdapterSHA256, HeadSHA256: v.HeadSHA256,
		}
		var list []dataset.BenchmarkResult
		for _, c := range o.Cases {
			if c.Variant == v.Name {
				list = append(list, dataset.BenchmarkResult{
					CaseID: c.ID, Truth: c.Truth, Verdict: c.Verdict, P: c.P, Tokens: int(c.Tokens), Seconds: c.Seconds, Error: c.Error,
				})
			}
		}
		if _, err := j.Store.AddBenchmark(ctx, b, list); err != nil {
			return err
		}
	}
	return nil
}
