package finding

import (
	"fmt"
	"strings"
)

// semgrepFormat is what `semgrep --json` writes, of the versions 0.x and 1.x
// (https://github.com/semgrep/semgrep-interfaces, semgrep_output_v1).
var semgrepFormat = format{
	name: "semgrep-json",
	what: "Semgrep JSON",
	sniff: func(head []byte) bool {
		if !looksLikeJSON(head) {
			return false
		}
		keys := outline(head)
		if hasAny(keys, ".results[].check_id") {
			return true
		}
		for path := range keys {
			if strings.HasPrefix(path, ".results[].") {
				return false // another tool's results: Bandit's look alike from afar
			}
		}
		return hasAny(keys, ".results[]") && hasAny(keys, ".errors[]", ".paths.scanned[]", ".skipped_rules[]", ".interfile_languages_used[]")
	},
	read: readSemgrep,
}

func readSemgrep(in *input) error {
	failed, found := 0, false
	err := in.walkJSON(func(s *jsonStream, _ byte) error {
		return s.object("", func(key string) error {
			switch key {
			case "results":
				found = true
				return s.records("results", &in.report.Total, func(r jsonRecord) error { return semgrepResult(in, s, r) })
			case "errors":
				return s.array("errors", func(int) error { failed++; return s.skip() })
			}
			return s.skip()
		})
	})
	if failed > 0 {
		in.report.Notes = append(in.report.Notes, fmt.Sprintf("Semgrep reports %d errors of its own: some code may not have been scanned", failed))
	}
	if err == nil && !found && !in.done {
		return fmt.Errorf(`%s: not a report of Semgrep: expected an array "results"`, in.name)
	}
	return err
}

func semgrepResult(in *input, s *jsonStream, r jsonRecord) error {
	extra := r.get("extra").object()
	if r.get("is_ignored").text() == "true" || extra.get("is_ignored").text() == "true" { // a nosemgrep comment
		in.report.Suppressed++
		return nil
	}
	return s.emit(semgrepFinding(r.rawObject, extra), r.line, r.index)
}

// needsLogin stands where Semgrep's community edition leaves a field out.
const needsLogin = "requires login"

func semgrepFinding(r, extra rawObject) Finding {
	metadata := extra.get("metadata").object()
	f := Finding{
		Source:   "semgrep",
		Tool:     "Semgrep",
		Rule:     r.get("check_id").text(),
		File:     slashed(r.get("path").str()),
		Severity: extra.get("severity").text(),
		Category: "code",
	}
	f.setLines(r.get("start").get("line"), r.get("end").get("line"))
	f.Language = languageOf(f.File)
	f.Level = levelOf(f.Severity)
	f.Title = f.Rule[strings.LastIndexByte(f.Rule, '.')+1:]
	if class := metadata.get("vulnerability_class").texts(); len(class) > 0 {
		f.Title += " (" + strings.Join(class, ", ") + ")"
	}
	for _, text := range append(metadata.get("cwe").texts(), metadata.get("cwe-id").texts()...) {
		if f.CWE = findCWE(canonicalCWE(text)); f.CWE != "" {
			break
		}
	}
	if lines := extra.get("lines").str(); lines != needsLogin {
		f.Snippet = strings.Trim(lines, "\r\n")
	}
	var d description
	d.text(extra.get("message").str())
	d.detail("Confidence of the rule", metadata.get("confidence").text())
	d.detail("Secret", extra.get("validation_state").text())
	if sca := extra.get("sca_info").object(); len(sca) > 0 {
		d.detail("Dependency", semgrepDependency(sca))
		d.detail("Vulnerable code is reached", sca.get("reachable").text())
	}
	f.Message = d.String()
	f.Flow = semgrepFlow(extra.get("dataflow_trace").object())
	if print := extra.get("fingerprint").str(); print != "" && print != needsLogin {
		f.Fingerprints = map[string]string{"semgrep/fingerprint": print}
	}
	return f
}

func semgrepDependency(sca rawObject) string {
	found := sca.get("dependency_match").get("found_dependency").object()
	name, version := found.get("package").str(), found.get("version").str()
	if name == "" {
		return ""
	}
	return strings.TrimSpace(name + " " + version)
}

// semgrepFlow lists a taint trace from source to sink. Its ends are variants of
// OCaml, a list of a name and a value: ["CliLoc", [location, code]], or ["CliCall",
// [[location, code], variables, call]] for a flow through a function.
func semgrepFlow(trace rawObject) []string {
	var out []string
	add := func(location rawValue, code string) {
		place := location.get("path").str()
		if line, ok := location.get("start").get("line").num(); ok {
			place = fmt.Sprintf("%s:%d", place, line)
		}
		if text := strings.Join(strings.Fields(code), " "); place != "" || text != "" {
			out = append(out, strings.Trim(slashed(place)+": "+text, ": "))
		}
	}
	var end func(v rawValue, depth int)
	end = func(v rawValue, depth int) {
		value := v.at(1)
		switch first := value.at(0); {
		case first.kind() == '{':
			add(first, value.at(1).str())
		case first.kind() == '[':
			add(first.at(0), first.at(1).str())
			if depth < maxFlowSteps {
				end(value.at(2), depth+1)
			}
		}
	}
	end(trace.get("taint_source"), 0)
	for i, v := range trace.get("intermediate_vars").elems() {
		if i == maxFlowSteps {
			out = append(out, "[… more steps …]")
			break
		}
		add(v.get("location"), v.get("content").str())
	}
	end(trace.get("taint_sink"), 0)
	return out
}
