package finding

import (
	"bytes"
	"fmt"
	"strings"
)

// kicsFormat is the results.json of KICS 1 and 2 (https://docs.kics.io/latest/results/):
// queries, each with the files in which it found something. Each file is a finding.
var kicsFormat = format{
	name:  "kics-json",
	what:  "KICS JSON",
	sniff: sniffKeys(".kics_version", ".queries[].query_id", ".queries[].query_name", ".queries_total", ".queries_failed_to_execute"),
	read:  readKICS,
}

func readKICS(in *input) error {
	found := false
	err := in.walkJSON(func(s *jsonStream, _ byte) error {
		return s.object("", func(key string) error {
			if key != "queries" {
				return s.skip()
			}
			found = true
			return s.records("queries", nil, func(r jsonRecord) error { return kicsQuery(in, s, r) })
		})
	})
	if err == nil && !found && !in.done {
		return fmt.Errorf(`%s: not a report of KICS: expected an array "queries"`, in.name)
	}
	return err
}

func kicsQuery(in *input, s *jsonStream, query jsonRecord) error {
	line, counted := query.line, 0
	files := query.get("files")
	if err := files.wantArray(); err != nil {
		return s.problem(&RowError{Line: line, Where: fmt.Sprintf("queries[%d].files", query.index), Err: err})
	}
	for i, v := range files.elems() {
		in.report.Total++
		line += bytes.Count(v.doc[counted:v.start], []byte{'\n'})
		counted = v.start
		if v.kind() != '{' {
			e := &RowError{Line: line, Where: fmt.Sprintf("queries[%d].files[%d]", query.index, i),
				Err: fmt.Errorf("expected an object, found %s", kindName(v.kind()))}
			if err := s.problem(e); err != nil {
				return err
			}
			continue
		}
		if err := s.emit(kicsFinding(query.rawObject, v.object()), line, in.report.Total-1); err != nil {
			return err
		}
	}
	return nil
}

func kicsFinding(query, file rawObject) Finding {
	platform := query.get("platform").str()
	f := Finding{
		Source:   "kics",
		Tool:     "KICS",
		Rule:     query.get("query_id").text(),
		Title:    firstText(query.get("query_name"), query.get("query_id")),
		Severity: query.get("severity").text(),
		CWE:      findCWE(canonicalCWE(query.get("cwe").text())),
		File:     slashed(file.get("file_name").str()),
		Category: "iac",
	}
	if platform != "" && platform != "Common" {
		f.Category = "iac-" + strings.ToLower(platform)
	}
	if strings.Contains(query.get("category").str(), "Secret") {
		f.Category = "secret"
	}
	f.setLines(file.get("line"), rawValue{})
	f.Level = levelOf(f.Severity)
	if f.Language = languageOf(f.File); f.Language == "" {
		f.Language = strings.ToLower(platform)
	}
	var d description
	d.text(ruleText(query.get("description").str()))
	d.detail("Expected", file.get("expected_value").text())
	d.detail("Found", file.get("actual_value").text())
	d.detail("Issue", file.get("issue_type").text())
	d.detail("Resource", strings.TrimSpace(file.get("resource_type").text()+" "+file.get("resource_name").text()))
	d.detail("Key", file.get("search_key").text())
	d.detail("Value", firstText(file.get("search_value"), file.get("value")))
	d.detail("Category", query.get("category").text())
	f.Message = d.String()
	if id := file.get("similarity_id").str(); id != "" {
		f.Fingerprints = map[string]string{"kics/similarity_id": id}
	}
	return f
}
