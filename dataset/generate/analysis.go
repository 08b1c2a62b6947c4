package generate

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/januslm/janus/dataset"
)

// maxQuote bounds a quoted line in bytes; of a longer one the part around the evidence is quoted.
const maxQuote = 180

var realEndings = []string{
	"[So|Therefore|Hence] the [finding|report] is [real|right|justified].",
	"[This|It] is a [real|genuine] [weakness|flaw|problem] and [should|has to] be fixed.",
	"[The|This] [weakness|flaw] [exists here|is present|is really there].",
	"[Nothing else in|No other part of] the exchange [takes that back|makes up for it|prevents this].",
	"[That is enough to|This does] [confirm the finding|call it a true positive].",
}

var falseEndings = []string{
	"[So|Therefore|Hence] the [finding|report] is [not real|a false alarm|unfounded].",
	"[This|It] is [no|not a real] [weakness|flaw|problem] and [nothing has|there is nothing] to be fixed.",
	"[The|This] [weakness|flaw] [does not exist here|is not present|is only apparent].",
	"[Nothing else in|No other part of] the exchange [points to a flaw|suggests otherwise|shows the weakness].",
	"[That is enough to|This does] [rule the finding out|call it a false positive].",
}

// openings say what the exchange is; each is true of every exchange.
var openings = []string{
	"[The client sends|This is|The request is] {method} {path}[, and| and] the [server|host {host}] [answers|replies] with {status}.",
	"[The exchange|This exchange] is {method} {path} [with|and] a {status} [response|answer] [of type {type}|from {host}].",
	"[Looking at|Reading] the {status} [response|answer] to {method} {path}[| on {host}] [decides|settles] [this|the case].",
	"[The response|What comes back] [is|has the type] {type}[,| and] [status|with status] {status}.",
	"[The question is|What matters is] [what|how] {host} [answers|replies] to {method} {path}.",
}

// analysis writes the reasoning of a row in two to five sentences. It ends with a sentence, so that prompts.Set.Closing can
// follow it.
func (g *gen) analysis(s side, e dataset.Example) string {
	seen := g.say(s.seen, "ev", quoteLine(e, s.evidence))
	why := g.say(s.why, "ev", quoteLine(e, s.evidence))
	endings := falseEndings
	if e.IsVulnerable {
		endings = realEndings
	}
	var parts []string
	if g.chance(0.45) {
		kind := s.resp.get("Content-Type")
		if kind == "" {
			kind = "no declared type"
		}
		parts = append(parts, g.say(g.pick(openings...), "method", s.req.method(), "path", clip(s.req.path(), 60),
			"host", s.req.get("Host"), "status", fmt.Sprint(s.resp.status()), "type", kind))
	}
	parts = append(parts, seen, why)
	if len(parts) == 2 || g.chance(0.6) {
		parts = append(parts, g.say(g.pick(endings...)))
	}
	for i := range parts {
		if first, size := utf8.DecodeRuneInString(parts[i]); first < utf8.RuneSelf {
			parts[i] = strings.ToUpper(parts[i][:size]) + parts[i][size:]
		}
	}
	return strings.Join(parts, " ")
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// quoteLine is the line of the response, or else of the request, that has a text, between quotes that it has not itself.
func quoteLine(e dataset.Example, text string) string {
	for _, message := range []string{e.Response, e.Request} {
		at := strings.Index(message, text)
		if at < 0 { // a header's name in HTTP/2
			at = strings.Index(lowerASCII(message), lowerASCII(text))
		}
		if text == "" || at < 0 {
			continue
		}
		start := strings.LastIndexByte(message[:at], '\n') + 1
		end := len(message)
		if n := strings.IndexByte(message[at:], '\n'); n >= 0 {
			end = at + n
		}
		line := window(message[start:end], at-start, len(text))
		if strings.Contains(line, "`") {
			return "«" + line + "»"
		}
		return "`" + line + "`"
	}
	return "`" + text + "`"
}

// window cuts a line to about maxQuote bytes around size bytes at a place in it, between words where it can, and trims it.
func window(line string, at, size int) string {
	size = min(size, maxQuote)
	from, to := 0, len(line)
	if to > maxQuote {
		if at > maxQuote/3 { // else the line's beginning, a header's name, stays
			from = max(0, at-(maxQuote-size)/3)
		}
		to = min(to, max(from+maxQuote, at+size))
		if space := strings.IndexByte(line[from:at], ' '); from > 0 && space >= 0 {
			from += space
		}
		if space := strings.LastIndexByte(line[at:to], ' '); to < len(line) && space > min(size, maxQuote/2) {
			to = at + space
		}
	}
	for from > 0 && !utf8.RuneStart(line[from]) {
		from--
	}
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to++
	}
	return strings.TrimSpace(line[from:to])
}

// lowerASCII keeps every byte's place.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
