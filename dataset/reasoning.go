package dataset

import (
	"strconv"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// Message is one message of a chat.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// ReasoningRow is a row of datasets/reasoning.jsonl: the conversation that a model is tuned on, in the form that chat templates
// and other trainers take ("messages"), and the row that it was made from.
type ReasoningRow struct {
	Messages []Message `json:"messages"`
	Example
}

// Finding is the claim that the row's category stands for, about its exchange: what a model is asked about. It has the truth as
// its label and the analysis, which no prompt shows.
func (e *Example) Finding() finding.Finding {
	f := finding.Finding{
		ID: trainingTable + ":" + strconv.FormatInt(e.ID, 10), Source: e.Source, Category: e.VulnCategory, Language: "http",
		Request: e.Request, Response: e.Response, Label: e.Label(), Group: e.Group, Split: e.Split, Analysis: prompts.WithoutVerdict(e.Analysis),
	}
	if f.Claim(); f.Title == "" {
		f.Rule, f.Title = e.VulnCategory, e.VulnCategory
	}
	f.Category = "http"
	return f
}

// Answer is what the model is taught to write: the analysis, and after it the verdict in the words that a review reads.
func (e *Example) Answer() string { return e.answer(prompts.Plain()) }

func (e *Example) answer(set *prompts.Set) string {
	verdict := prompts.AnswerFalse
	if e.IsVulnerable {
		verdict = prompts.AnswerTrue
	}
	return prompts.WithoutVerdict(e.Analysis) + set.Closing() + verdict
}

// Reasoning makes a conversation of a row: the instructions and the question as `janus review` asks it, and the answer.
func Reasoning(e *Example) ReasoningRow {
	f := e.Finding()
	return ReasoningRow{
		Messages: []Message{{"system", prompts.Plain().Instructions()}, {"user", question(&f)}, {"assistant", e.Answer()}},
		Example:  *e,
	}
}

// ReasoningWith is Reasoning with the instructions, the question and the closing of a set of prompts. An error is that of a template.
func ReasoningWith(e *Example, set *prompts.Set) (ReasoningRow, error) {
	f := e.Finding()
	question, _, err := set.Prompt(&f, 0)
	if err != nil {
		return ReasoningRow{}, err
	}
	return ReasoningRow{
		Messages: []Message{{"system", set.Instructions()}, {"user", question}, {"assistant", e.answer(set)}},
		Example:  *e,
	}, nil
}

// question is what a model is asked about a finding: whole, since who trains cuts it.
func question(f *finding.Finding) string {
	text, _, _ := prompts.Plain().Prompt(f, 0) // Janus's own templates do not fail
	return text
}
