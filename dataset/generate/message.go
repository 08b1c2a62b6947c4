package generate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// header is one header line of a message.
type header struct{ name, value string }

// message is an HTTP message in parts, with LF line ends.
type message struct {
	start   string // the request line or the status line
	headers []header
	body    string
}

var (
	requestStart  = regexp.MustCompile(`^[A-Z][A-Z-]* \S+ HTTP/\d(\.\d)?$`)
	responseStart = regexp.MustCompile(`^HTTP/\d(\.\d)? [1-5]\d\d( .*)?$`)
	headerName    = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

// parseMessage takes a message apart. An error says which line is not HTTP.
func parseMessage(text string, request bool) (message, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	m := message{start: strings.TrimSpace(lines[0]), body: body}
	if request && !requestStart.MatchString(m.start) {
		return m, fmt.Errorf("expected a request line (GET /path HTTP/1.1), found %.60q", m.start)
	}
	if !request && !responseStart.MatchString(m.start) {
		return m, fmt.Errorf("expected a status line (HTTP/1.1 200 OK), found %.60q", m.start)
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !headerName.MatchString(name) {
			return m, fmt.Errorf("header %d: expected Name: value, found %.60q", i+1, line)
		}
		m.headers = append(m.headers, header{name, strings.TrimSpace(value)})
	}
	return m, nil
}

func (m *message) clone() message {
	c := *m
	c.headers = slices.Clone(m.headers)
	return c
}

// get is the value of the first header of a name, or "".
func (m *message) get(name string) string {
	if i := m.index(name); i >= 0 {
		return m.headers[i].value
	}
	return ""
}

func (m *message) has(name string) bool { return m.index(name) >= 0 }

func (m *message) index(name string) int {
	return slices.IndexFunc(m.headers, func(h header) bool { return strings.EqualFold(h.name, name) })
}

// set replaces the first header of a name where it stands and drops the others, or adds it.
func (m *message) set(name, value string) {
	i := m.index(name)
	if i < 0 {
		m.headers = append(m.headers, header{name, value})
		return
	}
	m.headers[i].value = value
	rest := m.headers[i+1:]
	m.headers = append(m.headers[:i+1], slices.DeleteFunc(slices.Clone(rest), func(h header) bool { return strings.EqualFold(h.name, name) })...)
}

// rename gives the first header of a name another name and value, in its place.
func (m *message) rename(name, other, value string) {
	if i := m.index(name); i >= 0 {
		m.headers[i] = header{other, value}
	}
}

func (m *message) del(name string) {
	m.headers = slices.DeleteFunc(m.headers, func(h header) bool { return strings.EqualFold(h.name, name) })
}

// status is the response's status code.
func (m *message) status() int {
	fields := strings.Fields(m.start)
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(fields[1]) // parseMessage has seen three digits
	return n
}

// setStatus changes the status line, with a reason where the old one has one.
func (m *message) setStatus(code int, reason string) {
	fields := strings.SplitN(m.start, " ", 3)
	m.start = fields[0] + " " + strconv.Itoa(code)
	if len(fields) == 3 {
		m.start += " " + reason
	}
}

// method and target are the parts of the request line.
func (m *message) method() string { return strings.Fields(m.start)[0] }
func (m *message) target() string { return strings.Fields(m.start)[1] }

func (m *message) setTarget(target string) {
	fields := strings.Fields(m.start)
	m.start = fields[0] + " " + target + " " + fields[2]
}

// path is the request's target without its query.
func (m *message) path() string {
	path, _, _ := strings.Cut(m.target(), "?")
	return path
}

// format is what a body is written in.
type format int

const (
	formatOther format = iota // nothing that text can be put into: a picture, a font, a style sheet
	formatHTML
	formatJSON
	formatXML
	formatText
)

// format reads the Content-Type, and the body where there is none.
func (m *message) format() format {
	kind := strings.ToLower(m.get("Content-Type"))
	body := strings.TrimSpace(m.body)
	switch {
	case body == "":
		return formatOther
	case strings.Contains(kind, "html"):
		return formatHTML
	case strings.Contains(kind, "json"):
		if strings.HasPrefix(body, "{") {
			return formatJSON
		}
		return formatOther
	case strings.Contains(kind, "svg"):
		return formatOther
	case strings.Contains(kind, "xml"):
		return formatXML
	case strings.HasPrefix(kind, "text/plain"):
		return formatText
	case kind == "" && strings.HasPrefix(body, "<"):
		return formatHTML
	default:
		return formatOther
	}
}

// exchange is a request and its response.
type exchange struct{ req, resp message }

func (x exchange) clone() exchange { return exchange{x.req.clone(), x.resp.clone()} }

// text writes a message as HTTP/1 text, with a Content-Length that is right where there is a body that needs it.
func (m *message) text(eol string, http2 bool) string {
	m.body = removeMarker(m.body)
	if m.body == "" {
		if m.has("Content-Length") {
			m.set("Content-Length", "0")
		}
	} else if m.has("Content-Length") || requestStart.MatchString(m.start) {
		m.set("Content-Length", strconv.Itoa(len(m.body)))
	}
	var b strings.Builder
	b.WriteString(m.start + eol)
	for _, h := range m.headers {
		name := h.name
		if http2 {
			name = strings.ToLower(name)
		}
		b.WriteString(name + ": " + h.value + eol)
	}
	b.WriteString(eol + m.body)
	return b.String()
}

// here marks in a body where what a rule puts in belongs.
const here = "{{here}}"

// placeMarker makes sure that a body has a marker if its format has a place for one.
func placeMarker(m *message) {
	if strings.Contains(m.body, here) {
		return
	}
	at := -1
	switch m.format() {
	case formatHTML:
		lower := strings.ToLower(m.body)
		for _, tag := range []string{"</main>", "</article>", "</body>", "</html>"} {
			if at = strings.LastIndex(lower, tag); at >= 0 {
				break
			}
		}
		if at < 0 || len(lower) != len(m.body) { // lower case has changed the length of some letter
			at = len(m.body)
		}
	case formatJSON:
		at = strings.IndexByte(m.body, '{') + 1
	case formatXML:
		at = strings.LastIndex(m.body, "</")
	case formatText:
		at = len(m.body)
		if !strings.HasSuffix(m.body, "\n") {
			m.body += "\n"
			at++
		}
	case formatOther:
	}
	if at >= 0 {
		m.body = m.body[:at] + here + m.body[at:]
	}
}

var (
	markerLine  = regexp.MustCompile(`(?m)^[ \t]*\{\{here\}\}\n?`)
	commaBefore = regexp.MustCompile(`,(\s*)\{\{here\}\}(\s*\})`)
)

// removeMarker takes the marker out, with its line if it is alone there, and in JSON the comma that nothing follows.
func removeMarker(body string) string {
	if !strings.Contains(body, here) {
		return body
	}
	body = commaBefore.ReplaceAllString(body, "$1$2")
	return strings.ReplaceAll(markerLine.ReplaceAllString(body, ""), here, "")
}

// insert puts text before the marker; in the formats with lines it is a line or more of its own, indented as the marker is.
func (m *message) insert(text string) {
	at := strings.Index(m.body, here)
	if at < 0 || text == "" {
		return
	}
	line := strings.LastIndexByte(m.body[:at], '\n') + 1
	indent := m.body[line:at]
	if strings.TrimSpace(indent) == "" && (line > 0 || m.format() == formatText) {
		text = strings.ReplaceAll(text, "\n", "\n"+indent) + "\n" + indent
	}
	m.body = m.body[:at] + text + m.body[at:]
}

// can says whether a rule can put something into the body.
func (m *message) can() bool { return strings.Contains(m.body, here) }
