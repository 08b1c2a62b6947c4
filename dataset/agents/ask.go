package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/januslm/janus/internal/llm"
)

// GivenUpError says that the model did not bring a pair about. Others are not touched by it, and trying again may help.
type GivenUpError struct {
	Agent  string // whose answers were not usable
	Reason string // what was wrong with the last one
}

func (e *GivenUpError) Error() string {
	return "the " + e.Agent + "'s answers were not usable: " + e.Reason
}

// work is one try at one pair.
type work struct {
	g     *Generator
	pair  int // index of the pair
	round int // how often the pair was given up before
	try   int // how often the quality checker rejected it
}

// ask puts a question to an agent until its answer is usable: one JSON object, as the schema says, that check finds nothing
// wrong with. What is wrong is told to the model. The answer is decoded into answer before check is called.
func (w *work) ask(ctx context.Context, a *agent, in map[string]any, answer any, check func() error) error {
	user, err := encode(w.data(in))
	if err != nil {
		return err
	}
	messages := []llm.Message{{Role: "system", Content: w.g.o.Prompts.system[w.g.o.Category][a.name]}, {Role: "user", Content: user}}
	var wrong error
	for attempt := range w.g.o.Tries {
		reply, err := w.g.o.Client.Ask(ctx, llm.Request{
			Tag:      llm.Tag{Run: w.g.o.Run, Item: w.pair, Purpose: a.name},
			Messages: messages, Schema: &llm.Schema{Name: a.name, JSON: a.raw},
			Temperature: a.temperature, Seed: w.seed(a.name, attempt), MaxTokens: answerTokens(in),
		})
		var refused *llm.StatusError
		if errors.As(err, &refused) && !refused.Fatal() {
			return &GivenUpError{a.name, err.Error()} // such as a prompt that is too long for the model
		}
		if err != nil {
			return err
		}
		if wrong = usable(a, reply, answer); wrong == nil {
			wrong = check()
		}
		if wrong == nil {
			return nil
		}
		// Only the last answer goes back, so that the conversation does not outgrow the model's context.
		messages = append(messages[:2:2], llm.Message{Role: "assistant", Content: reply.Text},
			llm.Message{Role: "user", Content: "That answer is not usable: " + clip(wrong.Error(), 800) + "\nAnswer again with the whole JSON object."})
	}
	return &GivenUpError{a.name, clip(wrong.Error(), 300)}
}

// data is what an agent is given: its own part, and what all are given.
func (w *work) data(in map[string]any) map[string]any {
	data := map[string]any{"category": w.g.o.Category}
	if w.g.o.Instruction != "" {
		data["instruction"] = w.g.o.Instruction
	}
	for name, value := range in {
		data[name] = value
	}
	return data
}

// encode writes JSON, with sorted keys and with <, > and & as they are: they are most of what HTML is made of.
func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSpace(b.String()), err
}

// answerTokens bounds an answer. It hardly outgrows what it rewrites, and a token of HTTP text is three bytes or so; the rest is
// room for what is added and for JSON's escapes.
func answerTokens(in map[string]any) int {
	n := 0
	for _, value := range in {
		switch v := value.(type) {
		case string:
			n += len(v)
		case message:
			n += len(v.Request) + len(v.Response)
		}
	}
	return 1024 + n/2
}

// usable checks an answer's form and decodes it.
func usable(a *agent, reply llm.Answer, answer any) error {
	text, err := object(reply.Text)
	if err != nil {
		if reply.Finish == "length" {
			return errors.New("it was cut off, since it was too long: be shorter")
		}
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	if err := a.schema.Validate(doc); err != nil {
		_, what, _ := strings.Cut(err.Error(), "\n") // the first line only names the schema
		return fmt.Errorf("it is not as the schema says: %s", strings.ReplaceAll(what, "\n", " "))
	}
	return json.Unmarshal(text, answer)
}

// object finds the JSON object in an answer: models that are not held to a format put a fence around it, or a word before it.
func object(text string) (json.RawMessage, error) {
	start := strings.IndexByte(text, '{')
	if start < 0 {
		return nil, errors.New("there is no JSON object in it")
	}
	var raw json.RawMessage
	if err := json.NewDecoder(strings.NewReader(text[start:])).Decode(&raw); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	return raw, nil
}

// seed is the API's seed of a question, 31 bits, which all servers take.
func (w *work) seed(purpose string, attempt int) int64 {
	return int64(w.hash(fmt.Sprint(purpose, " ", w.round, " ", w.try, " ", attempt)) >> 33) //nolint:gosec // 31 bits
}

// hash is a number that depends on the seed, the pair and a purpose.
func (w *work) hash(purpose string) uint64 { return hash(w.g.o.Seed, w.g.o.Category, w.pair, purpose) }

func hash(seed uint64, category string, pair int, purpose string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s %d %s", seed, category, pair, purpose) // never fails
	x := h.Sum64()
	// FNV's high bits change little with the last bytes: mix them (the end of MurmurHash3).
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
