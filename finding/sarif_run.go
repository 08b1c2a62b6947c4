package finding

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// sarifRun is one run of a log, with what its results refer to made easy to find.
type sarifRun struct {
	index      int
	object     rawObject
	tool       string
	results    []rawValue
	components []sarifComponent // the driver, then the extensions; never empty
	artifacts  []rawValue
	bases      rawObject // originalUriBaseIds

	// Found once, not once a result: a log may have 100,000 results.
	embedded   map[string]rawValue   // artifacts that carry their contents, by URI
	lists      map[string][]rawValue // arrays of the run that results index into
	taxonomies []sarifTaxonomy       // nil before they are asked for
	ruleCWEs   map[int]string        // by where the rule stands in the document
}

// sarifComponent is a tool's driver or one of its extensions.
type sarifComponent struct {
	name, guid     string
	rules          []sarifRule
	byID           map[string]int
	globalMessages rawValue
}

// sarifRule is a reportingDescriptor. The zero sarifRule, with only an id, stands
// for a rule that the log does not describe.
type sarifRule struct {
	id        string
	component int // index into sarifRun.components
	object    rawObject
}

func newSARIFRun(value rawValue, index int) *sarifRun {
	object := value.object()
	tool := object.get("tool")
	driver := tool.get("driver")
	run := &sarifRun{
		index:     index,
		object:    object,
		tool:      driver.get("name").str(),
		results:   object.get("results").elems(),
		artifacts: object.get("artifacts").elems(),
		bases:     object.get("originalUriBaseIds").object(),
		embedded:  map[string]rawValue{},
		lists:     map[string][]rawValue{},
		ruleCWEs:  map[int]string{},
	}
	for _, a := range run.artifacts {
		if o := a.object(); o.get("contents").exists() {
			run.embedded[o.get("location").get("uri").str()] = a
		}
	}
	for i, component := range append([]rawValue{driver}, tool.get("extensions").elems()...) {
		run.components = append(run.components, newSARIFComponent(component, i))
	}
	return run
}

func newSARIFComponent(value rawValue, index int) sarifComponent {
	c := sarifComponent{
		name:           value.get("name").str(),
		guid:           value.get("guid").str(),
		byID:           map[string]int{},
		globalMessages: value.get("globalMessageStrings"),
	}
	for i, rule := range value.get("rules").elems() {
		object := rule.object()
		id := object.get("id").str()
		c.rules = append(c.rules, sarifRule{id: id, component: index, object: object})
		if _, dup := c.byID[id]; !dup {
			c.byID[id] = i
		}
	}
	return c
}

// title is what the rule looks for, in a line.
func (r sarifRule) title() string {
	title := firstText(r.object.get("shortDescription").get("text"), r.object.get("name"), r.object.get("fullDescription").get("text"))
	if title == "" {
		return r.id
	}
	return strings.Join(strings.Fields(title), " ")
}

func (r sarifRule) properties() rawValue { return r.object.get("properties") }

// rule finds the result's rule (§3.27.5 to §3.27.7): by index where the index
// and the id agree, else by id, in the component that the result names or else
// in all of them. An id may have parts after the rule's own: "CA1000/1".
func (run *sarifRun) rule(result rawObject) sarifRule {
	reference := result.get("rule")
	id := firstText(result.get("ruleId"), reference.get("id"))
	index, hasIndex := reference.get("index").num()
	if !hasIndex {
		index, hasIndex = result.get("ruleIndex").num()
	}
	component, named := run.component(reference.get("toolComponent"))
	if hasIndex && index >= 0 && index < len(run.components[component].rules) {
		rule := run.components[component].rules[index]
		if id == "" || id == rule.id || strings.HasPrefix(id, rule.id+"/") {
			if id != "" {
				rule.id = id
			}
			return rule
		}
	}
	components := run.components
	if named {
		components = components[component : component+1]
	}
	for prefix := id; prefix != ""; prefix = prefix[:max(strings.LastIndexByte(prefix, '/'), 0)] {
		for _, c := range components {
			if i, ok := c.byID[prefix]; ok {
				rule := c.rules[i]
				rule.id = id
				return rule
			}
		}
	}
	return sarifRule{id: id, component: component}
}

// component resolves a toolComponentReference; without one it is the driver.
func (run *sarifRun) component(reference rawValue) (index int, named bool) {
	if i, ok := reference.get("index").num(); ok && i >= 0 && i+1 < len(run.components) {
		return i + 1, true // index counts the extensions
	}
	guid, name := reference.get("guid").str(), reference.get("name").str()
	for i, c := range run.components {
		if guid != "" && strings.EqualFold(c.guid, guid) || guid == "" && name != "" && c.name == name {
			return i, true
		}
	}
	return 0, false
}

// artifact is what the log tells of a location's file.
func (run *sarifRun) artifact(location rawValue) rawValue {
	if i, ok := location.get("index").num(); ok && i >= 0 && i < len(run.artifacts) {
		return run.artifacts[i]
	}
	return run.embedded[location.get("uri").str()]
}

// listed is element i of one of the run's own arrays.
func (run *sarifRun) listed(name string, i int) rawValue {
	list, known := run.lists[name]
	if !known {
		list = run.object.get(name).elems()
		run.lists[name] = list
	}
	if i < 0 || i >= len(list) {
		return rawValue{}
	}
	return list[i]
}

// file gives a location's file as a path: relative where the log says relative
// to what, percent-decoded, with forward slashes. Other URLs stay as they are.
func (run *sarifRun) file(location rawValue) string {
	object := location.object()
	uri, base := object.get("uri").str(), object.get("uriBaseId").str()
	if uri == "" {
		declared := run.artifact(location).get("location").object()
		uri = declared.get("uri").str()
		if base == "" {
			base = declared.get("uriBaseId").str()
		}
	}
	if uri == "" {
		return ""
	}
	// A base id may stand for a folder below another one. The chain ends at an
	// absolute URI, which is where the tree lay on the scanner's machine, or at a
	// base that the log does not tell. The count guards against a cycle.
	for range 10 {
		if base == "" || isAbsoluteURI(uri) {
			break
		}
		parent := run.bases.get(base).object()
		prefix := parent.get("uri").str()
		if prefix == "" || isAbsoluteURI(prefix) {
			break
		}
		uri, base = strings.TrimSuffix(prefix, "/")+"/"+uri, parent.get("uriBaseId").str()
	}
	if isAbsoluteURI(uri) {
		for _, m := range run.bases {
			root := m.value.get("uri").str()
			if isAbsoluteURI(root) && strings.HasSuffix(root, "/") && strings.HasPrefix(uri, root) && len(uri) > len(root) {
				uri = uri[len(root):]
				break
			}
		}
	}
	return uriToPath(uri)
}

// isAbsoluteURI: has a scheme. "C:/x" is a path that some tools write for a URI.
func isAbsoluteURI(uri string) bool {
	scheme, _, ok := strings.Cut(uri, ":")
	return ok && len(scheme) > 1 && !strings.ContainsAny(scheme, "/\\.%?# ")
}

// uriToPath decodes a file: URI or a relative one; any other URI is left alone.
func uriToPath(uri string) string {
	if rest, ok := strings.CutPrefix(uri, "file:"); ok {
		if strings.HasPrefix(rest, "//") {
			host, path, _ := strings.Cut(rest[2:], "/")
			rest = "/" + path
			if host != "" && !strings.EqualFold(host, "localhost") {
				rest = "//" + host + rest // a share
			}
		}
		uri = rest
		if len(uri) > 2 && uri[0] == '/' && uri[2] == ':' {
			uri = uri[1:] // /C:/code
		}
	} else if isAbsoluteURI(uri) {
		return uri
	}
	if decoded, err := url.PathUnescape(uri); err == nil && utf8.ValidString(decoded) {
		uri = decoded
	}
	return strings.ReplaceAll(uri, `\`, "/")
}

// webMessage renders a webRequest or webResponse, which may be a reference by
// index into the run's own list.
func (run *sarifRun) webMessage(value rawValue, list string, render func(rawObject) string) string {
	if value.kind() != '{' {
		return ""
	}
	object := value.object()
	if i, ok := object.get("index").num(); ok && i >= 0 && len(object) == 1 {
		object = run.listed(list, i).object()
	}
	return render(object)
}

// formatWebRequest is §3.46 as HTTP/1 text.
func formatWebRequest(o rawObject) string {
	if len(o) == 0 {
		return ""
	}
	method, target := o.get("method").str(), o.get("target").str()
	if method == "" {
		method = "GET"
	}
	if target == "" {
		target = "/"
	}
	line := method + " " + target + " " + httpVersion(o)
	return line + "\r\n" + formatHeaders(o) + "\r\n" + formatBody(o.get("body"))
}

// formatWebResponse is §3.47 as HTTP/1 text.
func formatWebResponse(o rawObject) string {
	if len(o) == 0 || o.get("noResponseReceived").text() == "true" {
		return ""
	}
	status := o.get("statusCode").text()
	if status == "" {
		status = "000" // not given
	}
	line := strings.TrimRight(httpVersion(o)+" "+status+" "+o.get("reasonPhrase").str(), " ")
	return line + "\r\n" + formatHeaders(o) + "\r\n" + formatBody(o.get("body"))
}

func httpVersion(o rawObject) string {
	protocol, version := o.get("protocol").str(), o.get("version").text()
	if protocol == "" {
		protocol = "HTTP"
	}
	if version == "" {
		version = "1.1"
	}
	// ZAP and others write "HTTP/1.1" into either field.
	version = version[strings.LastIndexByte(version, '/')+1:]
	protocol, _, _ = strings.Cut(protocol, "/")
	return strings.ToUpper(protocol) + "/" + version
}

func formatHeaders(o rawObject) string {
	var b strings.Builder
	for _, h := range o.get("headers").members() {
		b.WriteString(h.key + ": " + h.value.text() + "\r\n")
	}
	return b.String()
}

// formatBody is an artifactContent: text, or base64 of bytes.
func formatBody(body rawValue) string {
	if text := body.get("text").str(); text != "" {
		return text
	}
	encoded := body.get("binary").str()
	if encoded == "" {
		return ""
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return encoded
	}
	if !utf8.Valid(data) {
		return fmt.Sprintf("[%d bytes of binary data]", len(data))
	}
	return string(data)
}
