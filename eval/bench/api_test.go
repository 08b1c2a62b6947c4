package bench

import (
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/internal/llm/llmtest"
)

// verdict answers as a good model would: scripts are real.
func verdict(r llmtest.Request) string {
	if strings.Contains(r.Messages[1].Content, "alert(1)") {
		return `{"analysis":"A script.","verdict":"real","p":0.9}`
	}
	return "```json\n{\"analysis\":\"None.\",\"verdict\":\"false alarm\",\"p\":0.2}\n```"
}

func asked(t *testing.T, o llmtest.Options, change func(c *Config)) (*Job, *llmtest.Server) {
	t.Helper()
	server := llmtest.New(o)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	c := settings(t, func(c *Config) {
		c.Variants, c.PriceIn, c.PriceOut = []string{"api:good", "api:good+pe"}, map[string]float64{"good": 2}, map[string]float64{"good": 8}
		change(c)
	})
	j := job(t, c, store(t, 6, 0), t.TempDir())
	j.URL, j.Key = server.URL+"/v1", o.Key
	return j, server
}

// Each case's cost is what the server bills, with both prompts, and the verdicts are the model's.
func TestAPI(t *testing.T) {
	j, server := asked(t, llmtest.Options{Reply: verdict, Key: "secret"}, func(*Config) {})
	o, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	usd, bill := 0.0, 0.0
	for _, c := range o.Cases {
		usd += c.USD
		if c.Verdict != c.Truth || c.P != map[string]float64{"TP": 0.9, "FP": 0.2}[c.Truth] || c.PromptTokens == 0 || c.Tokens == 0 || c.Analysis == "" {
			t.Errorf("%+v", c)
		}
	}
	for _, b := range server.Bills() {
		bill += (2*float64(b.Prompt) + 8*float64(b.Completion)) / 1e6
	}
	if len(o.Cases) != 24 || len(server.Bills()) != 24 || math.Abs(usd-bill) > 1e-12 {
		t.Errorf("%d cases for $%g, billed $%g for %d answers", len(o.Cases), usd, bill, len(server.Bills()))
	}
	var plain, pe int
	for _, r := range server.Requests() {
		if strings.Contains(r.Messages[0].Content, "senior application security engineer") {
			pe++
		} else {
			plain++
		}
		if r.ResponseFormat.JSONSchema.Name != "verdict" || r.Model != "good" || strings.Contains(r.Messages[1].Content, "p0") {
			t.Errorf("the server was asked %+v", r)
		}
	}
	if plain != 12 || pe != 12 {
		t.Errorf("%d plain and %d engineered prompts", plain, pe)
	}
	if v := o.Bench.Variants[1]; v.Approach != "api" || v.Model != "good" || v.Prompt != "pe" || v.PromptPrice != 2 || v.CompletionPrice != 8 {
		t.Errorf("%+v", v)
	}
}

// Cases without a usable answer are marked, cost what they cost, and count in no figure.
func TestFailedCasesAreMarked(t *testing.T) {
	j, server := asked(t, llmtest.Options{Reply: func(r llmtest.Request) string {
		if strings.Contains(r.Messages[1].Content, "beta1") {
			return "\x1b[31mI would rather not."
		}
		return verdict(r)
	}}, func(c *Config) { c.Variants = []string{"api:good"} })
	var said []string
	j.Note = func(text string) { said = append(said, text) }
	o, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	figures, err := Compare(o.Bench, o.Cases, TableOptions{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	if f := figures[0]; o.Failed != 2 || f.Failed != 2 || f.N != 10 || f.Accuracy != 1 || f.Pairs.N() != 5 {
		t.Errorf("%d failed; %+v", o.Failed, f)
	}
	for _, c := range o.Cases {
		if c.Failed() && (c.Verdict != "" || c.USD == 0 || c.Error != "there is no JSON object in it") {
			t.Errorf("%+v", c)
		}
	}
	if n := len(server.Requests()); n != 14 {
		t.Errorf("%d questions, expected 10, and 2 asked twice", n)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "api:good: 2 of 12 cases have no verdict; the first: there is no JSON object in it") {
		t.Error(text)
	}
}

// A server that errs now and then costs patience, not cases; the verdicts are those of one that does not.
func TestFaults(t *testing.T) {
	faults := llmtest.Faults{Error: 0.15, RateLimit: 0.1, BrokenBody: 0.1, NoUsage: 0.1, WrongSchema: 0.1, BrokenJSON: 0.1}
	j, server := asked(t, llmtest.Options{Reply: verdict, Seed: 3, Faults: faults, RetryAfter: "0.01"}, func(c *Config) { c.APIRetries = 12 })
	o, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(server.Happened()) < 4 {
		t.Errorf("what went wrong: %v", server.Happened())
	}
	for _, c := range o.Cases {
		if !c.Failed() && c.Verdict != c.Truth {
			t.Errorf("%+v", c)
		}
	}
	if o.Failed > 4 {
		t.Errorf("%d of %d cases failed", o.Failed, len(o.Cases))
	}
}

// What ends all asking ends the variant with an error, and nothing is asked twice when the benchmark goes on.
func TestRefused(t *testing.T) {
	var asking atomic.Int32
	j, server := asked(t, llmtest.Options{Key: "secret", Reply: func(r llmtest.Request) string { asking.Add(1); return verdict(r) }}, func(c *Config) {
		c.Variants = []string{"api:good", "accept-all"}
	})
	j.Key = "wrong"
	var refused *llm.StatusError
	if _, err := j.Run(t.Context()); !errors.As(err, &refused) || refused.Status != 401 || strings.Contains(err.Error(), "wrong") {
		t.Fatal(err)
	}
	j.Key = "secret"
	for j.Config.Budget = 0.001; asking.Load() == 0; j.Config.Budget += 0.0005 { // until it is enough for a question
		if _, err := j.Run(t.Context()); !errors.Is(err, llm.ErrBudget) {
			t.Fatal(err)
		}
	}
	before := asking.Load()
	j.Config.Budget = 0
	o, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before == 0 || before == 12 || asking.Load() != 12 || len(o.Cases) != 24 {
		t.Errorf("%d answers within the budget, %d in all, %d cases, %d requests", before, asking.Load(), len(o.Cases), len(server.Requests()))
	}
}

func TestReadAnswer(t *testing.T) {
	for text, want := range map[string]results.Case{
		`{"p":0.5}`:                           {P: 0.5, Threshold: 0.5, Verdict: "TP"},
		`Sure: {"verdict":"False alarm"} so`:  {P: 0, Threshold: 0.5, Verdict: "FP"},
		`{"verdict":"real","analysis":" a "}`: {P: 1, Threshold: 0.5, Verdict: "TP", Analysis: "a"},
		`{"verdict":"real","p":0.1}`:          {P: 0.1, Threshold: 0.5, Verdict: "FP"}, // the number is the finer answer
		`{"verdict":"perhaps"}`:               {Error: "neither"},
		`{"p":7}`:                             {Error: "expected 0 to 1"},
		`{"p":"high"}`:                        {Error: "not the JSON object"},
		`{"analysis":"cut`:                    {Error: "not the JSON object"},
		`no`:                                  {Error: "no JSON object"},
	} {
		var c results.Case
		err := readAnswer(&c, llm.Answer{Text: text})
		if err != nil {
			if want.Error == "" || !strings.Contains(err.Error(), want.Error) {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if diff := gocmp.Diff(want, c); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
	if err := readAnswer(&results.Case{}, llm.Answer{Text: "{", Finish: "length"}); err == nil || !strings.Contains(err.Error(), "api_max_tokens") {
		t.Error(err)
	}
}
