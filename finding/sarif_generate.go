package finding

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
)

const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

// The types below are the parts of SARIF that Janus writes for reports that came
// in another format. They are not used to read: see rawValue.
type (
	sarifOutRun struct {
		Tool    sarifOutTool     `json:"tool"`
		Results []sarifOutResult `json:"results"`
	}
	sarifOutTool struct {
		Driver sarifOutDriver `json:"driver"`
	}
	sarifOutDriver struct {
		Name    string         `json:"name"`
		Version string         `json:"version,omitempty"`
		Rules   []sarifOutRule `json:"rules"`
	}
	sarifOutRule struct {
		ID               string         `json:"id"`
		ShortDescription *sarifOutText  `json:"shortDescription,omitempty"`
		Properties       map[string]any `json:"properties,omitempty"`
	}
	sarifOutText struct {
		Text string `json:"text"`
	}
	sarifOutResult struct {
		RuleID       string             `json:"ruleId,omitempty"`
		RuleIndex    *int               `json:"ruleIndex,omitempty"`
		Level        string             `json:"level"`
		Message      sarifOutText       `json:"message"`
		Locations    []sarifOutLocation `json:"locations,omitempty"`
		WebRequest   *sarifOutWeb       `json:"webRequest,omitempty"`
		WebResponse  *sarifOutWeb       `json:"webResponse,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifOutLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *sarifOutRegion `json:"region,omitempty"`
		} `json:"physicalLocation"`
	}
	sarifOutRegion struct {
		StartLine int           `json:"startLine"`
		EndLine   int           `json:"endLine,omitempty"`
		Snippet   *sarifOutText `json:"snippet,omitempty"`
	}
	sarifOutWeb struct {
		Protocol     string         `json:"protocol,omitempty"`
		Version      string         `json:"version,omitempty"`
		Method       string         `json:"method,omitempty"`
		Target       string         `json:"target,omitempty"`
		StatusCode   int            `json:"statusCode,omitempty"`
		ReasonPhrase string         `json:"reasonPhrase,omitempty"`
		Headers      orderedStrings `json:"headers,omitempty"`
		Body         *sarifOutText  `json:"body,omitempty"`
	}
)

// generateRun makes a run of a report that has no SARIF document.
func generateRun(r Reviewed, o SARIFOptions, cut reportCut) sarifOutRun {
	run := sarifOutRun{Tool: sarifOutTool{sarifOutDriver{Name: "janus", Version: o.Version, Rules: []sarifOutRule{}}}, Results: []sarifOutResult{}}
	index := map[string]int{}
	prints := lineHashes{}
	for i := range r.Report.Findings {
		f, v := &r.Report.Findings[i], r.verdict(i)
		suppressed := v.Judged() && v.Verdict == FalsePositive
		if suppressed && o.DropSuppressed || cut.result(0, i) {
			continue
		}
		result := generateResult(f)
		if o.GitHub && len(f.Fingerprints) == 0 {
			hash := prints.of(f)
			result.Fingerprints = map[string]string{janusFingerprint: hash, githubFingerprint: hash}
		}
		if f.Rule != "" {
			n, known := index[f.Rule]
			if !known {
				n = len(run.Tool.Driver.Rules)
				index[f.Rule] = n
				run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, generateRule(f))
			}
			result.RuleIndex = &n
		}
		if suppressed {
			result.Suppressions = []sarifSuppression{newSuppression(v)}
		}
		if v.Done() {
			result.Properties["janus"] = newJanusProperties(v)
		}
		run.Results = append(run.Results, result)
	}
	return run
}

func generateRule(f *Finding) sarifOutRule {
	rule := sarifOutRule{ID: f.Rule}
	if f.Title != "" {
		rule.ShortDescription = &sarifOutText{f.Title}
	}
	if number, ok := strings.CutPrefix(f.CWE, "CWE-"); ok {
		// The spelling that GitHub code scanning and most viewers know.
		rule.Properties = map[string]any{"tags": []string{"security", "external/cwe/cwe-" + number}}
	}
	return rule
}

func generateResult(f *Finding) sarifOutResult {
	result := sarifOutResult{
		RuleID: f.Rule, Level: "warning", Fingerprints: f.Fingerprints,
		Properties: map[string]any{"id": f.ID},
	}
	switch f.Level {
	case "none", "note", "error":
		result.Level = f.Level
	}
	for _, text := range []string{f.Message, f.Title, f.Rule, "finding"} {
		if text != "" {
			result.Message.Text = text
			break
		}
	}
	if f.Tool != "" {
		result.Properties["tool"] = f.Tool
	}
	if f.File != "" {
		var at sarifOutLocation
		at.Physical.Artifact.URI = pathToURI(f.File)
		if line := f.LineNumber(); line > 0 {
			at.Physical.Region = &sarifOutRegion{StartLine: line, EndLine: f.EndLine}
			if f.Focus != "" {
				at.Physical.Region.Snippet = &sarifOutText{f.Focus}
			}
		}
		result.Locations = []sarifOutLocation{at}
	}
	result.WebRequest = parseWebRequest(f.Request)
	result.WebResponse = parseWebResponse(f.Response)
	return result
}

// pathToURI is uriToPath's reverse.
func pathToURI(file string) string {
	switch {
	case isAbsoluteURI(file):
		return file
	case len(file) > 1 && file[1] == ':':
		return "file:///" + (&url.URL{Path: file[:2]}).EscapedPath() + (&url.URL{Path: file[2:]}).EscapedPath()
	case strings.HasPrefix(file, "//"):
		return "file:" + (&url.URL{Path: file}).EscapedPath()
	case strings.HasPrefix(file, "/"):
		return "file://" + (&url.URL{Path: file}).EscapedPath()
	}
	return (&url.URL{Path: file}).String()
}

// parseWebRequest takes raw HTTP/1 text apart. What is no request line leaves
// the whole as the body: nothing is lost.
func parseWebRequest(raw string) *sarifOutWeb {
	if raw == "" {
		return nil
	}
	first := firstTextLine(raw)
	fields := strings.Fields(first)
	if !requestLine.MatchString(first) || len(fields) < 2 {
		return &sarifOutWeb{Body: &sarifOutText{raw}}
	}
	web := parseWebMessage(raw)
	web.Method, web.Target = fields[0], fields[1]
	if len(fields) > 2 {
		web.Protocol, web.Version, _ = strings.Cut(fields[2], "/")
	}
	return web
}

// parseWebResponse does the same for a response.
func parseWebResponse(raw string) *sarifOutWeb {
	if raw == "" {
		return nil
	}
	first := strings.TrimRight(firstTextLine(raw), "\r")
	if !statusLine.MatchString(first) {
		return &sarifOutWeb{Body: &sarifOutText{raw}}
	}
	web := parseWebMessage(raw)
	version, status, _ := strings.Cut(first, " ")
	code, reason, _ := strings.Cut(status, " ")
	web.Protocol, web.Version, _ = strings.Cut(version, "/")
	web.StatusCode, _ = strconv.Atoi(code) // three digits, says statusLine
	web.ReasonPhrase = reason
	return web
}

func parseWebMessage(raw string) *sarifOutWeb {
	head, bodyStart := splitHead([]byte(raw))
	web := &sarifOutWeb{}
	_, fields, _ := strings.Cut(string(head), "\n")
	for line := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		web.Headers.add(name, strings.TrimSpace(value))
	}
	if body := raw[bodyStart:]; body != "" {
		web.Body = &sarifOutText{body}
	}
	return web
}

// orderedStrings is a JSON object of strings that keeps its order.
type orderedStrings [][2]string

// add appends a value; one more of the same name is joined as HTTP joins fields.
func (o *orderedStrings) add(name, value string) {
	for i, have := range *o {
		if strings.EqualFold(have[0], name) {
			(*o)[i][1] += ", " + value
			return
		}
	}
	*o = append(*o, [2]string{name, value})
}

// MarshalJSON writes the object.
func (o orderedStrings) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, pair := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for k, s := range pair {
			text, err := marshal(s)
			if err != nil {
				return nil, err
			}
			if k == 1 {
				b.WriteByte(':')
			}
			b.Write(text)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
