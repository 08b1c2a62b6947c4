package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/nearest"
)

// Explanation is a finding's verdict with the way to it.
type Explanation struct {
	Finding   finding.Finding
	Verdict   finding.Verdict // with its trajectory, and the pieces of its analysis
	Threshold float64         // from which the finding is real
	Words     []Word          // of the analysis; none where the model wrote none
	Most      int             // turns and jumps that are told, each; 0 is DefaultMost
}

// DefaultMost is how many turns and how many jumps are told.
const DefaultMost = 5

// New explains a verdict. One that failed cannot be explained.
func New(f finding.Finding, v finding.Verdict, threshold float64) (*Explanation, error) {
	if v.Error != "" {
		return nil, fmt.Errorf("%s has no verdict: %s", finding.Clean(f.ID), finding.Clean(v.Error))
	}
	e := &Explanation{Finding: f, Verdict: v, Threshold: threshold, Words: Words(v.Pieces, v.Trajectory), Most: DefaultMost}
	if v.Tokens > 0 && len(e.Words) == 0 {
		return nil, fmt.Errorf("the verdict on %s has no probability along its analysis: %d values for %d tokens", finding.Clean(f.ID), len(v.Trajectory), len(v.Pieces))
	}
	return e, nil
}

// Pick picks one of the reports' findings: by its id, or by its number from 1 over all reports; without both, the only one.
func Pick(reports []*finding.Report, id string, number int) (*finding.Finding, error) {
	var all []*finding.Finding
	for _, r := range reports {
		for i := range r.Findings {
			all = append(all, &r.Findings[i])
		}
	}
	switch {
	case len(all) == 0:
		return nil, errors.New("there is no finding in what was given")
	case id != "" && number != 0:
		return nil, errors.New("a finding is picked by its id or by its number, not by both")
	case number < 0 || number > len(all):
		return nil, fmt.Errorf("number: expected 1 to %d, as many as there are findings, found %d", len(all), number)
	case number > 0:
		return all[number-1], nil
	case id == "" && len(all) == 1:
		return all[0], nil
	case id == "":
		return nil, fmt.Errorf("there are %d findings: pick one by its id (%s) or by its number, 1 to %d", len(all), some(idsOf(all)), len(all))
	}
	for _, f := range all {
		if f.ID == id {
			return f, nil
		}
	}
	return nil, unknown("finding", id, idsOf(all))
}

func idsOf(all []*finding.Finding) (ids []string) {
	for _, f := range all {
		ids = append(ids, f.ID)
	}
	return ids
}

// some names the first of a list.
func some(list []string) string {
	const most = 4
	text := finding.Clean(strings.Join(list[:min(len(list), most)], ", "))
	if len(list) > most {
		text += ", …"
	}
	return text
}

func unknown(what, name string, list []string) error {
	text := fmt.Sprintf("no %s is called %q", what, finding.Clean(name))
	if near := nearest.Of(name, list); near != "" && nearest.Distance(name, near) <= 3 {
		return fmt.Errorf("%s: did you mean %s?", text, finding.Clean(near))
	}
	return fmt.Errorf("%s: there are %s", text, some(list))
}

// FromBench explains what a variant said of a finding in a benchmark's folder. Without a variant it is the first that has a
// trajectory of the finding. others are the variants that have one, too.
func FromBench(dir, id, variant string) (e *Explanation, others []string, err error) {
	_, cases, err := results.ReadBench(dir)
	if err != nil {
		return nil, nil, err
	}
	var chosen *results.Case
	var ids, variants []string
	seen := map[string]bool{}
	for i := range cases {
		c := &cases[i]
		if !seen[c.ID] {
			seen[c.ID] = true
			ids = append(ids, c.ID)
		}
		if c.ID != id {
			continue
		}
		variants = append(variants, c.Variant)
		switch usable := len(c.Trajectory) > 0 && !c.Failed(); {
		case variant == c.Variant && chosen == nil, variant == "" && usable && chosen == nil:
			chosen = c
		case usable:
			others = append(others, c.Variant)
		}
	}
	switch {
	case id == "":
		return nil, nil, fmt.Errorf("%s holds %d findings: pick one by its id (%s)", dir, len(ids), some(ids))
	case len(variants) == 0:
		return nil, nil, unknown("finding", id, ids)
	case chosen == nil && variant != "":
		return nil, nil, unknown("variant", variant, variants)
	case chosen == nil:
		return nil, nil, fmt.Errorf("no variant has a probability along its analysis of %s; there are %s", finding.Clean(id), some(variants))
	case len(chosen.Trajectory) == 0 && !chosen.Failed():
		return nil, nil, fmt.Errorf("%s has no probability along an analysis of %s: it writes none, or was run without", finding.Clean(chosen.Variant), finding.Clean(id))
	}
	e, err = fromCase(chosen)
	return e, others, err
}

func fromCase(c *results.Case) (*Explanation, error) {
	v := finding.Verdict{
		ID: c.ID, Verdict: finding.Label(c.Verdict), P: c.P, Reasoning: c.Analysis, Tokens: int(c.Tokens), Seconds: c.Seconds,
		Pieces: c.Pieces, Error: c.Error, Model: c.Variant,
	}
	for _, p := range c.Trajectory {
		v.Trajectory = append(v.Trajectory, float64(p))
	}
	v.Tokens = len(v.Pieces)
	f := finding.Finding{ID: c.ID, Source: c.Source, Category: c.Category, File: c.Location, Title: c.Title, Label: c.Truth}
	return New(f, v, c.Threshold)
}

// word is the verdict in words.
func (e *Explanation) word() string {
	switch e.Verdict.Verdict {
	case finding.TruePositive:
		return "real"
	case finding.FalsePositive:
		return "false alarm"
	}
	return "uncertain"
}

// turn is a word that matters, with what it did.
type turn struct {
	Token  int     `json:"token"` // its last token, from 1
	Word   string  `json:"word"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	To     string  `json:"to"` // "real" or "false alarm"
}

// turns are the words at which the verdict became another one, how many there are in all, and the words that moved the
// probability most.
func (e *Explanation) turns() (crossed []turn, crossings int, moved []turn) {
	c, m, crossings := Turns(e.Words, e.Threshold, e.Most)
	of := func(i int, to bool) turn {
		w := &e.Words[i]
		t := turn{Token: w.To, Word: w.Shown(), Before: w.Before, After: w.After, To: "false alarm"}
		if to {
			t.To = "real"
		}
		return t
	}
	for _, i := range c {
		crossed = append(crossed, of(i, e.Words[i].After >= e.Threshold))
	}
	for _, i := range m {
		moved = append(moved, of(i, e.Words[i].Change() > 0))
	}
	return crossed, crossings, moved
}
