package finding

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// sarifFormat is SARIF 2.1.0 (OASIS standard with errata 01). The document is
// kept as its bytes and read in place, see rawValue, so that WriteSARIF can give
// it back with every unknown field, key order and spelling of a number as it was.
var sarifFormat = format{
	name:  "sarif",
	what:  "SARIF 2.1.0",
	sniff: looksLikeSARIF,
	read:  readSARIF,
}

// SARIFVersion is the one version that is read and written.
const SARIFVersion = "2.1.0"

// sarifDocument is an input document, kept for WriteSARIF.
type sarifDocument struct {
	root    rawValue
	runs    rawValue     // the "runs" array
	results [][]rawValue // [run][result]
}

// looksLikeSARIF: an object that has "runs", or a SARIF "$schema", at its top.
// The head may be cut anywhere, so it is scanned, not parsed.
func looksLikeSARIF(head []byte) bool {
	i := skipSpace(head, 0)
	if i >= len(head) || head[i] != '{' {
		return false
	}
	depth := 0
	for i < len(head) {
		switch head[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return false // a whole object without either: a row of JSON lines
			}
		case '"':
			end := i + 1
			for end < len(head) && head[end] != '"' {
				if head[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(head) {
				return false
			}
			text := string(head[i+1 : end])
			next := skipSpace(head, end+1)
			isKey := next < len(head) && head[next] == ':'
			if depth == 1 && isKey && text == "runs" {
				return true
			}
			if depth == 1 && !isKey && strings.Contains(text, "sarif") && strings.HasPrefix(text, "http") {
				return true // the value of $schema
			}
			i = end
		}
		i++
	}
	return false
}

func readSARIF(in *input) error {
	doc, err := in.readAll()
	if err != nil {
		return err
	}
	doc, bad := validText(doc)
	if bad > 0 {
		in.report.Notes = append(in.report.Notes, invalidUTF8Note(bad))
	}
	root, err := parseRaw(doc)
	if err != nil {
		offset, _ := syntaxOffset(err)
		line, column := locate(doc, offset)
		hint := ""
		if offset >= int64(len(doc))-1 { // at its last byte: it goes on no further
			hint = "; was the report cut short?"
		}
		return fmt.Errorf("%s:%d:%d: not valid JSON: %w%s", in.name, line, column, err, hint)
	}
	top := root.object()
	if err := checkSARIFVersion(in.name, root, top); err != nil {
		return err
	}
	runs := top.get("runs")
	if k := runs.kind(); k != '[' && k != 'n' {
		return fmt.Errorf(`%s: not a SARIF log: expected an array "runs" at the top of the document, found %s`, in.name, kindName(k))
	}
	document := &sarifDocument{root: root, runs: runs}
	in.report.sarif = document
	for i, value := range runs.elems() {
		var run *sarifRun
		if value.kind() == '{' {
			run = newSARIFRun(value, i)
			if err := run.object.get("results").wantArray(); err != nil && !in.problem(&RowError{Where: fmt.Sprintf("runs[%d].results", i), Err: err}) {
				return nil
			}
		} else {
			run = &sarifRun{index: i}
			if !in.problem(&RowError{Where: fmt.Sprintf("runs[%d]", i), Err: fmt.Errorf("expected an object, found %s", kindName(value.kind()))}) {
				return nil
			}
		}
		document.results = append(document.results, run.results)
		if !in.sarifRun(run, bad) {
			return nil
		}
	}
	return nil
}

// checkSARIFVersion refuses every version but 2.1.0: their results differ in
// place and meaning.
func checkSARIFVersion(name string, root rawValue, top rawObject) error {
	if root.kind() != '{' {
		return fmt.Errorf("%s: not a SARIF log: expected a JSON object, found %s", name, kindName(root.kind()))
	}
	version := top.get("version").text()
	switch version {
	case SARIFVersion:
		return nil
	case "":
		return fmt.Errorf(`%s: not a SARIF log: expected "version": %q at the top of the document, found none`, name, SARIFVersion)
	default:
		return fmt.Errorf("%s: SARIF version %q is not read: expected %q; convert it with Microsoft's SARIF Multitool "+
			"(npx @microsoft/sarif-multitool transform %s --sarif-output-version Current --output new.sarif), or have the scanner write %s",
			name, version, SARIFVersion, name, SARIFVersion)
	}
}

func kindName(kind byte) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "nothing"
}

// sarifRun gives a run's findings; false means stop.
func (in *input) sarifRun(run *sarifRun, bad int) bool {
	if n := len(run.object.get("externalPropertyFileReferences").get("results").elems()); n > 0 {
		in.report.Notes = append(in.report.Notes, fmt.Sprintf("runs[%d]: %d files beside the log hold more results, which are not read: inline them", run.index, n))
	}
	for i, value := range run.results {
		in.report.Total++
		if value.kind() != '{' {
			e := &RowError{Where: fmt.Sprintf("runs[%d].results[%d]", run.index, i),
				Err: fmt.Errorf("expected an object, found %s", kindName(value.kind()))}
			e.Line, e.Column = locate(value.doc, int64(value.start))
			if !in.problem(e) {
				return false
			}
			continue
		}
		result := value.object()
		if len(result.get("webRequest").object()) > 0 || len(result.get("webResponse").object()) > 0 {
			in.report.Messages++
		}
		switch kind := result.get("kind").str(); {
		case sarifSuppressed(result):
			in.report.Suppressed++
			continue
		case result.get("baselineState").str() == "absent":
			in.report.Absent++
			continue
		case kind == "pass" || kind == "notApplicable":
			in.report.Passed++
			continue
		}
		f := run.finding(result)
		f.Origin = Origin{Run: run.index, Result: i}
		if !f.reviewable() {
			e := &RowError{Where: fmt.Sprintf("runs[%d].results[%d]", run.index, i),
				Err: errors.New("nothing to review: expected a message, a rule, a snippet or a webRequest")}
			if !in.problem(e) {
				return false
			}
			continue
		}
		if bad > 0 && strings.Contains(f.Snippet+f.Focus+f.Message+f.Request+f.Response, "\uFFFD") {
			f.note("bytes that are not UTF-8 were replaced by U+FFFD")
		}
		if !in.emit(f) {
			return false
		}
	}
	return true
}

// sarifSuppressed applies §3.27.23 and §3.35.3: a result is suppressed where at
// least one of its suppressions is accepted, and one without a status counts as
// accepted. An empty list says that the result is not suppressed.
func sarifSuppressed(result rawObject) bool {
	for _, s := range result.get("suppressions").elems() {
		status := s.get("status")
		if s.kind() == '{' && (!status.exists() || status.kind() == 'n' || status.str() == "accepted") {
			return true
		}
	}
	return false
}

// finding reads one result.
func (run *sarifRun) finding(result rawObject) Finding {
	rule := run.rule(result)
	f := Finding{
		Source:   "sarif",
		Tool:     run.tool,
		Rule:     rule.id,
		Title:    rule.title(),
		Message:  run.message(result.get("message"), rule),
		Level:    sarifLevel(result, rule),
		Severity: firstText(result.get("properties").get("security-severity"), rule.properties().get("security-severity"), result.get("properties").get("issue_severity")),
		Flow:     run.flow(result),
	}
	run.place(&f, result)
	f.CWE = run.cwe(result, rule)
	f.Request = run.webMessage(result.get("webRequest"), "webRequests", formatWebRequest)
	f.Response = run.webMessage(result.get("webResponse"), "webResponses", formatWebResponse)
	f.Category = "code"
	if f.Request != "" || f.Response != "" {
		f.Category = "http"
		if f.Language == "" {
			f.Language = "http"
		}
	}
	for _, m := range result.get("partialFingerprints").members() {
		if m.value.kind() == '"' {
			if f.Fingerprints == nil {
				f.Fingerprints = map[string]string{}
			}
			f.Fingerprints[m.key] = m.value.str()
		}
	}
	return f
}

// sarifLevel is §3.27.10: the result's own level; else its kind decides ("none"
// for what is not a failure), then the rule's configuration, then "warning".
func sarifLevel(result rawObject, rule sarifRule) string {
	if level := result.get("level").str(); level != "" {
		return level
	}
	if kind := result.get("kind").str(); kind != "" && kind != "fail" {
		return "none"
	}
	if level := rule.object.get("defaultConfiguration").get("level").str(); level != "" {
		return level
	}
	return "warning"
}

// place fills the finding's file, lines and code from its first location.
func (run *sarifRun) place(f *Finding, result rawObject) {
	physical := result.get("locations").at(0).get("physicalLocation")
	if !physical.exists() {
		physical = result.get("relatedLocations").at(0).get("physicalLocation")
	}
	location := physical.get("artifactLocation")
	artifact := run.artifact(location)
	f.File = run.file(location)
	region := physical.get("region")
	if line, ok := region.get("startLine").num(); ok && line > 0 {
		f.Line = &line
		if end, ok := region.get("endLine").num(); ok && end > line {
			f.EndLine = end
		}
	}
	f.Language = strings.ToLower(firstText(region.get("sourceLanguage"), artifact.get("sourceLanguage")))
	if f.Language == "" {
		f.Language = languageOf(f.File)
	}
	code, context := region.get("snippet").get("text").str(), physical.get("contextRegion").get("snippet").get("text").str()
	switch embedded := artifact.get("contents").get("text").str(); {
	case context != "":
		f.Snippet, f.Focus = context, strings.TrimSpace(code)
	case code != "":
		f.Snippet = code
	case embedded != "":
		if err := excerpt(f, strings.NewReader(embedded), DefaultContext); err != nil {
			f.note("no code: the log's own copy of %s: %v", f.File, err)
		}
	}
	if f.File == "" {
		logical := result.get("locations").at(0).get("logicalLocations").at(0)
		f.File = firstText(logical.get("fullyQualifiedName"), logical.get("name"))
	}
}

// maxFlowSteps bounds what a data flow adds to a prompt: some tools write hundreds.
const maxFlowSteps = 20

// flow lists the first code flow's first thread, a step an entry.
func (run *sarifRun) flow(result rawObject) []string {
	flows := result.get("codeFlows").elems()
	if len(flows) == 0 {
		return nil
	}
	steps := flows[0].get("threadFlows").at(0).get("locations").elems()
	var out []string
	for i, step := range steps {
		if len(steps) > maxFlowSteps && i == maxFlowSteps/2 {
			out = append(out, fmt.Sprintf("[… %d steps …]", len(steps)-maxFlowSteps))
		}
		if len(steps) > maxFlowSteps && i >= maxFlowSteps/2 && i < len(steps)-maxFlowSteps/2 {
			continue
		}
		if index, ok := step.get("index").num(); ok && !step.get("location").exists() {
			step = run.listed("threadFlowLocations", index)
		}
		if text := run.flowStep(step.get("location")); text != "" {
			out = append(out, text)
		}
	}
	if n := len(flows) - 1; n > 0 && len(out) > 0 {
		out = append(out, fmt.Sprintf("(and %d other flows)", n))
	}
	return out
}

// flowStep is "file:line: message: code", of which any part may be missing.
func (run *sarifRun) flowStep(location rawValue) string {
	physical := location.get("physicalLocation")
	var parts []string
	if file := run.file(physical.get("artifactLocation")); file != "" {
		if line, ok := physical.get("region", "startLine").num(); ok {
			file = fmt.Sprintf("%s:%d", file, line)
		}
		parts = append(parts, file)
	}
	for _, text := range []string{
		run.message(location.get("message"), sarifRule{}),
		physical.get("region", "snippet", "text").str(),
	} {
		if text = strings.Join(strings.Fields(text), " "); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ": ")
}

// placeholder is a message's argument: {0}. {{ and }} stand for braces, §3.11.5.
var placeholder = regexp.MustCompile(`\{\{|\}\}|\{(\d{1,6})\}`)

// embeddedLink is [text](1) or [text](url) in a message, §3.11.6.
var embeddedLink = regexp.MustCompile(`\[((?:[^\[\]\\]|\\.)+)\]\((\d+|[a-z]+:[^()\s]*)\)`)

// message gives a message object's text: its own, or the one that its id names in
// the rule or the tool, with the arguments put in and embedded links as their text.
func (run *sarifRun) message(message rawValue, rule sarifRule) string {
	object := message.object()
	text := firstText(object.get("text"), object.get("markdown"))
	if id := object.get("id").str(); text == "" && id != "" {
		for _, strs := range []rawValue{rule.object.get("messageStrings"), run.components[rule.component].globalMessages} {
			found := strs.get(id)
			if text = firstText(found.get("text"), found.get("markdown")); text != "" {
				break
			}
		}
	}
	if args := object.get("arguments").elems(); len(args) > 0 {
		text = placeholder.ReplaceAllStringFunc(text, func(m string) string {
			if m == "{{" || m == "}}" {
				return m[:1]
			}
			n := 0
			if _, err := fmt.Sscanf(m, "{%d}", &n); err == nil && n < len(args) {
				return args[n].text()
			}
			return m
		})
	}
	text = embeddedLink.ReplaceAllString(text, "$1")
	return strings.TrimSpace(text)
}
