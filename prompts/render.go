package prompts

import (
	"fmt"
	"sort"
	"strings"

	"github.com/januslm/janus/finding"
)

// promptFields are the finding's texts in the order of the template. It has no
// label, group, split, id or source: they would give the truth away.
type promptFields struct {
	Tool, Rule, Title, CWE, Level, Place, Language, Category string
	Message, Focus, Snippet, Flow                            string
	Request, Response                                        string
}

// maxNameBytes bounds the short fields, which are names and one-line titles.
const maxNameBytes = 400

// Prompt is the question about the finding, for the user's message.
//
// Budget is the most bytes that it may have; 0 or less means no limit. Where the
// finding is longer, its long texts are cut in their middle, the longest most,
// keeping both ends and saying how much is missing: "[… 4,980,112 bytes cut …]".
// Note says what was cut, or is empty. A caller that counts tokens calls again
// with a smaller budget until they fit. The fields' names and the finding's short
// fields are never cut away, so a text may be longer than a budget of some
// hundred bytes.
//
// The error is a template's, on a finding that it was not made for.
func (s *Set) Prompt(f *finding.Finding, budget int) (text, note string, err error) {
	fields := promptFields{
		Tool: f.Tool, Rule: f.Rule, Title: f.Title, CWE: f.CWE, Level: f.Level,
		Place: f.Place(), Language: f.Language, Category: f.Category,
		Message: f.Message, Focus: f.Focus, Snippet: f.Snippet,
		Flow: strings.Join(f.Flow, "\n"), Request: f.Request, Response: f.Response,
	}
	if strings.TrimSpace(fields.Message) == strings.TrimSpace(fields.Title) {
		fields.Message = "" // many scanners say nothing but the rule's name
	}
	if strings.TrimSpace(fields.Focus) == strings.TrimSpace(fields.Snippet) {
		fields.Focus = ""
	}
	for _, name := range []*string{&fields.Tool, &fields.Rule, &fields.Title, &fields.CWE, &fields.Level, &fields.Place, &fields.Language, &fields.Category} {
		*name = finding.CutMiddle(*name, maxNameBytes)
	}
	long := []struct {
		name string
		text *string
	}{
		{"message", &fields.Message}, {"flagged code", &fields.Focus}, {"code", &fields.Snippet},
		{"data flow", &fields.Flow}, {"request", &fields.Request}, {"response", &fields.Response},
	}
	part := s.For(f)
	text, err = s.render(part, &fields)
	if err != nil || budget <= 0 || len(text) <= budget {
		return text, "", err
	}
	whole := make([]string, len(long))
	total := 0
	for i, l := range long {
		whole[i] = *l.text
		total += len(whole[i])
	}
	// What is not in the long texts (names, fences) is nearly the same however they
	// are cut. Fences shrink when a run of backquotes is cut away, never the reverse.
	room := max(budget-(len(text)-total), 0)
	var notes []string
	for i, share := range shares(whole, room) {
		*long[i].text = finding.CutMiddle(whole[i], share)
		if kept := len(*long[i].text); kept < len(whole[i]) {
			notes = append(notes, fmt.Sprintf("%s of %s bytes", long[i].name, finding.Thousands(len(whole[i]))))
		}
	}
	text, err = s.render(part, &fields)
	return text, "cut to fit: " + strings.Join(notes, ", "), err
}

func (s *Set) render(p Part, fields *promptFields) (string, error) {
	var b strings.Builder
	if err := s.templates.ExecuteTemplate(&b, p.Name, fields); err != nil {
		return "", explain(p, err)
	}
	return strings.TrimSpace(b.String()), nil
}

// fullFields has a text in every field, to try a template on.
func fullFields() promptFields {
	const x = "text"
	return promptFields{x, x, x, x, x, x, x, x, x, x, x, x, x, x}
}

// shares divides room among texts so that short ones stay whole and the long ones
// get equal parts: water filling.
func shares(texts []string, room int) []int {
	order := make([]int, len(texts))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return len(texts[order[a]]) < len(texts[order[b]]) })
	out := make([]int, len(texts))
	for k, i := range order {
		out[i] = min(len(texts[i]), room/(len(order)-k))
		room -= out[i]
	}
	return out
}

// fence puts a text between lines of backquotes, more of them than the text has
// in a row, so that nothing in the text can close the block.
func fence(language, text string) string {
	longest, run := 0, 0
	for i := range len(text) {
		if text[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	bar := strings.Repeat("`", max(3, longest+1))
	return bar + finding.OneLine(language, "") + "\n" + strings.Trim(text, "\r\n") + "\n" + bar
}
