package generate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// passivePage is the exchange that a passive check looks at.
type passivePage struct {
	scheme, host, other, path string
	method                    string
	requestHeaders, headers   []string // "Name: value"
	status                    int
	kind                      string   // html, json, js, css, text, xml, image; none: without a type; empty: with an empty one
	lines                     []string // of the body's page
	body                      string   // whole, where it is given
	whole                     bool
	bare                      bool // without headers, but those that a check sets
}

var passiveTypes = map[string][]string{
	"html": {"text/html", "text/html; charset=utf-8", "text/html;charset=UTF-8", "text/html;charset=ISO-8859-1"},
	"json": {"application/json", "application/json; charset=utf-8"}, "js": {"application/javascript", "text/javascript"},
	"css": {"text/css"}, "text": {"text/plain"}, "xml": {"text/xml", "application/xml"}, "image": {"image/jpeg", "image/png"},
}

var passiveStatus = map[int]string{
	200: "OK", 301: "Moved Permanently", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
	450: "Blocked", 500: "Internal Server Error",
}

// passiveNoise are headers that have nothing to do with most checks.
var passiveNoise = []string{
	"Server: Apache-Coyote/1.1", "Server: nginx", "Server: Apache", "Date: {date}", "Connection: close", "Connection: keep-alive",
	"X-Frame-Options: SAMEORIGIN", "X-Frame-Options: DENY", "X-Content-Type-Options: nosniff", "Cache-Control: no-cache",
	"Cache-Control: no-store", "Cache-Control: max-age=600", "Pragma: no-cache", "Vary: Accept-Encoding", "ETag: \"{hex16}\"", "X-XSS-Protection: 0",
	"Strict-Transport-Security: max-age=31536000", "Content-Security-Policy: default-src 'self'", "Referrer-Policy: no-referrer",
	"Set-Cookie: sid={hex16}; Path=/; Secure; HttpOnly; SameSite=Lax", "Set-Cookie: theme=light", "X-Request-Id: {hex32}", "X-Powered-By: PHP/7.4.3",
	"Access-Control-Allow-Origin: *", "Expires: 0", "X-Cache: MISS", "Via: 1.1 {host}", "Content-Language: en", "Accept-Ranges: bytes",
}

// passivePage draws an exchange that a check has not yet been given anything to say about.
func (g *gen) passivePage(c passiveCheck) passivePage {
	p := passivePage{scheme: g.pick("http", "https", "https"), host: g.host(), other: g.host(), method: "GET", status: 200, kind: "html"}
	if g.chance(0.35) { // as the tests of scanners have it
		p.host, p.other = g.pick("www.example.com", "example.com", "localhost", "testsite.example"), "www.example.org"
	}
	p.path = "/" + g.pick("", "test/", g.noun(), "index.html", g.noun()+"/"+g.noun())
	if g.chance(0.6) {
		p.requestHeaders = g.some(0.4, "User-Agent: Mozilla/5.0", "Accept: */*", "Accept-Language: en", "Connection: close", "Accept-Encoding: gzip")
	}
	for _, h := range g.some([]float64{0, 0.08, 0.2}[g.IntN(3)], passiveNoise...) {
		name, _, _ := strings.Cut(h, ":")
		same := func(other string) bool { return strings.EqualFold(name, strings.SplitN(other, ":", 2)[0]) }
		if !slices.ContainsFunc(c.about, same) && (name == "Set-Cookie" || !slices.ContainsFunc(p.headers, same)) {
			p.headers = append(p.headers, g.passiveSay(strings.ReplaceAll(h, "{date}", g.httpDate())))
		}
	}
	if len(c.about) == 0 && g.chance(0.15) {
		p.bare, p.headers = true, nil
	}
	for range []int{0, 0, 1, 3}[g.IntN(4)] {
		p.lines = append(p.lines, g.pick("<p>"+g.sentence()+"</p>", "<h1>"+g.title()+"</h1>", "<a href=\"/"+g.noun()+"\">"+g.noun()+"</a>", "<div class=\"main\"></div>"))
	}
	return p
}

func (p passivePage) clone() passivePage {
	p.requestHeaders, p.headers, p.lines = slices.Clone(p.requestHeaders), slices.Clone(p.headers), slices.Clone(p.lines)
	return p
}

// apply puts in what a variant says, and returns the text that decides.
func (p *passivePage) apply(g *gen, variant string) (evidence string) {
	if variant == "" {
		return ""
	}
	parent := p.host[strings.IndexByte(p.host, '.')+1:]
	given := ""
	for op := range strings.SplitSeq(variant, " && ") {
		text := g.passiveSay(strings.TrimSpace(op[1:]))
		text = strings.NewReplacer("{self}", p.host, "{other}", p.other, "{parent}", parent).Replace(text)
		if !strings.Contains("TUSE", op[:1]) {
			evidence = text
		}
		switch op[0] {
		case 'H':
			p.headers = slices.Insert(p.headers, g.IntN(len(p.headers)+1), text)
		case 'R':
			p.requestHeaders = append(p.requestHeaders, text)
		case 'B':
			p.lines = slices.Insert(p.lines, g.IntN(len(p.lines)+1), text)
		case 'X':
			p.body, p.whole = text, true
		case 'T':
			p.kind, p.bare = text, false
		case 'S':
			p.status, _ = strconv.Atoi(text)
		case 'U':
			p.scheme = text
		case 'P':
			p.path = text
		case 'E':
			given = text
		default:
			panic(fmt.Sprintf("generate: passive/checks.txt: %q", op)) // the file is part of the program, and a test draws all of it
		}
	}
	if given != "" {
		return capital(given)
	}
	const most = 64 // of a quotation
	if len(evidence) > most {
		evidence = evidence[:most]
	}
	return evidence
}

func (p *passivePage) request() string {
	lines := append([]string{p.method + " " + p.scheme + "://" + p.host + p.path + " HTTP/1.1"}, p.requestHeaders...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func (p *passivePage) response() string {
	body := p.body
	if !p.whole {
		body = p.page()
	}
	lines := append([]string{fmt.Sprintf("HTTP/1.1 %d %s", p.status, passiveStatus[p.status])}, p.headers...)
	own := slices.ContainsFunc(p.headers, func(h string) bool { return strings.HasPrefix(h, "Content-Type:") })
	switch {
	case own || p.kind == "none" || p.bare && p.kind == "html":
	case p.kind == "empty":
		lines = append(lines, "Content-Type: ")
	default:
		types := passiveTypes[p.kind]
		lines = append(lines, "Content-Type: "+types[len(p.host)%len(types)])
	}
	if !p.bare {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// page is the body around the lines, in the type's own form.
func (p *passivePage) page() string {
	text := strings.Join(p.lines, "\n")
	switch p.kind {
	case "json":
		return "{\"ok\": true, \"items\": " + strconv.Itoa(len(p.lines)) + "}"
	case "image":
		return "\u0089PNG"
	case "js":
		return "var ok = true; // " + strings.ReplaceAll(text, "\n", " ")
	case "css", "text", "xml":
		return text
	}
	switch len(p.host) % 3 {
	case 0:
		return "<html>" + text + "</html>"
	case 1:
		return "<html><head></head><body>" + text + "</body></html>"
	}
	return "<!DOCTYPE html>\n<html>\n<head><title>" + p.host + "</title></head>\n<body>\n" + text + "\n</body>\n</html>"
}

// raw is the exchange, to look for evidence in.
func (p *passivePage) raw() string { return p.request() + p.response() }
