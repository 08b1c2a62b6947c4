package dataset_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/llm"
)

func newStore(t *testing.T) *dataset.Store {
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
	return s
}

func madePair(index int) dataset.Pair {
	row := dataset.Example{
		Request: "GET / HTTP/1.1\nHost: a.test\n\n", Response: fmt.Sprintf("HTTP/1.1 200 OK\n\n%d", index), VulnCategory: dataset.XSS,
		PairID: fmt.Sprint(index), IsVulnerable: true,
	}
	clone := row
	clone.IsVulnerable = false
	return dataset.Pair{Index: index, Examples: []dataset.Example{row, clone}}
}

func TestRunKeysFollowTheSettings(t *testing.T) {
	s := newStore(t)
	keys := map[string]bool{}
	for _, settings := range []map[string]any{{"seed": 1, "vuln": "XSS"}, {"vuln": "XSS", "seed": 1}, {"seed": 2, "vuln": "XSS"}} {
		key, err := s.StartRun(t.Context(), settings)
		if err != nil {
			t.Fatal(err)
		}
		keys[key] = true
	}
	if len(keys) != 2 {
		t.Errorf("%d keys", len(keys))
	}
}

// TestPairsAreAddedOnce adds the same pairs from several goroutines, as processes that work on one run would.
func TestPairsAreAddedOnce(t *testing.T) {
	s := newStore(t)
	run, err := s.StartRun(t.Context(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 4 {
		wg.Go(func() {
			for i := range 10 {
				added, err := s.AddPairs(t.Context(), run, []dataset.Pair{madePair(i)})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				total += added
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n, err := s.CountExamples(t.Context(), dataset.Filter{}); err != nil || n != 20 || total != 10 {
		t.Errorf("%d rows, %d pairs added, %v", n, total, err)
	}
	var ids []string
	for e, err := range s.RunExamples(t.Context(), run, 3) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.PairID+e.Label())
	}
	if diff := cmp.Diff([]string{"0TP", "0FP", "1TP", "1FP", "2TP", "2FP"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestPairsThatAreGivenUpMayBeDoneLater(t *testing.T) {
	s := newStore(t)
	run, err := s.StartRun(t.Context(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if added, err := s.AddPairs(t.Context(), run, []dataset.Pair{{Index: 4, GivenUp: "no schema"}}); err != nil || added != 0 {
			t.Fatalf("%d, %v", added, err)
		}
	}
	pairs, err := s.Pairs(t.Context(), run, 10)
	if diff := cmp.Diff(map[int]dataset.PairState{4: {Rounds: 2, Reason: "no schema"}}, pairs); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if added, err := s.AddPairs(t.Context(), run, []dataset.Pair{madePair(4)}); err != nil || added != 1 {
		t.Fatalf("%d, %v", added, err)
	}
	if pairs, err = s.Pairs(t.Context(), run, 10); err != nil || !pairs[4].Done || pairs[4].Rounds != 3 {
		t.Errorf("%v %+v", err, pairs)
	}
}

func TestABrokenPairIsNotAdded(t *testing.T) {
	s := newStore(t)
	run, err := s.StartRun(t.Context(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	bad := madePair(1)
	bad.Examples[1].VulnCategory = ""
	if _, err := s.AddPairs(t.Context(), run, []dataset.Pair{madePair(0), bad}); err == nil {
		t.Error("no error")
	}
	pairs, err := s.Pairs(t.Context(), run, 10)
	n, err2 := s.CountExamples(t.Context(), dataset.Filter{})
	if err != nil || err2 != nil || len(pairs) != 0 || n != 0 {
		t.Errorf("%v %d, %v %v", pairs, n, err, err2)
	}
}

func TestLedger(t *testing.T) {
	s := newStore(t)
	run, err := s.StartRun(t.Context(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	l := s.Ledger()
	call := llm.Call{Tag: llm.Tag{Run: run, Item: 3, Purpose: "analyst"}, Question: "q", Model: "m", State: llm.Sent, Reserve: 0.5}
	begin := func() int64 {
		t.Helper()
		id, err := l.Begin(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	end := func(id int64, change func(*llm.Call)) {
		t.Helper()
		c := call
		change(&c)
		if err := l.End(t.Context(), id, c); err != nil {
			t.Fatal(err)
		}
	}
	end(begin(), func(c *llm.Call) { c.State, c.Error = llm.Failed, "status 500" })
	end(begin(), func(c *llm.Call) { c.State = llm.Lost })
	begin() // and killed
	if _, ok, err := l.Answered(t.Context(), call.Tag, "q"); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	end(begin(), func(c *llm.Call) {
		c.State, c.Usage, c.Cost, c.Answer = llm.Answered, llm.Usage{Prompt: 10, Completion: 5}, 0.2, llm.Answer{Text: "{}", Finish: "stop"}
	})
	end(begin(), func(c *llm.Call) {
		c.State, c.Usage, c.Cost, c.Answer = llm.Answered, llm.Usage{Prompt: 1, Completion: 1, Estimated: true}, 0.1, llm.Answer{Text: "later"}
	})
	if a, ok, err := l.Answered(t.Context(), call.Tag, "q"); !ok || err != nil || a != (llm.Answer{Text: "{}", Finish: "stop"}) {
		t.Errorf("%+v %v %v", a, ok, err)
	}
	got, err := s.Costs(t.Context(), run)
	want := dataset.Costs{Calls: 5, Answered: 2, Failed: 1, Lost: 2, Prompt: 11, Completion: 6, Estimated: 1, USD: 0.3, LostUSD: 1}
	got.USD = float64(int(got.USD*1000+0.5)) / 1000
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	// The answers of a pair that is done are not kept.
	if _, err := s.AddPairs(t.Context(), run, []dataset.Pair{madePair(3)}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := l.Answered(t.Context(), call.Tag, "q"); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestFindingsOfARun(t *testing.T) {
	s := newStore(t)
	run, err := s.StartRun(t.Context(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	pair := func(index int, ids ...string) dataset.Pair {
		p := dataset.Pair{Index: index}
		for _, id := range ids {
			p.Findings = append(p.Findings, finding.Finding{ID: id, Source: "offline", Snippet: fmt.Sprint(index, id)})
		}
		return p
	}
	for _, p := range []dataset.Pair{pair(1, "c", "d"), pair(0, "b", "a"), pair(2, "e")} {
		if added, err := s.AddPairs(t.Context(), run, []dataset.Pair{p}); err != nil || added != 1 {
			t.Fatalf("%d, %v", added, err)
		}
	}
	got := ""
	for f, err := range s.RunFindings(t.Context(), run, 2) {
		if err != nil {
			t.Fatal(err)
		}
		got += f.ID
	}
	if got != "bacd" {
		t.Errorf("findings %q", got)
	}
	// One that would take another's place: nothing of the pair is kept.
	if _, err := s.AddPairs(t.Context(), run, []dataset.Pair{pair(3, "new", "a")}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Error(err)
	}
	if n, err := s.CountFindings(t.Context(), dataset.Filter{}); err != nil || n != 5 {
		t.Errorf("%d findings, %v", n, err)
	}
}
