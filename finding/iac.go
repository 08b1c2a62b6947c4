package finding

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// smell is one of the four smells of infrastructure code that the study filters.
type smell struct {
	name   string // as the study's JSON lines have it
	code   string // GLITCH's
	oracle string // as GLITCH's labelled sets have it
	title  string
	cwe    string
}

// smells, first those of the study. Names are those of GLITCH (Saavedra and
// Ferreira, ASE 2022) and of the sets that were labelled for it.
var smells = []smell{
	{"hard_coded_secret", "sec_hard_secr", "hardcoded-secret", "Hard-coded secret", "CWE-798"},
	{"suspicious_comment", "sec_susp_comm", "suspicious comment", "Suspicious comment", "CWE-546"},
	{"weak_cryptography_algorithms", "sec_weak_crypt", "weak cryptography algorithms", "Use of weak cryptography algorithms", "CWE-327"},
	{"use_of_http", "sec_https", "use of http", "Use of HTTP without SSL/TLS", "CWE-319"},

	{"hard_coded_password", "sec_hard_pass", "hardcoded-password", "Hard-coded password", "CWE-259"},
	{"hard_coded_user", "sec_hard_user", "hardcoded-username", "Hard-coded user", "CWE-798"},
	{"admin_by_default", "sec_def_admin", "admin by default", "Admin by default", "CWE-250"},
	{"empty_password", "sec_empty_pass", "empty password", "Empty password", "CWE-258"},
	{"invalid_address_binding", "sec_invalid_bind", "improper ip address binding", "Invalid IP address binding", "CWE-284"},
	{"no_integrity_check", "sec_no_int_check", "no integrity check", "No integrity check", "CWE-353"},
	{"missing_default_switch", "sec_no_default_switch", "missing default case statement", "Missing default case", "CWE-478"},
}

// smellKey makes the spellings of a smell's name one.
var smellKey = strings.NewReplacer("-", "", "_", "", " ", "", "/", "")

// smellNamed finds a smell by any of its names.
func smellNamed(name string) (smell, bool) {
	key := smellKey.Replace(strings.ToLower(strings.TrimSpace(name)))
	for _, s := range smells {
		for _, known := range []string{s.name, s.code, s.oracle, s.title} {
			if key != "" && key == smellKey.Replace(strings.ToLower(known)) {
				return s, true
			}
		}
	}
	switch key { // the study's texts also say
	case "hardcodedsecret", "secret":
		return smells[0], true
	case "weakcryptography", "weakcrypto", "weakcryptoalgorithm", "useofweakcryptographyalgorithm":
		return smells[2], true
	case "httpwithouttls", "useofhttpwithouttls", "useofhttpwithoutssltls", "http":
		return smells[3], true
	}
	return smell{}, false
}

// iacLanguages are the technologies by file extension: in a report on
// infrastructure code a .rb file is Chef and a .yml file Ansible.
var iacLanguages = map[string]string{
	".rb": "chef", ".erb": "chef", ".pp": "puppet", ".yml": "ansible", ".yaml": "ansible",
	".tf": "terraform", ".tfvars": "terraform", ".hcl": "terraform",
}

func iacLanguage(file string) string {
	if language, ok := iacLanguages[strings.ToLower(path.Ext(file))]; ok {
		return language
	}
	return languageOf(file)
}

// describeSmell fills in what a smell's name tells.
func describeSmell(f *Finding, name string) {
	f.Category = "iac"
	f.Rule = name
	if f.Language == "" || f.Language == "ruby" || f.Language == "yaml" {
		f.Language = iacLanguage(f.File)
	}
	if s, ok := smellNamed(name); ok {
		f.Title = s.title
		if f.CWE == "" {
			f.CWE = s.cwe
		}
	} else if f.Title == "" {
		f.Title = strings.ReplaceAll(name, "_", " ")
	}
	if f.Level == "" {
		f.Level = "warning"
		if strings.HasPrefix(name, "design_") || strings.HasPrefix(name, "implementation_") {
			f.Level = "note"
		}
	}
}

// iacRow is a row of the study's JSON lines (LLM-IaC-SecEval, dataset_formatter):
// one detection of a smell with its context.
type iacRow struct {
	Smell         string   `json:"smell"`          // hard_coded_secret, suspicious_comment, …
	File          string   `json:"file"`           // path below the set's folder
	Content       string   `json:"content"`        // the flagged line
	Line          int      `json:"line"`           // 1-based
	DetectionSpan []int    `json:"detection_span"` // first and last line of the context
	WithContext   string   `json:"with_context"`   // the line and those around it
	WithPrompt    string   `json:"with_prompt"`    // what a model was asked
	Label         string   `json:"label"`          // TP or FP
	Confidence    *float64 `json:"confidence"`     // in the label
	Source        string   `json:"source"`         // who labelled
}

// iacExtra is what a row has and a finding has no place for.
type iacExtra struct {
	prompt     string
	span       []int
	confidence *float64
}

// iacFinding reads such a row.
func iacFinding(row []byte) (f Finding, extra iacExtra, err error) {
	var r iacRow
	if err := json.Unmarshal(row, &r); err != nil {
		return f, extra, err
	}
	f = Finding{
		Source: r.Source, Tool: "GLITCH", File: r.File,
		Snippet: r.WithContext, Focus: r.Content, Label: canonicalLabel(r.Label), Group: r.File,
	}
	if r.Line > 0 {
		f.Line = &r.Line
	}
	describeSmell(&f, r.Smell)
	return f, iacExtra{r.WithPrompt, r.DetectionSpan, r.Confidence}, nil
}

// ContextLines is how many lines the study shows on each side of a smell.
const ContextLines = 5

// contextSpan is the study's detection_span: its end may lie after the file's.
func contextSpan(line, around int) []int {
	return []int{max(1, line-around), line + around}
}

// Context is the line of a source with as many lines around it, in the study's
// form: each with its number, the line itself marked ">>>". It is empty where the
// source has no such line.
func Context(source string, line, around int) string {
	span := contextSpan(line, max(around, 0))
	var b strings.Builder
	number := 0
	found := false
	for text := range strings.Lines(source) {
		number++
		if number < span[0] {
			continue
		}
		if number > span[1] {
			break
		}
		mark := "   "
		if number == line {
			mark, found = ">>>", true
		}
		fmt.Fprintf(&b, "%s %3d: %s\n", mark, number, strings.TrimRight(text, "\r\n"))
	}
	if !found {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
