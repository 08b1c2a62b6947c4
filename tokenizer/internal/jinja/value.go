package jinja

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// undefined is the value of a name, key or attribute that does not exist.
type undefined struct{ what string }

// List is a Python list or tuple.
type List struct {
	Items []any
	tuple bool
}

// NewList makes a list.
func NewList(items ...any) *List { return &List{Items: items} }

// Dict is a Python dict: it keeps the order in which keys were set.
type Dict struct {
	keys   []any // Text, int64, …
	values []any
	index  map[any]int
	// ns marks a namespace(), whose attributes {% set %} may change.
	ns bool
}

// NewDict makes an empty dict.
func NewDict() *Dict { return &Dict{index: map[any]int{}} }

// hashKey brings a key into a form that Go compares as Python does: provenance does not
// matter, 1 and 1.0 and true are one key.
func hashKey(key any) (any, error) {
	switch k := key.(type) {
	case Text:
		return k.s, nil
	case bool:
		return number(k)
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<62 {
			return int64(k), nil
		}
		return k, nil
	case int64, nil:
		return k, nil
	}
	return nil, fmt.Errorf("a %s can't be a dict key", typeName(key))
}

// Set sets a key.
func (d *Dict) Set(key, value any) error {
	h, err := hashKey(key)
	if err != nil {
		return err
	}
	if i, ok := d.index[h]; ok {
		d.values[i] = value
		return nil
	}
	d.index[h] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, value)
	return nil
}

// SetString sets a key that is the program's own.
func (d *Dict) SetString(key string, value any) {
	_ = d.Set(Trusted(key), value) // a string is always a key
}

// Get gives the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	h, err := hashKey(key)
	if err != nil {
		return nil, false
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// GetString gives the value of a string key.
func (d *Dict) GetString(key string) (any, bool) { return d.Get(Text{s: key}) }

// Len counts the keys.
func (d *Dict) Len() int { return len(d.keys) }

func (d *Dict) pairs() *List {
	out := NewList()
	for i, k := range d.keys {
		out.Items = append(out.Items, &List{Items: []any{k, d.values[i]}, tuple: true})
	}
	return out
}

// callable is a function or method that a template can call.
type callable struct {
	name string
	fn   func(e *env, a args) (any, error)
}

// args are the arguments of a call.
type args struct {
	pos   []any
	names []string
	named []any
}

// get gives argument i, or the one called name, or the default.
func (a args) get(i int, name string, def any) any {
	if i >= 0 && i < len(a.pos) {
		return a.pos[i]
	}
	for k, n := range a.names {
		if n == name {
			return a.named[k]
		}
	}
	return def
}

// typeName is Python's name of a value's type.
func typeName(v any) string {
	switch x := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case Text:
		return "str"
	case *List:
		if x.tuple {
			return "tuple"
		}
		return "list"
	case *Dict:
		return "dict"
	case undefined:
		return "undefined value"
	case *callable, *macro:
		return "function"
	}
	return "object"
}

// truth is Python's bool().
func truth(v any) bool {
	switch x := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return x
	case int64:
		return x != 0
	case float64:
		return x != 0
	case Text:
		return x.s != ""
	case *List:
		return len(x.Items) > 0
	case *Dict:
		return x.ns || x.Len() > 0
	}
	return true
}

// number gives the numeric value of bool, int and float as int64 or float64.
func number(v any) (any, error) {
	switch x := v.(type) {
	case bool:
		if x {
			return int64(1), nil
		}
		return int64(0), nil
	case int64, float64:
		return x, nil
	}
	return nil, fmt.Errorf("expected a number, found a %s", typeName(v))
}

func toFloat(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	}
	return 0
}

// equal is Python's ==.
func equal(a, b any) bool {
	if x, ok := a.(Text); ok {
		y, ok := b.(Text)
		return ok && x.s == y.s
	}
	if x, err := number(a); err == nil {
		y, err := number(b)
		if err != nil {
			return false
		}
		i, okI := x.(int64)
		j, okJ := y.(int64)
		if okI && okJ {
			return i == j
		}
		return toFloat(x) == toFloat(y)
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case *List:
		y, ok := b.(*List)
		return ok && x.tuple == y.tuple && slices.EqualFunc(x.Items, y.Items, equal)
	case *Dict:
		y, ok := b.(*Dict)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for i, k := range x.keys {
			if v, ok := y.Get(k); !ok || !equal(x.values[i], v) {
				return false
			}
		}
		return true
	case *callable:
		return x == b
	case *macro:
		return x == b
	}
	return false
}

// less is Python's <; it fails for values that have no order.
func less(a, b any) (bool, error) {
	if x, ok := a.(Text); ok {
		if y, ok := b.(Text); ok {
			return x.s < y.s, nil
		}
	}
	if x, err := number(a); err == nil {
		if y, err := number(b); err == nil {
			i, okI := x.(int64)
			j, okJ := y.(int64)
			if okI && okJ {
				return i < j, nil
			}
			return toFloat(x) < toFloat(y), nil
		}
	}
	if x, ok := a.(*List); ok {
		if y, ok := b.(*List); ok {
			for i := range min(len(x.Items), len(y.Items)) {
				if !equal(x.Items[i], y.Items[i]) {
					return less(x.Items[i], y.Items[i])
				}
			}
			return len(x.Items) < len(y.Items), nil
		}
	}
	return false, fmt.Errorf("'<' is not supported between %s and %s", typeName(a), typeName(b))
}

// iterate lists the elements of a value.
func iterate(v any) ([]any, error) {
	switch x := v.(type) {
	case undefined:
		return nil, nil
	case *List:
		return x.Items, nil
	case *Dict:
		return x.keys, nil
	case Text:
		at := x.runes()
		out := make([]any, len(at)-1)
		for i := range out {
			out[i] = x.slice(at[i], at[i+1])
		}
		return out, nil
	}
	return nil, fmt.Errorf("a %s can't be iterated over", typeName(v))
}

// str is Python's str().
func str(v any) Text {
	switch x := v.(type) {
	case Text:
		return x
	case undefined:
		return Text{}
	}
	var b builder
	repr(&b, v)
	return b.text()
}

// repr writes Python's repr().
func repr(b *builder, v any) {
	switch x := v.(type) {
	case nil:
		b.writeString("None")
	case bool:
		if x {
			b.writeString("True")
		} else {
			b.writeString("False")
		}
	case int64:
		b.writeString(strconv.FormatInt(x, 10))
	case float64:
		b.writeString(floatRepr(x))
	case Text:
		reprText(b, x)
	case undefined:
		b.writeString("Undefined")
	case *List:
		open, end := "[", "]"
		if x.tuple {
			open, end = "(", ")"
			if len(x.Items) == 1 {
				end = ",)"
			}
		}
		b.writeString(open)
		for i, item := range x.Items {
			if i > 0 {
				b.writeString(", ")
			}
			repr(b, item)
		}
		b.writeString(end)
	case *Dict:
		b.writeString("{")
		for i, k := range x.keys {
			if i > 0 {
				b.writeString(", ")
			}
			repr(b, k)
			b.writeString(": ")
			repr(b, x.values[i])
		}
		b.writeString("}")
	default:
		b.writeString("<" + typeName(v) + ">")
	}
}

// reprText writes a string literal as Python does.
func reprText(b *builder, t Text) {
	quote := "'"
	if strings.Contains(t.s, "'") && !strings.Contains(t.s, `"`) {
		quote = `"`
	}
	b.writeString(quote)
	for i := 0; i < len(t.s); {
		r, size := utf8.DecodeRuneInString(t.s[i:])
		switch {
		case r == '\\' || string(r) == quote:
			b.writeLike(`\`+string(r), t, i)
		case r == '\n':
			b.writeLike(`\n`, t, i)
		case r == '\r':
			b.writeLike(`\r`, t, i)
		case r == '\t':
			b.writeLike(`\t`, t, i)
		case r == ' ' || unicode.IsPrint(r):
			b.write(t.slice(i, i+size))
		case r < 0x100:
			b.writeLike(fmt.Sprintf(`\x%02x`, r), t, i)
		case r < 0x10000:
			b.writeLike(fmt.Sprintf(`\u%04x`, r), t, i)
		default:
			b.writeLike(fmt.Sprintf(`\U%08x`, r), t, i)
		}
		i += size
	}
	b.writeString(quote)
}

// floatRepr is Python's repr of a float: shortest digits, exponent below 1e-4 and from
// 1e16 on.
func floatRepr(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
