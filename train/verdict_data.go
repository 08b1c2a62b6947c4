package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
)

// takeVerdict takes in what a row of the format tpfp, as `janus data export` writes it, has besides messages: a labelled finding, from
// which they follow. Where they were changed, they are what counts, and the row is like any other.
func (c *Conversation) takeVerdict(prompt string, text []byte) error {
	var f finding.Finding
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("finding: %w", err)
	}
	if prompt != prompts.VariantTPFP {
		return fmt.Errorf("prompt: expected %s, found %q", prompts.VariantTPFP, prompt)
	}
	row, err := dataset.Verdict(&f)
	if err != nil {
		return fmt.Errorf("finding: label: %w", err)
	}
	real := row.Finding.Label == string(finding.TruePositive)
	if c.Labelled && c.IsVulnerable != real {
		return errors.New("label and the finding's label contradict each other")
	}
	c.Labelled, c.IsVulnerable, c.Split = true, real, f.Split
	if slices.Equal(row.Messages, c.Messages) {
		c.verdict = &row
	}
	return nil
}

// writers are those of conversations and, where there are rows of the format tpfp, of verdicts.
type writers struct{ conversations, verdicts *writer }

func newWriters(m *model.Model, text *prompts.Set, rows []Conversation, limit int) (w writers, err error) {
	if w.conversations, err = newWriter(m, text, limit); err != nil {
		return w, err
	}
	if !slices.ContainsFunc(rows, func(c Conversation) bool { return c.verdict != nil }) {
		return w, nil
	}
	if text, err = prompts.Open(prompts.VariantTPFP, ""); err != nil {
		return w, err
	}
	w.verdicts, err = newWriter(m, text, limit)
	return w, err
}

func (w writers) conversation(c *Conversation) (e Example, cut bool, err error) {
	if c.verdict != nil {
		return w.verdicts.verdict(c.verdict)
	}
	return w.conversations.example(&c.ReasoningRow)
}

// limit is the most tokens of a row.
func (w *writers) limit() int { return w.conversations.limit }

// verdict encodes a row of the format tpfp, where the writer's text is that format's: the prompt is cut as a review cuts it, and the
// answer's tokens are those that a review's verdict compares.
func (w *writer) verdict(row *dataset.VerdictRow) (e Example, cut bool, err error) {
	real, err := dataset.ParseLabel(row.Finding.Label)
	if err != nil {
		return e, false, err
	}
	answer, err := w.prompter.Verdict(real)
	if err != nil {
		return e, false, err
	}
	e.Completion = append(answer, w.end)
	prompt, note, err := w.prompter.Fit(&row.Finding, w.limit-len(e.Completion))
	if err != nil {
		return e, false, err
	}
	e.Prompt = prompt
	return e, note != "", nil
}
