package review

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/januslm/janus/finding"
)

// group is the rows of one finding: as many as it is sampled.
type group struct {
	rows []*row
	left int // rows that have not run
}

// samples makes a finding's rows. The first has the seed that it would have alone.
func (r *Reviewer) samples(first *row) *group {
	g := &group{left: max(r.options.Samples, 1)}
	for k := range g.left {
		w := *first
		w.group, w.seed = g, first.verdict.ID
		if k > 0 {
			w.seed += "\x00" + strconv.Itoa(k)
		}
		g.rows = append(g.rows, &w)
	}
	return g
}

// outcome is the verdict of all samples together.
func (r *Reviewer) outcome(g *group) Outcome {
	first := g.rows[0]
	if len(g.rows) == 1 {
		return Outcome{first.index, first.verdict, first.cut}
	}
	v := first.verdict
	v.Seconds, v.Error, v.Heads = 0, "", nil
	var judged []*row
	for _, w := range g.rows {
		v.Seconds += w.verdict.Seconds
		if w.verdict.Judged() {
			judged = append(judged, w)
			v.Samples = append(v.Samples, finding.SampleVerdict{
				Verdict: w.verdict.Verdict, P: w.verdict.P, Tokens: w.verdict.Tokens, Reasoning: w.verdict.Reasoning,
				Trajectory: w.verdict.Trajectory, Pieces: w.verdict.Pieces,
			})
		}
	}
	if len(judged) == 0 {
		v = first.verdict
		return Outcome{first.index, v, first.cut}
	}
	if failed := len(g.rows) - len(judged); failed > 0 {
		v.Note = joinNotes(slices.DeleteFunc([]string{v.Note, fmt.Sprintf("%d of %d samples failed", failed, len(g.rows))},
			func(s string) bool { return s == "" }))
	}
	for h, head := range judged[0].verdict.Heads {
		mean := 0.0
		for _, w := range judged {
			mean += w.verdict.Heads[h].P / float64(len(judged))
		}
		v.Heads = append(v.Heads, finding.HeadVerdict{Head: head.Head, P: mean})
	}
	vote(&v, r.threshold, r.options.Margin)
	return Outcome{first.index, v, first.cut}
}

// vote fills in the verdict of samples: the label of the most, the mean of their probabilities, and of the analyses that
// came to that label the one nearest to the mean (self-consistency, arXiv:2203.11171). A draw is uncertain.
func vote(v *finding.Verdict, threshold, margin float64) {
	v.P = 0
	real, alarms := 0, 0
	for i := range v.Samples {
		s := &v.Samples[i]
		s.Verdict = label(s.P, threshold, margin)
		v.P += s.P / float64(len(v.Samples))
		switch s.Verdict {
		case finding.TruePositive:
			real++
		case finding.FalsePositive:
			alarms++
		case finding.Uncertain:
		}
	}
	switch {
	case real > alarms:
		v.Verdict = finding.TruePositive
	case alarms > real:
		v.Verdict = finding.FalsePositive
	default:
		v.Verdict = finding.Uncertain
	}
	chosen, best := 0, math.Inf(1)
	for i, s := range v.Samples {
		away := math.Abs(s.P - v.P)
		if s.Verdict != v.Verdict && v.Verdict != finding.Uncertain {
			away++ // only where none other is left
		}
		if away < best {
			chosen, best = i, away
		}
	}
	s := v.Samples[chosen]
	v.Reasoning, v.Tokens, v.Trajectory, v.Pieces = s.Reasoning, s.Tokens, s.Trajectory, s.Pieces
}
