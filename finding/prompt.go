package finding

import (
	"crypto/sha256"
	_ "embed" // for the files of prompts
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
	"sync"
	"text/template"
	"unicode/utf8"
)

// The text is in files, one a part, so that it can be read and changed as text.
var (
	//go:embed prompts/instructions.txt
	instructionsText string
	//go:embed prompts/finding.txt
	findingText string
	//go:embed prompts/closing.txt
	closingText string
)

// The words that stand after Closing: the probability of the first against the
// second is the generative verdict. Both begin with a space, as words do in the
// vocabularies of byte-level tokenizers.
const (
	AnswerTrue  = " true positive"
	AnswerFalse = " false positive"
)

// promptSet is the text of one version of the prompts.
type promptSet struct {
	instructions, closing string
	finding               *template.Template
	version               string
}

var prompts = sync.OnceValue(func() promptSet {
	h := sha256.New()
	for _, part := range []string{instructionsText, closingText, findingText} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // hash.Hash never fails
	}
	return promptSet{
		instructions: strings.TrimSpace(instructionsText),
		closing:      closingText,
		finding: template.Must(template.New("prompts/finding.txt").
			Funcs(template.FuncMap{"line": oneLine, "fence": fence}).Parse(findingText)),
		version: hex.EncodeToString(h.Sum(nil))[:12],
	}
})

// Instructions is the text that comes before every finding: the system message,
// the same for all, so that its cache is computed once.
func Instructions() string { return prompts().instructions }

// Closing is what follows an analysis that has run to its last allowed token: it
// leads the model to AnswerTrue or AnswerFalse.
func Closing() string { return prompts().closing }

// PromptVersion identifies the text of instructions, template and closing: 12
// hex digits of their SHA-256. Results made with different versions differ.
func PromptVersion() string { return prompts().version }

// promptFields are the finding's texts in the order of the template. It has no
// label, group, split, id or source: they would give the truth away.
type promptFields struct {
	Tool, Rule, Title, CWE, Level, Place, Language string
	Message, Focus, Snippet, Flow                  string
	Request, Response                              string
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
func (f *Finding) Prompt(budget int) (text, note string) {
	fields := promptFields{
		Tool: f.Tool, Rule: f.Rule, Title: f.Title, CWE: f.CWE, Level: f.Level,
		Place: f.promptPlace(), Language: f.Language,
		Message: f.Message, Focus: f.Focus, Snippet: f.Snippet,
		Flow: strings.Join(f.Flow, "\n"), Request: f.Request, Response: f.Response,
	}
	if strings.TrimSpace(fields.Message) == strings.TrimSpace(fields.Title) {
		fields.Message = "" // many scanners say nothing but the rule's name
	}
	if strings.TrimSpace(fields.Focus) == strings.TrimSpace(fields.Snippet) {
		fields.Focus = ""
	}
	for _, name := range []*string{&fields.Tool, &fields.Rule, &fields.Title, &fields.CWE, &fields.Level, &fields.Place, &fields.Language} {
		*name = cutMiddle(*name, maxNameBytes)
	}
	long := []struct {
		name string
		text *string
	}{
		{"message", &fields.Message}, {"flagged code", &fields.Focus}, {"code", &fields.Snippet},
		{"data flow", &fields.Flow}, {"request", &fields.Request}, {"response", &fields.Response},
	}
	text = fields.render()
	if budget <= 0 || len(text) <= budget {
		return text, ""
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
		*long[i].text = cutMiddle(whole[i], share)
		if kept := len(*long[i].text); kept < len(whole[i]) {
			notes = append(notes, fmt.Sprintf("%s of %s bytes", long[i].name, thousands(len(whole[i]))))
		}
	}
	return fields.render(), "cut to fit: " + strings.Join(notes, ", ")
}

// promptPlace leaves out the file of an HTTP exchange: it is where the traffic
// was stored, and says nothing of the weakness.
func (f *Finding) promptPlace() string {
	if (f.Request != "" || f.Response != "") && !isAbsoluteURI(f.File) {
		return ""
	}
	return f.Location()
}

func (p *promptFields) render() string {
	var b strings.Builder
	// Neither the builder nor the template's functions fail, and a test renders
	// every field of the template.
	_ = prompts().finding.Execute(&b, p)
	return strings.TrimSpace(b.String())
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

// cutMiddle keeps both ends of a text that is longer than most bytes, with a
// marker between them that says how much is missing. The marker counts in most;
// where there is no room for it and some text, the marker is all that is left.
func cutMiddle(text string, most int) string {
	if len(text) <= most {
		return text
	}
	marker := func(missing int) string { return fmt.Sprintf("[… %s bytes cut …]", thousands(missing)) }
	keep := most - len(marker(len(text))) - 2
	if keep < 16 {
		if most <= 0 {
			return ""
		}
		return marker(len(text))
	}
	head, tail := (keep+1)/2, len(text)-keep/2
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + "\n" + marker(tail-head) + "\n" + text[tail:]
}

// thousands writes 4980112 as "4,980,112".
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// oneLine makes a name of the report fit for a line of the prompt.
func oneLine(text, otherwise string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return otherwise
	}
	return text
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
	return bar + oneLine(language, "") + "\n" + strings.Trim(text, "\r\n") + "\n" + bar
}
