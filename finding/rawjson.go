package finding

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// rawValue is one JSON value inside a document that json.Valid accepted: its
// bytes [start, end) of doc. Nothing is decoded until it is asked for, so a
// document costs little more than its bytes, and what nobody asks for (unknown
// fields, key order, the spelling of numbers) is never touched. The zero
// rawValue stands for a value that is not there; every accessor of a value of
// another kind gives the zero of its own.
type rawValue struct {
	doc        []byte
	start, end int
}

// rawMember is one key and value of an object. The key's bytes start at keyStart.
type rawMember struct {
	key      string
	keyStart int
	value    rawValue
}

// parseRaw checks a whole document and returns its value. Its error is a
// [*json.SyntaxError], whose offset locate turns into a line and a column.
// Nesting deeper than 10,000 is an error, as encoding/json has it.
func parseRaw(doc []byte) (rawValue, error) {
	if !json.Valid(doc) { // builds nothing, and says nothing; Unmarshal says where
		var whole json.RawMessage
		return rawValue{}, json.Unmarshal(doc, &whole)
	}
	start := skipSpace(doc, 0)
	return rawValue{doc, start, skipValue(doc, start)}, nil
}

// locate gives the 1-based line and column (in bytes) of a byte offset.
func locate(doc []byte, offset int64) (line, column int) {
	offset = min(max(offset, 0), int64(len(doc)))
	before := doc[:offset]
	return 1 + bytes.Count(before, []byte{'\n'}), len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
}

// syntaxOffset finds the offset of the byte that an encoding/json error is about.
func syntaxOffset(err error) (int64, bool) {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return max(syntax.Offset-1, 0), true // Offset counts the bytes read, the bad one among them
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return max(kind.Offset-1, 0), true
	}
	return 0, false
}

func (v rawValue) exists() bool  { return v.end > v.start }
func (v rawValue) bytes() []byte { return v.doc[v.start:v.end] }

// kind is the value's first byte: '{', '[', '"', 't', 'f', 'n', '0' for any
// number, 0 where there is no value.
func (v rawValue) kind() byte {
	if !v.exists() {
		return 0
	}
	c := v.doc[v.start]
	if c == '-' || c >= '0' && c <= '9' {
		return '0'
	}
	return c
}

// members lists an object's members in the document's order.
func (v rawValue) members() []rawMember {
	if v.kind() != '{' {
		return nil
	}
	var out []rawMember
	for i := skipSpace(v.doc, v.start+1); v.doc[i] != '}'; {
		keyStart := i
		keyEnd := skipValue(v.doc, i)
		key := rawValue{v.doc, i, keyEnd}.str()
		i = skipSpace(v.doc, skipSpace(v.doc, keyEnd)+1) // the colon
		end := skipValue(v.doc, i)
		out = append(out, rawMember{key, keyStart, rawValue{v.doc, i, end}})
		i = skipSpace(v.doc, end)
		if v.doc[i] == ',' {
			i = skipSpace(v.doc, i+1)
		}
	}
	return out
}

// wantArray refuses what is there and is neither an array nor null.
func (v rawValue) wantArray() error {
	if k := v.kind(); k != 0 && k != '[' && k != 'n' {
		return fmt.Errorf("expected an array, found %s", kindName(k))
	}
	return nil
}

// elems lists an array's values.
func (v rawValue) elems() []rawValue {
	if v.kind() != '[' {
		return nil
	}
	var out []rawValue
	for i := skipSpace(v.doc, v.start+1); v.doc[i] != ']'; {
		end := skipValue(v.doc, i)
		out = append(out, rawValue{v.doc, i, end})
		i = skipSpace(v.doc, end)
		if v.doc[i] == ',' {
			i = skipSpace(v.doc, i+1)
		}
	}
	return out
}

// object reads an object's members once for several look-ups.
func (v rawValue) object() rawObject { return rawObject(v.members()) }

// get follows keys down through objects.
func (v rawValue) get(keys ...string) rawValue {
	for _, key := range keys {
		v = v.object().get(key)
	}
	return v
}

// at gives element i of an array.
func (v rawValue) at(i int) rawValue {
	elems := v.elems()
	if i < 0 || i >= len(elems) {
		return rawValue{}
	}
	return elems[i]
}

// str is a string's text; encoding/json replaces what is not valid in it.
func (v rawValue) str() string {
	if v.kind() != '"' {
		return ""
	}
	inner := v.doc[v.start+1 : v.end-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		text, _ := validText(inner)
		return string(text)
	}
	var s string
	if json.Unmarshal(v.bytes(), &s) != nil {
		return ""
	}
	return s
}

// num is a whole number; 3.0 is one too.
func (v rawValue) num() (int, bool) {
	if v.kind() != '0' {
		return 0, false
	}
	text := string(v.bytes())
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != float64(int32(f)) {
		return 0, false
	}
	return int(f), true
}

// text is a string, or a number or boolean as it is written.
func (v rawValue) text() string {
	switch v.kind() {
	case '"':
		return v.str()
	case '0', 't', 'f':
		return string(v.bytes())
	}
	return ""
}

type rawObject []rawMember

// member finds a key; the last of several wins, as in encoding/json.
func (o rawObject) member(key string) (rawMember, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i], true
		}
	}
	return rawMember{}, false
}

func (o rawObject) get(key string) rawValue {
	m, _ := o.member(key)
	return m.value
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\t' || doc[i] == '\n' || doc[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the end of the valid value that begins at i.
func skipValue(doc []byte, i int) int {
	switch doc[i] {
	case '"':
		return skipString(doc, i)
	case '{', '[':
		for depth := 0; ; {
			switch doc[i] {
			case '"':
				i = skipString(doc, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			i++
			if depth == 0 {
				return i
			}
		}
	}
	for i < len(doc) && !strings.ContainsRune(" \t\r\n,:]}", rune(doc[i])) {
		i++
	}
	return i
}

func skipString(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// marshal is json.Marshal without its escaping of <, > and &, which are common
// in code and harmless in a file.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
