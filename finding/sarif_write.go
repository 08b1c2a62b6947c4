package finding

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
)

// Reviewed is a report with what was found out about it: Verdicts[i] is about
// Report.Findings[i]. Verdicts may be shorter, and a zero Verdict says that the
// finding was not judged.
type Reviewed struct {
	Report   *Report
	Verdicts []Verdict
}

// verdict returns finding i's verdict, zero where there is none.
func (r Reviewed) verdict(i int) Verdict {
	if i < len(r.Verdicts) {
		return r.Verdicts[i]
	}
	return Verdict{}
}

// SARIFOptions change what WriteSARIF writes.
type SARIFOptions struct {
	// DropSuppressed leaves out every result that would be suppressed in the output:
	// those judged false, and those that came suppressed. GitHub code scanning shows
	// suppressed results as open alerts, so a report for it must not have them.
	DropSuppressed bool
	// GitHub keeps the log within the limits of GitHub code scanning, see githubLimits,
	// and gives fingerprints to results that have none.
	GitHub bool
	// Note is told what GitHub's limits left out. It may be nil.
	Note func(text string)
	// Version is Janus's own, for the tool of generated runs.
	Version string
}

// WriteSARIF writes the reports with their verdicts as one SARIF 2.1.0 log.
//
// A single SARIF report comes back as the document that it was, byte for byte,
// but for what Janus adds: every result that was judged, or that failed, gets
// properties.janus {verdict, p, reasoning, tokens, …}, and a result judged false
// a further suppression, of kind "external", status "accepted" and with the
// analysis as justification. §3.35.3 has "underReview" for a suppression that
// nobody has decided on; whoever asks Janus for verdicts takes its decision, and
// viewers hide only accepted ones. A result that carries a suppression that is
// accepted is skipped when Janus reads the log again.
//
// Other formats become a generated run of the tool "janus". Several reports
// become one log that has the runs of each, in order; the documents' other
// top-level fields are joined, and of two with the same name the first is kept
// (of arrays, which is what inlineExternalProperties is, all elements).
func WriteSARIF(w io.Writer, reviewed []Reviewed, o SARIFOptions) error {
	var out *bytes.Buffer
	var err error
	if o.GitHub {
		out, err = renderForGitHub(reviewed, o)
	} else {
		out, err = renderSARIF(reviewed, o, nil)
	}
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// renderSARIF makes the log without what is cut.
func renderSARIF(reviewed []Reviewed, o SARIFOptions, cut *sarifCut) (*bytes.Buffer, error) {
	var out bytes.Buffer
	if len(reviewed) == 1 && reviewed[0].Report.sarif != nil {
		d := reviewed[0].Report.sarif
		splice(&out, rawValue{d.root.doc, 0, len(d.root.doc)}, d.edits(reviewed[0], o, cut.of(0)))
	} else if err := joinSARIF(&out, reviewed, o, cut); err != nil {
		return nil, err
	}
	if b := out.Bytes(); len(b) == 0 || b[len(b)-1] != '\n' {
		out.WriteByte('\n')
	}
	return &out, nil
}

// joinSARIF writes several reports, or generated ones, as one log.
func joinSARIF(out *bytes.Buffer, reviewed []Reviewed, o SARIFOptions, cut *sarifCut) error {
	var keys []string // the top-level fields other than version and runs, as first seen
	fields := map[string][]byte{}
	runs := [][]byte{}
	for i, r := range reviewed {
		d, cut := r.Report.sarif, cut.of(i)
		if d == nil {
			if cut.run(0) {
				continue
			}
			run, err := marshal(generateRun(r, o, cut))
			if err != nil {
				return fmt.Errorf("%s: writing SARIF: %w", r.Report.Name, err)
			}
			runs = append(runs, run)
			continue
		}
		for _, m := range d.root.members() {
			switch first, known := fields[m.key]; {
			case m.key == "version" || m.key == "runs" || m.key == "$schema":
			case !known:
				keys = append(keys, m.key)
				fields[m.key] = m.value.bytes()
			case m.value.kind() == '[' && first[0] == '[':
				fields[m.key] = joinArrays(first, m.value.bytes())
			}
		}
		edits := d.edits(r, o, cut)
		for j, run := range d.runs.elems() {
			if cut.run(j) {
				continue
			}
			var b bytes.Buffer
			splice(&b, run, edits)
			runs = append(runs, b.Bytes())
		}
	}
	fmt.Fprintf(out, "{\"$schema\":%q,\"version\":%q", sarifSchema, SARIFVersion)
	for _, key := range keys {
		name, err := marshal(key)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, ",%s:%s", name, fields[key])
	}
	fmt.Fprintf(out, ",\"runs\":[%s]}", bytes.Join(runs, []byte{','}))
	return nil
}

// joinArrays joins the text of two JSON arrays.
func joinArrays(a, b []byte) []byte {
	a = bytes.TrimSpace(a[1 : len(a)-1])
	b = bytes.TrimSpace(b[1 : len(b)-1])
	var parts [][]byte
	for _, part := range [][]byte{a, b} {
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
}

// edit replaces the bytes [start, end) of a document.
type edit struct {
	start, end int
	text       []byte
}

// splice writes a value's bytes with the edits that lie in it. Edits are sorted
// and do not overlap.
func splice(out *bytes.Buffer, v rawValue, edits []edit) {
	at := v.start
	first := sort.Search(len(edits), func(i int) bool { return edits[i].start >= v.start })
	for _, e := range edits[first:] {
		if e.end > v.end {
			break
		}
		out.Write(v.doc[at:e.start])
		out.Write(e.text)
		at = e.end
	}
	out.Write(v.doc[at:v.end])
}

// edits lists what the verdicts change in the document.
func (d *sarifDocument) edits(r Reviewed, o SARIFOptions, cut reportCut) []edit {
	type place struct{ run, result int }
	verdicts := map[place]Verdict{}
	for i := range r.Report.Findings {
		if v := r.verdict(i); v.Done() {
			origin := r.Report.Findings[i].Origin
			verdicts[place{origin.Run, origin.Result}] = v
		}
	}
	var edits []edit
	runs := d.runs.elems()
	dropRuns := make([]bool, len(runs))
	for i, results := range d.results {
		if dropRuns[i] = cut.run(i); dropRuns[i] {
			continue
		}
		var limited *githubRun
		if o.GitHub {
			limited = newGitHubRun(runs[i], i)
			edits = append(edits, limited.cutTags()...)
		}
		drop := make([]bool, len(results))
		for j, result := range results {
			v, done := verdicts[place{i, j}]
			object := result.object()
			switch {
			case cut.result(i, j) || o.DropSuppressed && (v.Judged() && v.Verdict == FalsePositive || sarifSuppressed(object)):
				drop[j] = true
				continue
			case done:
				edits = append(edits, judge(result, object, v)...)
			}
			if limited != nil {
				edits = append(edits, limited.fit(result, object)...)
			}
		}
		edits = append(edits, dropElems(results, drop)...)
	}
	edits = append(edits, dropElems(runs, dropRuns)...)
	sort.SliceStable(edits, func(a, b int) bool { return edits[a].start < edits[b].start })
	if bytes.Contains(d.root.doc, []byte("\r\n")) {
		for i, e := range edits { // strings escape theirs, so these are the layout's
			edits[i].text = bytes.ReplaceAll(e.text, []byte("\n"), []byte("\r\n"))
		}
	}
	return edits
}

// dropElems removes elements of an array, and as many commas.
func dropElems(elems []rawValue, drop []bool) []edit {
	var edits []edit
	kept := false // is there one before this?
	for i, e := range elems {
		switch {
		case !drop[i]:
			kept = true
		case kept:
			edits = append(edits, edit{start: elems[i-1].end, end: e.end})
		case i+1 < len(elems):
			edits = append(edits, edit{start: e.start, end: elems[i+1].start})
		default:
			edits = append(edits, edit{start: e.start, end: e.end})
		}
	}
	return edits
}

// judge adds a verdict to a result.
func judge(result rawValue, object rawObject, v Verdict) []edit {
	var edits []edit
	if v.Judged() && v.Verdict == FalsePositive {
		suppression := newSuppression(v)
		if m, ok := object.member("suppressions"); ok && m.value.kind() == '[' {
			edits = append(edits, appendElem(m.value, suppression))
		} else {
			edits = append(edits, setMember(result, object, "suppressions", []sarifSuppression{suppression}))
		}
	}
	properties := newJanusProperties(v)
	if m, ok := object.member("properties"); ok && m.value.kind() == '{' {
		return append(edits, setMember(m.value, m.value.object(), "janus", properties))
	}
	return append(edits, setMember(result, object, "properties", map[string]any{"janus": properties}))
}

// sarifSuppression is §3.35.
type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

func newSuppression(v Verdict) sarifSuppression {
	why := v.Reasoning
	if why == "" {
		why = fmt.Sprintf("Judged a false alarm by Janus: the probability that it is real is %.3f.", v.P)
	}
	return sarifSuppression{Kind: "external", Status: "accepted", Justification: why}
}

// janusProperties is what a result's property bag tells of its verdict. It has no
// times: the same review gives the same bytes.
type janusProperties struct {
	Verdict    Label         `json:"verdict,omitempty"`
	P          *float64      `json:"p,omitempty"`
	Reasoning  string        `json:"reasoning,omitempty"`
	Tokens     int           `json:"tokens"`
	Trajectory []float64     `json:"trajectory,omitempty"`
	Heads      []HeadVerdict `json:"heads,omitempty"`
	Model      string        `json:"model,omitempty"`
	Adapter    string        `json:"adapter,omitempty"`
	Head       string        `json:"head,omitempty"`
	Prompt     string        `json:"prompt,omitempty"`
	Note       string        `json:"note,omitempty"`
	Error      string        `json:"error,omitempty"`
}

func newJanusProperties(v Verdict) janusProperties {
	p := janusProperties{
		Reasoning: v.Reasoning, Tokens: v.Tokens, Trajectory: v.Trajectory, Heads: v.Heads,
		Model: v.Model, Adapter: v.Adapter, Head: v.Head, Prompt: v.Prompt, Note: v.Note, Error: v.Error,
	}
	if v.Judged() {
		p.Verdict, p.P = v.Verdict, finite(v.P)
	}
	return p
}

// setMember sets a key of an object: the value of the member that is there, or a
// new last member, laid out as the object is.
func setMember(v rawValue, object rawObject, key string, value any) edit {
	m, ok := object.member(key)
	if ok {
		return edit{start: m.value.start, end: m.value.end, text: layOut(v, m.keyStart, value)}
	}
	name, _ := marshal(key) // a string always marshals
	if len(object) == 0 {
		return edit{v.start + 1, v.start + 1, append(append(name, ':'), layOut(v, v.end, value)...)}
	}
	last := object[len(object)-1]
	text := append([]byte{','}, gap(v.doc, last.keyStart)...)
	text = append(append(text, name...), ':')
	if len(gap(v.doc, last.keyStart)) > 0 {
		text = append(text, ' ')
	}
	return edit{last.value.end, last.value.end, append(text, layOut(v, last.keyStart, value)...)}
}

// appendElem adds an element at the end of an array.
func appendElem(v rawValue, value any) edit {
	elems := v.elems()
	if len(elems) == 0 {
		return edit{v.start + 1, v.start + 1, layOut(v, v.end, value)}
	}
	last := elems[len(elems)-1]
	text := append([]byte{','}, gap(v.doc, last.start)...)
	return edit{last.end, last.end, append(text, layOut(v, last.start, value)...)}
}

// gap is the line break and indentation before a key or an element, or nothing
// where it does not begin its line.
func gap(doc []byte, at int) []byte {
	i := at
	for i > 0 && (doc[i-1] == ' ' || doc[i-1] == '\t') {
		i--
	}
	if i == 0 || doc[i-1] != '\n' {
		return nil
	}
	return doc[i-1 : at]
}

// layOut writes a value that stands in container beside what begins at sibling,
// with the same indentation, or compact where the document is.
func layOut(container rawValue, sibling int, value any) []byte {
	compact, err := marshal(value)
	if err != nil {
		// Only numbers could fail, and finite has seen to them.
		return []byte("null")
	}
	indent := gap(container.doc, sibling)
	if len(indent) == 0 {
		return compact
	}
	prefix := string(indent[1:])
	unit := "  "
	if outer := gap(container.doc, container.end-1); len(outer) > 0 && len(outer)-1 < len(prefix) {
		unit = prefix[len(outer)-1:]
	}
	var out bytes.Buffer
	if json.Indent(&out, compact, prefix, unit) != nil {
		return compact
	}
	return out.Bytes()
}
