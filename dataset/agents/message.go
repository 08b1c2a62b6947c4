package agents

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// message is an exchange as the agents are told it.
type message struct {
	Request  string `json:"request"`
	Response string `json:"response"`
}

// longestMessage bounds what a model may write.
const longestMessage = 128 << 10

var (
	http2Version = regexp.MustCompile(`HTTP/([23])(\s|$)`)
	lengthHeader = regexp.MustCompile(`(?i)^(content-length|transfer-encoding):`)
	givesAway    = regexp.MustCompile(`(?i)vulnerab|insecure version|secure version|training data`)
)

// fixRequest makes a request's line ends LF and its Content-Length right, and checks that net/http reads it.
func fixRequest(text string) (string, error) {
	text, err := fixMessage(text, true)
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire(text))))
	if err != nil {
		return "", fmt.Errorf("request: not HTTP: %w", err)
	}
	if r.Host == "" {
		return "", errors.New("request: there is no Host header")
	}
	return text, nil
}

// fixResponse does the same for a response.
func fixResponse(text string) (string, error) {
	text, err := fixMessage(text, false)
	if err != nil {
		return "", fmt.Errorf("response: %w", err)
	}
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(wire(text))), nil)
	if err != nil {
		return "", fmt.Errorf("response: not HTTP: %w", err)
	}
	return text, r.Body.Close()
}

// fix does it for both.
func (m *message) fix() (err error) {
	if m.Request, err = fixRequest(m.Request); err != nil {
		return err
	}
	m.Response, err = fixResponse(m.Response)
	return err
}

// hint is an error where the message gives the answer away and what it was made of does not.
func (m *message) hint(of message) error {
	if word := givesAway.FindString(m.Request + m.Response); word != "" && !givesAway.MatchString(of.Request+of.Response) {
		return fmt.Errorf("%q in the exchange gives the answer away: leave it out", word)
	}
	return nil
}

// has tells whether a text stands in one of the exchange's lines: as the whole line, or as a part that is long enough to find.
func (m *message) has(quote string) bool {
	quote = strings.TrimSpace(quote)
	if quote == "" || strings.Contains(quote, "\n") {
		return false
	}
	for line := range strings.Lines(m.Request + "\n" + m.Response) {
		if line = strings.TrimSpace(line); line == quote || len(quote) >= 12 && strings.Contains(line, quote) {
			return true
		}
	}
	return false
}

// fixMessage mends what models do not get right: they cannot count bytes, and what they write is not in chunks.
func fixMessage(text string, request bool) (string, error) {
	if len(text) > longestMessage {
		return "", fmt.Errorf("it has %d bytes: expected %d at most", len(text), longestMessage)
	}
	if strings.ContainsRune(text, 0) {
		return "", errors.New("there is a zero byte in it")
	}
	text = strings.TrimLeft(strings.ReplaceAll(text, "\r\n", "\n"), " \t\n")
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	length := "Content-Length: " + strconv.Itoa(len(body))
	kept, placed := lines[:1:1], false
	for _, line := range lines[1:] {
		if lengthHeader.MatchString(line) {
			if placed || !strings.HasPrefix(strings.ToLower(line), "content-length") {
				continue
			}
			name, _, _ := strings.Cut(line, ":")
			line, placed = name+length[len("Content-Length"):], true
		}
		kept = append(kept, line)
	}
	if request && body != "" && !placed {
		kept = append(kept, length)
	}
	return strings.Join(kept, "\n") + "\n\n" + body, nil
}

// wire is a message as net/http reads it: CRLF in the head, and a version with a minor number.
func wire(text string) string {
	head, body, _ := strings.Cut(text, "\n\n")
	first, rest, more := strings.Cut(head, "\n")
	head = http2Version.ReplaceAllString(first, "HTTP/$1.0$2")
	if more {
		head += "\n" + rest
	}
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body
}
