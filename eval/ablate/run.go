package ablate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/internal/backend"
)

// Options say who computes, and on what.
type Options struct {
	Backend backend.Choice
	Share   Share
	Log     io.Writer // where the progress of a training is shown
	// Progress is told how far what is being done is; it may be nil.
	Progress func(doing string, done, total int)
	// Note is told what a person wants to know; it may be nil.
	Note func(format string, args ...any)
}

// Share is the part of a study that a worker computes: the units whose number leaves Worker when divided by Workers. The zero value
// is all of it.
type Share struct{ Worker, Workers int }

// has tells whether a unit is the worker's.
func (s Share) has(unit int) bool { return s.Workers < 2 || unit%s.Workers == s.Worker }

// String is the worker's name in files.
func (s Share) String() string {
	if s.Workers < 2 {
		return "all"
	}
	return fmt.Sprintf("worker-%d-of-%d", s.Worker, s.Workers)
}

// runner is a study under way.
type runner struct {
	*Study
	Options
	work *Work
}

// Run computes the points of a share that are not there. A pass that fails leaves the others; what failed is in the error. When ctx
// ends, what was computed is there, and the next run goes on.
func (s *Study) Run(ctx context.Context, o Options) error {
	there, err := readPoints(s.Dir)
	if err != nil {
		return err
	}
	r := &runner{Study: s, Options: o, work: newWork(s.Dir, o.Share.String(), o.Backend.Name())}
	var failed []error
	for i, u := range s.units {
		if !o.Share.has(i) {
			continue
		}
		var passes []*pass
		for _, p := range u.passes {
			if left := missing(p.points, there); len(left) > 0 {
				passes = append(passes, &pass{p.setting, left})
			}
		}
		if len(passes) == 0 {
			continue
		}
		err := r.unit(ctx, u.tuning, passes)
		if err = errors.Join(err, r.work.write()); ctx.Err() != nil {
			return fmt.Errorf("stopped; the same command goes on: %w", ctx.Err())
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.describe(u.tuning), err))
			r.note("%v", failed[len(failed)-1])
		}
	}
	return errors.Join(failed...)
}

func (r *runner) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(format, args...)
	}
}

func (r *runner) progress(doing string, done, total int) {
	if r.Progress != nil {
		r.Progress(doing, done, total)
	}
}

// timed adds the time since start to what is counted under a name.
func (r *runner) timed(name string, start time.Time) {
	r.work.Seconds[name] += time.Since(start).Seconds()
}

// missing are the points that are not there.
func missing(points []*point, there map[string]results.Point) (list []*point) {
	for _, p := range points {
		if _, known := there[p.hash]; !known {
			list = append(list, p)
		}
	}
	return list
}

// Missing says how many points are not there, and in which workers' shares they are, where so many share the study.
func (s *Study) Missing(workers int) (points int, of []int, err error) {
	there, err := readPoints(s.Dir)
	if err != nil {
		return 0, nil, err
	}
	for i, u := range s.units {
		n := 0
		for _, p := range u.passes {
			n += len(missing(p.points, there))
		}
		if w := i % max(workers, 1); n > 0 && !slices.Contains(of, w) {
			of = append(of, w)
		}
		points += n
	}
	slices.Sort(of)
	return points, of, nil
}
