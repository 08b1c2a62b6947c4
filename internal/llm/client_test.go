package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/internal/llm/llmtest"
)

// ledger keeps calls in memory.
type ledger struct {
	mu    sync.Mutex
	calls []llm.Call
}

func (l *ledger) Answered(_ context.Context, tag llm.Tag, question string) (llm.Answer, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		if c.State == llm.Answered && c.Question == question && c.Tag.Run == tag.Run && c.Tag.Item == tag.Item {
			return c.Answer, true, nil
		}
	}
	return llm.Answer{}, false, nil
}

func (l *ledger) Begin(_ context.Context, c llm.Call) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	return int64(len(l.calls) - 1), nil
}

func (l *ledger) End(_ context.Context, id int64, c llm.Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[id].State != llm.Sent {
		return fmt.Errorf("call %d ended twice", id)
	}
	l.calls[id] = c
	return nil
}

// states counts the calls by state.
func (l *ledger) states() map[llm.State]int {
	n := map[llm.State]int{}
	for _, c := range l.calls {
		n[c.State]++
	}
	return n
}

func ask(item int, text string) llm.Request {
	return llm.Request{
		Tag:      llm.Tag{Run: "run", Item: item, Purpose: "test"},
		Messages: []llm.Message{{Role: "system", Content: "Answer in JSON."}, {Role: "user", Content: text}},
		Schema:   &llm.Schema{Name: "answer", JSON: json.RawMessage(`{"type":"object"}`)}, MaxTokens: 100, Seed: 7, Temperature: 0.5,
	}
}

func hello(llmtest.Request) string { return `{"hello":"world"}` }

// client asks a new server.
func client(t *testing.T, so llmtest.Options, co llm.Options) (*llm.Client, *llmtest.Server, *ledger) {
	t.Helper()
	if so.Reply == nil {
		so.Reply = hello
	}
	s := llmtest.New(so)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	l := &ledger{}
	co.URL, co.Model, co.Ledger = s.URL+"/v1", "test-model", l
	if co.BackOff == 0 {
		co.BackOff = time.Millisecond
	}
	c, err := llm.New(co)
	if err != nil {
		t.Fatal(err)
	}
	return c, s, l
}

func TestAskSendsWhatItWasGiven(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "another server's")
	c, s, l := client(t, llmtest.Options{Key: "the-key"}, llm.Options{Key: "the-key", Prices: llm.Prices{Prompt: 2, Completion: 6}})
	a, err := c.Ask(t.Context(), ask(1, "one two three"))
	if err != nil || a.Text != `{"hello":"world"}` || a.Finish != "stop" {
		t.Fatalf("%+v, %v", a, err)
	}
	r := s.Requests()[0]
	if r.Model != "test-model" || r.Seed != 7 || r.Temperature != 0.5 || r.MaxTokens != 100 || r.ResponseFormat.Type != "json_schema" ||
		r.ResponseFormat.JSONSchema.Name != "answer" || len(r.Messages) != 2 || r.Messages[1].Content != "one two three" {
		t.Errorf("the server was sent %+v", r)
	}
	call := l.calls[0]
	bill := s.Bills()[call.Response]
	if call.State != llm.Answered || call.Usage != (llm.Usage{Prompt: bill.Prompt, Completion: bill.Completion}) {
		t.Errorf("on the account: %+v, billed %+v", call, bill)
	}
	if want := (2*float64(bill.Prompt) + 6*float64(bill.Completion)) / 1e6; call.Cost != want || call.Cost > call.Reserve {
		t.Errorf("cost %g of a reserve of %g, want %g", call.Cost, call.Reserve, want)
	}

	// What was answered is not asked again, but for another item it is.
	if a, err := c.Ask(t.Context(), ask(1, "one two three")); err != nil || a.Text != `{"hello":"world"}` || len(s.Requests()) != 1 {
		t.Errorf("asked again: %+v, %v, %d requests", a, err, len(s.Requests()))
	}
	if _, err := c.Ask(t.Context(), ask(2, "one two three")); err != nil || len(s.Requests()) != 2 {
		t.Errorf("another item: %v, %d requests", err, len(s.Requests()))
	}
}

// TestFaults asks a server that does everything wrong from several goroutines; each answer arrives, and the account is right.
func TestFaults(t *testing.T) {
	c, s, l := client(t, llmtest.Options{Seed: 3, RetryAfter: "0.01", Faults: llmtest.Faults{
		Error: 0.1, RateLimit: 0.1, Stall: 0.1, Cut: 0.1, BrokenBody: 0.1, NoUsage: 0.1,
	}}, llm.Options{Timeout: 150 * time.Millisecond, Retries: 20, Prices: llm.Prices{Prompt: 1, Completion: 1}})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if a, err := c.Ask(t.Context(), ask(i, fmt.Sprint("question ", i))); err != nil || a.Text == "" {
				t.Errorf("question %d: %+v, %v", i, a, err)
			}
		})
	}
	wg.Wait()
	for _, fault := range []string{"error", "rate", "stall", "cut", "body", "usage"} {
		if s.Happened()[fault] == 0 {
			t.Errorf("%q never happened", fault)
		}
	}
	states, bills := l.states(), s.Bills()
	if states[llm.Answered] != 60 || states[llm.Sent] != 0 {
		t.Errorf("%v", states)
	}
	if lost := s.Happened()["stall"] + s.Happened()["cut"]; states[llm.Lost] != lost {
		t.Errorf("%d calls are lost, want %d", states[llm.Lost], lost)
	}
	estimated := 0
	for _, call := range l.calls {
		if call.State != llm.Answered {
			continue
		}
		if call.Usage.Estimated {
			estimated++
		} else if b := bills[call.Response]; call.Usage != (llm.Usage{Prompt: b.Prompt, Completion: b.Completion}) {
			t.Errorf("%s: counted %+v, billed %+v", call.Response, call.Usage, b)
		}
	}
	if estimated != s.Happened()["usage"] {
		t.Errorf("%d counts are estimates, want %d", estimated, s.Happened()["usage"])
	}
}

func TestFormatIsSettledOnce(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusInternalServerError} {
		t.Run(fmt.Sprint(status), func(t *testing.T) { testFormat(t, status) })
	}
}

func testFormat(t *testing.T, status int) {
	c, s, _ := client(t, llmtest.Options{RefuseFormat: []string{"json_schema", "json_object"}, RefuseStatus: status}, llm.Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := c.Ask(t.Context(), ask(i, "hi")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := map[string]int{}
	for _, r := range s.Requests() {
		n[r.ResponseFormat.Type]++
	}
	if n["json_schema"] != 1 || n["json_object"] != 1 || n[""] != 8 {
		t.Errorf("formats asked for: %v", n)
	}
}

func TestFieldsThatAreRefusedAreLeftOut(t *testing.T) {
	for _, field := range []string{"temperature", "seed"} {
		c, s, _ := client(t, llmtest.Options{RefuseField: field}, llm.Options{})
		if _, err := c.Ask(t.Context(), ask(0, "hi")); err != nil {
			t.Errorf("%s: %v", field, err)
		}
		if rs := s.Requests(); len(rs) != 2 || rs[1].ResponseFormat.Type != "json_schema" {
			t.Errorf("%s: %d requests, the last %+v", field, len(rs), rs[len(rs)-1])
		}
	}
}

func TestNewLimit(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var fields map[string]any
		if err := json.NewDecoder(r.Body).Decode(&fields); err != nil {
			t.Error(err)
		}
		if fields["max_tokens"] != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}`))
			return
		}
		got = append(got, fmt.Sprint(fields["max_completion_tokens"]))
		_, _ = w.Write([]byte(`{"id":"x","choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}`)) // and no content type
	}))
	defer s.Close()
	c, err := llm.New(llm.Options{URL: s.URL, Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ask(t.Context(), ask(0, "hi")); err != nil || len(got) != 1 || got[0] != "100" {
		t.Errorf("%v, %q", err, got)
	}
}

func TestBudgetIsNeverExceeded(t *testing.T) {
	prices := llm.Prices{Prompt: 1000, Completion: 1000} // a tenth of a cent a token
	c, s, l := client(t, llmtest.Options{Delay: 2 * time.Millisecond}, llm.Options{Prices: prices, Budget: 2, Spent: 0.5})
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered, refused := 0, 0
	for i := range 100 {
		wg.Go(func() {
			_, err := c.Ask(t.Context(), ask(i, "a question"))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				answered++
			case errors.Is(err, llm.ErrBudget):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	spent := 0.5
	for _, b := range s.Bills() {
		spent += float64(b.Prompt+b.Completion) * 1000 / 1e6
	}
	reserve := l.calls[0].Reserve
	if answered == 0 || refused == 0 || spent > 2 || spent < 2-reserve-1e-9 {
		t.Errorf("%d answered, %d refused, spent $%.4f of $2 at up to $%.4f a call", answered, refused, spent, reserve)
	}
}

func TestLostCallsCountAgainstTheBudget(t *testing.T) {
	prices := llm.Prices{Prompt: 1000, Completion: 1000}
	c, s, l := client(t, llmtest.Options{Faults: llmtest.Faults{Cut: 1}}, llm.Options{Prices: prices, Budget: 0.5, Retries: 100})
	_, err := c.Ask(t.Context(), ask(0, "a question"))
	if !errors.Is(err, llm.ErrBudget) {
		t.Errorf("%v", err)
	}
	if n, most := len(s.Requests()), int(0.5/l.calls[0].Reserve); n != most {
		t.Errorf("%d calls, want %d", n, most)
	}
}

func TestRefusals(t *testing.T) {
	c, s, l := client(t, llmtest.Options{Key: "right"}, llm.Options{Key: "wrong-secret"})
	_, err := c.Ask(t.Context(), ask(0, "hi"))
	var refused *llm.StatusError
	if !errors.As(err, &refused) || !refused.Fatal() || len(l.calls) != 1 || len(s.Bills()) != 0 {
		t.Errorf("%v after %d calls", err, len(l.calls))
	}
	if text := fmt.Sprint(err, l.calls[0].Error); strings.Contains(text, "wrong-secret") || !strings.Contains(text, "LLM_API_KEY") {
		t.Errorf("it says %q", text)
	}
	c, _, l = client(t, llmtest.Options{Faults: llmtest.Faults{Error: 1}}, llm.Options{Retries: 3})
	if _, err := c.Ask(t.Context(), ask(0, "hi")); !errors.Is(err, llm.ErrUnavailable) || len(l.calls) != 4 {
		t.Errorf("%v after %d calls", err, len(l.calls))
	}
	c, _, _ = client(t, llmtest.Options{Faults: llmtest.Faults{RateLimit: 1}, RetryAfter: "86400"}, llm.Options{})
	if _, err := c.Ask(t.Context(), ask(0, "hi")); !errors.Is(err, llm.ErrUnavailable) || !strings.Contains(err.Error(), "24h0m0s") {
		t.Error(err)
	}
	c, s, l = client(t, llmtest.Options{}, llm.Options{Retries: -1})
	s.Close()
	if _, err := c.Ask(t.Context(), ask(0, "hi")); !errors.Is(err, llm.ErrUnavailable) || l.calls[0].State != llm.Failed {
		t.Errorf("%v, %+v", err, l.calls)
	}
}

func TestRateLimit(t *testing.T) {
	c, _, _ := client(t, llmtest.Options{}, llm.Options{PerMinute: 1200}) // every 50 ms
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if _, err := c.Ask(t.Context(), ask(i, "hi")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if d := time.Since(start); d < 200*time.Millisecond {
		t.Errorf("5 requests at 1200 a minute took %s", d)
	}
}

// TestCancelLetsCallsEnd: Ctrl-C starts no call, and those on their way end up on the account.
func TestCancelLetsCallsEnd(t *testing.T) {
	c, s, l := client(t, llmtest.Options{Delay: 200 * time.Millisecond}, llm.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if a, err := c.Ask(ctx, ask(0, "hi")); err != nil || a.Text == "" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := c.Ask(ctx, ask(1, "hi")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(s.Requests()) != 1 || l.states()[llm.Answered] != 1 {
		t.Errorf("%d requests, %v", len(s.Requests()), l.states())
	}
}

func TestOptions(t *testing.T) {
	good := llm.Options{URL: "http://localhost:1/v1", Model: "m"}
	for want, change := range map[string]func(*llm.Options){
		"LLM_API_URL":                func(o *llm.Options) { o.URL = "ftp://user:secret@host" },
		"expected an http or https":  func(o *llm.Options) { o.URL = "localhost:8000" },
		"LLM_MODEL":                  func(o *llm.Options) { o.Model = "" },
		"LLM_API_KEY":                func(o *llm.Options) { o.Key = "a\nb" },
		"a budget needs the prices":  func(o *llm.Options) { o.Budget = 1 },
		"must not be negative":       func(o *llm.Options) { o.Budget = -1 },
		"requests a minute must not": func(o *llm.Options) { o.PerMinute = -1 },
	} {
		o := good
		change(&o)
		if _, err := llm.New(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
