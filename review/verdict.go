package review

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

// judge fills in what the model said of a row. A verdict in words at an analysis's end is left out: of a head's row it may be another one.
func (r *Reviewer) judge(v *finding.Verdict, out model.Verdict) {
	v.Tokens = len(out.Tokens)
	v.Reasoning = prompts.WithoutVerdict(r.decoded(out.Tokens))
	if math.IsNaN(out.P) || out.P < 0 || out.P > 1 {
		v.Error = fmt.Sprintf("the model gave %v as a probability: its weights, an adapter or a head may be broken", out.P)
		return
	}
	v.P = out.P
	v.Verdict = label(out.P, r.threshold, r.options.Margin)
	if r.options.Trajectory {
		v.Trajectory = column(out.Ps, 0)
		v.Pieces = Pieces(r.prompter.tok, out.Tokens)
	}
	if len(r.heads) < 2 || len(out.Ps) == 0 {
		return
	}
	for h, head := range r.heads {
		each := finding.HeadVerdict{Head: head, P: out.Ps[len(out.Ps)-1][h]}
		if r.options.Trajectory {
			each.Trajectory = column(out.Ps, h)
		}
		v.Heads = append(v.Heads, each)
	}
}

// Pieces is the text that each token adds to an analysis; a character of several tokens comes with its last one.
func Pieces(tok tokenizer.Tokenizer, tokens []int32) []string {
	stream := tokenizer.NewStream(tok, true)
	out := make([]string, len(tokens))
	for t, id := range tokens {
		out[t] = stream.Add(id)
	}
	if n := len(out); n > 0 {
		out[n-1] += stream.Flush()
	}
	return out
}

func column(table [][]float64, i int) []float64 {
	out := make([]float64, len(table))
	for t, line := range table {
		out[t] = line[i]
	}
	return out
}

// label decides by the threshold. Nearer to it than margin the verdict is uncertain. The margin is that at a threshold of
// 0.5 and shrinks with the room beside others: at 0.1 it is a fifth, so that a low threshold, set to miss nothing, does not
// make every finding uncertain.
func label(p, threshold, margin float64) finding.Label {
	width := margin * 2 * min(threshold, 1-threshold)
	switch {
	case math.Abs(p-threshold) < width:
		return finding.Uncertain
	case p >= threshold:
		return finding.TruePositive
	}
	return finding.FalsePositive
}

// RowSeed makes a row's own seed of the run's and of the finding's id.
func RowSeed(seed uint64, id string) uint64 {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64([]byte("janus row "), seed), id...))
	return binary.LittleEndian.Uint64(sum[:])
}

func joinNotes(notes []string) string { return strings.Join(notes, "; ") }
