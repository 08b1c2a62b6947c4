// Package llmtest is an OpenAI-compatible server for tests: real HTTP on this machine, that errs, stalls, talks nonsense, limits
// the rate and hangs up as often as it is told, by a seed.
package llmtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Faults are the chances of each misbehaviour, 0 to 1; together they must not exceed 1.
type Faults struct {
	Error       float64 // status 500
	RateLimit   float64 // status 429 with Retry-After
	Stall       float64 // no answer until the client gives up
	Cut         float64 // the connection ends within the body
	BrokenBody  float64 // the body is no JSON
	BrokenJSON  float64 // the model's answer is half of a JSON object
	WrongSchema float64 // the model's answer is another object
	NoUsage     float64 // a good answer without its tokens
}

// Options make a server.
type Options struct {
	Seed         uint64
	Faults       Faults
	Reply        func(Request) string // the model's answer; required
	RetryAfter   string               // header of status 429
	RefuseFormat []string             // types of response_format that are refused
	RefuseStatus int                  // status of such a refusal; 0 is 400
	RefuseField  string               // a field of the request that is refused with status 400
	Key          string               // where it is set, what the client must send
	Delay        time.Duration        // before each good answer
}

// Request is what the server was asked.
type Request struct {
	Model          string  `json:"model"`
	Temperature    float64 `json:"temperature"`
	Seed           int64   `json:"seed"`
	MaxTokens      int     `json:"max_tokens"`
	NewMaxTokens   int     `json:"max_completion_tokens"`
	ResponseFormat struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
}

// Bill is what the server asks for one answer.
type Bill struct {
	Prompt, Completion int
	Sent               bool // the whole answer was sent, with its bill
}

// Server runs until its Close.
type Server struct {
	*httptest.Server
	o Options

	mu       sync.Mutex
	requests []Request
	seen     map[uint64]int // how often each body came
	bills    map[string]Bill
	faults   map[string]int
}

// New starts a server; its API's root is URL + "/v1".
func New(o Options) *Server {
	s := &Server{o: o, seen: map[uint64]int{}, bills: map[string]Bill{}, faults: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.Server = httptest.NewServer(mux)
	return s
}

// Requests are those that came, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Bills are what the server asks for, by the answer's id.
func (s *Server) Bills() map[string]Bill {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Bill{}
	for id, b := range s.bills {
		out[id] = b
	}
	return out
}

// Happened counts misbehaviours by name.
func (s *Server) Happened() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for name, n := range s.faults {
		out[name] = n
	}
	return out
}

// fault draws what goes wrong with a request: by the seed, the request and how often it came, so that it depends neither on the
// order in which several callers come nor on the clock.
func (s *Server) fault(body []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(body) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.seen[h.Sum64()]
	s.seen[h.Sum64()]++
	at := rand.New(rand.NewPCG(s.o.Seed+uint64(n)<<32, h.Sum64())).Float64() //nolint:gosec // a test
	for _, f := range []struct {
		name   string
		chance float64
	}{
		{"error", s.o.Faults.Error}, {"rate", s.o.Faults.RateLimit}, {"stall", s.o.Faults.Stall}, {"cut", s.o.Faults.Cut},
		{"body", s.o.Faults.BrokenBody}, {"json", s.o.Faults.BrokenJSON}, {"schema", s.o.Faults.WrongSchema}, {"usage", s.o.Faults.NoUsage},
	} {
		if at < f.chance {
			s.faults[f.name]++
			return f.name
		}
		at -= f.chance
	}
	return ""
}

// refusal is the message of a request that the server does not take, or empty.
func (s *Server) refusal(body []byte, r *Request) string {
	for _, f := range s.o.RefuseFormat {
		if r.ResponseFormat.Type == f {
			return fmt.Sprintf("response_format %q is not supported", f)
		}
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) == nil && fields[s.o.RefuseField] != nil {
		return fmt.Sprintf("Unsupported parameter: '%s'", s.o.RefuseField)
	}
	return ""
}

func (s *Server) complete(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var r Request
	if err != nil || json.Unmarshal(body, &r) != nil {
		fail(w, http.StatusBadRequest, "not a request")
		return
	}
	if sent := req.Header.Get("Authorization"); s.o.Key != "" && sent != "Bearer "+s.o.Key {
		fail(w, http.StatusUnauthorized, "Incorrect API key provided: "+strings.TrimPrefix(sent, "Bearer "))
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	if message := s.refusal(body, &r); message != "" {
		fail(w, cmp.Or(s.o.RefuseStatus, http.StatusBadRequest), message)
		return
	}
	fault := s.fault(body)
	switch fault {
	case "error":
		fail(w, http.StatusInternalServerError, "an error of the server")
		return
	case "rate":
		w.Header().Set("Retry-After", s.o.RetryAfter)
		fail(w, http.StatusTooManyRequests, "too many requests")
		return
	case "stall":
		w.(http.Flusher).Flush()
		<-req.Context().Done()
		return
	}
	select {
	case <-time.After(s.o.Delay):
	case <-req.Context().Done():
		return
	}
	s.answer(w, &r, fault)
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "test"}}) // the client is gone
}

func (s *Server) answer(w http.ResponseWriter, r *Request, fault string) {
	text := s.o.Reply(*r)
	switch fault {
	case "json":
		text = text[:len(text)/2]
	case "schema":
		text = `{"something":"else"}`
	}
	bill := Bill{Prompt: 1, Completion: len(strings.Fields(text)) + 1}
	for _, m := range r.Messages {
		bill.Prompt += len(strings.Fields(m.Content)) + 3
	}
	s.mu.Lock()
	id := fmt.Sprintf("chatcmpl-%d", len(s.bills)+1)
	s.bills[id] = bill
	s.mu.Unlock()

	doc := map[string]any{
		"id": id, "object": "chat.completion", "created": 1, "model": r.Model,
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
	}
	if fault != "usage" {
		doc["usage"] = map[string]any{
			"prompt_tokens": bill.Prompt, "completion_tokens": bill.Completion, "total_tokens": bill.Prompt + bill.Completion,
		}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	switch fault {
	case "cut":
		_, _ = w.Write(body[:len(body)/2]) // less than Content-Length: the server hangs up
		return
	case "body":
		body = []byte(strings.Repeat("<html>", len(body)/6+1)[:len(body)])
	}
	if _, err := w.Write(body); err == nil && fault == "" {
		s.mu.Lock()
		bill.Sent = true
		s.bills[id] = bill
		s.mu.Unlock()
	}
}
