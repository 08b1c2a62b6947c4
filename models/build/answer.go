package main

import (
	"regexp"
	"strings"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// row is a finding and the analysis that the adapter is taught to write of it: what decides, word for word, and what follows from
// it. All that is short, since a small model learns it in few steps and writes it in little time.
type row struct {
	finding.Finding
	analysis string
}

// answer is what the model is taught to write: the analysis, and the verdict in the words that a review reads.
func (r *row) answer() string {
	verdict := prompts.AnswerFalse
	if r.Label == string(finding.TruePositive) {
		verdict = prompts.AnswerTrue
	}
	return r.analysis + prompts.Plain().Closing() + verdict
}

// quote is what the analysis begins with: the evidence, without what follows from it.
func (r *row) quote() string {
	if found := quoted.FindString(r.analysis); found != "" && strings.HasPrefix(r.analysis, found) {
		return found
	}
	text, _, _ := strings.Cut(r.analysis, ": ")
	return text
}

// analyse writes an analysis by rule for findings that come with a label alone. What decides is then known for the checks of
// headers only; of others the place is named.
func analyse(f *finding.Finding) string {
	real := f.Label == string(finding.TruePositive)
	for _, c := range generate.PassiveReasons() {
		if c.Rule == f.Rule {
			why := c.False
			if real {
				why = c.Real
			}
			return header(f, c.Headers) + ": " + why + "."
		}
	}
	evidence := "This exchange"
	if line, _, _ := strings.Cut(strings.TrimSpace(f.Focus+"\n"+f.Snippet), "\n"); line != "" {
		evidence = "`" + shorten(line) + "`"
	}
	if real {
		return evidence + ": what the rule warns of is there."
	}
	return evidence + ": what the rule warns of is not there."
}

// header is the first of a response's headers with one of these names, or says that there is none.
func header(f *finding.Finding, names []string) string {
	if len(names) == 0 {
		return "This exchange"
	}
	head, _, _ := strings.Cut(f.Response, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		for _, name := range names {
			if key, _, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
				return "`" + shorten(line) + "`"
			}
		}
	}
	return "There is no " + names[0]
}

var quoted = regexp.MustCompile("`([^`]+)`")

// briefly is a generator's analysis in short: the last of its quotations that the response has, and the generator's note on what was
// done to the exchange ("tautology: the condition is true for all rows").
func briefly(e *dataset.Example) string {
	evidence := "This exchange"
	for _, m := range quoted.FindAllStringSubmatch(e.Analysis, -1) {
		if evidence == "This exchange" || strings.Contains(e.Response, m[1]) {
			evidence = "`" + shorten(m[1]) + "`"
		}
	}
	_, why, ok := strings.Cut(e.Note, ": ")
	if !ok {
		why = e.Note
	}
	return evidence + ": " + why + "."
}

// shorten keeps the beginning of a quotation.
func shorten(text string) string {
	const most = 64
	if text = strings.TrimSpace(text); len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// withAnalyses are the rows of committed data and of infrastructure code.
func withAnalyses(findings []finding.Finding) []row {
	rows := make([]row, len(findings))
	for i, f := range findings {
		rows[i] = row{f, analyse(&f)}
	}
	return rows
}
