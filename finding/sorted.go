package finding

import (
	"cmp"
	"slices"
	"strings"
)

// ranked is a finding and its verdict in the order in which people want to see
// them: what is real, what is in doubt, what failed, what was not reviewed, and
// the false alarms.
type ranked struct {
	finding *Finding
	verdict Verdict
	report  string
}

// rank lists all findings: real ones, the surest first; uncertain ones; errors;
// those not reviewed; false alarms. Equal ones stay in the reports' order.
func rank(reviewed []Reviewed) []ranked {
	var all []ranked
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			all = append(all, ranked{&r.Report.Findings[i], r.verdict(i), r.Report.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		if c := cmp.Compare(a.order(), b.order()); c != 0 {
			return c
		}
		if a.verdict.Judged() {
			return cmp.Compare(b.verdict.P, a.verdict.P)
		}
		return 0
	})
	return all
}

// The orders of rank.
const (
	orderReal = iota
	orderUncertain
	orderError
	orderLeft
	orderUnreal
)

func (r *ranked) order() int {
	switch {
	case r.verdict.Error != "":
		return orderError
	case r.verdict.Verdict == TruePositive:
		return orderReal
	case r.verdict.Verdict == FalsePositive:
		return orderUnreal
	case r.verdict.Verdict == Uncertain:
		return orderUncertain
	}
	return orderLeft
}

// word says the verdict to people.
func (r *ranked) word() string {
	return orderWords[r.order()]
}

var orderWords = [...]string{"real", "uncertain", "error", "not reviewed", "false alarm"}

// title is what the finding is about, in a line.
func (r *ranked) title() string {
	f := r.finding
	for _, text := range []string{f.Title, firstParagraph(f.Message), f.Rule, f.CWE} {
		if text = Clean(strings.TrimSpace(text)); text != "" {
			return text
		}
	}
	return "(no title)"
}
