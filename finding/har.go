package finding

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// harFormat is HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), as browsers
// and proxies write it. It is traffic: each entry is an exchange, from which
// ReadOptions.Rules make findings. It is read entry by entry, however long it is.
var harFormat = format{
	name:  "har",
	what:  "HAR 1.2",
	sniff: sniffKeys(".log.entries[]", ".log.creator", ".log.pages[]", ".log.browser"),
	read:  readHAR,
}

// harReader counts what the entries were.
type harReader struct {
	in        *input
	s         *jsonStream
	webSocket int
	unsent    int // entries without a response: blocked, failed, or still under way
}

func readHAR(in *input) error {
	h := &harReader{in: in}
	found := false
	err := in.walkJSON(func(s *jsonStream, _ byte) error {
		h.s = s
		return s.object("", func(key string) error {
			if key != "log" {
				return s.skip()
			}
			return s.object("log", func(key string) error {
				if key != "entries" {
					return s.skip()
				}
				found = true
				return s.records("log.entries", &in.report.Messages, h.entry)
			})
		})
	})
	if err == nil && !found && !in.done {
		return fmt.Errorf(`%s: not a HAR document: expected an array "entries" in an object "log"`, in.name)
	}
	h.notes()
	return err
}

func (h *harReader) notes() {
	note := func(format string, args ...any) {
		h.in.report.Notes = append(h.in.report.Notes, fmt.Sprintf(format, args...))
	}
	if h.in.opts.Rules == nil {
		note("HAR is traffic and holds no findings: use --rules headers to have candidates made of it")
	}
	if h.webSocket > 0 {
		note("WebSocket entries, which are counted and not reviewed: %d", h.webSocket)
	}
	if h.unsent > 0 {
		note("entries without a response, which were blocked, failed or not finished: %d", h.unsent)
	}
}

func (h *harReader) entry(r jsonRecord) error {
	request, response := r.get("request").object(), r.get("response").object()
	target := request.get("url").str()
	if target == "" && request.get("method").str() == "" {
		return h.s.problem(&RowError{Line: r.line, Where: fmt.Sprintf("log.entries[%d]", r.index),
			Err: errors.New(`expected a "request" with "method" and "url"`)})
	}
	if isWebSocket(r, target, response) {
		h.webSocket++
		return nil
	}
	status, _ := response.get("status").num()
	if status <= 0 {
		h.unsent++
	}
	if h.in.opts.Rules == nil {
		return nil
	}
	f := Finding{
		Source: "har", Category: "http", Language: "http",
		File:    target,
		Request: harRequest(request, target),
	}
	if status > 0 {
		f.Response = harResponse(response, status)
	}
	f.Title = exchangeTitle(f.Request, f.Response)
	f.Origin = Origin{Result: r.index, Line: r.line}
	if !h.in.candidates(f) {
		return errStop
	}
	return nil
}

func isWebSocket(r jsonRecord, target string, response rawObject) bool {
	status, _ := response.get("status").num()
	return r.get("_webSocketMessages").kind() == '[' || r.get("_resourceType").str() == "websocket" ||
		strings.HasPrefix(target, "ws:") || strings.HasPrefix(target, "wss:") || status == http.StatusSwitchingProtocols
}

// harRequest writes a request as HTTP/1.1 text, whatever version it was sent by, so
// that all exchanges are read alike.
func harRequest(request rawObject, target string) string {
	method := oneOf(OneLine(request.get("method").str(), ""), "GET")
	path, host := target, ""
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		path, host = u.RequestURI(), u.Host
	}
	headers := harHeaders(request.get("headers"))
	if host != "" && headers.get("host") == "" {
		headers = append(harFields{{"Host", host}}, headers...)
	}
	return method + " " + strings.ReplaceAll(OneLine(path, "/"), " ", "%20") + " HTTP/1.1\r\n" + headers.text() + "\r\n" +
		harPostData(request.get("postData").object())
}

func harResponse(response rawObject, status int) string {
	reason := oneOf(OneLine(response.get("statusText").str(), ""), http.StatusText(status))
	line := strings.TrimRight(fmt.Sprintf("HTTP/1.1 %d %s", status, reason), " ")
	headers := harHeaders(response.get("headers"))
	content := response.get("content").object()
	contentType := oneOf(content.get("mimeType").str(), headers.get("content-type"))
	body := []byte(content.get("text").str())
	if strings.EqualFold(content.get("encoding").str(), "base64") {
		if decoded, err := decodeBase64(string(body)); err == nil {
			body = decoded
		}
	}
	return line + "\r\n" + headers.text() + "\r\n" + readableBody(body, contentType)
}

// harPostData is a request's body: its text, or its parameters as a form.
func harPostData(post rawObject) string {
	if text := post.get("text").str(); text != "" {
		if strings.EqualFold(post.get("encoding").str(), "base64") {
			if decoded, err := decodeBase64(text); err == nil {
				text = string(decoded)
			}
		}
		return readableBody([]byte(text), post.get("mimeType").str())
	}
	var form []string
	for _, p := range post.get("params").elems() {
		o := p.object()
		value := url.QueryEscape(o.get("value").text())
		if name := o.get("fileName").str(); name != "" {
			value += "[file " + OneLine(name, "") + "]"
		}
		form = append(form, url.QueryEscape(o.get("name").text())+"="+value)
	}
	return strings.Join(form, "&")
}

type harField struct{ name, value string }

type harFields []harField

// harHeaders lists a message's headers. HTTP/2's pseudo-headers say what the first line
// says; a line end inside a value parts several headers of one name (Set-Cookie), and
// so can never begin another header or the body.
func harHeaders(list rawValue) harFields {
	var out harFields
	for _, h := range list.elems() {
		o := h.object()
		name := OneLine(o.get("name").text(), "")
		if name == "" {
			continue
		}
		if strings.HasPrefix(name, ":") {
			if name == ":authority" {
				out = append(out, harField{"Host", OneLine(o.get("value").text(), "")})
			}
			continue
		}
		value := strings.ReplaceAll(o.get("value").text(), "\r", "\n")
		for part := range strings.SplitSeq(value, "\n") {
			if part = strings.TrimSpace(part); part != "" || value == "" {
				out = append(out, harField{strings.ReplaceAll(name, ":", ""), part})
			}
		}
	}
	return out
}

func (fields harFields) get(name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

func (fields harFields) text() string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.name + ": " + f.value + "\r\n")
	}
	return b.String()
}
