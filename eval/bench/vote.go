package bench

import (
	"context"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
)

// vote judges by the majority of several analyses (self-consistency, arXiv:2203.11171). The probability is the share of the
// votes, so that it and the verdict agree; half of them is enough for a real finding.
func (p *pass) vote(ctx context.Context, v *Variant) error {
	missing := p.missing(v, p.fold)
	if len(missing) == 0 {
		return nil
	}
	sampling := p.Config.sampling()
	sampling.Temperature = p.Config.VoteTemperature
	o := review.Options{
		Sampling: sampling, Samples: v.samples, Limits: review.DefaultLimits(p.Backend.IsCPU()), MaxPrompt: p.maxPrompt, Prompts: p.set,
	}
	return p.reviewRows(ctx, v, p.model, o, missing, func(c *results.Case, verdict *finding.Verdict) {
		real := 0
		for _, s := range verdict.Samples {
			if s.P >= answerThreshold {
				real++
			}
		}
		decide(c, float64(real)/float64(len(verdict.Samples)), answerThreshold)
	})
}

// reviewRows judges rows as janus review does; decide fills in the verdict.
func (j *Job) reviewRows(ctx context.Context, v *Variant, m *model.Model, o review.Options, rows []int, decide func(*results.Case, *finding.Verdict)) error {
	reviewer, err := review.New(m, o)
	if err != nil {
		return err
	}
	prompter, err := review.NewPrompter(m, o.Prompts)
	if err != nil {
		return err
	}
	findings := make([]*finding.Finding, len(rows))
	for k, i := range rows {
		findings[k] = &j.Rows.Findings[i]
	}
	done := 0
	j.progress(v.Name, done, len(rows))
	return reviewer.Review(ctx, findings, func(batch []review.Outcome) error {
		var cases []results.Case
		for _, d := range batch {
			c := j.Rows.newCase(v, rows[d.Index])
			c.Seconds, c.Analysis, c.Tokens = d.Verdict.Seconds, d.Verdict.Reasoning, int32(d.Verdict.Tokens)
			if d.Verdict.Error != "" {
				c.Error = finding.Clean(d.Verdict.Error)
			} else {
				ids, _, err := prompter.Fit(findings[d.Index], min(o.MaxPrompt, m.Config().ContextLength-o.Sampling.MaxTokens))
				if err != nil {
					return err
				}
				c.PromptTokens = int32(len(ids))
				decide(&c, &d.Verdict)
			}
			cases = append(cases, c)
		}
		done += len(batch)
		j.progress(v.Name, done, len(rows))
		return j.journal.addCases(cases)
	})
}
