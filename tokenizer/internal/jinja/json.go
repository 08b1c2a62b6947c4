package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// FromJSON reads JSON, keeping the order of keys. Strings, keys included, are untrusted.
func FromJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := fromJSON(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the JSON value")
	}
	return v, nil
}

func fromJSON(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d levels of nesting", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			l := NewList()
			for dec.More() {
				v, err := fromJSON(dec, depth+1)
				if err != nil {
					return nil, err
				}
				l.Items = append(l.Items, v)
			}
			_, err := dec.Token()
			return l, err
		}
		d := NewDict()
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := fromJSON(dec, depth+1)
			if err != nil {
				return nil, err
			}
			if err := d.Set(Untrusted(key.(string)), v); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return d, err
	case string:
		return Untrusted(t), nil
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return i, nil
		}
		return t.Float64()
	}
	return tok, nil // bool or nil
}

// FromGo turns a Go value into a template's value. Strings are untrusted; maps are taken
// in the order of their sorted keys.
func FromGo(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, int64, float64, Text, *List, *Dict:
		return x, nil
	case string:
		return Untrusted(strings.ToValidUTF8(x, "\uFFFD")), nil
	case int:
		return int64(x), nil
	case []any:
		l := NewList()
		for _, item := range x {
			value, err := FromGo(item)
			if err != nil {
				return nil, err
			}
			l.Items = append(l.Items, value)
		}
		return l, nil
	}
	// Everything else goes through JSON, which sorts the keys of maps and keeps the
	// order of struct fields.
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("a value of type %T can't be given to a chat template: %w", v, err)
	}
	return FromJSON(data)
}

// jsonWriter writes Python's json.dumps.
type jsonWriter struct {
	out         builder
	ascii       bool
	sortKeys    bool
	indent      string
	newLines    bool
	item, colon string
}

// toJSON is transformers' tojson: json.dumps(v, ensure_ascii=False, …).
func toJSON(v any, a args) (any, error) {
	w := &jsonWriter{ascii: truth(a.get(0, "ensure_ascii", false)), sortKeys: truth(a.get(3, "sort_keys", false)), item: ", ", colon: ": "}
	switch indent := a.get(1, "indent", nil).(type) {
	case int64:
		w.newLines, w.indent, w.item = true, strings.Repeat(" ", int(min(max(indent, 0), 1000))), ","
	case Text:
		w.newLines, w.indent, w.item = true, indent.s, ","
	}
	if l, ok := a.get(2, "separators", nil).(*List); ok && len(l.Items) == 2 {
		w.item, w.colon = str(l.Items[0]).s, str(l.Items[1]).s
	}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.out.text(), nil
}

func (w *jsonWriter) line(depth int) {
	if w.newLines {
		w.out.writeString("\n" + strings.Repeat(w.indent, depth))
	}
}

func (w *jsonWriter) value(v any, depth int) error {
	switch x := v.(type) {
	case nil:
		w.out.writeString("null")
	case bool:
		w.out.writeString(strconv.FormatBool(x))
	case int64:
		w.out.writeString(strconv.FormatInt(x, 10))
	case float64:
		w.out.writeString(jsonFloat(x))
	case Text:
		w.text(x)
	case *List:
		return w.list(x, depth)
	case *Dict:
		return w.dict(x, depth)
	default:
		return fmt.Errorf("%s is not JSON serializable", typeName(v))
	}
	return nil
}

func (w *jsonWriter) list(l *List, depth int) error {
	if len(l.Items) == 0 {
		w.out.writeString("[]")
		return nil
	}
	w.out.writeString("[")
	for i, item := range l.Items {
		if i > 0 {
			w.out.writeString(w.item)
		}
		w.line(depth + 1)
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	w.line(depth)
	w.out.writeString("]")
	return nil
}

func (w *jsonWriter) dict(d *Dict, depth int) error {
	if d.Len() == 0 {
		w.out.writeString("{}")
		return nil
	}
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	if w.sortKeys {
		slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(str(d.keys[i]).s, str(d.keys[j]).s) })
	}
	w.out.writeString("{")
	for n, i := range order {
		if n > 0 {
			w.out.writeString(w.item)
		}
		w.line(depth + 1)
		switch k := d.keys[i].(type) {
		case Text:
			w.text(k)
		case float64:
			w.out.writeString(`"` + jsonFloat(k) + `"`)
		case nil:
			w.out.writeString(`"null"`)
		case bool:
			w.out.writeString(`"` + strconv.FormatBool(k) + `"`)
		default:
			w.out.writeString(`"` + str(k).s + `"`)
		}
		w.out.writeString(w.colon)
		if err := w.value(d.values[i], depth+1); err != nil {
			return err
		}
	}
	w.line(depth)
	w.out.writeString("}")
	return nil
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

func (w *jsonWriter) text(t Text) {
	w.out.writeString(`"`)
	last := 0
	escape := func(i, size int, to string) {
		w.out.write(t.slice(last, i))
		w.out.writeLike(to, t, i)
		last = i + size
	}
	for i, r := range t.s {
		size := utf8.RuneLen(r)
		if to, ok := jsonEscapes[r]; ok {
			escape(i, size, to)
			continue
		}
		switch {
		case r < 0x20 || w.ascii && r >= 0x7F && r < 0x10000:
			escape(i, size, fmt.Sprintf(`\u%04x`, r))
		case w.ascii && r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			escape(i, size, fmt.Sprintf(`\u%04x\u%04x`, hi, lo))
		}
	}
	w.out.write(t.slice(last, len(t.s)))
	w.out.writeString(`"`)
}

func jsonFloat(f float64) string {
	switch s := floatRepr(f); s {
	case "inf":
		return "Infinity"
	case "-inf":
		return "-Infinity"
	case "nan":
		return "NaN"
	default:
		return s
	}
}
