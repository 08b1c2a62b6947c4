package ablate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/heads"
)

// byRows puts points with the same training rows together, in their order: their heads are trained in one program.
func byRows(points []*point) (groups [][]*point) {
	type key struct {
		samples int
		seed    uint64
	}
	place := map[key]int{}
	for _, p := range points {
		k := key{samples: p.Samples}
		if p.Samples > 0 {
			k.seed = p.Seed
		}
		at, known := place[k]
		if !known {
			at = len(groups)
			place[k] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], p)
	}
	return groups
}

// train trains the heads of points with the same training rows, judges the test rows by them, and writes the points.
func (r *runner) train(ctx context.Context, p *pass, d *passData, points []*point) error {
	start := time.Now()
	learn, choose, judged := r.data(d, r.Rows.sample(points[0].Samples, points[0].Seed)), r.data(d, r.Rows.on(devSide)), r.data(d, r.Rows.on(testSide))
	specs, err := r.specs(d, points, learn.Labels)
	if err != nil {
		return err
	}
	g := r.Grid
	doing := "training heads, " + r.describe(p.setting)
	trained, err := head.Train(ctx, learn, choose, specs, head.Options{
		Backend: r.Backend.Backend, Epochs: g.Epochs, BatchSize: g.BatchSize, Patience: g.Patience, Seed: g.SplitSeed, Standardize: g.Standardize,
		Progress: func(done, total int) { r.progress(doing, done, total) },
	})
	if err != nil {
		return err
	}
	sound := make([]head.Result, 0, len(trained))
	for _, t := range trained {
		if t.Epoch > 0 {
			sound = append(sound, t)
		}
	}
	logits, err := head.Judge(sound, judged)
	if err != nil {
		return err
	}
	list, at := make([]results.Point, len(points)), 0
	for i, t := range trained {
		if t.Epoch == 0 {
			list[i] = unjudged(points[i], t.Err, len(r.Rows.on(testSide)))
			continue
		}
		if list[i], err = r.result(points[i], d, &t, choose.Labels, logits[at]); err != nil {
			return err
		}
		at++
	}
	seconds := time.Since(start).Seconds()
	for i := range list {
		list[i].Seconds = seconds / float64(len(list))
	}
	r.work.Passes[countHeads] += len(list)
	r.work.Seconds[countHeads] += seconds
	return writePoints(r.Dir, r.Share.String(), list)
}

// data are the states of rows, as far as they could be read.
func (r *runner) data(d *passData, rows []int) *head.Data {
	out := &head.Data{Inputs: make([][]float32, len(d.inputs))}
	for _, i := range rows {
		k, ok := d.at[i]
		if !ok {
			continue
		}
		out.Labels = append(out.Labels, r.Rows.Labels[i])
		for n := range d.inputs {
			out.Inputs[n] = append(out.Inputs[n], d.x[n][k*d.width:(k+1)*d.width]...)
		}
	}
	return out
}

// specs are the points' heads.
func (r *runner) specs(d *passData, points []*point, labels []bool) ([]head.Spec, error) {
	g := r.Grid
	positives := 0
	for _, l := range labels {
		if l {
			positives++
		}
	}
	positive, negative, err := heads.ClassWeights(g.ClassWeights, positives, len(labels)-positives)
	if err != nil {
		return nil, err
	}
	var list []head.Spec
	for _, p := range points {
		c := classifier.DefaultConfig(d.width)
		if c.Layers, err = heads.Widths(p.Hidden); err != nil {
			return nil, err
		}
		if p.Activation != "" {
			c.Activation = classifier.Activation(p.Activation)
		}
		in := p.input()
		c.Layer, c.Pooling, c.LayerNorm, c.Dropout = in.Feature.Layer, in.Feature.Pooling, g.LayerNorm, g.Dropout
		c.MinTokens, c.MaxTokens = min(p.Min, p.Length), p.Length
		s := head.DefaultSpec(c)
		s.Name, s.Input, s.Seed = fmt.Sprintf("%s after %d tokens, seed %d", p.Hidden, p.Length, p.Seed), slices.Index(d.inputs, in), p.Seed
		s.Loss, s.LearningRate, s.WeightDecay = head.Loss(g.Loss), g.LearningRate, g.WeightDecay
		s.PosWeight, s.NegWeight, s.Smoothing = positive, negative, g.Smoothing
		list = append(list, s)
	}
	return list, nil
}

// result calibrates a head on the dev rows and judges the test rows.
func (r *runner) result(p *point, d *passData, t *head.Result, labels []bool, logits []float64) (results.Point, error) {
	calibration, err := heads.Calibrate(t.DevLogits, labels, r.Grid.Calibrate, r.Grid.Threshold)
	if err != nil {
		return results.Point{}, fmt.Errorf("head %s: %w", t.Spec.Name, err)
	}
	out := results.Point{Hash: p.hash, Values: p.values, Temperature: calibration.Temperature, Threshold: calibration.Dev.Threshold}
	if t.Err != nil { // it diverged later
		out.Error = finding.Clean(t.Err.Error() + "; its weights are those before")
	}
	var truth []bool
	var judged []float64
	var tokens []int
	for _, i := range r.Rows.on(testSide) {
		if _, ok := d.at[i]; !ok {
			out.P = append(out.P, math.NaN())
			continue
		}
		probability := 1 / (1 + math.Exp(-logits[len(judged)]/calibration.Temperature))
		out.P, judged, truth = append(out.P, probability), append(judged, probability), append(truth, r.Rows.Labels[i])
		tokens = append(tokens, d.tokens[i])
	}
	scores, err := metrics.NewScores(truth, judged)
	if err != nil {
		return out, fmt.Errorf("head %s: %w", t.Spec.Name, err)
	}
	fill(&out, scores.Summary(out.Threshold))
	if !r.bases[p.Model].encoder {
		out.Control = metrics.Control(tokens, p.Min, p.Max)
		for _, n := range tokens {
			out.Tokens += float64(min(n, p.Length)) / float64(len(tokens))
		}
	}
	return out, nil
}

// fill writes the figures of a summary into a point.
func fill(p *results.Point, s metrics.Summary) {
	p.N = int32(s.N)
	p.Accuracy, p.Precision, p.Recall, p.F1 = float64(s.Accuracy), float64(s.Precision), float64(s.Recall), float64(s.F1)
	p.FPR, p.MCC, p.FPReduction = float64(s.FPR), float64(s.MCC), float64(s.FPReduction)
	p.ROCAUC, p.PRAUC, p.Brier, p.ECE = float64(s.ROCAUC), float64(s.AveragePrecision), float64(s.Brier), float64(s.ECE)
	p.Control = math.NaN() // of what writes nothing
}

// unjudged is a point whose head diverged before it was of any use.
func unjudged(p *point, err error, rows int) results.Point {
	nan := metrics.Number(math.NaN())
	out := results.Point{Hash: p.hash, Values: p.values, Error: finding.Clean(err.Error()), Temperature: 1, Threshold: math.NaN(), Tokens: math.NaN()}
	fill(&out, metrics.Summary{
		Accuracy: nan, Precision: nan, Recall: nan, F1: nan, FPR: nan, MCC: nan, FPReduction: nan, ROCAUC: nan, AveragePrecision: nan, Brier: nan, ECE: nan,
	})
	for range rows {
		out.P = append(out.P, math.NaN())
	}
	return out
}
