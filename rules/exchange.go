package rules

import (
	"mime"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/januslm/janus/finding"
)

// exchange is a request and its response, as far as rules need them.
type exchange struct {
	method   string
	host     string // without port, in lower case; empty where the request does not say
	scheme   string // "https", "http", or empty where nothing shows it
	request  header
	status   int
	response header
	body     string // of the response
}

// field is one header line.
type field struct{ name, value string }

// String is the line as it is quoted in messages.
func (f field) String() string {
	return finding.CutMiddle(f.name+": "+f.value, 300)
}

type header []field

// all returns the fields of a name.
func (h header) all(name string) (list []field) {
	for _, f := range h {
		if strings.EqualFold(f.name, name) {
			list = append(list, f)
		}
	}
	return list
}

// get returns the first field's value, or "".
func (h header) get(name string) string {
	if list := h.all(name); len(list) > 0 {
		return list[0].value
	}
	return ""
}

func (h header) has(name string) bool { return len(h.all(name)) > 0 }

// parse reads an exchange. It is nil where there is no final response that could be judged: none at all, an informational
// one, or 304, whose headers are those of the response that the client has already.
func parse(f *finding.Finding) *exchange {
	x := &exchange{}
	head, body := splitMessage(f.Response)
	start, fields := parseHead(head)
	words := strings.Fields(start)
	if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") {
		return nil
	}
	status, err := strconv.Atoi(words[1])
	if err != nil || status < 200 || status == 304 {
		return nil
	}
	x.status, x.response, x.body = status, fields, body
	head, _ = splitMessage(f.Request)
	start, x.request = parseHead(head)
	target := ""
	if requestWords := strings.Fields(start); len(requestWords) > 1 {
		x.method, target = requestWords[0], requestWords[1]
		words = append(words, requestWords[len(requestWords)-1])
	}
	x.place(f.File, target, words)
	return x
}

// place finds out where the request went. Versions hold the versions of HTTP among other words.
func (x *exchange) place(file, target string, versions []string) {
	host := x.request.get("Host")
	for _, text := range []string{file, target} {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			if x.scheme = strings.ToLower(u.Scheme); x.scheme == "wss" || x.scheme == "ws" {
				x.scheme = "http" + strings.TrimPrefix(x.scheme, "ws")
			}
			host = u.Host
			break
		}
	}
	port := ""
	if name, p, err := net.SplitHostPort(host); err == nil {
		host, port = name, p
	}
	x.host = strings.ToLower(strings.Trim(host, "[]"))
	if x.scheme != "https" && x.scheme != "http" {
		x.scheme = x.guessScheme(port, versions)
	}
}

// guessScheme tells HTTPS from HTTP by what the messages say of it.
func (x *exchange) guessScheme(port string, versions []string) string {
	for _, v := range versions {
		if v == "HTTP/2" || v == "HTTP/2.0" || v == "HTTP/3" || v == "HTTP/3.0" {
			return "https" // browsers speak them over TLS only
		}
	}
	forwarded, _, _ := strings.Cut(strings.ToLower(x.request.get("X-Forwarded-Proto")), ",")
	if forwarded == "https" || forwarded == "http" {
		return forwarded
	}
	for _, name := range []string{"Origin", "Referer"} {
		if u, err := url.Parse(x.request.get(name)); err == nil && x.host != "" && strings.EqualFold(u.Hostname(), x.host) {
			return strings.ToLower(u.Scheme)
		}
	}
	switch port {
	case "443", "8443":
		return "https"
	case "80", "8080":
		return "http"
	}
	for _, c := range x.response.all("Set-Cookie") {
		if cookieHas(c.value, "secure") {
			return "https"
		}
	}
	return ""
}

// splitMessage cuts a raw message at its first blank line.
func splitMessage(message string) (head, body string) {
	for i := 0; i < len(message); {
		end := strings.IndexByte(message[i:], '\n')
		if end < 0 {
			break
		}
		if strings.TrimRight(message[i:i+end], "\r") == "" {
			return message[:i], message[i+end+1:]
		}
		i += end + 1
	}
	return message, ""
}

// parseHead reads a message's first line and header lines; lines that begin with white space go on with the one before
// (RFC 9112, 5.2). Pseudo-headers of HTTP/2 (":authority") count as the fields that they stand for.
func parseHead(head string) (start string, fields header) {
	for i, line := range strings.Split(head, "\n") {
		line = strings.TrimRight(line, "\r")
		switch {
		case i == 0:
			start = line
		case line == "":
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) > 0 {
				fields[len(fields)-1].value += " " + strings.TrimSpace(line)
			}
		default:
			if strings.HasPrefix(line, ":authority:") {
				line = "Host" + strings.TrimPrefix(line, ":authority")
			}
			name, value, ok := strings.Cut(line, ":")
			if ok && name != "" {
				fields = append(fields, field{strings.TrimSpace(name), strings.TrimSpace(value)})
			}
		}
	}
	return start, fields
}

// mediaType is the response's type without parameters, in lower case, or "".
func (x *exchange) mediaType() string {
	kind, _, err := mime.ParseMediaType(x.response.get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(x.response.get("Content-Type")), ";")
	}
	return strings.TrimSpace(kind)
}

// isHTML tells whether a browser shows the response as a page.
func (x *exchange) isHTML() bool {
	switch x.mediaType() {
	case "text/html", "application/xhtml+xml":
		return true
	case "":
		start := strings.ToLower(strings.TrimSpace(x.body[:min(len(x.body), 256)]))
		return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
	}
	return false
}

// isStatic tells whether the response is a part of a page: a picture, a font, a style sheet, a script.
func (x *exchange) isStatic() bool {
	kind := x.mediaType()
	family, _, _ := strings.Cut(kind, "/")
	switch family {
	case "image", "font", "audio", "video":
		return true
	}
	return kind == "text/css" || strings.HasSuffix(kind, "javascript") || strings.HasSuffix(kind, "ecmascript") ||
		strings.HasPrefix(kind, "application/font") || strings.HasPrefix(kind, "application/x-font") ||
		kind == "application/wasm" || kind == "application/vnd.ms-fontobject"
}

func (x *exchange) isRedirect() bool {
	return x.status >= 300 && x.status < 400 && x.response.has("Location")
}
