package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/januslm/janus/eval/floor"
	"github.com/januslm/janus/eval/results"
)

// runFloors runs the judges without a language model.
func (j *Job) runFloors(ctx context.Context) error {
	for _, v := range j.of(byAcceptAll) {
		var cases []results.Case
		for _, i := range j.missing(v, -1) {
			c := j.Rows.newCase(v, i)
			decide(&c, floor.AcceptAll, c.Threshold)
			cases = append(cases, c)
		}
		if err := j.journal.addCases(cases); err != nil {
			return err
		}
	}
	for _, v := range j.of(byWords) {
		for fold := range j.Rows.Folds {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := j.words(v, fold); err != nil {
				return fmt.Errorf("%s, fold %d: %w", v.Name, fold, err)
			}
		}
	}
	return nil
}

// words fits a bag of words to a fold's training rows, dev rows too, since it needs none, and judges its test rows.
func (j *Job) words(v *Variant, fold int) error {
	missing := j.missing(v, fold)
	if len(missing) == 0 {
		return nil
	}
	list, _, err := j.Rows.training(fold, j.Config)
	if err != nil {
		return err
	}
	texts := make([]string, len(list))
	for k, i := range list {
		texts[k] = floor.Text(&j.Rows.Findings[i])
	}
	start := time.Now()
	fitted, err := floor.Fit(texts, pick(j.Rows.Real, list))
	if err != nil {
		return err
	}
	t := trained{What: fmt.Sprintf("%s fold %d", v.Name, fold), Seconds: time.Since(start).Seconds()}
	var cases []results.Case
	for _, i := range missing {
		c := j.Rows.newCase(v, i)
		start := time.Now()
		p := fitted.Prob(floor.Text(&j.Rows.Findings[i]))
		c.Seconds = time.Since(start).Seconds()
		decide(&c, p, floor.Threshold)
		cases = append(cases, c)
	}
	if err := j.journal.add(entry{Trained: &t}); err != nil {
		return err
	}
	return j.journal.addCases(cases)
}
