package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/januslm/janus/train/optimize"
)

// countTask counts its updates; its loss on dev rows is the distance from the best count.
type countTask struct {
	n, best int
	stopAt  int // Step cancels there
	failAt  int
	failure error // at failAt; nil is errBroken
	leaveAt int   // Validate cancels there
	nanAt   int   // the loss on dev rows is NaN there
	cancel  func()
}

var errBroken = errors.New("broken")

func (c *countTask) Steps() int { return c.n }

func (c *countTask) Step(ctx context.Context) (Step, error) {
	if c.cancel != nil && c.n == c.stopAt {
		c.cancel()
	}
	if err := ctx.Err(); err != nil {
		return Step{}, err
	}
	if c.failAt > 0 && c.n == c.failAt {
		return Step{}, cmp.Or(c.failure, errBroken)
	}
	c.n++
	return Step{Tokens: 1, Values: map[string]float64{TrainLoss: float64(c.n)}}, nil
}

func (c *countTask) Validate(ctx context.Context) (float64, map[string]float64, error) {
	if c.leaveAt > 0 && c.n == c.leaveAt {
		c.cancel()
		return 0, nil, ctx.Err()
	}
	if c.nanAt > 0 && c.n == c.nanAt {
		return math.NaN(), nil, nil
	}
	loss := float64(max(c.n-c.best, c.best-c.n))
	return loss, map[string]float64{DevLoss: loss}, nil
}

func (c *countTask) SaveState(dir string) error {
	return os.WriteFile(filepath.Join(dir, "state"), []byte(strconv.Itoa(c.n)), 0o644)
}

func (c *countTask) RestoreState(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "state"))
	if err != nil {
		return err
	}
	c.n, err = strconv.Atoi(string(data))
	return err
}

func (c *countTask) Write(dir string) error {
	return os.WriteFile(filepath.Join(dir, "result"), []byte(strconv.Itoa(c.n)), 0o644)
}

func countLoop(t *testing.T, dir string, task *countTask, dev bool, patience int) (*Loop, context.Context) {
	t.Helper()
	r, err := Start(dir, Spec{Command: "count", Config: &struct{}{}}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	if task.stopAt > 0 || task.leaveAt > 0 {
		task.cancel = cancel
	}
	return &Loop{Run: r, Task: task, Log: io.Discard, Total: 20, Dev: dev, EvalEvery: 3, SaveEvery: 2, Patience: patience}, ctx
}

func TestLoop(t *testing.T) {
	for name, c := range map[string]struct {
		dev      bool
		patience int
		want     Outcome
	}{
		"no dev rows": {false, 2, Outcome{Steps: 20, BestStep: 20}},
		"to the end":  {true, 0, Outcome{Steps: 20, BestStep: 9, DevLoss: 1}},
		"early end":   {true, 2, Outcome{Steps: 15, BestStep: 9, DevLoss: 1, Early: true}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			l, ctx := countLoop(t, dir, &countTask{best: 8}, c.dev, c.patience)
			got, err := l.Train(ctx)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(got.Checkpoint, "result"))
			if err != nil || string(data) != strconv.Itoa(c.want.BestStep) {
				t.Errorf("the result is %q (%v), expected %d", data, err, c.want.BestStep)
			}
			got.Checkpoint = ""
			if *got != c.want {
				t.Errorf("got %+v, expected %+v", *got, c.want)
			}
		})
	}
}

// An interrupted loop keeps what it did, and goes on to the same outcome and the same metrics.
func TestLoopResumes(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	l, ctx := countLoop(t, whole, &countTask{best: 8}, true, 3)
	want, err := l.Train(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	for _, stop := range []int{1, -3, -6, 7, 8, -12, 13} { // below 0: in the validation
		l, ctx := countLoop(t, dir, &countTask{best: 8, stopAt: max(stop, 0), leaveAt: max(-stop, 0)}, true, 3)
		if _, err := l.Train(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if _, step, ok := l.Run.Latest(); !ok || step != max(stop, -stop) {
			t.Errorf("the last checkpoint is of update %d, expected %d", step, max(stop, -stop))
		}
		if err := l.Run.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l, ctx = countLoop(t, dir, &countTask{best: 8}, true, 3)
	got, err := l.Train(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got.BestStep != want.BestStep || got.Steps != want.Steps || got.DevLoss != want.DevLoss {
		t.Errorf("got %+v, expected %+v", got, want)
	}
	a, errA := os.ReadFile(filepath.Join(dir, metricsFile))
	b, errB := os.ReadFile(filepath.Join(whole, metricsFile))
	if errA != nil || errB != nil || !slices.Equal(a, b) {
		t.Errorf("the metrics differ (%v, %v):\n%s\n%s", errA, errB, a, b)
	}
}

func TestLoopFails(t *testing.T) {
	l, ctx := countLoop(t, filepath.Join(t.TempDir(), "run"), &countTask{best: 8, failAt: 5}, true, 3)
	if _, err := l.Train(ctx); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, step, _ := l.Run.Latest(); step != 4 {
		t.Errorf("the last checkpoint is of update %d, expected 4", step)
	}
}

// What went wrong, where, what is left of the run, and what to do.
func TestLoopSaysWhatFailed(t *testing.T) {
	for name, c := range map[string]struct {
		task countTask
		want []string
	}{
		"a diverged update, where no checkpoint was made before it": {
			countTask{failAt: 5, failure: fmt.Errorf("update 6: %w", optimize.ErrNotFinite)}, []string{"update 6: the training diverged", "step-00000004"}},
		"a diverged update, behind a checkpoint of what diverged": {
			countTask{failAt: 6, failure: fmt.Errorf("update 7: %w", optimize.ErrNotFinite)}, []string{"update 7: the training diverged", "step-00000004"}},
		"nothing is good": {
			countTask{failAt: 1, failure: optimize.ErrNotFinite}, []string{"there is no good checkpoint yet"}},
		"a loss on dev rows that is no number": {
			countTask{nanAt: 6}, []string{"validating after update 6 of 20: the loss is NaN: the training diverged", "step-00000004"}},
		"too little memory": {
			countTask{failAt: 3, failure: errors.New("PJRT error (code=8): Out of memory allocating 12 bytes")},
			[]string{"the memory does not suffice: lower batch_size", "allocating 12 bytes", "step-00000003"}},
	} {
		l, ctx := countLoop(t, filepath.Join(t.TempDir(), "run"), &c.task, true, 0)
		_, err := l.Train(ctx)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error is %v, expected one with %q", name, err, want)
			}
		}
	}
}

// Every row comes once an epoch, rows of like length together, in an order that the seed and the epoch give.
func TestBatches(t *testing.T) {
	rows := make([]int, 103)
	for i := range rows {
		rows[i] = i * 37 % 101
	}
	b := Batches[int]{Rows: rows, Len: func(n int) int { return n }, Size: 4, Accumulate: 3, Seed: 5}
	if b.PerEpoch() != 9 || b.Total(3, 0) != 27 || b.Total(3, 10) != 10 {
		t.Errorf("an epoch has %d updates, three have %d, at most 10 are %d", b.PerEpoch(), b.Total(3, 0), b.Total(3, 10))
	}
	var epochs [2][]int
	for step := range 18 {
		for _, batch := range b.Of(step) {
			epochs[step/9] = append(epochs[step/9], batch...)
		}
	}
	if slices.Equal(epochs[0], epochs[1]) {
		t.Error("both epochs have one order")
	}
	again := Batches[int]{Rows: rows, Len: b.Len, Size: 4, Accumulate: 3, Seed: 5}
	if !slices.EqualFunc(again.Of(13), b.Of(13), slices.Equal) {
		t.Error("the same update has other batches the second time")
	}
	slices.Sort(rows)
	for _, e := range epochs {
		slices.Sort(e)
		if !slices.Equal(e, rows) {
			t.Error("an epoch has not every row once")
		}
	}
}

// Twins share a batch, also where other rows are odd in number, and every row still comes once.
func TestBatchesKeepPairs(t *testing.T) {
	rows := make([]int, 103)
	var pairs [][2]int
	for i := range rows {
		rows[i] = i
		if i%3 == 0 && i < 90 {
			pairs = append(pairs, [2]int{i, i + 1})
		}
	}
	b := Batches[int]{Rows: rows, Len: func(n int) int { return n * 37 % 101 }, Pairs: pairs, Size: 6, Accumulate: 1, Seed: 5}
	var all []int
	for step := range b.PerEpoch() {
		for _, batch := range b.Of(step) {
			for _, p := range pairs {
				if slices.Contains(batch, p[0]) != slices.Contains(batch, p[1]) {
					t.Errorf("batch %v has one of the pair %v", batch, p)
				}
			}
			all = append(all, batch...)
		}
	}
	slices.Sort(all)
	if !slices.Equal(all, rows) {
		t.Errorf("an epoch has not every row once: %v", all)
	}
}

// A batch is padded to its longest row, so twins are sorted by their longer one, wherever that stands.
func TestBatchesOfTwinsHaveLikeLengths(t *testing.T) {
	var rows []int // lengths: 1 to 64, each beside a short one
	var pairs [][2]int
	for i := range 64 {
		pairs = append(pairs, [2]int{len(rows), len(rows) + 1})
		if i%2 == 0 {
			rows = append(rows, i+1, 1)
		} else {
			rows = append(rows, 1, i+1)
		}
	}
	b := Batches[int]{Rows: rows, Len: func(n int) int { return n }, Pairs: pairs, Size: 8, Accumulate: 1, Seed: 5}
	padded := 0
	for step := range b.PerEpoch() {
		for _, batch := range b.Of(step) {
			padded += 8 * slices.Max(batch)
		}
	}
	// Four pairs of neighbouring lengths a batch: 4, 8, … 64.
	if want := 8 * (4 + 64) * 16 / 2; padded != want {
		t.Errorf("an epoch's batches are padded to %d, expected %d", padded, want)
	}
}
