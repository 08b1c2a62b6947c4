package prompts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/finding"
)

// The functions of templates that take an HTTP message apart, so that a prompt can show of a long exchange what a kind of finding turns on.

// messageStart is a message's request line or status line.
func messageStart(message string) string {
	start, _, _ := strings.Cut(message, "\n")
	return strings.TrimSpace(start)
}

func messageHead(message string) string {
	head, _ := finding.SplitMessage(message)
	return strings.TrimSpace(head)
}

func messageBody(message string) string {
	_, body := finding.SplitMessage(message)
	return strings.TrimSpace(body)
}

// headers gives the lines of a message's head after its first that have a colon, each with the name before it.
func headers(message string) iter.Seq2[string, string] {
	return func(yield func(name, line string) bool) {
		head, _ := finding.SplitMessage(message)
		for i, line := range strings.Split(head, "\n") {
			if name, _, ok := strings.Cut(line, ":"); i > 0 && ok && !yield(name, line) {
				return
			}
		}
	}
}

// messageFields are the lines of a message's head whose names begin with one of those in names, which spaces divide.
func messageFields(names, message string) string {
	var kept []string
	for name, line := range headers(message) {
		if slices.ContainsFunc(strings.Fields(names), func(n string) bool {
			return len(name) >= len(n) && strings.EqualFold(name[:len(n)], n)
		}) {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "\n")
}

// absent stands in a checklist for a header that a message does not have.
const absent = "absent"

// checklist are a message's headers of the names that spaces divide, in the order of the names, and "Name: absent" for each that is not there: what is
// missing is hard to see in a list that has it in no fixed place.
func checklist(names, message string) string {
	there := map[string][]string{}
	for name, line := range headers(message) {
		key := strings.ToLower(strings.TrimSpace(name))
		there[key] = append(there[key], strings.TrimSpace(line[len(name)+1:]))
	}
	var lines []string
	for _, name := range strings.Fields(names) {
		values := there[strings.ToLower(name)]
		if len(values) == 0 {
			values = []string{absent}
		}
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	return strings.Join(lines, "\n")
}

// Expressions that scanners have a database evaluate: a sum of whole numbers, two strings to join, a pause. What surrounds a sum tells it from a
// date, a version or an identifier.
var (
	sums   = regexp.MustCompile(`(?:^|[^\w.:-])((\d{1,6}) ?([-+*]) ?(\d{1,6}))(?:[^\w.:-]|--|$)`)
	joins  = regexp.MustCompile(`(?i)(concat\( ?'(\w+)' ?, ?'(\w+)' ?\)|'(\w+)' ?\|\| ?'(\w+)')`)
	pauses = regexp.MustCompile(`(?i)(sleep ?\( ?(\d{1,3}) ?\)|waitfor delay '\d+:\d+:(\d{1,2})'|receive_message\([^()]*, ?(\d{1,3}) ?\))`)
)

// computed says what expressions of a request would give where a database evaluated them, and whether that stands in the response. Models of
// this size do not calculate. Empty where there are none.
func computed(request, response string) string {
	var lines []string
	answered := func(expression, result string) {
		where := "not in the response"
		if hasWord(response, result) {
			where = "in the response"
		}
		lines = append(lines, expression+" = "+result+": "+where)
	}
	plain := strings.Split(request, "\n")
	for i, line := range plain {
		plain[i] = unescaped(line) // a "+" is a space where the line has other escapes
	}
	text := strings.Join(plain, "\n")
	for _, m := range sums.FindAllStringSubmatch(text, mostComputed) {
		x, _ := strconv.Atoi(m[2]) // six digits at most
		y, _ := strconv.Atoi(m[4])
		answered(m[1], strconv.Itoa(map[string]int{"+": x + y, "-": x - y, "*": x * y}[m[3]]))
	}
	for _, m := range joins.FindAllStringSubmatch(text, mostComputed) {
		answered(m[1], m[2]+m[3]+m[4]+m[5])
	}
	for _, m := range pauses.FindAllStringSubmatch(text, mostComputed) {
		seconds, _ := strconv.Atoi(m[2] + m[3] + m[4])
		lines = append(lines, fmt.Sprintf("%s = %d ms", m[1], seconds*1000))
	}
	return strings.Join(lines, "\n")
}

const mostComputed = 3 // expressions of a kind

// hasWord tells whether a text has a word that is not part of a longer one.
func hasWord(text, word string) bool {
	return regexp.MustCompile(`(?:^|\W)` + regexp.QuoteMeta(word) + `(?:\W|$)`).MatchString(text)
}

// grep gives the lines of a text that match a regular expression (Go's syntax, https://pkg.go.dev/regexp/syntax), each cut to echoLine bytes.
func grep(expression, text string) (string, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return "", err
	}
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if at := re.FindStringIndex(line); at != nil {
			kept = append(kept, around(strings.TrimSpace(line), line[at[0]:at[1]]))
		}
	}
	return strings.Join(kept, "\n"), nil
}

// union gives the lines of texts, each once.
func union(texts ...string) string {
	var lines []string
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			if line != "" && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// Bounds of echoes.
const (
	shortestEcho = 4   // bytes of a value that is looked for: shorter ones stand in every page
	echoMargin   = 80  // bytes that are shown on each side of a value within a long line
	echoLine     = 240 // bytes of a line that is shown whole
	mostEchoes   = 4
	mostValues   = 200 // of a request that are looked for
)

// echoes are the places of a response's body where a value of the request comes back: as it is, or escaped for HTML, a URL or JSON, or, where there
// is no such place, the longest part of one. Empty where nothing comes back.
func echoes(request, response string) string {
	var lines []bodyLine
	for text := range strings.SplitSeq(messageBody(response), "\n") {
		text = strings.TrimSpace(text)
		lines = append(lines, bodyLine{text, unescaped(text)})
	}
	values := requestValues(request)
	found := echoesOf(values, lines)
	if len(found) == 0 {
		var parts []string
		for _, v := range values {
			parts = append(parts, words.FindAllString(v, -1)...)
		}
		slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
		for _, part := range slices.Compact(parts) {
			if found = echoesOf([]string{part}, lines); len(found) > 0 {
				break
			}
		}
	}
	return strings.Join(found, "\n")
}

// words are the parts of a value that a filter leaves.
var words = regexp.MustCompile(`[\pL\pN_]{5,}`)

// bodyLine is a line of a body as it stands, and without escapes.
type bodyLine struct{ text, plain string }

// echoesOf are the lines of a body, or what surrounds a value in long ones, that have one of the values.
func echoesOf(values []string, lines []bodyLine) (found []string) {
	for _, line := range lines {
		for _, v := range values {
			if !strings.Contains(line.plain, v) && !strings.Contains(line.text, v) {
				continue
			}
			if found = append(found, around(line.text, v)); len(found) == mostEchoes {
				return found
			}
			break
		}
	}
	return found
}

// jsonEscapes are what JSON and script strings write for characters that matter in a page.
var jsonEscapes = strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\/`, `/`, `\\`, `\`,
	`\u003c`, "<", `\u003C`, "<", `\u003e`, ">", `\u003E`, ">", `\u0026`, "&", `\u0027`, "'", `\u0022`, `"`, `\x3c`, "<", `\x3e`, ">", `\x22`, `"`, `\x27`, "'")

// unescaped undoes what a page does to text that it shows.
func unescaped(line string) string {
	line = jsonEscapes.Replace(html.UnescapeString(line))
	if strings.Contains(line, "%") {
		if text, err := url.QueryUnescape(line); err == nil {
			line = text
		}
	}
	return line
}

// around is a line, or where it is long the part of it about a value; an escaped value is found by its first word.
func around(line, value string) string {
	if len(line) <= echoLine {
		return line
	}
	at := strings.Index(line, value)
	if at < 0 {
		at = max(strings.Index(line, words.FindString(value)), 0)
	}
	from, to := max(at-echoMargin, 0), min(at+len(value)+echoMargin, len(line))
	return strings.ToValidUTF8(line[from:to], "")
}

// requestValues are what a request says of its own, the longest first: parameters of its target and of its body, whose kind is told by its look, the last
// part of its path, and its Referer, User-Agent and X- fields.
func requestValues(request string) (values []string) {
	add := func(v string) {
		if v = strings.TrimSpace(v); len(v) >= shortestEcho && len(values) < mostValues && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	head, body := finding.SplitMessage(request)
	lines := strings.Split(head, "\n")
	if parts := strings.Fields(lines[0]); len(parts) > 1 {
		path, query, _ := strings.Cut(parts[1], "?")
		parameters(query, add)
		last := path[strings.LastIndexByte(path, '/')+1:]
		if text, err := url.PathUnescape(last); err == nil {
			last = text
		}
		add(last)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(name)
		if name == "referer" || name == "user-agent" || strings.HasPrefix(name, "x-") {
			add(value)
		}
	}
	switch body = strings.TrimSpace(body); {
	case json.Valid([]byte(body)):
		jsonStrings(body, add)
	case strings.Contains(body, "Content-Disposition:"): // multipart/form-data
		for line := range strings.SplitSeq(body, "\n") {
			if !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "Content-") {
				add(line)
			}
		}
	default:
		parameters(body, add)
	}
	slices.SortStableFunc(values, func(a, b string) int { return len(b) - len(a) })
	return values
}

// parameters gives the values of a query or a form; one that is badly escaped as it stands.
func parameters(form string, add func(string)) {
	for pair := range strings.SplitSeq(form, "&") {
		_, value, _ := strings.Cut(pair, "=")
		if text, err := url.QueryUnescape(value); err == nil {
			value = text
		}
		add(value)
	}
}

func jsonStrings(text string, add func(string)) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		token, err := d.Token()
		if err != nil {
			return
		}
		if s, ok := token.(string); ok {
			add(s)
		}
	}
}
