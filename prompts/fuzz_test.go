package prompts

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/januslm/janus/finding"
)

// FuzzPrompt: whatever a finding says, its text stands inside of fences that it cannot close, and the prompt ends with the
// question.
func FuzzPrompt(f *testing.F) {
	f.Add("Scanner", "XSS", "title", "message ``` end", "code\n````\n", 300)
	f.Add("GLITCH", "", "{{.Label}}", "", "\xff\xfe", 0)
	f.Add("../../etc", "tool/x", "a\nb", strings.Repeat("`", 50), strings.Repeat("x\n", 500), 100)
	pe, err := Open(VariantPE, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, tool, category, title, message, snippet string, budget int) {
		for _, s := range []*Set{Plain(), pe} {
			fd := finding.Finding{Tool: tool, Category: category, Title: title, Message: message, Snippet: snippet}
			text, _, err := s.Prompt(&fd, budget)
			if err != nil {
				t.Fatal(err)
			}
			last := text[strings.LastIndexByte(text, '\n')+1:]
			if !strings.HasPrefix(last, "Is this finding real") && !strings.HasPrefix(last, "Analyse by this policy") {
				t.Fatalf("the prompt ends with %q", last)
			}
			if utf8.ValidString(title+message+snippet+tool) && !utf8.ValidString(text) {
				t.Fatalf("a rune is cut in %q", text)
			}
			bar := ""
			for line := range strings.Lines(text) {
				line = strings.TrimRight(line, "\n")
				switch ticks := strings.TrimRight(line, "abcdefghijklmnopqrstuvwxyz"); {
				case bar == "" && len(ticks) >= 3 && strings.Trim(ticks, "`") == "":
					bar = ticks
				case line == bar:
					bar = ""
				}
			}
			if bar != "" {
				t.Fatalf("a fence is open at the end of\n%s", text)
			}
		}
	})
}
