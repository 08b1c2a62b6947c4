package generate

import (
	"bufio"
	"embed"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/januslm/janus/dataset"
)

// Template is a hand-written exchange that pairs are made from.
//
// Request and Response are plain HTTP/1 text with LF line ends. In a file they may have slots, {{kind:text}}, whose text is
// what stands in Request and Response, and for which [Offline] draws others of the same kind (see fill.go); {{in:text}}
// in the request is the value that an attacker controls, and {{here}} in the response is where a page's own finding
// belongs. All of them are optional: where a template has none, the places are found by looking.
type Template struct {
	Name     string // unique in its file: what rows made from it have as their group
	Category string // one of dataset.Categories
	Request  string
	Response string
	Public   bool // the response is the same for everybody: caching it and reading it from other origins harms nobody
	Private  bool // the response is one person's or secret; neither flag: not known

	request, response string // with slots
}

// The lines that divide a templates file.
const (
	caseLine     = "====" // four or more of them, alone on a line: the next template
	responseLine = "<<<<>>>>"
)

// maxTemplateLine bounds a line of a templates file; a page on one line may be long.
const maxTemplateLine = 8 << 20

//go:embed templates/*.txt
var templateFiles embed.FS

var templateFileNames = map[string]string{
	dataset.HTTPHeaders: "http_headers", dataset.XSS: "xss", dataset.SQLI: "sqli", dataset.Info: "info",
}

var embedded = sync.OnceValue(func() map[string][]Template {
	all := make(map[string][]Template)
	for category, name := range templateFileNames {
		f, err := templateFiles.Open("templates/" + name + ".txt")
		if err != nil {
			panic(err) // the file is part of the program
		}
		// A test reads each of them, so that an error cannot reach a user.
		all[category], err = ReadTemplates(name, f, category)
		if err != nil {
			panic(err)
		}
	}
	return all
})

// Templates are the ones that Janus brings along for a category, at least thirty; none for a category that there is not.
func Templates(category string) []Template { return append([]Template(nil), embedded()[category]...) }

// ReadTemplates reads a templates file. Cases are divided by a line of "====", and a case is
//
//	# name: login-page          (optional lines that begin with "# ": a name,
//	# data: private              and whose the data is: public or private)
//	POST /login HTTP/1.1         request line, headers, blank line, body
//	Host: www.example.com
//
//	user=anna&password=…
//	<<<<>>>>
//	HTTP/1.1 200 OK              status line, headers, blank line, body
//	Content-Type: text/html
//
//	<html>…
//
// A case without a name is called "case" and its number. An error names the file and the line.
func ReadTemplates(name string, r io.Reader, category string) ([]Template, error) {
	if _, ok := templateFileNames[category]; !ok {
		return nil, fmt.Errorf("category %q: expected one of %s", category, strings.Join(dataset.Categories(), ", "))
	}
	p := templateParser{file: name, category: category, seen: map[string]int{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxTemplateLine)
	for lines.Scan() {
		p.line++
		text := strings.TrimSuffix(lines.Text(), "\r")
		if p.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if err := p.add(text); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, p.line+1, err)
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if len(p.all) == 0 {
		return nil, fmt.Errorf("%s: no templates: expected a request, a line of %q and a response", name, responseLine)
	}
	return p.all, nil
}

// templateParser holds the case that is being read: its lines, and where they began.
type templateParser struct {
	file, category string
	line           int
	all            []Template
	seen           map[string]int // name: the line on which it was given

	t                 Template
	named             int
	request, response []string
	start, divider    int // lines of the request's first line and of the divider; 0: not yet
}

func (p *templateParser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file, line, fmt.Sprintf(format, args...))
}

func (p *templateParser) add(text string) error {
	trimmed := strings.TrimSpace(text)
	switch {
	case len(trimmed) >= len(caseLine) && strings.Trim(trimmed, "=") == "":
		return p.end()
	case trimmed == responseLine:
		if p.start == 0 {
			return p.errorf(p.line, "%q without a request before it", responseLine)
		}
		if p.divider > 0 {
			return p.errorf(p.line, "a second %q in one case (the first is on line %d): is a line of %q missing?", responseLine, p.divider, caseLine)
		}
		p.divider = p.line
	case p.start == 0 && trimmed == "":
	case p.start == 0 && strings.HasPrefix(trimmed, "#"):
		return p.comment(trimmed)
	case p.divider > 0:
		p.response = append(p.response, text)
	default:
		if p.start == 0 {
			p.start = p.line
		}
		p.request = append(p.request, text)
	}
	return nil
}

// comment takes "# name: …" and "# data: …"; any other comment is for the reader.
func (p *templateParser) comment(text string) error {
	key, value, _ := strings.Cut(strings.TrimSpace(strings.TrimLeft(text, "#")), ":")
	value = strings.TrimSpace(value)
	switch key {
	case "name":
		if first, twice := p.seen[value]; twice {
			return p.errorf(p.line, "the name %q is taken by the case on line %d", value, first)
		}
		if value == "" {
			return p.errorf(p.line, "an empty name")
		}
		p.t.Name, p.named = value, p.line
	case "data":
		p.t.Public, p.t.Private = value == "public", value == "private"
		if !p.t.Public && !p.t.Private {
			return p.errorf(p.line, "data: expected public or private, found %q", value)
		}
	}
	return nil
}

// end finishes the case that was being read, if there was any.
func (p *templateParser) end() error {
	t, start := p.t, p.start
	if start == 0 {
		if p.named > 0 {
			return p.errorf(p.named, "the case %q has no request", t.Name)
		}
		p.t = Template{}
		return nil
	}
	if p.divider == 0 {
		return p.errorf(start, "the case has no %q and so no response", responseLine)
	}
	t.Category = p.category
	t.request, t.response = joinMessage(p.request), joinMessage(p.response)
	t.Request, t.Response = plain(t.request), plain(t.response)
	if t.Name == "" {
		t.Name = fmt.Sprintf("case %d", len(p.all)+1)
	}
	if _, err := parseMessage(t.Request, true); err != nil {
		return p.errorf(start, "request: %v", err)
	}
	if _, err := parseMessage(t.Response, false); err != nil {
		return p.errorf(p.divider+1, "response: %v", err)
	}
	p.seen[t.Name] = start
	p.all = append(p.all, t)
	p.t, p.named, p.start, p.divider, p.request, p.response = Template{}, 0, 0, 0, nil, nil
	return nil
}

// joinMessage is the message's text without blank lines around it, but with the one that ends headers without a body.
func joinMessage(lines []string) string {
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if !strings.Contains(text, "\n\n") {
		text += "\n\n"
	}
	return text
}
