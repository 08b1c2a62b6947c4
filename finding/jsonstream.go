package finding

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxRecordBytes bounds one entry of a report that is read entry by entry, so that a
// report of any size is read in little memory.
const maxRecordBytes = 64 << 20

func (o ReadOptions) maxRecord() int64 { return min(o.maxBytes(), maxRecordBytes) }

// jsonStream walks a JSON document of any size without holding it. What is between
// its records (containers, keys) is read byte by byte and forgivingly, so that one
// broken record does not cost the others; a record is read whole and strictly.
type jsonStream struct {
	in   *input
	r    *bufio.Reader
	line int // 1-based, of the next byte
	bad  int // bytes that were not UTF-8
}

// jsonRecord is one object of a list.
type jsonRecord struct {
	rawObject
	line  int // where it begins
	index int // in its list
}

var (
	// errStop is how a visitor says that the caller of Scan wants no more.
	errStop = errors.New("stop")
	// errCut is the end of a document before its end.
	errCut = errors.New("the document ends too early: was the report cut short?")
)

// walkJSON calls each with every value at the top of the document: one, or several
// where documents were concatenated. Each must consume the value. Where the document
// cannot be read to its end, what came before is kept and the rest is a problem; the
// error says that nothing at all could be read.
func (in *input) walkJSON(each func(s *jsonStream, kind byte) error) error {
	s := &jsonStream{in: in, r: in.r, line: 1}
	err := error(nil)
	for err == nil {
		var kind byte
		kind, err = s.peek()
		switch {
		case errors.Is(err, errCut): // the end, where it belongs
			return s.finish(nil)
		case err != nil:
		case kind == '{' || kind == '[':
			err = each(s, kind)
		default:
			err = fmt.Errorf("expected an object or the end of the document, found %q", kind)
		}
	}
	return s.finish(err)
}

func (s *jsonStream) finish(err error) error {
	if s.bad > 0 {
		s.in.report.Notes = append(s.in.report.Notes, invalidUTF8Note(s.bad))
	}
	return s.in.broken(err, s.line, 0)
}

// broken reports why nothing more can be read: as a problem where something has been
// read before, else as the reader's error.
func (in *input) broken(err error, line, column int) error {
	if err == nil || errors.Is(err, errStop) {
		return nil
	}
	e := &RowError{Input: in.name, Line: line, Column: column, Err: err}
	if in.report.Total == 0 && in.report.Messages == 0 {
		return e
	}
	e.Err = fmt.Errorf("%w: %w", ErrIncomplete, err)
	in.problem(e)
	return nil
}

// buffered gives what can be looked at without reading more; never nothing.
func (s *jsonStream) buffered() ([]byte, error) {
	if _, err := s.r.Peek(1); errors.Is(err, io.EOF) {
		return nil, errCut
	} else if err != nil {
		return nil, err
	}
	chunk, _ := s.r.Peek(s.r.Buffered()) // cannot fail
	return chunk, nil
}

func (s *jsonStream) advance(chunk []byte) {
	s.line += bytes.Count(chunk, []byte{'\n'})
	_, _ = s.r.Discard(len(chunk)) // they are buffered
}

// peek gives the first byte of what comes next, white space skipped.
func (s *jsonStream) peek() (byte, error) {
	for {
		chunk, err := s.buffered()
		if err != nil {
			return 0, err
		}
		i := skipSpace(chunk, 0)
		s.advance(chunk[:i])
		if i < len(chunk) {
			return chunk[i], nil
		}
	}
}

// kindOf is the kind of the value that begins with a byte, as rawValue.kind has it.
func kindOf(c byte) byte {
	if c == '-' || c >= '0' && c <= '9' {
		return '0'
	}
	return c
}

// span finds the end of a value: brackets and strings are counted, nothing is checked.
type span struct {
	depth             int
	inString, escaped bool
	begun             bool
}

// feed returns how many bytes of the chunk belong to the value, and whether it ends there.
func (p *span) feed(chunk []byte) (n int, done bool) {
	for i, c := range chunk {
		switch {
		case p.escaped:
			p.escaped = false
		case p.inString:
			switch c {
			case '\\':
				p.escaped = true
			case '"':
				p.inString = false
				if p.depth == 0 {
					return i + 1, true
				}
			}
		case c == '"':
			if p.begun && p.depth == 0 {
				return i, true
			}
			p.inString = true
		case c == '{' || c == '[':
			if p.begun && p.depth == 0 {
				return i, true
			}
			p.depth++
		case c == '}' || c == ']':
			if p.depth == 0 {
				return i, true
			}
			p.depth--
			if p.depth == 0 {
				return i + 1, true
			}
		case p.depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			return i, true
		}
		p.begun = true
	}
	return len(chunk), false
}

// scan consumes the next value and, where keep is set, returns its bytes and line.
// A value past the limit is consumed too: errRowTooLong.
func (s *jsonStream) scan(keep bool) (value []byte, line int, err error) {
	c, err := s.peek()
	if err != nil {
		return nil, s.line, err
	}
	line = s.line
	if bytes.IndexByte([]byte(",:]}"), c) >= 0 {
		return nil, line, fmt.Errorf("expected a JSON value, found %q", c)
	}
	limit, tooLong := s.in.opts.maxRecord(), false
	var p span
	for done := false; !done; {
		chunk, err := s.buffered()
		if errors.Is(err, errCut) && p.depth == 0 && !p.inString {
			break // a number is ended by the end of the document
		}
		if err != nil {
			return nil, line, err
		}
		var n int
		n, done = p.feed(chunk)
		if keep && int64(len(value)+n) > limit {
			tooLong, value = true, nil
		}
		if keep && !tooLong {
			value = append(value, chunk[:n]...)
		}
		s.advance(chunk[:n])
	}
	if tooLong {
		return nil, line, fmt.Errorf("%w of %d bytes", errRowTooLong, limit)
	}
	return value, line, nil
}

func (s *jsonStream) skip() error {
	_, _, err := s.scan(false)
	return err
}

// value reads the next value strictly. A *RowError is about that value alone.
func (s *jsonStream) value() (rawValue, int, error) {
	doc, line, err := s.scan(true)
	if errors.Is(err, errRowTooLong) {
		return rawValue{}, line, &RowError{Line: line, Err: err}
	}
	if err != nil {
		return rawValue{}, line, err
	}
	doc, bad := validText(doc)
	s.bad += bad
	v, err := parseRaw(doc)
	if err != nil {
		e := &RowError{Line: line, Err: ExplainJSON(err)}
		if offset, ok := syntaxOffset(err); ok {
			below, column := locate(doc, offset)
			if below > 1 { // on the first line, the column counts from where the value begins
				e.Column = column
			}
			e.Line += below - 1
		}
		return rawValue{}, line, e
	}
	return v, line, nil
}

// text reads the next value where it is a string, number or boolean; any other is skipped.
func (s *jsonStream) text() (string, error) {
	if c, err := s.peek(); err != nil || c == '{' || c == '[' {
		return "", errors.Join(err, s.skip())
	}
	v, _, err := s.value()
	if e := (*RowError)(nil); errors.As(err, &e) {
		return "", s.problem(e)
	}
	return v.text(), err
}

func (s *jsonStream) problem(e *RowError) error {
	if !s.in.problem(e) {
		return errStop
	}
	return nil
}

// opening consumes a bracket. Where the value is of another kind it is skipped and,
// unless it is null, reported.
func (s *jsonStream) opening(bracket byte, where string) (bool, error) {
	c, err := s.peek()
	if err != nil {
		return false, err
	}
	if c == bracket {
		s.advance([]byte{c})
		return true, nil
	}
	line := s.line
	if err := s.skip(); err != nil || c == 'n' {
		return false, err
	}
	return false, s.problem(&RowError{Line: line, Where: where, Err: fmt.Errorf("expected %s, found %s", kindName(bracket), kindName(kindOf(c)))})
}

// object calls visit for every key of the object that comes next; visit must consume
// the key's value.
func (s *jsonStream) object(where string, visit func(key string) error) error {
	if ok, err := s.opening('{', where); !ok {
		return err
	}
	for {
		c, err := s.peek()
		switch {
		case err != nil:
			return err
		case c == '}' || c == ',':
			s.advance([]byte{c})
			if c == '}' {
				return nil
			}
			continue
		case c != '"':
			return fmt.Errorf("expected a key or the end of an object, found %q", c)
		}
		quoted, _, err := s.scan(true)
		if err != nil {
			return err
		}
		var key string
		_ = json.Unmarshal(quoted, &key) // a broken key is nobody's
		if c, err = s.peek(); err != nil {
			return err
		}
		if c != ':' {
			return fmt.Errorf("expected a colon after the key %.40q, found %q", key, c)
		}
		s.advance([]byte{c})
		if err := visit(key); err != nil {
			return err
		}
	}
}

// array calls visit before every value of the array that comes next; visit must
// consume it.
func (s *jsonStream) array(where string, visit func(index int) error) error {
	if ok, err := s.opening('[', where); !ok {
		return err
	}
	for index := 0; ; {
		c, err := s.peek()
		switch {
		case err != nil:
			return err
		case c == ']' || c == ',':
			s.advance([]byte{c})
			if c == ']' {
				return nil
			}
			continue
		case c == '}' || c == ':':
			return fmt.Errorf("expected a value or the end of an array, found %q", c)
		}
		if err := visit(index); err != nil {
			return err
		}
		index++
	}
}

// records calls each with every object of the array that comes next. What cannot be
// read is a problem, and counted by count all the same.
func (s *jsonStream) records(where string, count *int, each func(r jsonRecord) error) error {
	return s.array(where, func(index int) error {
		return s.record(fmt.Sprintf("%s[%d]", where, index), index, count, each)
	})
}

// record reads one value that should be an object.
func (s *jsonStream) record(where string, index int, count *int, each func(r jsonRecord) error) error {
	v, line, err := s.value()
	e := (*RowError)(nil)
	if err != nil && !errors.As(err, &e) {
		return err
	}
	if count != nil {
		*count++
	}
	if e == nil && v.kind() != '{' {
		e = &RowError{Line: line, Err: fmt.Errorf("expected an object, found %s", kindName(v.kind()))}
	}
	if e != nil {
		e.Where = where
		return s.problem(e)
	}
	return each(jsonRecord{rawObject: v.object(), line: line, index: index})
}

// emit hands over a finding that stands at a line of the document.
func (s *jsonStream) emit(f Finding, line, result int) error {
	f.Origin = Origin{Result: result, Line: line}
	if !f.reviewable() {
		return s.problem(&RowError{Line: line, Err: errors.New("nothing to review: expected a rule's name, a message, code, or an HTTP exchange")})
	}
	if !s.in.emit(f) {
		return errStop
	}
	return nil
}
