package finding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// httpFormat is raw HTTP/1 text, as a proxy's "save" or a terminal shows it:
//
//	file      = exchange *( separator exchange )
//	separator = a line of "<<<<>>>>" alone
//	exchange  = request [ response ] / response
//	request   = METHOD SP target [ SP HTTP/x ] line, header lines, blank line, body
//	response  = HTTP/x SP NNN line, header lines, blank line, body
//
// Line ends are CRLF or LF and are kept. Blank lines before a message are not
// part of it. A request's body ends where a status line begins a line (where its
// Content-Length says how long the body is, and a status line stands just after
// it, a status line inside of the body is body). A response runs to the
// separator or the end of the file: its body may hold anything else, blank lines
// and request lines too. Where a separator stands between a request without
// response and a response without request, the two are one exchange: files are
// written both ways. Traffic has no findings of its own: each exchange becomes
// one finding, without a rule, that asks whether it shows a weakness.
var httpFormat = format{
	name: "http",
	what: "raw HTTP messages (a request line or a status line first)",
	sniff: func(head []byte) bool {
		for line := range bytes.Lines(head) {
			line = bytes.TrimSpace(line)
			if len(line) > 0 && !isSeparator(line) {
				return requestLine.Match(line) || statusLine.Match(line)
			}
		}
		return false
	},
	read: readHTTP,
}

const httpSeparator = "<<<<>>>>"

var (
	// The version may be missing only after a target that is a path or a URL, or
	// every sentence in capitals would be a request.
	requestLine = regexp.MustCompile(`^[A-Z][A-Z-]{2,31} (\S+ HTTP/\d(\.\d)?|/\S*|https?://\S+)[ \t]*\r?\n?$`)
	statusLine  = regexp.MustCompile(`^HTTP/\d(\.\d)? [1-5]\d\d( [^\r\n]*)?\r?\n?$`)
	lengthField = regexp.MustCompile(`(?im)^content-length:[ \t]*(\d{1,18})[ \t]*\r?$`)
)

func isSeparator(line []byte) bool { return string(bytes.TrimSpace(line)) == httpSeparator }

// exchange is a request and a response as they stand in the file; either may be missing.
type exchange struct {
	request, response []byte
	line              int // where it begins
	bad               int // bytes that were not UTF-8
}

func readHTTP(in *input) error {
	var waiting *exchange // a request whose response may be the next section
	flush := func() bool {
		x := waiting
		waiting = nil
		return x == nil || in.emitExchange(*x)
	}
	number := 1
	for {
		section, err := in.httpSection(&number)
		if err != nil && !errors.Is(err, io.EOF) {
			flush()
			in.problem(&RowError{Line: number, Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
			return nil
		}
		if x, problem := parseExchange(section); problem != nil {
			if !flush() || !in.problem(problem) {
				return nil
			}
		} else if x != nil {
			if waiting != nil && len(x.request) == 0 {
				waiting.response = x.response
				waiting.bad += x.bad
			} else {
				if !flush() {
					return nil
				}
				waiting = x
			}
			if len(waiting.response) > 0 && !flush() {
				return nil
			}
		}
		if err != nil { // the end
			flush()
			return nil
		}
	}
}

// httpText is one section of the file and the line on which it begins.
type httpText struct {
	text []byte
	line int
}

// httpSection reads up to the next separator, which it consumes, or the end,
// which it reports as io.EOF.
func (in *input) httpSection(number *int) (httpText, error) {
	s := httpText{line: *number}
	for {
		line, err := in.readLine()
		if err == nil {
			*number++
		}
		if isSeparator(line) {
			return s, err
		}
		if int64(len(s.text)+len(line)) > in.opts.maxBytes() {
			return s, fmt.Errorf("%w of %d bytes", errRowTooLong, in.opts.maxBytes())
		}
		if len(s.text) == 0 && len(bytes.TrimSpace(line)) == 0 {
			line, s.line = nil, *number // blank lines before the message
		}
		s.text = append(s.text, line...)
		if err != nil {
			return s, err
		}
	}
}

// parseExchange tells a section's request from its response. A blank section is
// nothing.
func parseExchange(s httpText) (*exchange, *RowError) {
	if len(bytes.TrimSpace(s.text)) == 0 {
		return nil, nil
	}
	text, bad := validText(s.text)
	x := &exchange{line: s.line, bad: bad}
	first := firstLine(text)
	switch {
	case statusLine.Match(first):
		x.response = text
	case requestLine.Match(first):
		split := responseStart(text)
		x.request, x.response = text[:split], text[split:]
	default:
		return nil, &RowError{Line: s.line, Column: 1, Err: fmt.Errorf(
			"expected a request line (GET /path HTTP/1.1) or a status line (HTTP/1.1 200 OK), found %s", quoteStart(first))}
	}
	return x, nil
}

func firstLine(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1]
	}
	return text
}

// responseStart finds where the response begins in a text that begins with a
// request, or the text's length.
func responseStart(text []byte) int {
	if end := declaredEnd(text); end >= 0 {
		rest := bytes.TrimLeft(text[end:], "\r\n")
		if statusLine.Match(firstLine(rest)) {
			return len(text) - len(rest)
		}
	}
	for i := 0; i < len(text); {
		line := firstLine(text[i:])
		if i > 0 && statusLine.Match(line) {
			return i
		}
		i += len(line)
	}
	return len(text)
}

// declaredEnd is where a message's Content-Length says that it ends, or -1.
func declaredEnd(text []byte) int {
	head, bodyStart := splitHead(text)
	m := lengthField.FindSubmatch(head)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil || n > len(text)-bodyStart {
		return -1
	}
	return bodyStart + n
}

// splitHead gives a message's first line and header lines, and where its body begins.
func splitHead(text []byte) (head []byte, bodyStart int) {
	for i := 0; i < len(text); {
		line := firstLine(text[i:])
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return text[:i], i + len(line)
		}
		i += len(line)
	}
	return text, len(text)
}

// SplitMessage divides an HTTP message into its head, the first line and the header lines, and its body, whatever its line ends.
func SplitMessage(message string) (head, body string) {
	start, bodyStart := splitHead([]byte(message))
	return string(start), message[bodyStart:]
}

func (in *input) emitExchange(x exchange) bool {
	line := x.line
	f := Finding{
		Source: "http", Category: "http", Language: "http",
		File: in.name, Line: &line,
		Request: string(x.request), Response: string(x.response),
		Title:  exchangeTitle(string(x.request), string(x.response)),
		Origin: Origin{Result: in.report.Messages, Line: x.line},
	}
	if x.bad > 0 {
		f.note("%s", invalidUTF8Note(x.bad))
	}
	in.report.Messages++
	if in.opts.Rules != nil {
		return in.candidates(f)
	}
	// The same exchange is the same finding wherever its file lies.
	f.File, f.Line = "", nil
	in.ids.assign(&f)
	f.File, f.Line = in.name, &line
	return in.emit(f)
}

// exchangeTitle names an exchange that no rule has named.
func exchangeTitle(request, response string) string {
	status := ""
	if fields := strings.Fields(firstTextLine(response)); len(fields) > 1 {
		status = fields[1]
	}
	fields := strings.Fields(firstTextLine(request))
	switch {
	case len(fields) < 2:
		return "HTTP response: " + status
	case status == "":
		return "HTTP request: " + fields[0] + " " + fields[1]
	default:
		return "HTTP exchange: " + fields[0] + " " + fields[1] + " -> " + status
	}
}

// requestTarget is "METHOD target" of a raw request.
func requestTarget(request string) string {
	fields := strings.Fields(firstTextLine(request))
	if len(fields) < 2 {
		return ""
	}
	return fields[0] + " " + fields[1]
}

func firstTextLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
