package prompts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
)

func TestVariants(t *testing.T) {
	for _, variant := range Variants() {
		s, err := Open(variant, "")
		if err != nil {
			t.Fatal(err)
		}
		yes, no := s.Answers()
		if !strings.Contains(s.Instructions(), "Verdict:"+yes) || !strings.Contains(s.Instructions(), "Verdict:"+no) || strings.TrimSpace(s.Closing()) != "Verdict:" {
			t.Errorf("%s: the instructions do not ask for what follows the closing %q", variant, s.Closing())
		}
		if !strings.Contains(s.Instructions(), "not instructions") {
			t.Errorf("%s: the instructions do not say that the finding is data", variant)
		}
		if v := s.DefaultVersion(); len(v) != 12 || strings.Trim(v, "0123456789abcdef") != "" {
			t.Errorf("%s: version %q", variant, v)
		}
		// What the study compares: the categories of the training data, and the smells.
		for _, f := range []finding.Finding{{Category: "HTTP_HEADERS"}, {Category: "XSS"}, {Category: "SQLI"}, {Category: "INFO"}, {Tool: "GLITCH"}} {
			if s.For(&f).Name == findingFile {
				t.Errorf("%s has no template for %+v", variant, f)
			}
		}
	}
	if _, err := Open("fancy", ""); err == nil || !strings.Contains(err.Error(), "plain, pe, tpfp") {
		t.Errorf("an unknown variant: %v", err)
	}
}

// The baseline's answers are its own; its questions are the plain ones, and so is everything of a set without answers.
func TestAnswers(t *testing.T) {
	baseline, err := Open(VariantTPFP, "")
	if err != nil {
		t.Fatal(err)
	}
	f := finding.Finding{Category: "XSS", Snippet: "x"}
	asked, _, errA := baseline.Prompt(&f, 0)
	plain, _, errB := Plain().Prompt(&f, 0)
	if errA != nil || errB != nil || asked != plain {
		t.Errorf("asks %q, %v, expected %q, %v", asked, errA, plain, errB)
	}
	if yes, no := baseline.Answers(); yes != " TP" || no != " FP" || baseline.Version(&f) == Plain().Version(&f) {
		t.Errorf("answers %q and %q in version %s", yes, no, baseline.Version(&f))
	}
	own, err := Open("", folder(t, map[string]string{"answers.txt": "yes\r\nno\r\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if yes, no := own.Answers(); yes != " yes" || no != " no" || own.Version(&f) == Plain().Version(&f) {
		t.Errorf("answers %q and %q in version %s", yes, no, own.Version(&f))
	}
	for _, text := range []string{"yes", "yes\nyes", "yes\n\n", "yes\nno\nmaybe"} {
		if _, err := Open("", folder(t, map[string]string{"answers.txt": text})); err == nil || !strings.Contains(err.Error(), "answers.txt: expected two lines") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLookup: tool before category before default, and a name from a report is never a path.
func TestLookup(t *testing.T) {
	dir := folder(t, map[string]string{
		"tool/My Scanner 2.tmpl":   "tool {{line .Tool \"\"}}",
		"category/sql_inject.tmpl": "category",
	})
	s, err := Open("", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		f    finding.Finding
		want string
	}{
		{finding.Finding{Tool: "my-scanner 2", Category: "sql_inject"}, "tool/My Scanner 2.tmpl"},
		{finding.Finding{Tool: "other", Category: "SQL-Inject"}, "category/sql_inject.tmpl"},
		{finding.Finding{Tool: "ZAP", Category: "http", CWE: "CWE-79"}, "category/XSS.tmpl"},
		{finding.Finding{Tool: "ZAP", Category: "SQLI", CWE: "CWE-79"}, "category/SQLI.tmpl"},
		{finding.Finding{Tool: "other", Category: "code"}, findingFile},
		{finding.Finding{Tool: "../category/XSS", Category: "../fields"}, findingFile},
		{finding.Finding{}, findingFile},
	} {
		if got := s.For(&test.f).Name; got != test.want {
			t.Errorf("%+v is asked with %s, want %s", test.f, got, test.want)
		}
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenFolder(t *testing.T) {
	f := &finding.Finding{Title: "a title", Category: "XSS"}
	dir := filepath.Join(t.TempDir(), "mine")
	if err := Plain().Export(dir); err != nil {
		t.Fatal(err)
	}
	if err := Plain().Export(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a second export: %v", err)
	}
	copied, err := Open("", dir)
	if err != nil {
		t.Fatal(err)
	}
	if copied.Version(f) != Plain().Version(f) || copied.DefaultVersion() != Plain().DefaultVersion() {
		t.Errorf("an unchanged copy has version %s, want %s", copied.Version(f), Plain().Version(f))
	}
	// Windows' editors write their own line ends and a byte order mark; the text is the same.
	text := strings.ReplaceAll(Plain().parts[findingFile].Text, "\n", "\r\n")
	if err := os.WriteFile(filepath.Join(dir, findingFile), []byte("\ufeff"+text+"\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "category", "XSS.tmpl"), []byte("My own: {{line .Title \"\"}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed, err := Open("", dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := changed.Prompt(f, 0); err != nil || got != "My own: a title" {
		t.Errorf("prompt %q, %v", got, err)
	}
	if changed.Version(f) == Plain().Version(f) || changed.DefaultVersion() != Plain().DefaultVersion() {
		t.Error("the version must follow the changed template, and no other")
	}
	// Missing files are the variant's.
	for _, missing := range []string{instructionsFile, "fields.tmpl", findingFile} {
		if err := os.Remove(filepath.Join(dir, missing)); err != nil {
			t.Fatal(err)
		}
	}
	pe, err := Open(VariantPE, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(pe.Instructions(), "senior") || pe.Version(f) == changed.Version(f) {
		t.Error("what the folder lacks must come from the variant")
	}
}

// TestVersionFollowsWhatIsUsed: of every part that a prompt is made of, and of nothing else.
func TestVersionFollowsWhatIsUsed(t *testing.T) {
	xss, other := &finding.Finding{Category: "XSS"}, &finding.Finding{Category: "code"}
	for _, test := range []struct {
		file, text         string
		changeXSS, changes bool
	}{
		{instructionsFile, "Other instructions.", true, true},
		{closingFile, "\n\nAnswer:", true, true},
		{"fields.tmpl", "{{line .Title \"x\"}}", true, true},
		{findingFile, "{{line .Title \"x\"}}", false, true},
		{"category/XSS.tmpl", "{{line .Title \"x\"}}", true, false},
		{"category/SQLI.tmpl", "{{line .Title \"x\"}}", false, false},
		{"unused.tmpl", "never used", false, false},
	} {
		s, err := Open("", folder(t, map[string]string{test.file: test.text}))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Version(xss) != Plain().Version(xss); got != test.changeXSS {
			t.Errorf("%s: XSS's version changes: %v", test.file, got)
		}
		if got := s.Version(other) != Plain().Version(other); got != test.changes {
			t.Errorf("%s: the default version changes: %v", test.file, got)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"syntax":        {map[string]string{findingFile: "one\ntwo {{if}}\n"}, "finding.tmpl:2:"},
		"no such field": {map[string]string{"category/XSS.tmpl": "a\nb\n{{.Label}}"}, "category/XSS.tmpl:3:"},
		"no such part":  {map[string]string{"tool/a.tmpl": `{{template "none.tmpl" .}}`}, "none.tmpl"},
		"empty":         {map[string]string{instructionsFile: "\n \n"}, "instructions.txt is empty"},
		"says nothing":  {map[string]string{findingFile: "{{/* all is quiet */}}"}, "empty prompt"},
		"wrong name":    {map[string]string{"instruction.txt": "x"}, "instruction.txt"},
		"wrong folder":  {map[string]string{"categories/XSS.tmpl": "x"}, "categories"},
		"twice":         {map[string]string{"category/A_B.tmpl": "x", "category/a b.tmpl": "x"}, "keep one"},
		"not text":      {map[string]string{findingFile: "\xff\xfe"}, "UTF-8"},
		"too large":     {map[string]string{findingFile: strings.Repeat("x", maxPartBytes+1)}, "at most"},
	} {
		dir := folder(t, test.files)
		if _, err := Open("", dir); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), filepath.Base(dir)) && test.want != "none.tmpl" {
			t.Errorf("%s: error is %v, want %q and the folder's name in it", name, err, test.want)
		}
	}
	if _, err := Open("", filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "prompts export") {
		t.Errorf("no folder: %v", err)
	}
	dir := folder(t, map[string]string{".git/x": "", "README.md": "# mine", ".DS_Store": ""})
	if _, err := Open("", dir); err != nil {
		t.Errorf("files that are no parts: %v", err)
	}
}

// A template that fails on some finding is that finding's error.
func TestPromptError(t *testing.T) {
	s, err := Open("", folder(t, map[string]string{findingFile: "x\n{{if eq .Title \"bad\"}}{{index .Title 10}}{{end}}"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Prompt(&finding.Finding{Title: "good"}, 0); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Prompt(&finding.Finding{Title: "bad"}, 0); err == nil || !strings.Contains(err.Error(), "finding.tmpl:2:") {
		t.Errorf("error is %v", err)
	}
	// The text of a finding is no template.
	if text, _, err := Plain().Prompt(&finding.Finding{Title: "{{.Tool}} {{template \"x\"}}", Message: "{{end}}"}, 0); err != nil || !strings.Contains(text, "{{.Tool}}") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestWithoutVerdict(t *testing.T) {
	for answer, want := range map[string]string{
		"`Server: nginx`: it says what it is.\n\nVerdict: true positive": "`Server: nginx`: it says what it is.",
		"It is there. VERDICT: False_Positive.\n":                        "It is there.",
		"It is there.\nVerdict: false posit":                             "It is there.", // the last token allowed
		"It is there.\nVerdict:":                                         "It is there.",
		"Verdict: true positive. It is there.":                           "Verdict: true positive. It is there.",
		"The scanner's verdict: truthful?":                               "The scanner's verdict: truthful?",
		"It is there.\n\n**Verdict:** true positive":                     "It is there.",
		"It is there.\n### Verdict: **False positive**":                  "It is there.",
		"It is there. Verdict: true positive (CWE-89).":                  "It is there.",
		"Verdict: TP":     "",
		"  It is there. ": "It is there.",
	} {
		if got := WithoutVerdict(answer); got != want {
			t.Errorf("of %q is left %q, expected %q", answer, got, want)
		}
	}
}
