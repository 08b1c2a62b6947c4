package finding

import (
	"fmt"
	"slices"
	"strings"
)

// checkovFormat is what `checkov -o json` writes: an object for the one framework that
// it scanned, a list of them for several, or, where nothing was checked, an object of
// counts alone.
var checkovFormat = format{
	name: "checkov-json",
	what: "Checkov JSON",
	sniff: sniffKeys(".check_type", "[].check_type", ".checkov_version", "[].checkov_version", ".results.failed_checks[]",
		"[].results.failed_checks[]", ".results.passed_checks[]", "[].results.passed_checks[]", ".summary.checkov_version", "[].summary.checkov_version"),
	read: readCheckov,
}

func readCheckov(in *input) error {
	skipped := 0
	err := in.walkJSON(func(s *jsonStream, kind byte) error {
		if kind != '[' {
			return checkovFramework(in, s, &skipped)
		}
		return s.array("", func(int) error { return checkovFramework(in, s, &skipped) })
	})
	if skipped > 0 {
		in.report.Suppressed += skipped
		in.report.Notes = append(in.report.Notes, fmt.Sprintf("%d checks are suppressed by comments in the code; Checkov does not count them as failed", skipped))
	}
	return err
}

// checkovFramework reads the results of one framework.
func checkovFramework(in *input, s *jsonStream, skipped *int) error {
	framework, line, found := "", s.line, false
	err := s.object("", func(key string) error {
		found = found || slices.Contains(checkovKeys, key)
		switch key {
		case "check_type":
			text, err := s.text()
			framework = text
			return err
		case "results":
			return s.object("results", func(key string) error {
				switch key {
				case "failed_checks":
					return s.records("results.failed_checks", &in.report.Total, func(r jsonRecord) error {
						return s.emit(checkovFinding(r.rawObject, framework), r.line, in.report.Total-1)
					})
				case "skipped_checks":
					return s.records("results.skipped_checks", nil, func(r jsonRecord) error {
						if r.get("check_result").get("suppress_comment").kind() == '"' {
							*skipped++
						}
						return nil
					})
				case "parsing_errors":
					failed := 0
					err := s.array("results.parsing_errors", func(int) error { failed++; return s.skip() })
					if failed > 0 {
						in.report.Notes = append(in.report.Notes, fmt.Sprintf("Checkov could not parse %d files, which it did not check", failed))
					}
					return err
				}
				return s.skip()
			})
		}
		return s.skip()
	})
	if err == nil && !found {
		return s.problem(&RowError{Line: line, Err: fmt.Errorf("not a report of Checkov: expected one of the keys %s", strings.Join(checkovKeys, ", "))})
	}
	return err
}

// checkovKeys are at the top of a framework's report, or of one without checks.
var checkovKeys = []string{"check_type", "results", "summary", "checkov_version", "failed"}

func checkovFinding(o rawObject, framework string) Finding {
	class := o.get("check_class").str()
	if framework == "" { // where check_type comes after the results: checkov.terraform.checks.resource…
		if parts := strings.Split(class, "."); len(parts) > 2 && parts[0] == "checkov" {
			framework = parts[1]
		}
	}
	f := Finding{
		Source:   "checkov",
		Tool:     "Checkov",
		Rule:     o.get("check_id").text(),
		Title:    firstText(o.get("check_name"), o.get("short_description"), o.get("check_id")),
		Severity: o.get("severity").text(),
		File:     strings.TrimLeft(slashed(firstText(o.get("file_path"), o.get("repo_file_path"))), "/"),
		Category: checkovCategory(framework),
	}
	// Checkov without an account knows no severities; its own SARIF then says "error".
	if f.Level = "error"; f.Severity != "" {
		f.Level = levelOf(f.Severity)
	}
	lines := o.get("file_line_range").elems()
	if len(lines) == 2 {
		f.setLines(lines[0], lines[1])
	}
	if f.Language = languageOf(f.File); framework == "terraform" || framework == "kubernetes" && f.Language == "" {
		f.Language = framework
	}
	f.Snippet = codeBlock(o.get("code_block"))
	vulnerability := o.get("vulnerability_details").object()
	f.CWE = findCWE(f.Title, o.get("description").str(), vulnerability.get("description").str(), strings.Join(o.get("cwe").texts(), " "))
	var d description
	d.text(ruleText(o.get("description").str()))
	d.detail("Resource", o.get("resource").text())
	d.detail("Looked at", strings.Join(o.get("check_result").get("evaluated_keys").texts(), ", "))
	d.detail("Details", strings.Join(o.get("details").texts(), "; "))
	d.detail("Package", strings.TrimSpace(vulnerability.get("package_name").text()+" "+vulnerability.get("package_version").text()))
	d.detail("Vulnerability", strings.TrimSpace(vulnerability.get("id").text()+" "+ruleText(vulnerability.get("description").str())))
	d.detail("Called by", o.get("caller_file_path").text())
	d.detail("Guideline", o.get("guideline").text())
	f.Message = d.String()
	return f
}

func checkovCategory(framework string) string {
	switch {
	case framework == "secrets":
		return "secret"
	case framework == "":
		return "iac"
	case strings.HasPrefix(framework, "sca") || strings.HasPrefix(framework, "sast"):
		return "code"
	}
	return "iac-" + framework
}

// codeBlock joins the lines of a code block, each a list of its number and its text.
func codeBlock(block rawValue) string {
	var b strings.Builder
	for i, line := range block.elems() {
		if i == maxExcerptLines {
			b.WriteString("[… more lines …]\n")
			break
		}
		parts := line.elems()
		if len(parts) != 2 {
			continue
		}
		text := strings.TrimRight(parts[1].str(), "\r\n")
		if cut := len(text) - maxLineBytes; cut > 0 {
			text = firstBytes(text, maxLineBytes) + fmt.Sprintf(" [… %d bytes cut …]", cut)
		}
		b.WriteString(text + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
