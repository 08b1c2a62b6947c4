package jinja

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is a kind of token.
type kind int

const (
	tokEOF kind = iota
	tokData
	tokVarBegin
	tokVarEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

// lexeme is a token of the template with the line that it starts on.
type lexeme struct {
	kind kind
	text string
	line int
}

func (l lexeme) describe() string {
	switch l.kind {
	case tokEOF:
		return "the end of the template"
	case tokData:
		return "template text"
	case tokVarEnd, tokBlockEnd:
		return "the end of the tag"
	}
	return fmt.Sprintf("%q", l.text)
}

// Error is a fault of a template or of its rendering.
type Error struct {
	Line    int
	Message string
	// Raised says that the template itself called raise_exception.
	Raised bool
}

func (e *Error) Error() string { return fmt.Sprintf("chat template, line %d: %s", e.Line, e.Message) }

func errorAt(line int, format string, a ...any) error {
	return &Error{Line: line, Message: fmt.Sprintf(format, a...)}
}

// lexer cuts a template into tokens, with trim_blocks and lstrip_blocks on.
type lexer struct {
	src  string
	pos  int
	line int
	out  []lexeme
	// lineStart says that the last tag took the line end behind it along.
	lineStart bool
}

var (
	rawBegin = regexp.MustCompile(`^\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})`)
	rawEnd   = regexp.MustCompile(`\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)`)
)

// lex gives the tokens of a template.
func lex(src string) ([]lexeme, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	src = strings.TrimSuffix(src, "\n") // keep_trailing_newline is off
	l := &lexer{src: src, line: 1, lineStart: true}
	for l.pos < len(l.src) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	l.emit(tokEOF, "")
	return l.out, nil
}

func (l *lexer) emit(k kind, text string) { l.out = append(l.out, lexeme{k, text, l.line}) }

// advance moves on by n bytes.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.src[l.pos:l.pos+n], "\n")
	l.pos += n
}

// next reads the text up to a tag, and the tag.
func (l *lexer) next() error {
	rest := l.src[l.pos:]
	begin := nextTag(rest)
	if begin < 0 {
		l.emit(tokData, rest)
		l.advance(len(rest))
		return nil
	}
	data, tag := rest[:begin], rest[begin:begin+2]
	sign := byte(0)
	if begin+2 < len(rest) && (rest[begin+2] == '-' || rest[begin+2] == '+') {
		sign = rest[begin+2]
	}
	switch {
	case sign == '-':
		data = strings.TrimRightFunc(data, isSpace)
	case sign != '+' && tag != "{{":
		data = l.stripIndent(data)
	}
	if data != "" {
		l.emit(tokData, data)
	}
	l.advance(begin)
	if m := rawBegin.FindString(rest[begin:]); tag == "{%" && m != "" {
		return l.raw(m)
	}
	skip := 2
	if sign != 0 {
		skip = 3
	}
	switch tag {
	case "{#":
		return l.comment()
	case "{{":
		l.emit(tokVarBegin, tag)
		l.advance(skip)
		return l.code("}}", tokVarEnd)
	}
	l.emit(tokBlockBegin, tag)
	l.advance(skip)
	return l.code("%}", tokBlockEnd)
}

// nextTag gives where the first tag starts, or -1.
func nextTag(s string) int {
	for i := 0; ; {
		k := strings.IndexByte(s[i:], '{')
		if k < 0 || i+k+1 >= len(s) {
			return -1
		}
		i += k
		if c := s[i+1]; c == '{' || c == '%' || c == '#' {
			return i
		}
		i++
	}
}

// stripIndent removes the white space between the last line end and a tag.
func (l *lexer) stripIndent(data string) string {
	at := strings.LastIndexByte(data, '\n') + 1
	if (at > 0 || l.lineStart) && strings.TrimFunc(data[at:], isSpace) == "" {
		return data[:at]
	}
	return data
}

// closeTag moves past a tag's end and what it swallows: all white space after a minus,
// one line end after a block or comment.
func (l *lexer) closeTag(sign byte, block bool) {
	n := 2
	if sign != 0 {
		n = 3
	}
	rest := l.src[l.pos+n:]
	switch {
	case sign == '-':
		n += len(rest) - len(strings.TrimLeftFunc(rest, isSpace))
	case sign == 0 && block && strings.HasPrefix(rest, "\n"):
		n++
	}
	l.lineStart = l.src[l.pos+n-1] == '\n'
	l.advance(n)
}

// raw copies the text of {% raw %} … {% endraw %}.
func (l *lexer) raw(begin string) error {
	l.advance(len(begin))
	m := rawEnd.FindStringSubmatchIndex(l.src[l.pos:])
	if m == nil {
		return errorAt(l.line, "{%% raw %%} without {%% endraw %%}")
	}
	data := l.src[l.pos : l.pos+m[0]]
	l.lineStart = strings.HasSuffix(begin, "\n")
	switch l.src[l.pos+m[2] : l.pos+m[3]] {
	case "-":
		data = strings.TrimRightFunc(data, isSpace)
	case "":
		data = l.stripIndent(data)
	}
	if data != "" {
		l.emit(tokData, data)
	}
	l.lineStart = l.src[l.pos+m[1]-1] == '\n'
	l.advance(m[1])
	return nil
}

func (l *lexer) comment() error {
	end := strings.Index(l.src[l.pos+2:], "#}")
	if end < 0 {
		return errorAt(l.line, "comment is not closed with #}")
	}
	end += l.pos + 2
	sign := byte(0)
	if c := l.src[end-1]; (c == '-' || c == '+') && end-1 >= l.pos+2 {
		sign = c
		end--
	}
	l.advance(end - l.pos)
	l.closeTag(sign, true)
	return nil
}

// operators, longest first.
var operators = []string{"//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}",
	"=", "<", ">", ".", ",", ":", "|", ";"}

var closers = map[byte]byte{'(': ')', '[': ']', '{': '}'}

// code reads the inside of a tag up to its end.
func (l *lexer) code(end string, endKind kind) error {
	start := l.line
	var open []byte
	for {
		rest := l.src[l.pos:]
		trimmed := strings.TrimLeftFunc(rest, isSpace)
		l.advance(len(rest) - len(trimmed))
		if trimmed == "" {
			return errorAt(start, "tag is not closed with %s", end)
		}
		if len(open) == 0 {
			sign := byte(0)
			if (trimmed[0] == '-' || trimmed[0] == '+' && endKind == tokBlockEnd) && strings.HasPrefix(trimmed[1:], end) {
				sign = trimmed[0]
			}
			if sign != 0 || strings.HasPrefix(trimmed, end) {
				l.emit(endKind, end)
				l.closeTag(sign, endKind == tokBlockEnd)
				return nil
			}
		}
		n, err := l.token(trimmed)
		if err != nil {
			return err
		}
		switch c := trimmed[0]; c {
		case '(', '[', '{':
			open = append(open, closers[c])
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != c {
				return errorAt(l.line, "unexpected %q", c)
			}
			open = open[:len(open)-1]
		}
		l.advance(n)
	}
}

// token reads one token of code and gives its length.
func (l *lexer) token(s string) (int, error) {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == '"' || r == '\'':
		return l.stringToken(s)
	case r >= '0' && r <= '9':
		return l.numberToken(s), nil
	case r == '_' || unicode.IsLetter(r):
		n := size
		for n < len(s) {
			r, size := utf8.DecodeRuneInString(s[n:])
			if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			n += size
		}
		l.emit(tokName, s[:n])
		return n, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			l.emit(tokOp, op)
			return len(op), nil
		}
	}
	return 0, errorAt(l.line, "unexpected character %q", r)
}

var numberRE = regexp.MustCompile(`^\d+(_\d+)*(\.\d+(_\d+)*)?([eE][+-]?\d+(_\d+)*)?`)

func (l *lexer) numberToken(s string) int {
	text := numberRE.FindString(s)
	k := tokInt
	if strings.ContainsAny(text, ".eE") {
		k = tokFloat
	}
	l.emit(k, strings.ReplaceAll(text, "_", ""))
	return len(text)
}

// stringToken reads a string literal and its escapes.
func (l *lexer) stringToken(s string) (int, error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			text, err := unescape(s[1:i])
			if err != nil {
				return 0, errorAt(l.line, "%v", err)
			}
			l.emit(tokString, text)
			return i + 1, nil
		}
	}
	return 0, errorAt(l.line, "string is not closed")
}

var simpleEscapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': `\`, '\'': "'", '"': `"`, 'a': "\a",
	'b': "\b", 'f': "\f", 'v': "\v", '\n': ""}

// unescape reads Python's escapes.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		c := s[i+1]
		if to, ok := simpleEscapes[c]; ok {
			b.WriteString(to)
			i += 2
			continue
		}
		digits, base := 0, 16
		switch {
		case c == 'x':
			digits = 2
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case c >= '0' && c <= '7':
			base = 8
		default: // unknown escapes stay as they are
			b.WriteString(s[i : i+2])
			i += 2
			continue
		}
		n, r := escapeDigits(s[i:], digits, base)
		if n == 0 {
			return "", fmt.Errorf("truncated escape in string %q", s)
		}
		b.WriteRune(r)
		i += n
	}
	return b.String(), nil
}

// escapeDigits reads \xNN, \uNNNN, \UNNNNNNNN or up to three octal digits.
func escapeDigits(s string, digits, base int) (int, rune) {
	start := 2
	end := start + digits
	if base == 8 {
		start = 1
		for end = start; end < len(s) && end < start+3 && s[end] >= '0' && s[end] <= '7'; end++ {
		}
	}
	if end > len(s) {
		return 0, 0
	}
	r := rune(0)
	for _, c := range s[start:end] {
		d := strings.IndexRune("0123456789abcdef", unicode.ToLower(c))
		if d < 0 || d >= base || r > unicode.MaxRune {
			return 0, 0
		}
		r = r*rune(base) + rune(d)
	}
	return end, r
}
