package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/train/states"
)

// heads judges by each fold's head, or by the one that is given.
func (p *pass) heads(ctx context.Context, v *Variant) error {
	byFold, err := p.foldHeads(ctx, v, nil)
	if err != nil {
		return err
	}
	features := p.model.Features()
	return eachAnalysis(ctx, p, v, func(i int, a states.Analysis) (results.Case, error) {
		c := p.Rows.newCase(v, i)
		head := byFold[p.Rows.Fold[i]]
		n := head.Config.Reads(len(a.Tokens))
		p.tell(&c, a.Tokens[:n], a.PromptTokens, a.Seconds)
		c.Pieces = review.Pieces(p.model.Tokenizer(), a.Tokens[:n])
		at := 0
		for features[at] != head.Config.Feature() {
			at++
		}
		width := p.model.Config().HiddenSize
		if len(a.States) != len(features)*(len(a.Tokens)+1)*width {
			return c, fmt.Errorf("the states of %s are damaged: remove the folder %s", c.ID, p.States)
		}
		of := a.States[at*(len(a.Tokens)+1)*width:]
		probability := 0.0
		for t := range n + 1 {
			probability = head.ProbabilityOf(of[t*width : (t+1)*width])
			c.Trajectory = append(c.Trajectory, float32(probability))
		}
		decide(&c, probability, head.Config.Threshold)
		return c, nil
	})
}

// foldHeads are the heads of the folds with missing cases. embedder is of heads that read embeddings.
func (p *pass) foldHeads(ctx context.Context, v *Variant, embedder *states.Embedder) (map[int]*classifier.Head, error) {
	byFold := map[int]*classifier.Head{}
	for _, i := range p.missing(v, p.fold) {
		fold := p.Rows.Fold[i]
		if byFold[fold] != nil {
			continue
		}
		byFold[fold] = p.given
		if p.given == nil {
			head, err := p.trainHead(ctx, v, fold, embedder)
			if err != nil {
				return nil, fmt.Errorf("%s, fold %d: %w", v.Name, fold, err)
			}
			byFold[fold] = head
		}
	}
	return byFold, nil
}

// trainHead gives the head of a fold: the one that an earlier process trained, or a new one.
func (p *pass) trainHead(ctx context.Context, v *Variant, fold int, embedder *states.Embedder) (*classifier.Head, error) {
	what := fmt.Sprintf("%s fold %d head", v.Name, fold)
	dir := filepath.Join("heads", v.Name, fmt.Sprint("fold-", fold))
	if t, ok := p.journal.trained[what]; ok {
		return classifier.Open(filepath.Join(p.Dir, t.Dir))
	}
	rows, err := p.Rows.forHeads(fold, p.Config)
	if err != nil {
		return nil, err
	}
	settings := p.Config.headSettings
	settings.Prompt, settings.MaxPrompt = v.prompt, p.maxPrompt
	if v.embeds {
		settings.Reads, settings.Pooling, settings.Layer = classifier.ReadsEmbeddings, []string{string(classifier.PoolMeanGenerated)}, []string{classifier.LastLayer.String()}
	}
	job := heads.Job{
		Config: &settings, Rows: rows, Model: p.model, Backend: p.Backend.Backend, Base: p.base, Limits: review.DefaultLimits(p.Backend.IsCPU()),
		Prompts: p.set, States: p.States, Embedder: embedder,
		Progress: func(doing string, done, total int) { p.progress(fmt.Sprintf("%s: %s", what, doing), done, total) },
	}
	start := time.Now()
	result, err := job.Train(ctx)
	if err != nil {
		return nil, err
	}
	for _, failed := range result.Failed {
		p.note("%s: %s", what, failed)
	}
	best := &result.Heads[0]
	if best.Note != "" {
		p.note("%s: %s", what, best.Note)
	}
	t := trained{What: what, Dir: dir, Seconds: time.Since(start).Seconds(), Curve: lossCurve(best)}
	if err := best.Head.Save(filepath.Join(p.Dir, dir)); err != nil {
		return nil, err
	}
	file, err := run.HashFile(filepath.Join(p.Dir, dir))
	if err != nil {
		return nil, err
	}
	t.SHA256 = file.SHA256
	return best.Head, p.journal.add(entry{Trained: &t})
}

func lossCurve(t *heads.Trained) (curve []results.Step) {
	for i, loss := range t.Losses {
		values := map[string]float64{run.TrainLoss: loss}
		if i < len(t.DevLosses) {
			values[run.DevLoss] = t.DevLosses[i]
		}
		curve = append(curve, results.Step{Step: i + 1, Values: values})
	}
	return curve
}

// text is an analysis as a review shows it.
func text(tok tokenizer.Tokenizer, tokens []int32) string {
	return strings.TrimSpace(tok.Decode(tokens, true))
}
