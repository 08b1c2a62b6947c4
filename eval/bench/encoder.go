package bench

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// Folders in that of an encoder.
const (
	encoderModel = "model"
	encoderHead  = "head"
)

// runEncoders judges by encoders with their heads, as they are.
func (j *Job) runEncoders(ctx context.Context) error {
	for _, v := range j.of(byEncoder) {
		if len(j.missing(v, -1)) == 0 {
			continue
		}
		if err := j.encode(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

func (j *Job) encode(ctx context.Context, v *Variant) (err error) {
	dir, head := filepath.Join(v.of, encoderModel), filepath.Join(v.of, encoderHead)
	peak := newPeak()
	m, err := model.Open(ctx, dir, model.Options{Backend: j.Backend, Heads: []string{head}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	o := review.Options{Limits: review.DefaultLimits(j.Backend.IsCPU()), MaxPrompt: j.Config.MaxPrompt}
	if err := j.reviewRows(ctx, v, m, o, j.missing(v, -1), func(c *results.Case, verdict *finding.Verdict) {
		decide(c, verdict.P, m.Heads()[0].Config.Threshold)
	}); err != nil {
		return err
	}
	u := used{Parameters: parameters(dir), WeightBytes: m.WeightBytes(), PeakBytes: peak.bytes()}
	if u.ModelSHA256, err = heads.BaseSHA256(dir); err != nil {
		return err
	}
	file, err := run.HashFile(head)
	if err != nil {
		return err
	}
	u.HeadSHA256 = file.SHA256
	return j.use([]*Variant{v}, u)
}
