package finding

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withLimits runs a test under smaller limits than GitHub's.
func withLimits(t *testing.T, change func(*githubLimits)) {
	before := github
	t.Cleanup(func() { github = before })
	change(&github)
}

// githubLog is a log of runs, each with results of the levels given.
func githubLog(runs ...string) string {
	var texts []string
	for i, levels := range runs {
		var results []string
		for k, level := range strings.Fields(levels) {
			results = append(results, fmt.Sprintf(`{"ruleId":"R","level":%q,"message":{"text":"m%d.%d"}}`, level, i, k))
		}
		texts = append(texts, fmt.Sprintf(`{"tool":{"driver":{"name":"T%d"}},"results":[%s]}`, i, strings.Join(results, ",")))
	}
	return `{"version":"2.1.0","runs":[` + strings.Join(texts, ",\n") + `]}`
}

// writeForGitHub gives the messages that are written, run by run, and the notes.
func writeForGitHub(t *testing.T, o SARIFOptions, reviewed ...Reviewed) (messages, notes []string) {
	t.Helper()
	o.GitHub, o.Note = true, func(text string) { notes = append(notes, text) }
	_, log := writeSARIF(t, o, reviewed...)
	for _, run := range at(log, "runs").([]any) {
		var texts []string
		for _, result := range at(run, "results").([]any) {
			texts = append(texts, at(result, "message", "text").(string))
			if prints, ok := at(result, "partialFingerprints").(map[string]any); !ok || len(prints) == 0 {
				t.Errorf("no fingerprint: %v", result)
			}
		}
		messages = append(messages, strings.Join(texts, " "))
	}
	return messages, notes
}

func TestGitHubResults(t *testing.T) {
	withLimits(t, func(l *githubLimits) { l.results = 3 })
	report := readString(t, githubLog("note error warning error warning none", "note"), "auto")
	verdicts := make([]Verdict, 7)
	verdicts[1] = Verdict{Verdict: FalsePositive, P: 0.25, Reasoning: "r"} // an error, but a false alarm
	verdicts[2] = Verdict{Verdict: TruePositive, P: 0.75}
	verdicts[4] = Verdict{Verdict: Uncertain, P: 0.625}
	got, notes := writeForGitHub(t, SARIFOptions{}, Reviewed{report, verdicts})
	if diff := cmp.Diff([]string{"m0.2 m0.3 m0.4", "m1.0"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"GitHub takes 3 results a run: 3 results left out, false alarms and the lowest levels first", "4 of 7 results are written"}, notes); diff != "" {
		t.Error(diff)
	}
	// Dropped ones are not counted as left out for a limit.
	got, notes = writeForGitHub(t, SARIFOptions{DropSuppressed: true}, Reviewed{report, verdicts})
	if got[0] != "m0.2 m0.3 m0.4" || notes[1] != "4 of 6 results are written" {
		t.Error(got, notes)
	}
}

func TestGitHubRuns(t *testing.T) {
	withLimits(t, func(l *githubLimits) { l.runs = 2 })
	one := readString(t, githubLog("note", "warning", "", "error note"), "auto")
	two := &Report{Name: "x", Findings: []Finding{{ID: "a", Rule: "R", Message: "mine", Level: "error"}}}
	for _, tc := range []struct {
		reviewed []Reviewed
		want     []string
		note     string
	}{
		{[]Reviewed{{Report: one}}, []string{"m1.0", "m3.0 m3.1"}, "GitHub takes 2 runs: 2 runs with 1 result left out"},
		{[]Reviewed{{Report: one}, {Report: two}}, []string{"m3.0 m3.1", "mine"}, "GitHub takes 2 runs: 3 runs with 2 results left out"},
		{[]Reviewed{{Report: two, Verdicts: []Verdict{{Verdict: FalsePositive}}}, {Report: one}}, []string{"m1.0", "m3.0 m3.1"}, "GitHub takes 2 runs: 3 runs with 2 results left out"},
	} {
		got, notes := writeForGitHub(t, SARIFOptions{}, tc.reviewed...)
		if diff := cmp.Diff(tc.want, got); diff != "" || notes[0] != tc.note {
			t.Error(diff, notes)
		}
	}
}

func TestGitHubSize(t *testing.T) {
	withLimits(t, func(l *githubLimits) { l.bytes = 3000 })
	report := &Report{Name: "x"}
	var verdicts []Verdict
	for i := range 300 {
		f := Finding{ID: fmt.Sprint(i), Rule: "R", Message: fmt.Sprintf("m%x", i*i*7919), Level: "warning"}
		report.Findings = append(report.Findings, f)
		verdicts = append(verdicts, Verdict{Verdict: TruePositive, P: float64(i) / 300})
	}
	var notes []string
	var out bytes.Buffer
	o := SARIFOptions{GitHub: true, Note: func(text string) { notes = append(notes, text) }}
	if err := WriteSARIF(&out, []Reviewed{{report, verdicts}}, o); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(out.Bytes()); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	again := readString(t, out.String(), "auto")
	n := len(again.Findings)
	if packed.Len() > 3000 || n < 20 || again.Findings[n-1].Message != report.Findings[299].Message || again.Findings[0].Message != report.Findings[300-n].Message {
		t.Errorf("%d bytes, %d results", packed.Len(), n)
	}
	if len(notes) != 2 || !strings.HasPrefix(notes[0], fmt.Sprintf("GitHub takes 3,000 bytes compressed: %d results left out", 300-n)) {
		t.Error(notes)
	}
	withLimits(t, func(l *githubLimits) { l.bytes = 10 })
	if err := WriteSARIF(&out, []Reviewed{{report, verdicts}}, o); err == nil || !strings.Contains(err.Error(), "without any result it still has") {
		t.Error(err)
	}
}

func TestGitHubParts(t *testing.T) {
	withLimits(t, func(l *githubLimits) { l.tags, l.locations, l.flowLocations, l.rules, l.extensions = 3, 2, 4, 1, 1 })
	flow := func(steps ...int) string {
		var threads []string
		for _, n := range steps {
			threads = append(threads, `{"locations":[`+strings.TrimSuffix(strings.Repeat("{},", n), ",")+`]}`)
		}
		return `{"threadFlows":[` + strings.Join(threads, ",") + `]}`
	}
	doc := `{"version":"2.1.0","runs":[{"tool":{"extensions":[{},{}],"driver":{"name":"T","rules":[{"id":"A"},{"id":"R","properties":{"tags":["a","b","security","c","external/cwe/cwe-079"]}}]}},"results":[
	{"ruleId":"R","message":{"text":"m"},"locations":[{},{},{},{}],"codeFlows":[` + flow(3) + `,` + flow(2) + `,` + flow(1) + `]},
	{"ruleId":"R","message":{"text":"n"},"codeFlows":[` + flow(3, 3, 3) + `],"partialFingerprints":{"own":"1"}}]}]}`
	var notes []string
	_, log := writeSARIF(t, SARIFOptions{GitHub: true, Note: func(text string) { notes = append(notes, text) }}, Reviewed{Report: readString(t, doc, "auto")})
	run := at(log, "runs", 0)
	if diff := cmp.Diff([]any{"a", "security", "external/cwe/cwe-079"}, at(run, "tool", "driver", "rules", 1, "properties", "tags")); diff != "" {
		t.Error(diff)
	}
	steps := func(result int) (out []int) {
		for _, f := range at(run, "results", result, "codeFlows").([]any) {
			for _, thread := range at(f, "threadFlows").([]any) {
				out = append(out, len(at(thread, "locations").([]any)))
			}
		}
		return out
	}
	if n := len(at(run, "results", 0, "locations").([]any)); n != 2 {
		t.Errorf("%d locations", n)
	}
	if diff := cmp.Diff([][]int{{3, 1}, {3, 1, 1}}, [][]int{steps(0), steps(1)}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"own": "1"}, at(run, "results", 1, "partialFingerprints")); diff != "" {
		t.Error(diff)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "2 rules") || !strings.Contains(notes[1], "2 tool extensions") {
		t.Error(notes)
	}
}

// TestGitHubWithinLimits: of a real report, only fingerprints are new.
func TestGitHubWithinLimits(t *testing.T) {
	for _, name := range []string{"spotbugs.sarif", "suppression_test.sarif", "taint-python-report.sarif"} {
		report := readFile(t, name)
		_, want := writeSARIF(t, SARIFOptions{}, Reviewed{Report: report})
		_, got := writeSARIF(t, SARIFOptions{GitHub: true}, Reviewed{Report: report})
		seen := map[string]bool{}
		for i, run := range at(got, "runs").([]any) {
			for k, result := range at(run, "results").([]any) {
				before := at(want, "runs", i, "results", k)
				if at(before, "partialFingerprints") != nil {
					continue
				}
				hash := at(result, "partialFingerprints", "janus/v1").(string)
				if seen[hash] {
					t.Errorf("%s: two results have the fingerprint %s", name, hash)
				}
				seen[hash] = true
				delete(result.(map[string]any), "partialFingerprints")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLineHashes(t *testing.T) {
	line, moved := 3, 30
	hash := func(f Finding) string { return lineHashes{}.of(&f) }
	f := Finding{Rule: "R", File: "a.c", Line: &line, Snippet: "   2 | x\n>> 3 | strcpy(a,  b);\n   4 | y"}
	g := f
	g.Line, g.Snippet = &moved, "   29 | other\n>> 30 |\tstrcpy(a, b);\n   31 | lines"
	if hash(f) != hash(g) {
		t.Error("the fingerprint changes when the line moves")
	}
	g.Rule = "S"
	if hash(f) == hash(g) {
		t.Error("two rules have the same fingerprint")
	}
	if a, b := hash(Finding{Rule: "R", Message: "buffer of line 12"}), hash(Finding{Rule: "R", Message: "buffer of line 7"}); a != b {
		t.Error("without code, the fingerprint changes with the numbers of the message")
	}
	seen := lineHashes{}
	if a, b := seen.of(&f), seen.of(&f); a[:16] != b[:16] || a[16:] != ":1" || b[16:] != ":2" {
		t.Error(a, b)
	}
}
