package llm

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// Client asks one model of one server. Its methods may be called from several goroutines.
type Client struct {
	o      Options
	chat   openai.ChatCompletionService
	pace   *pace
	budget *budget

	settling sync.Mutex // held by the first question, until it is known what the server understands
	mu       sync.Mutex
	dialect  dialect
	settled  bool
}

// New makes a client. It does not call the server.
func New(o Options) (*Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	opts := []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(o.URL, "/") + "/"),
		option.WithHTTPClient(&http.Client{Transport: transport}),
		// The library's retries know neither the account nor the budget.
		option.WithMaxRetries(0),
	}
	if o.Key != "" {
		opts = append(opts, option.WithAPIKey(o.Key))
	}
	return &Client{
		o: o, pace: newPace(o.PerMinute), budget: newBudget(o.Budget, o.Spent),
		// Not openai.NewClient: it takes OPENAI_API_KEY and others from the environment, which are not for this server.
		chat: openai.NewChatCompletionService(opts...),
	}, nil
}

// Model is the name of the model that the client asks.
func (c *Client) Model() string { return c.o.Model }

// Ask puts a question until it is answered. A question that was answered before, by the ledger's account, is not sent again.
//
// Errors are ErrBudget, ErrUnavailable (after all attempts), a *StatusError, the context's, or the ledger's.
func (c *Client) Ask(ctx context.Context, r Request) (Answer, error) {
	if r.MaxTokens <= 0 {
		return Answer{}, errors.New("llm: a request needs MaxTokens")
	}
	question := r.hash(c.o.Model)
	if a, ok, err := c.o.Ledger.Answered(ctx, r.Tag, question); err != nil || ok {
		return a, err
	}
	d, settled := c.understood()
	if !settled {
		c.settling.Lock()
		defer c.settling.Unlock()
		d, _ = c.understood()
	}
	random := jitter(c.o.Seed, question)
	for attempt, failures := 0, 0; ; attempt++ {
		out, err := c.attempt(ctx, d, &r, question, attempt)
		switch {
		case err != nil:
			return Answer{}, err
		case out.err == nil:
			c.settle(d)
			return out.call.Answer, nil
		case out.refused:
			var more bool
			if d, more = d.less(out.err.Error()); more {
				continue
			}
			return Answer{}, out.err
		case !out.again:
			return Answer{}, out.err
		case failures >= c.o.Retries:
			return Answer{}, fmt.Errorf("%w: %d attempts, of which the last: %s", ErrUnavailable, attempt+1, out.call.Error)
		case out.wait > longestAsked:
			return Answer{}, fmt.Errorf("%w: it asks to wait %s", ErrUnavailable, out.wait)
		}
		if out.wait > 0 {
			c.pace.hold(out.wait) // the next attempt waits there, as all others do
		} else if err := sleep(ctx, backOff(c.o.BackOff, failures, random)); err != nil {
			return Answer{}, err
		}
		failures++
	}
}

// attempt sends a question once and keeps its account. The error is not the server's.
func (c *Client) attempt(ctx context.Context, d dialect, r *Request, question string, n int) (outcome, error) {
	if err := c.pace.wait(ctx); err != nil {
		return outcome{}, err
	}
	reserve := c.reserve(r)
	if err := c.budget.reserve(ctx, reserve); err != nil {
		return outcome{}, err
	}
	lasting := context.WithoutCancel(ctx)
	call := Call{Tag: r.Tag, Question: question, Model: c.o.Model, Attempt: n, State: Sent, Reserve: reserve}
	id, err := c.o.Ledger.Begin(lasting, call)
	if err != nil {
		c.budget.settle(reserve, 0)
		return outcome{}, err
	}
	out := c.exchange(ctx, d, r, call)
	spent := out.call.Cost
	if out.call.State == Lost {
		spent = reserve // nobody knows what the server bills
	}
	c.budget.settle(reserve, spent)
	return out, c.o.Ledger.End(lasting, id, out.call)
}

// understood is what the server is known to understand, and whether it is known.
func (c *Client) understood() (dialect, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialect, c.settled
}

// settle keeps the dialect that a question was answered in.
func (c *Client) settle(d dialect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialect, c.settled = d, true
}

// jitter is the source of a question's waits.
func jitter(seed uint64, question string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(question))              // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // not a secret
}
