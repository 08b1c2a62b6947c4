package finding

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"slices"
)

// githubLimits are those beyond which GitHub code scanning refuses a file
// (https://docs.github.com/en/code-security/code-scanning, "SARIF results exceed
// one or more limits", 2026). Of what is accepted it shows less: the 5,000 worst
// results, 1,000 steps of a flow, 100 locations, 10 tags.
type githubLimits struct {
	runs, results, rules, extensions, flowLocations, locations, tags int
	bytes                                                            int // compressed by gzip
}

var github = githubLimits{
	runs: 20, results: 25_000, rules: 25_000, extensions: 100, flowLocations: 10_000, locations: 1_000, tags: 20,
	bytes: 10_000_000, // "10 MB": the smaller of the two that this may mean
}

// sarifCut says what is left out of a log. nil leaves nothing out.
type sarifCut struct {
	runs    map[[2]int]bool // report, run
	results map[[3]int]bool // report, run, result
}

// reportCut is the part of a sarifCut that is about one report.
type reportCut struct {
	all    *sarifCut
	report int
}

func (c *sarifCut) of(report int) reportCut { return reportCut{c, report} }

func (c reportCut) run(run int) bool { return c.all != nil && c.all.runs[[2]int{c.report, run}] }

func (c reportCut) result(run, result int) bool {
	return c.all != nil && c.all.results[[3]int{c.report, run, result}]
}

// githubResult is a result that would be written, and what it is worth.
type githubResult struct {
	place      [3]int // report, run, result
	suppressed bool
	level      int // 0 is the worst
	p          float64
}

// compareWorth puts first what is left out last: results that are not suppressed,
// of a higher level, more probably real, and earlier in the log.
func compareWorth(a, b githubResult) int {
	if a.suppressed != b.suppressed {
		if a.suppressed {
			return 1
		}
		return -1
	}
	if c := cmp.Compare(a.level, b.level); c != 0 && !a.suppressed {
		return c
	}
	if c := cmp.Compare(b.p, a.p); c != 0 {
		return c
	}
	return slices.Compare(a.place[:], b.place[:])
}

// renderForGitHub makes a log that GitHub takes. What must go goes in the order of
// compareWorth, from its end: false alarms and suppressed results first, then the
// lowest levels, and of these the least probable ones.
func renderForGitHub(reviewed []Reviewed, o SARIFOptions) (*bytes.Buffer, error) {
	results, runs := githubResults(reviewed, o)
	slices.SortFunc(results, compareWorth)
	cut := &sarifCut{runs: map[[2]int]bool{}, results: map[[3]int]bool{}}
	notes := githubNotes{total: len(results)}
	results = notes.cutRuns(cut, results, runs)
	results = notes.cutResults(cut, results)
	for {
		out, err := renderSARIF(reviewed, o, cut)
		if err != nil {
			return nil, err
		}
		size, err := gzipSize(out.Bytes())
		if err != nil {
			return nil, err
		}
		if size <= github.bytes {
			notes.other(reviewed)
			notes.tell(o.Note, len(results))
			return out, nil
		}
		if len(results) == 0 {
			return nil, fmt.Errorf("SARIF for GitHub: without any result it still has %s bytes compressed, and GitHub takes %s: "+
				"have the scanner leave out artifacts' contents and rules that no result has", Thousands(size), Thousands(github.bytes))
		}
		// A little more than the share that is too much, so that this ends soon.
		keep := min(int(float64(len(results))*float64(github.bytes)/float64(size)*0.98), len(results)-1)
		notes.forSize += len(results) - keep
		for _, r := range results[keep:] {
			cut.results[r.place] = true
		}
		results = results[:keep]
	}
}

// githubResults lists what would be written, and the runs that there are.
func githubResults(reviewed []Reviewed, o SARIFOptions) (results []githubResult, runs [][2]int) {
	for i, r := range reviewed {
		verdicts := map[[2]int]int{}
		for k := range r.Report.Findings {
			f, v := &r.Report.Findings[k], r.verdict(k)
			origin := [2]int{f.Origin.Run, f.Origin.Result}
			if r.Report.sarif == nil {
				origin = [2]int{0, k}
			}
			verdicts[origin] = k
			result := githubResult{place: [3]int{i, origin[0], origin[1]}, level: levelOrder(f.Level), p: 0.5, suppressed: v.Judged() && v.Verdict == FalsePositive}
			if v.Judged() && finite(v.P) != nil {
				result.p = v.P
			}
			if !result.suppressed || !o.DropSuppressed {
				results = append(results, result)
			}
		}
		if r.Report.sarif == nil {
			runs = append(runs, [2]int{i, 0})
			continue
		}
		for run, list := range r.Report.sarif.results {
			runs = append(runs, [2]int{i, run})
			for k, value := range list {
				if _, known := verdicts[[2]int{run, k}]; known {
					continue
				}
				// Suppressed, absent, passed, or not readable: nobody waits for it.
				if !o.DropSuppressed || !sarifSuppressed(value.object()) {
					results = append(results, githubResult{place: [3]int{i, run, k}, suppressed: true, p: -1})
				}
			}
		}
	}
	return results, runs
}

// githubNotes count what is left out, and why.
type githubNotes struct {
	total, forSize   int
	runs, inRuns     int
	tooMany          int
	rules, extension int // the most that a run has
}

// cutRuns leaves out runs, those first whose best result is worth least.
func (n *githubNotes) cutRuns(cut *sarifCut, results []githubResult, runs [][2]int) []githubResult {
	if len(runs) <= github.runs {
		return results
	}
	kept := map[[2]int]bool{}
	var order [][2]int
	for _, r := range results { // the best first
		run := [2]int{r.place[0], r.place[1]}
		if !kept[run] {
			kept[run] = true
			order = append(order, run)
		}
	}
	for _, run := range runs { // those without results come last
		if !kept[run] {
			order = append(order, run)
		}
	}
	for _, run := range order[github.runs:] {
		cut.runs[run] = true
		n.runs++
	}
	left := slices.DeleteFunc(slices.Clone(results), func(r githubResult) bool { return cut.runs[[2]int{r.place[0], r.place[1]}] })
	n.inRuns = len(results) - len(left)
	return left
}

// cutResults leaves out results of runs that have too many.
func (n *githubNotes) cutResults(cut *sarifCut, results []githubResult) []githubResult {
	count := map[[2]int]int{}
	left := slices.DeleteFunc(slices.Clone(results), func(r githubResult) bool {
		run := [2]int{r.place[0], r.place[1]}
		if count[run]++; count[run] <= github.results {
			return false
		}
		cut.results[r.place] = true
		return true
	})
	n.tooMany = len(results) - len(left)
	return left
}

// other looks for what can't be cut without changing what results refer to.
func (n *githubNotes) other(reviewed []Reviewed) {
	for _, r := range reviewed {
		if r.Report.sarif == nil {
			continue
		}
		for _, run := range r.Report.sarif.runs.elems() {
			tool := run.get("tool")
			extensions := tool.get("extensions").elems()
			n.extension = max(n.extension, len(extensions))
			rules := len(tool.get("driver", "rules").elems())
			for _, e := range extensions {
				rules += len(e.get("rules").elems())
			}
			n.rules = max(n.rules, rules)
		}
	}
}

func (n *githubNotes) tell(note func(string), left int) {
	if note == nil {
		return
	}
	if n.runs > 0 {
		note(fmt.Sprintf("GitHub takes %d runs: %s with %s left out", github.runs, plural(n.runs, "run"), plural(n.inRuns, "result")))
	}
	if n.tooMany > 0 {
		note(fmt.Sprintf("GitHub takes %s results a run: %s left out, false alarms and the lowest levels first", Thousands(github.results), plural(n.tooMany, "result")))
	}
	if n.forSize > 0 {
		note(fmt.Sprintf("GitHub takes %s bytes compressed: %s left out, false alarms and the lowest levels first", Thousands(github.bytes), plural(n.forSize, "result")))
	}
	if left < n.total {
		note(fmt.Sprintf("%s of %s results are written", Thousands(left), Thousands(n.total)))
	}
	if n.rules > github.rules {
		note(fmt.Sprintf("a run has %s rules, and GitHub takes %s: it may refuse the file", Thousands(n.rules), Thousands(github.rules)))
	}
	if n.extension > github.extensions {
		note(fmt.Sprintf("a run has %d tool extensions, and GitHub takes %d: it may refuse the file", n.extension, github.extensions))
	}
}

// gzipSize is the size of a text after gzip.
func gzipSize(text []byte) (int, error) {
	var size countingWriter
	z := gzip.NewWriter(&size)
	_, err := z.Write(text)
	return int(size), errors.Join(err, z.Close())
}

type countingWriter int

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}

// githubRun fits the parts of a run's results.
type githubRun struct {
	value  rawValue
	run    *sarifRun
	prints lineHashes
}

func newGitHubRun(value rawValue, index int) *githubRun {
	if value.kind() != '{' {
		return &githubRun{value: value, prints: lineHashes{}}
	}
	return &githubRun{value, newSARIFRun(value, index), lineHashes{}}
}

// cutTags leaves each rule as many tags as GitHub takes; those that it knows, and
// those that name a weakness, are the last to go.
func (g *githubRun) cutTags() []edit {
	if g.run == nil {
		return nil
	}
	var edits []edit
	for _, component := range g.run.components {
		for _, rule := range component.rules {
			tags := rule.properties().get("tags").elems()
			over := len(tags) - github.tags
			if over <= 0 {
				continue
			}
			drop := make([]bool, len(tags))
			for _, needed := range []bool{false, true} {
				for i := len(tags) - 1; i >= 0 && over > 0; i-- {
					tag := tags[i].str()
					if keep := tag == "security" || findCWE(tag) != ""; keep == needed && !drop[i] {
						drop[i] = true
						over--
					}
				}
			}
			edits = append(edits, dropElems(tags, drop)...)
		}
	}
	return edits
}

// fit cuts a result's locations and flows, and gives it a fingerprint where it has none.
func (g *githubRun) fit(result rawValue, object rawObject) []edit {
	if g.run == nil || result.kind() != '{' {
		return nil
	}
	edits := keepFirst(object.get("locations").elems(), github.locations)
	edits = append(edits, fitFlows(object.get("codeFlows").elems())...)
	if len(object.get("partialFingerprints").members()) == 0 {
		f := g.run.finding(object)
		edits = append(edits, setMember(result, object, "partialFingerprints", map[string]string{janusFingerprint: g.prints.of(&f)}))
	}
	return edits
}

func keepFirst(elems []rawValue, most int) []edit {
	if len(elems) <= most {
		return nil
	}
	return []edit{{start: elems[most-1].end, end: elems[len(elems)-1].end}}
}

// fitFlows keeps as many flows as have room; of a first one that is too long, its beginning.
func fitFlows(flows []rawValue) []edit {
	room := github.flowLocations
	drop := make([]bool, len(flows))
	var edits []edit
	for i, flow := range flows {
		var lists [][]rawValue
		steps := 0
		for _, thread := range flow.get("threadFlows").elems() {
			list := thread.get("locations").elems()
			lists, steps = append(lists, list), steps+len(list)
		}
		switch {
		case steps <= room:
			room -= steps
		case i > 0:
			drop[i] = true
		default:
			for _, list := range lists {
				keep := max(min(len(list), room), 1) // a flow has one location at least
				edits = append(edits, keepFirst(list, keep)...)
				room = max(room-keep, 0)
			}
		}
	}
	return append(edits, dropElems(flows, drop)...)
}
