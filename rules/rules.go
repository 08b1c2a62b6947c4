package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/januslm/janus/finding"
)

// Tool is the tool of the candidates' findings.
const Tool = "janus"

// rule is one thing to look for.
type rule struct {
	id       string // "headers/hsts-missing"
	cwe      string
	level    string // SARIF's
	title    string
	category string
	check    func(x *exchange) (message string) // "" where nothing is wrong
}

// sets are the rules by the name that a user gives.
var sets = map[string][]rule{
	"headers": headerRules,
}

// Names lists the sets of rules.
func Names() []string { return slices.Sorted(maps.Keys(sets)) }

// New returns what makes candidates by the sets of that names, as finding.ReadOptions.Rules takes it: one for each problem
// of an exchange. No names give nil.
func New(names []string) (func(exchange finding.Finding) []finding.Finding, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var all []rule
	for i, name := range names {
		set, ok := sets[name]
		if !ok {
			return nil, fmt.Errorf("rules: expected %s, found %q", strings.Join(Names(), ", "), name)
		}
		if !slices.Contains(names[:i], name) {
			all = append(all, set...)
		}
	}
	return func(f finding.Finding) []finding.Finding {
		x := parse(&f)
		if x == nil {
			return nil
		}
		var found []finding.Finding
		for _, r := range all {
			if message := r.check(x); message != "" {
				if found == nil { // all candidates share what is kept of the exchange
					f.Request, f.Response = cutBody(f.Request), cutBody(f.Response)
				}
				found = append(found, r.candidate(&f, message))
			}
		}
		return found
	}, nil
}

// maxBodyBytes is how much of a body a candidate carries: a header's case does not stand in it, its kind of data does.
const maxBodyBytes = 4 << 10

func (r rule) candidate(f *finding.Finding, message string) finding.Finding {
	return finding.Finding{
		Tool: Tool, Rule: r.id, CWE: r.cwe, Level: r.level, Category: r.category, Title: r.title, Message: message,
		Source: f.Source, Language: "http", Request: f.Request, Response: f.Response,
	}
}

// cutBody cuts a message's body in its middle.
func cutBody(message string) string {
	_, body := splitMessage(message)
	return message[:len(message)-len(body)] + finding.CutMiddle(body, maxBodyBytes)
}
