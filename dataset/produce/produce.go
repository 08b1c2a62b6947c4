// Package produce carries a generating run through: several workers, each pair written as it is done, and a run that was
// interrupted or killed going on where it stopped.
package produce

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/internal/llm"
)

// Maker makes the pairs with the indices from to to-1. A pair that cannot be made comes back with the reason; an error is about
// more than one pair.
type Maker func(ctx context.Context, from, to int) ([]dataset.Pair, error)

// Job is what is to be made.
type Job struct {
	Store   *dataset.Store
	Run     string // key of the run, of Store.StartRun
	Num     int    // pairs that the run has in the end
	Make    Maker
	Workers int // below 1 is 1
	Chunk   int // pairs that Make is asked for at once; below 1 is 1
	// Ordered writes pairs in the order of their indices, however many workers there are: each waits for those before it, and
	// none is written after a gap that an interruption left, so that the rows are those of an uninterrupted run.
	Ordered bool

	Progress func(ended, todo int) // may be nil; of the pairs that were missing, those that are done or given up now
	Written  func(dataset.Pair)    // may be nil; called for each pair that is in the store now, one at a time
}

// Result is what became of a job.
type Result struct {
	Before  int            // pairs that were done already
	Added   int            // pairs that were added now
	GivenUp map[string]int // pairs that were given up now, by the reason
	Missing int            // pairs that were not reached
}

// unavailableInARow ends a job: a server that failed so many pairs one after the other is down.
const unavailableInARow = 3

// chunk is a part of the work: its place in the order, and its pairs.
type chunk struct {
	order, from, to int
	pairs           []dataset.Pair
}

// Do makes the pairs that the run lacks; those that an earlier process gave up are tried again. Whatever its error, the result
// is true: what was made until then is in the store.
func (j *Job) Do(ctx context.Context) (Result, error) {
	result := Result{GivenUp: map[string]int{}}
	there, err := j.Store.Pairs(ctx, j.Run, j.Num)
	if err != nil {
		return result, err
	}
	for _, p := range there {
		if p.Done {
			result.Before++
		}
	}
	todo := j.chunks(there)
	j.progress(0, j.Num-result.Before)

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	made := make(chan chunk)
	g := gate{todo: todo, stop: stop}
	var workers sync.WaitGroup
	for range max(1, j.Workers) {
		workers.Go(func() { j.work(ctx, &g, made) })
	}
	go func() { workers.Wait(); close(made) }()
	if err := j.write(ctx, made, &result); err != nil {
		g.fail(err)
	}
	for range made { // after a writer's error: let the workers end
	}
	given := 0
	for _, n := range result.GivenUp {
		given += n
	}
	result.Missing = j.Num - result.Before - result.Added - given
	return result, cmp.Or(g.err, context.Cause(ctx), g.passing)
}

// chunks divides the pairs that are missing.
func (j *Job) chunks(there map[int]dataset.PairState) (todo []chunk) {
	size := max(1, j.Chunk)
	for i := range j.Num {
		if there[i].Done {
			continue
		}
		if n := len(todo); n > 0 && todo[n-1].to == i && i-todo[n-1].from < size {
			todo[n-1].to++
			continue
		}
		todo = append(todo, chunk{order: len(todo), from: i, to: i + 1})
	}
	return todo
}

// gate hands out the work until an error ends it.
type gate struct {
	mu          sync.Mutex
	todo        []chunk
	err         error
	passing     error // the last one that cost a pair, but did not end the job
	unavailable int   // pairs that it cost in a row
	stop        context.CancelCauseFunc
}

func (g *gate) next() (chunk, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil || len(g.todo) == 0 {
		return chunk{}, false
	}
	c := g.todo[0]
	g.todo = g.todo[1:]
	return c, true
}

// fail ends the job. Where the budget is used up, work that is on its way may still fit into what is left.
func (g *gate) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	if !errors.Is(err, llm.ErrBudget) {
		g.stop(err)
	}
}

// report takes note of a chunk's end and tells whether the worker may go on.
func (g *gate) report(err error) {
	switch {
	case err == nil:
		g.mu.Lock()
		g.unavailable = 0
		g.mu.Unlock()
	case errors.Is(err, llm.ErrUnavailable):
		g.mu.Lock()
		g.unavailable++
		g.passing = err
		down := g.unavailable >= unavailableInARow
		g.mu.Unlock()
		if down {
			g.fail(err)
		}
	default:
		g.fail(err)
	}
}

func (j *Job) work(ctx context.Context, g *gate, made chan<- chunk) {
	for ctx.Err() == nil {
		c, ok := g.next()
		if !ok {
			return
		}
		pairs, err := j.Make(ctx, c.from, c.to)
		g.report(err)
		c.pairs = pairs
		made <- c // also without pairs: an ordered writer waits for it
	}
}

// write puts into the store what comes, all that is ready in one transaction.
func (j *Job) write(ctx context.Context, made <-chan chunk, result *Result) error {
	ended, todo, next, gap := 0, j.Num-result.Before, 0, false
	var waiting []chunk
	for c := range made {
		waiting = append(waiting, c)
		if j.Ordered {
			slices.SortFunc(waiting, func(a, b chunk) int { return a.order - b.order })
		}
		var ready []dataset.Pair
		for len(waiting) > 0 && (!j.Ordered || waiting[0].order == next && !gap) {
			ready = append(ready, waiting[0].pairs...)
			gap = len(waiting[0].pairs) < waiting[0].to-waiting[0].from
			waiting = waiting[1:]
			next++
		}
		if len(ready) == 0 {
			continue
		}
		// Ctrl-C does not keep what is made from being written.
		added, err := j.Store.AddPairs(context.WithoutCancel(ctx), j.Run, ready)
		if err != nil {
			return err
		}
		result.Added += added
		for _, p := range ready {
			if p.GivenUp != "" {
				result.GivenUp[p.GivenUp]++
			}
			if j.Written != nil {
				j.Written(p)
			}
		}
		ended += len(ready)
		j.progress(ended, todo)
	}
	return nil
}

func (j *Job) progress(ended, todo int) {
	if j.Progress != nil {
		j.Progress(ended, todo)
	}
}
