package weights

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// scanner reads JSON from memory, value by value. encoding/json is no help for
// a safetensors header: it lets duplicate keys pass, and a header of 100,000
// tensors would be copied into maps several times its size.
type scanner struct {
	data []byte
	pos  int
}

// maxDepth bounds nesting in values that are skipped.
const maxDepth = 64

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d of the JSON: %s", s.pos, fmt.Sprintf(format, args...))
}

// found describes the next byte for an error message.
func (s *scanner) found() string {
	if s.pos >= len(s.data) {
		return "the end"
	}
	return fmt.Sprintf("%q", s.data[s.pos])
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c || s.pos >= len(s.data) {
		return s.errorf("expected %q, found %s", c, s.found())
	}
	s.pos++
	return nil
}

// end reports an error if anything but white space is left.
func (s *scanner) end() error {
	s.peek()
	if s.pos < len(s.data) {
		return s.errorf("expected the end, found %s", s.found())
	}
	return nil
}

// str reads a string. The result is a copy, the input may be unmapped later.
func (s *scanner) str() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start, escaped := s.pos, false
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '\\':
			escaped = true
			s.pos++
		case c < 0x20:
			return "", s.errorf("control character %q in a string", c)
		case c == '"':
			s.pos++
			if !escaped {
				return string(s.data[start : s.pos-1]), nil
			}
			var text string
			if err := json.Unmarshal(s.data[start-1:s.pos], &text); err != nil {
				return "", s.errorf("bad string: %v", err)
			}
			return text, nil
		}
	}
	s.pos = len(s.data)
	return "", s.errorf("string that began at byte %d has no end", start-1)
}

// uint reads a whole number ≥ 0 that fits an int.
func (s *scanner) uint() (int, error) {
	s.peek()
	start, n := s.pos, 0
	for ; s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9'; s.pos++ {
		digit := int(s.data[s.pos] - '0')
		if n > (math.MaxInt-digit)/10 {
			return 0, s.errorf("number %s... is larger than %d", s.data[start:s.pos+1], math.MaxInt)
		}
		n = n*10 + digit
	}
	if s.pos == start {
		return 0, s.errorf("expected a whole number ≥ 0, found %s", s.found())
	}
	if s.data[start] == '0' && s.pos > start+1 {
		return 0, s.errorf("number with a leading zero")
	}
	if s.pos < len(s.data) && strings.IndexByte(".eE+-", s.data[s.pos]) >= 0 {
		return 0, s.errorf("expected a whole number, found a fraction or exponent")
	}
	return n, nil
}

// object reads {"key": value, ...} and calls value with the scanner before each value.
func (s *scanner) object(value func(key string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		key, err := s.str()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if done, err := s.next('}'); done || err != nil {
			return err
		}
	}
}

// array reads [value, ...] and calls value with the scanner before each value.
func (s *scanner) array(value func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := value(); err != nil {
			return err
		}
		if done, err := s.next(']'); done || err != nil {
			return err
		}
	}
}

// next consumes a comma, or the closing byte and says so.
func (s *scanner) next(closing byte) (done bool, err error) {
	switch c := s.peek(); {
	case c == closing && s.pos < len(s.data):
		s.pos++
		return true, nil
	case c == ',':
		s.pos++
		return false, nil
	}
	return false, s.errorf("expected ',' or %q, found %s", closing, s.found())
}

// skip passes over one value of any kind.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.errorf("values nested deeper than %d", maxDepth)
	}
	switch s.peek() {
	case '"':
		_, err := s.str()
		return err
	case '{':
		return s.object(func(string) error { return s.skip(depth + 1) })
	case '[':
		return s.array(func() error { return s.skip(depth + 1) })
	}
	start := s.pos
	for s.pos < len(s.data) && strings.IndexByte(",]} \t\r\n", s.data[s.pos]) < 0 {
		s.pos++
	}
	if !json.Valid(s.data[start:s.pos]) {
		s.pos = start
		return s.errorf("expected a value, found %s", s.found())
	}
	return nil
}
