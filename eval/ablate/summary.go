package ablate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/januslm/janus/eval/results"
)

// WritePlan tells what the study's passes are, and how much of each is there.
func (s *Study) WritePlan(w io.Writer) error {
	there, err := readPoints(s.Dir)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "unit\tpass\tfindings\tlengths\tstates\theads\tthere") // Flush tells
	passes, left, forward := 0, 0, 0
	tunings := map[setting]bool{}
	for i, u := range s.units {
		for _, p := range u.passes {
			rows := len(s.needed(p))
			lengths := map[int]bool{}
			for _, point := range p.points {
				lengths[point.Length] = true
			}
			n := len(missing(p.points, there))
			_, _ = fmt.Fprintf(table, "%d\t%s\t%d\t%d\t%d\t%d\t%d\n", i, s.describe(p.setting), rows, len(lengths), len(inputs(p.points)), len(p.points), len(p.points)-n)
			passes++
			left += n
			if n > 0 {
				forward += rows
				if p.Approach != approachNone {
					tunings[p.tuning()] = true
				}
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%d points in %d passes, %d of them to compute: at most %d findings to read, %d trainings of a model, %d heads\n",
		len(s.points), passes, left, forward, len(tunings), left)
	return err
}

// Cost tells what was computed, and how long it took, over all runs: "passes: forward 200, train 0, heads 240".
func Cost(a *results.Ablation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "passes: forward %d, train %d, heads %d\n", a.Passes[countForward], a.Passes[countTrain], a.Passes[countHeads])
	forward, train, heads := a.Times[countForward], a.Times[countTrain], a.Times[countHeads]
	fmt.Fprintf(&b, "time: forward %s, train %s, heads %s", clock(forward), clock(train), clock(heads))
	if forward > 0 {
		fmt.Fprintf(&b, ": %.2f times the passes alone", (forward+train+heads)/forward)
	}
	return b.String()
}

func clock(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}
