package floor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
)

// Answer is what a judge says of a finding: the probability that it is real, and whether it is called so.
type Answer struct {
	P    float64
	Real bool
}

// Line is a judge's figures on the judged findings of a source.
type Line struct {
	Source string `json:"source"`
	Judge  string `json:"judge"`
	// Learnt is how many findings the judge learnt from, where it learns here.
	Learnt  int              `json:"learnt,omitempty"`
	Summary metrics.Summary  `json:"summary"`
	ROCAUC  metrics.Interval `json:"roc_auc"` // percentile bootstrap over groups, 95 %
	// OverWords is the difference to the bag of words' ROC AUC on the same findings; of that judge itself it is nil.
	OverWords *metrics.Interval `json:"over_words,omitempty"`
}

// Judge is somebody whose answers, by the finding's id, stand beside the floors.
type Judge struct {
	Name    string
	Answers map[string]Answer
}

// Compare judges the labelled dev findings of each source by the floors and by others. The bag of words learns from the train
// findings of the same source, and of a source that has none from those of all sources. Where a judge has no answer for a
// finding, the source's figures would not be comparable: that is an error.
func Compare(findings []finding.Finding, judges []Judge, seed uint64) ([]Line, error) {
	sources := map[string]*part{}
	all := &part{}
	for i := range findings {
		f := &findings[i]
		side, err := dataset.ParseSide(f.Split)
		if err != nil {
			return nil, fmt.Errorf("finding %s: split: %w", f.ID, err)
		}
		if f.Label == "" || side != dataset.Train && side != dataset.Dev {
			continue
		}
		real, err := dataset.ParseLabel(f.Label)
		if err != nil {
			return nil, fmt.Errorf("finding %s: label: %w", f.ID, err)
		}
		if sources[f.Source] == nil {
			sources[f.Source] = &part{}
		}
		for _, p := range []*part{sources[f.Source], all} {
			p.add(f, side, real)
		}
	}
	if len(judges) > 0 {
		seen := map[string]bool{}
		for _, id := range all.ids {
			if seen[id] {
				return nil, fmt.Errorf("two findings of the split dev have the id %s: verdicts go by id, so each needs its own", id)
			}
			seen[id] = true
		}
	}
	var lines []Line
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		p := sources[name]
		if len(p.dev) == 0 {
			continue
		}
		if len(p.train) == 0 {
			p.train, p.trainLabels = all.train, all.trainLabels
		}
		more, err := p.lines(name, judges, seed)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", name, err)
		}
		lines = append(lines, more...)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("none of %d findings has a label and the split dev: there is nothing to judge", len(findings))
	}
	return lines, nil
}

// part are a source's findings.
type part struct {
	train, dev             []string // texts
	trainLabels, devLabels []bool
	ids, groups            []string // of dev
}

func (p *part) add(f *finding.Finding, side string, real bool) {
	if side == dataset.Train {
		p.train, p.trainLabels = append(p.train, Text(f)), append(p.trainLabels, real)
		return
	}
	p.dev, p.devLabels = append(p.dev, Text(f)), append(p.devLabels, real)
	group := f.Group
	if group == "" {
		group = f.ID
	}
	p.ids, p.groups = append(p.ids, f.ID), append(p.groups, group)
}

func (p *part) lines(source string, judges []Judge, seed uint64) ([]Line, error) {
	m, err := Fit(p.train, p.trainLabels)
	if err != nil {
		return nil, err
	}
	accept, words := make([]Answer, len(p.dev)), make([]Answer, len(p.dev))
	for i, text := range p.dev {
		accept[i] = Answer{AcceptAll, true}
		prob := m.Prob(text)
		words[i] = Answer{prob, prob >= Threshold}
	}
	var lines []Line
	add := func(judge string, answers []Answer, over []Answer) error {
		line, err := p.line(answers, over, seed)
		line.Source, line.Judge = source, judge
		lines = append(lines, line)
		return err
	}
	if err := add(AcceptAllName, accept, words); err != nil {
		return nil, err
	}
	if err := add(WordsName, words, nil); err != nil {
		return nil, err
	}
	lines[1].Learnt = len(p.train)
	for _, j := range judges {
		answers := make([]Answer, len(p.ids))
		for i, id := range p.ids {
			answer, ok := j.Answers[id]
			if !ok {
				return nil, fmt.Errorf("%s has no verdict on finding %s", j.Name, id)
			}
			answers[i] = answer
		}
		if err := add(j.Name, answers, words); err != nil {
			return nil, fmt.Errorf("%s: %w", j.Name, err)
		}
	}
	return lines, nil
}

// line computes figures: those of ranks and probabilities from P, those of verdicts from Real.
func (p *part) line(answers, over []Answer, seed uint64) (line Line, err error) {
	s, err := scores(p.devLabels, answers)
	if err != nil {
		return line, err
	}
	line.Summary = s.Summary(Threshold)
	var c metrics.Confusion
	for i, a := range answers {
		c.Add(p.devLabels[i], a.Real)
	}
	sum := &line.Summary
	sum.Confusion, sum.Accuracy, sum.Precision, sum.Recall = c, metrics.Number(c.Accuracy()), metrics.Number(c.Precision()), metrics.Number(c.Recall())
	sum.F1, sum.Specificity, sum.FPR, sum.FPReduction = metrics.Number(c.F1()), metrics.Number(c.Specificity()), metrics.Number(c.FPR()), metrics.Number(c.FPReduction())
	sum.BalancedAccuracy, sum.MCC = metrics.Number(c.BalancedAccuracy()), metrics.Number(c.MCC())
	o := metrics.BootstrapOptions{Seed: seed, Groups: p.groups}
	if line.ROCAUC, err = metrics.Bootstrap(s.N(), o, func(indices []int) float64 { return s.Take(indices).ROCAUC() }); err != nil || over == nil {
		return line, err
	}
	w, err := scores(p.devLabels, over)
	if err != nil {
		return line, err
	}
	difference, err := metrics.Bootstrap(s.N(), o, func(indices []int) float64 {
		return s.Take(indices).ROCAUC() - w.Take(indices).ROCAUC()
	})
	line.OverWords = &difference
	return line, err
}

func scores(labels []bool, answers []Answer) (*metrics.Scores, error) {
	p := make([]float64, len(answers))
	for i, a := range answers {
		p[i] = a.P
	}
	return metrics.NewScores(labels, p)
}
