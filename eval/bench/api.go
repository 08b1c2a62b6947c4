package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/prompts"
)

// runAPIs asks the models of an OpenAI-compatible API, one after the other.
func (j *Job) runAPIs(ctx context.Context) error {
	for _, v := range j.of(byAPI) {
		if len(j.missing(v, -1)) == 0 {
			continue
		}
		if err := j.askAll(ctx, v); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

// asking is the work of a variant that is an API's model.
type asking struct {
	*Job
	variant *Variant
	client  *llm.Client
	set     *prompts.Set
	run     string // on the account
}

func (j *Job) askAll(ctx context.Context, v *Variant) (err error) {
	if j.Store == nil {
		return errors.New("an API needs a store, which keeps the account of its calls")
	}
	a := &asking{Job: j, variant: v, run: j.callsOf(v)}
	if a.set, err = prompts.Open(v.prompt, j.Config.Prompts); err != nil {
		return err
	}
	spent := 0.0
	for _, other := range j.of(byAPI) {
		c, err := j.Store.Costs(ctx, j.callsOf(other))
		if err != nil {
			return err
		}
		spent += c.USD + c.LostUSD
	}
	o := llm.Options{
		URL: j.URL, Key: j.Key, Model: v.of, Timeout: time.Duration(j.Config.APISeconds * float64(time.Second)), Retries: j.Config.APIRetries,
		PerMinute: j.Config.APIMinute, Seed: j.Config.Seed, Prices: j.Config.prices(v.of), Budget: j.Config.Budget, Spent: spent, Ledger: j.Store.Ledger(),
	}
	if o.Retries == 0 {
		o.Retries = -1 // none; 0 would be the client's own number
	}
	if a.client, err = llm.New(o); err != nil {
		return err
	}
	return a.all(ctx, j.missing(v, -1))
}

// callsOf names a variant's calls on the account.
func (j *Job) callsOf(v *Variant) string { return j.start.Calls + "/" + v.Name }

// all asks about rows, several at a time. What ends the asking is an error: a server that refuses everybody, the budget, ctx.
func (a *asking) all(ctx context.Context, rows []int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	done := 0
	a.progress(a.variant.Name, done, len(rows))
	for range min(a.Config.APIWorkers, len(rows)) {
		workers.Go(func() {
			for i := range todo {
				c, err := a.one(ctx, i)
				if err == nil {
					err = a.journal.addCases([]results.Case{c})
				}
				if err != nil {
					stop(err)
					return
				}
				mu.Lock()
				done++
				a.progress(a.variant.Name, done, len(rows))
				mu.Unlock()
			}
		})
	}
	for _, i := range rows {
		select {
		case todo <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(todo)
	workers.Wait()
	return context.Cause(ctx)
}

// The verdict's schema, and what the instructions say of it in place of their last lines.
const (
	verdictSchema = `{"type":"object","additionalProperties":false,"required":["analysis","verdict","p"],"properties":{` +
		`"analysis":{"type":"string"},"verdict":{"type":"string","enum":["real","false alarm"]},"p":{"type":"number"}}}`
	verdictForm = "\n\nWhere these instructions ask for a verdict in a last line, answer instead with one JSON object and nothing else: " +
		`{"analysis": your analysis, "verdict": "real" or "false alarm", "p": the probability, from 0 to 1, that the finding is real}.`
	// bytesToken is about how many bytes a token of code or traffic has, for texts whose tokenizer is the API's secret.
	bytesToken = 3
	// asks is how often a question is put whose answers cannot be used.
	asks = 2
)

// one asks about a row. A case that gets no usable answer is marked; the error is what would end all cases.
func (a *asking) one(ctx context.Context, i int) (c results.Case, err error) {
	c = a.Rows.newCase(a.variant, i)
	text, _, err := a.set.Prompt(&a.Rows.Findings[i], bytesToken*a.Config.MaxPrompt)
	if err != nil {
		return failedCase(c, err), nil
	}
	messages := []llm.Message{{Role: "system", Content: a.set.Instructions() + verdictForm}, {Role: "user", Content: text}}
	start := time.Now()
	var wrong error
	for range asks {
		var reply llm.Answer
		reply, wrong = a.client.Ask(ctx, llm.Request{
			Tag:      llm.Tag{Run: a.run, Item: i, Purpose: "verdict"},
			Messages: messages, Schema: &llm.Schema{Name: "verdict", JSON: json.RawMessage(verdictSchema)},
			Seed: int64(a.Config.GenerationSeed & (1<<31 - 1)), Temperature: a.Config.Temperature, MaxTokens: a.Config.APITokens,
		})
		if ends(wrong) {
			return c, wrong
		}
		if wrong != nil {
			break
		}
		if wrong = readAnswer(&c, reply); wrong == nil {
			break
		}
		messages = append(messages[:2:2], llm.Message{Role: "assistant", Content: reply.Text},
			llm.Message{Role: "user", Content: "That answer cannot be used: " + wrong.Error() + "\nAnswer again with the whole JSON object."})
	}
	c.Seconds = time.Since(start).Seconds()
	if wrong != nil {
		c = failedCase(c, wrong)
	}
	costs, err := a.Store.ItemCosts(context.WithoutCancel(ctx), a.run, i)
	c.PromptTokens, c.Tokens, c.USD = int32(costs.Prompt), int32(costs.Completion), costs.USD
	return c, err
}

// ends tells whether an error is not about one question.
func ends(err error) bool {
	if err == nil || errors.Is(err, llm.ErrUnavailable) {
		return false
	}
	var refused *llm.StatusError
	return !errors.As(err, &refused) || refused.Fatal()
}

// readAnswer takes a verdict from an answer: a JSON object, perhaps with words or a fence around it. Its p decides; without one,
// its verdict does, which is then as sure as can be.
func readAnswer(c *results.Case, reply llm.Answer) error {
	start := strings.IndexByte(reply.Text, '{')
	if start < 0 {
		return fmt.Errorf("there is no JSON object in it%s", cutOff(reply))
	}
	var answer struct {
		Analysis string   `json:"analysis"`
		Verdict  string   `json:"verdict"`
		P        *float64 `json:"p"`
	}
	if err := json.NewDecoder(strings.NewReader(reply.Text[start:])).Decode(&answer); err != nil {
		return fmt.Errorf("it is not the JSON object that was asked for%s: %w", cutOff(reply), err)
	}
	if answer.P == nil {
		p, known := map[string]float64{"real": 1, "true positive": 1, "false alarm": 0, "false positive": 0}[strings.ToLower(strings.TrimSpace(answer.Verdict))]
		if !known {
			return errors.New(`it has neither "p" nor a "verdict" that is "real" or "false alarm"`)
		}
		answer.P = &p
	}
	if !(*answer.P >= 0 && *answer.P <= 1) {
		return fmt.Errorf(`"p" is %v, expected 0 to 1`, *answer.P)
	}
	c.Analysis = strings.ToValidUTF8(strings.TrimSpace(answer.Analysis), string('\uFFFD'))
	decide(c, *answer.P, answerThreshold)
	c.Error = ""
	return nil
}

func cutOff(reply llm.Answer) string {
	if reply.Finish == "length" {
		return " (it was cut off at the most tokens: api_max_tokens)"
	}
	return ""
}
