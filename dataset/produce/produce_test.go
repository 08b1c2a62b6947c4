package produce_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/agents"
	"github.com/januslm/janus/dataset/agents/agentstest"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/dataset/produce"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/internal/llm/llmtest"
)

func store(t *testing.T) (*dataset.Store, string) {
	t.Helper()
	s, err := dataset.Open(filepath.Join(t.TempDir(), "janus.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	run, err := s.StartRun(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return s, run
}

func rows(t *testing.T, s *dataset.Store) (out []dataset.Example) {
	t.Helper()
	for e, err := range s.Examples(t.Context(), dataset.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestOfflineIsTheSame: by one worker, by eight, and in three goes of which one is interrupted.
func TestOfflineIsTheSame(t *testing.T) {
	byRule := produce.ByRule(generate.Options{Category: dataset.HTTPHeaders, Seed: 7})
	job := func(s *dataset.Store, run string, num, workers int) *produce.Job {
		return &produce.Job{Store: s, Run: run, Num: num, Make: byRule, Workers: workers, Chunk: 7, Ordered: true}
	}
	one, run := store(t)
	if r, err := job(one, run, 100, 1).Do(t.Context()); err != nil || r.Added != 100 || r.Missing != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	eight, run := store(t)
	if r, err := job(eight, run, 100, 8).Do(t.Context()); err != nil || r.Added != 100 {
		t.Fatalf("%+v, %v", r, err)
	}
	goes, run := store(t)
	if r, err := job(goes, run, 23, 3).Do(t.Context()); err != nil || r.Added != 23 {
		t.Fatalf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := job(goes, run, 100, 3)
	interrupted.Written = func(p dataset.Pair) {
		if p.Index == 40 {
			cancel()
		}
	}
	r, err := interrupted.Do(ctx)
	if !errors.Is(err, context.Canceled) || r.Before != 23 || r.Added < 18 || r.Added+r.Before+r.Missing != 100 {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := job(goes, run, 100, 3).Do(t.Context()); err != nil || again.Added != r.Missing {
		t.Fatalf("%+v, %v", again, err)
	}
	want := rows(t, one)
	ignore := cmpopts.IgnoreFields(dataset.Example{}, "Created")
	if diff := cmp.Diff(want, rows(t, eight), ignore); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, rows(t, goes), ignore, cmpopts.IgnoreFields(dataset.Example{}, "ID")); diff != "" {
		t.Error(diff)
	}
	if r, err := job(goes, run, 100, 3).Do(t.Context()); err != nil || r.Before != 100 || r.Added != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNothingAfterAGap: an ordered job that is interrupted while one of several workers is within a chunk writes no later one.
func TestNothingAfterAGap(t *testing.T) {
	s, run := store(t)
	byRule := produce.ByRule(generate.Options{Category: dataset.HTTPHeaders, Seed: 7})
	ctx, cancel := context.WithCancel(t.Context())
	later := make(chan struct{})
	job := &produce.Job{Store: s, Run: run, Num: 30, Workers: 2, Chunk: 10, Ordered: true}
	job.Make = func(ctx context.Context, from, to int) ([]dataset.Pair, error) {
		pairs, err := byRule(context.WithoutCancel(ctx), from, to)
		switch from {
		case 0: // ends last, with a part of its pairs
			<-later
			return pairs[:4], context.Canceled
		case 20:
			cancel()
			close(later)
		}
		return pairs, err
	}
	if r, err := job.Do(ctx); !errors.Is(err, context.Canceled) || r.Added != 4 || r.Missing != 26 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestAgents makes pairs with a server that misbehaves in every way.
func TestAgents(t *testing.T) {
	server := llmtest.New(llmtest.Options{Seed: 1, Reply: agentstest.Reply, RetryAfter: "0.01", Faults: llmtest.Faults{
		Error: 0.05, RateLimit: 0.05, Stall: 0.03, Cut: 0.05, BrokenBody: 0.03, BrokenJSON: 0.05, WrongSchema: 0.05, NoUsage: 0.05,
	}})
	defer server.Close()
	defer server.CloseClientConnections()
	s, run := store(t)
	g := generator(t, s, run, server.URL, 300*time.Millisecond, 10)
	var ended []int
	job := produce.Job{
		Store: s, Run: run, Num: 20, Workers: 8, Make: produce.ByAgents(g, nil), Progress: func(n, _ int) { ended = append(ended, n) },
	}
	r, err := job.Do(t.Context())
	if err != nil || r.Missing != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	pairs := map[string]int{}
	for _, e := range rows(t, s) {
		pairs[e.PairID]++
	}
	if len(pairs) != r.Added {
		t.Errorf("%d pairs in the store, %d added", len(pairs), r.Added)
	}
	for id, n := range pairs {
		if n != 2 {
			t.Errorf("pair %s has %d rows", id, n)
		}
	}
	if ended[0] != 0 || ended[len(ended)-1] != 20 {
		t.Errorf("progress: %v", ended)
	}
	c, err := s.Costs(t.Context(), run)
	if err != nil || c.Calls != c.Answered+c.Failed+c.Lost || c.Calls != len(server.Requests()) || c.Lost == 0 || c.Estimated == 0 {
		t.Errorf("%+v for %d requests, %v", c, len(server.Requests()), err)
	}
}

func generator(t *testing.T, s *dataset.Store, run, url string, timeout time.Duration, retries int) *agents.Generator {
	t.Helper()
	c, err := llm.New(llm.Options{
		URL: url + "/v1", Model: "m", Timeout: timeout, BackOff: time.Millisecond, Retries: retries, Ledger: s.Ledger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := agents.LoadPrompts("")
	if err != nil {
		t.Fatal(err)
	}
	g, err := agents.New(agents.Options{
		Client: c, Prompts: prompts, Category: dataset.HTTPHeaders, Templates: generate.Templates(dataset.HTTPHeaders), Run: run,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestServerThatIsDown: three pairs are enough to see it, and none of them counts as given up.
func TestServerThatIsDown(t *testing.T) {
	server := llmtest.New(llmtest.Options{Reply: agentstest.Reply, Faults: llmtest.Faults{Error: 1}})
	defer server.Close()
	s, run := store(t)
	job := produce.Job{Store: s, Run: run, Num: 50, Workers: 1, Make: produce.ByAgents(generator(t, s, run, server.URL, time.Second, 3), nil)}
	r, err := job.Do(t.Context())
	if !errors.Is(err, llm.ErrUnavailable) || r.Missing != 50 || len(server.Requests()) != 3*4 {
		t.Errorf("%+v, %v after %d requests", r, err, len(server.Requests()))
	}
}

func TestPairsThatAreGivenUp(t *testing.T) {
	s, run := store(t)
	var made atomic.Int64
	job := produce.Job{Store: s, Run: run, Num: 4, Workers: 2, Make: func(_ context.Context, from, _ int) ([]dataset.Pair, error) {
		made.Add(1)
		p := dataset.Pair{Index: from, GivenUp: "no"}
		if from%2 == 0 {
			p = dataset.Pair{Index: from, Examples: []dataset.Example{{
				Request: "GET / HTTP/1.1", Response: fmt.Sprint(from), VulnCategory: dataset.XSS,
			}}}
		}
		return []dataset.Pair{p}, nil
	}}
	for again := range 2 {
		r, err := job.Do(t.Context())
		if want := (produce.Result{Before: 2 * again, Added: 2 - 2*again, GivenUp: map[string]int{"no": 2}}); err != nil || !cmp.Equal(r, want) {
			t.Errorf("%+v, want %+v, %v", r, want, err)
		}
	}
	if made.Load() != 6 {
		t.Errorf("%d pairs were made", made.Load())
	}
}

func TestStoreThatFails(t *testing.T) {
	s, run := store(t)
	job := produce.Job{Store: s, Run: run, Num: 50, Workers: 2, Make: func(_ context.Context, from, _ int) ([]dataset.Pair, error) {
		return []dataset.Pair{{Index: from, Examples: []dataset.Example{{}}}}, nil // a row that the store does not take
	}}
	if r, err := job.Do(t.Context()); err == nil || r.Missing != 50 {
		t.Errorf("%+v, %v", r, err)
	}
}
