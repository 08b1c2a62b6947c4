package finding

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// nucleiFormat is what nuclei writes with -jsonl (or -json before version 3), a result a
// line, and with -json-export, one array of them. Version 2 renamed the first version's
// templateID and matched to template-id and matched-at; all are read.
var nucleiFormat = format{
	name:  "nuclei-json",
	what:  "nuclei JSON or JSON lines",
	sniff: sniffNuclei,
	read:  readNuclei,
}

func sniffNuclei(head []byte) bool {
	if !looksLikeJSON(head) {
		return false
	}
	isRow := func(text []byte) bool {
		keys := outline(text)
		return hasAny(keys, ".template-id", ".templateID", "[].template-id", "[].templateID") ||
			hasAny(keys, ".template", "[].template") && hasAny(keys, ".matched-at", ".info.severity", "[].matched-at", "[].info.severity")
	}
	if isRow(head) {
		return true
	}
	for line := range bytes.Lines(head) { // a broken first row hides the keys of the others
		if len(line) > 0 && line[0] == '{' && isRow(line) {
			return true
		}
	}
	return false
}

func readNuclei(in *input) error {
	head, _ := in.r.Peek(sniffBytes) // what is wrong with it shows when it is read
	if byLines(head) {
		return in.nucleiLines()
	}
	index := 0
	return in.walkJSON(func(s *jsonStream, kind byte) error {
		each := func(r jsonRecord) error {
			return nucleiRow(in, r.rawObject, r.line, func(e *RowError) error { return s.problem(e) })
		}
		if kind == '[' {
			return s.records("", &in.report.Total, each)
		}
		index++
		return s.record(fmt.Sprintf("[%d]", index-1), index-1, &in.report.Total, each)
	})
}

// byLines: objects, a line each, rather than one array or objects over many lines. Then
// a broken line costs only itself.
func byLines(head []byte) bool {
	head = bytes.TrimSpace(head)
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	first, rest, more := bytes.Cut(head, []byte{'\n'})
	rest = bytes.TrimLeft(rest, "\r\n")
	return json.Valid(first) || more && len(rest) > 0 && rest[0] == '{' && len(bytes.TrimSpace(first)) > 1
}

func (in *input) nucleiLines() error {
	for number := 1; ; number++ {
		line, err := in.readLine()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errRowTooLong) {
			return in.broken(err, number, 0)
		}
		stop := error(nil)
		if row := bytes.TrimSpace(line); len(row) > 0 || errors.Is(err, errRowTooLong) {
			stop = in.nucleiLine(row, number, err)
		}
		if stop != nil || errors.Is(err, io.EOF) {
			return nil
		}
	}
}

func (in *input) nucleiLine(row []byte, number int, tooLong error) error {
	problem := func(e *RowError) error {
		if !in.problem(e) {
			return errStop
		}
		return nil
	}
	in.report.Total++
	if errors.Is(tooLong, errRowTooLong) {
		return problem(&RowError{Line: number, Err: fmt.Errorf("%w of %d bytes", tooLong, in.opts.maxBytes())})
	}
	row, _ = validText(row)
	v, err := parseRaw(row)
	if err != nil {
		e := &RowError{Line: number, Err: ExplainJSON(err)}
		if offset, ok := syntaxOffset(err); ok {
			e.Column = int(offset) + 1
		}
		return problem(e)
	}
	if v.kind() != '{' {
		return problem(&RowError{Line: number, Err: fmt.Errorf("expected an object, found %s", kindName(v.kind()))})
	}
	return nucleiRow(in, v.object(), number, problem)
}

// nucleiRow makes a result a finding. One with a false matcher-status says that the
// template did not match (-matcher-status writes those too).
func nucleiRow(in *input, o rawObject, line int, problem func(*RowError) error) error {
	f := nucleiFinding(o)
	if f.Request != "" {
		in.report.Messages++
	}
	if o.get("matcher-status").text() == "false" {
		in.report.Passed++
		return nil
	}
	f.Origin = Origin{Result: in.report.Total - 1, Line: line}
	if f.Rule == "" && f.Title == "" {
		return problem(&RowError{Line: line, Err: errors.New(`not a result of nuclei: expected "template-id" or "info"`)})
	}
	if !in.emit(f) {
		return errStop
	}
	return nil
}

func nucleiFinding(o rawObject) Finding {
	info := o.get("info").object()
	classification := info.get("classification").object()
	f := Finding{
		Source:   "nuclei",
		Tool:     "nuclei",
		Rule:     firstText(o.get("template-id"), o.get("templateID"), o.get("template")),
		Severity: info.get("severity").text(),
		File:     firstText(o.get("matched-at"), o.get("matched"), o.get("url"), o.get("host")),
		Request:  o.get("request").str(),
		Response: o.get("response").str(),
	}
	f.Level = levelOf(f.Severity)
	f.Title = firstText(info.get("name"), o.get("template-id"), o.get("templateID"), o.get("template"))
	matcher := firstText(o.get("matcher-name"), o.get("matcher_name"))
	if matcher != "" {
		f.Title += " (" + matcher + ")"
	}
	for _, id := range append(classification.get("cwe-id").texts(), info.get("tags").texts()...) {
		if f.CWE = findCWE(id); f.CWE != "" {
			break
		}
	}
	if f.Category = "network"; isWebTraffic(firstText(o.get("type")), f.Request, f.Response) {
		f.Category, f.Language = "http", "http"
	}
	var d description
	d.text(ruleText(info.get("description").str()))
	d.detail("Matched at", f.File)
	d.detail("Matcher", matcher)
	d.detail("Extractor", firstText(o.get("extractor-name"), o.get("extractor_name")))
	d.detail("Extracted", strings.Join(append(o.get("extracted-results").texts(), o.get("extracted_results").texts()...), ", "))
	d.detail("Fuzzed parameter", oneOf(o.get("fuzzing_parameter").text(), o.get("fuzzing-parameter").text()))
	d.detail("CVE", strings.Join(classification.get("cve-id").texts(), ", "))
	d.detail("Error", o.get("error").str())
	f.Message = d.String()
	return f
}

// isWebTraffic: nuclei's other protocols (dns, ssl, tcp, …) fill request and response too.
func isWebTraffic(kind, request, response string) bool {
	switch kind {
	case "http", "headless":
		return true
	case "":
		return requestLine.MatchString(firstTextLine(request)) || statusLine.MatchString(firstTextLine(response)) || request+response == ""
	}
	return false
}
