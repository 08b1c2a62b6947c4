// Package agentstest is a stand-in for a language model in tests of the agents: it answers each of them sensibly, by rule.
package agentstest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/januslm/janus/internal/llm/llmtest"
)

// exchange is a request and its response.
type exchange struct {
	Request  string `json:"request"`
	Response string `json:"response"`
}

// question is what agents are given; each has a part of it.
type question struct {
	exchange
	Category     string
	Instruction  string
	Flaw         *string
	Weakness     *string
	Evidence     string
	Variation    *int
	Vulnerable   *exchange
	Clone        *exchange
	IsVulnerable *bool `json:"is_vulnerable"`
}

// The header that is the flaw, and what it is in the clone.
const (
	flaw  = "Server: nginx/1.18.0"
	sound = "Server: nginx"
)

// Reply answers an agent, which it knows by what it was given. Nearly one of five pairs is rejected by the quality checker.
func Reply(r llmtest.Request) string {
	var q question
	if len(r.Messages) < 2 || json.Unmarshal([]byte(r.Messages[1].Content), &q) != nil {
		return "I do not understand."
	}
	var answer any
	switch {
	case q.Vulnerable != nil:
		answer = map[string]any{"accept": hash(r)%5 != 0, "reason": "The pair differs in its Server header."}
	case q.IsVulnerable != nil:
		line := sound
		if *q.IsVulnerable {
			line = flaw
		}
		answer = map[string]any{"evidence": line, "analysis": fmt.Sprintf(
			"The response sends %q, and that line decides whether the version of the software is known to everybody.", line)}
	case q.Flaw != nil:
		answer = map[string]any{
			"request": q.Request, "response": header(q.Response, flaw),
			"weakness": "The Server header tells the version.", "evidence": flaw,
		}
	case q.Weakness != nil:
		answer = map[string]any{
			"request": q.Request, "response": strings.Replace(q.Response, flaw, sound, 1), "change": "The Server header tells no version.",
		}
	case q.Variation != nil:
		answer = map[string]any{"request": header(q.Request, fmt.Sprintf("X-Request-Id: %x", hash(r)))}
	default:
		answer = map[string]any{"response": header(q.Response, fmt.Sprintf("X-Trace: %x", hash(r)))}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// header puts a header line into a message and takes out another of its name.
func header(message, line string) string {
	head, body, _ := strings.Cut(strings.ReplaceAll(message, "\r\n", "\n"), "\n\n")
	name, _, _ := strings.Cut(line, ":")
	var kept []string
	for _, l := range strings.Split(head, "\n") {
		if !strings.HasPrefix(strings.ToLower(l), strings.ToLower(name)+":") {
			kept = append(kept, l)
		}
	}
	return strings.Join(append(kept, line), "\n") + "\n\n" + body
}

func hash(r llmtest.Request) uint32 {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, r.Seed, r.Messages) // never fails
	return h.Sum32()
}
