// Package llm asks a language model behind an OpenAI-compatible API: patiently, at the server's pace, within a budget, and
// with every call on an account that a killed process leaves whole.
package llm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Environment variables that name a server, the key for it, and the model to ask.
const (
	EnvURL   = "LLM_API_URL"
	EnvKey   = "LLM_API_KEY"
	EnvModel = "LLM_MODEL"
)

// Options say whom to ask, and how.
type Options struct {
	URL   string // the API's root, to which "chat/completions" is added: "https://host/v1"
	Key   string // sent as a bearer token where it is not empty; never logged, stored or shown
	Model string

	Timeout   time.Duration // of one attempt, from sending it to the last byte of its answer; 0 is 2 minutes
	Retries   int           // further attempts after the first; below 0 is none, 0 is 6
	BackOff   time.Duration // before the first further attempt, then doubled each time; 0 is half a second
	PerMinute int           // attempts a minute, all callers together; 0 is no limit
	Seed      uint64        // of the jitter in waits

	Prices Prices
	Budget float64 // US dollars that all calls together may cost, Spent included; 0 is no limit
	Spent  float64 // US dollars that earlier processes spent of the budget, or may have

	Ledger Ledger // where calls are entered; nil keeps no account
}

// Prices are in US dollars for a million tokens.
type Prices struct{ Prompt, Completion float64 }

// cost of tokens in US dollars.
func (p Prices) cost(u Usage) float64 {
	return (float64(u.Prompt)*p.Prompt + float64(u.Completion)*p.Completion) / 1e6
}

// Usage counts the tokens that a server bills.
type Usage struct {
	Prompt, Completion int
	Estimated          bool // the server gave no count: it is a fourth of the bytes
}

// Message is a turn of a chat; Role is "system", "user" or "assistant".
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Schema is the JSON schema of an answer.
type Schema struct {
	Name string // letters, digits, _ and -
	JSON json.RawMessage
}

// Request is one question.
type Request struct {
	Tag         Tag
	Messages    []Message
	Schema      *Schema // nil where the answer is free text
	Temperature float64
	Seed        int64
	MaxTokens   int // of the answer; required, since a call's greatest cost is made from it
}

// Tag says what a call is for.
type Tag struct {
	Run     string // groups the calls of one piece of work over all processes that work on it
	Item    int    // which part of it
	Purpose string // such as an agent's name
}

// hash names a question: equal questions to one model have equal hashes.
func (r *Request) hash(model string) string {
	h := sha256.New()
	// Neither the encoding of these types nor a write to a hash can fail.
	_ = json.NewEncoder(h).Encode([]any{model, r.Messages, r.Schema, r.Temperature, r.Seed, r.MaxTokens})
	return hex.EncodeToString(h.Sum(nil))
}

// Answer is what the model said.
type Answer struct {
	Text   string
	Finish string // the server's reason for the end: "stop", "length", …
}

// State of a call.
type State string

// A call is entered as sent and ends as one of the others. One that is still sent when its process is gone was killed with it.
const (
	Sent     State = "sent"     // no answer yet: the server may bill it, up to the call's reserve
	Answered State = "answered" // the whole answer arrived: its tokens are counted
	Failed   State = "failed"   // the server refused it or was not reached: only tokens that it reports are counted
	Lost     State = "lost"     // stalled or cut off: the server may bill it, up to the call's reserve
)

// Call is one attempt at a question, as it stands on the account.
type Call struct {
	Tag      Tag
	Question string // hash of the question
	Model    string
	Attempt  int // 0 is the first
	State    State
	Status   int    // of HTTP; 0 without an answer
	Response string // the server's id of its answer
	Usage    Usage
	Reserve  float64 // US dollars that it can cost at most
	Cost     float64 // US dollars for Usage
	Error    string
	Answer   Answer // where it was answered
}

// Ledger keeps the account of calls. A call is entered before it is sent, and its end is entered before its answer is used:
// so whatever kills the process, every answer that arrived is on the account, except one that arrived as the process died, and
// of that the account has that it was sent.
//
// Its methods are called from several goroutines, and with a context that Ctrl-C does not end.
type Ledger interface {
	// Answered returns the answer to a question of tag's run and item, where one arrived before.
	Answered(ctx context.Context, tag Tag, question string) (Answer, bool, error)
	// Begin enters a call that is about to be sent and returns its number.
	Begin(ctx context.Context, c Call) (int64, error)
	// End enters how the call ended.
	End(ctx context.Context, id int64, c Call) error
}

// Errors that end more than one question.
var (
	// ErrBudget is the error of a question whose cost could exceed the budget. It was not sent.
	ErrBudget = errors.New("the budget is used up")
	// ErrUnavailable is the error of a question to which no attempt brought an answer.
	ErrUnavailable = errors.New("the server does not answer")
)

// StatusError is a server's refusal that another attempt would not change.
type StatusError struct {
	Status  int
	Message string // the server's, without the key
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server refuses with status %d: %s", e.Status, e.Message)
	switch e.Status {
	case 401, 403:
		text += "; is " + EnvKey + " right?"
	case 404:
		text += "; are " + EnvURL + " (it often ends in /v1) and " + EnvModel + " right?"
	}
	return text
}

// Fatal tells whether every other question would be refused too.
func (e *StatusError) Fatal() bool {
	return e.Status != 400 && e.Status != 413 && e.Status != 422
}

// check fills what is left open and finds what cannot be.
func (o *Options) check() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s: expected an http or https address, such as http://localhost:8000/v1", EnvURL) // it may hold a password
	}
	if o.Model == "" {
		return fmt.Errorf("%s is not set: expected the name of a model that the server has", EnvModel)
	}
	if strings.ContainsAny(o.Key, "\r\n") {
		return fmt.Errorf("%s: expected one line", EnvKey)
	}
	if o.Budget < 0 || o.Prices.Prompt < 0 || o.Prices.Completion < 0 || o.PerMinute < 0 {
		return errors.New("the budget, the prices and the requests a minute must not be negative")
	}
	if o.Budget > 0 && o.Prices == (Prices{}) {
		return errors.New("a budget needs the prices of tokens")
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.Retries == 0 {
		o.Retries = 6
	}
	if o.BackOff <= 0 {
		o.BackOff = time.Second / 2
	}
	if o.Ledger == nil {
		o.Ledger = noLedger{}
	}
	return nil
}

// noLedger keeps nothing.
type noLedger struct{}

func (noLedger) Answered(context.Context, Tag, string) (Answer, bool, error) {
	return Answer{}, false, nil
}
func (noLedger) Begin(context.Context, Call) (int64, error) { return 0, nil }
func (noLedger) End(context.Context, int64, Call) error     { return nil }
