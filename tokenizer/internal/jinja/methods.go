package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// method gives the method of a value. Methods that change a list or dict are refused when
// called, as in the sandbox that transformers uses.
func method(v any, name string) (*callable, bool) {
	switch x := v.(type) {
	case Text:
		if f, ok := textMethods[name]; ok {
			return &callable{"str." + name, func(_ *env, a args) (any, error) { return f(x, a) }}, true
		}
	case *Dict:
		if f, ok := dictMethods[name]; ok {
			return &callable{"dict." + name, func(_ *env, a args) (any, error) { return f(x, a) }}, true
		}
	case *List:
		if f, ok := listMethods[name]; ok {
			return &callable{"list." + name, func(_ *env, a args) (any, error) { return f(x, a) }}, true
		}
	}
	return nil, false
}

func refuse[T any](T, args) (any, error) {
	return nil, errors.New("changing a value is not allowed in a chat template")
}

var dictMethods = map[string]func(d *Dict, a args) (any, error){
	"items": func(d *Dict, _ args) (any, error) { return d.pairs(), nil },
	"keys":  func(d *Dict, _ args) (any, error) { return NewList(slices.Clone(d.keys)...), nil },
	"values": func(d *Dict, _ args) (any, error) {
		return NewList(slices.Clone(d.values)...), nil
	},
	"get": func(d *Dict, a args) (any, error) {
		if len(a.pos) == 0 {
			return nil, errors.New("get needs a key")
		}
		if v, ok := d.Get(a.pos[0]); ok {
			return v, nil
		}
		return a.get(1, "default", nil), nil
	},
	"copy": func(d *Dict, _ args) (any, error) {
		c := NewDict()
		for i, k := range d.keys {
			if err := c.Set(k, d.values[i]); err != nil {
				return nil, err
			}
		}
		return c, nil
	},
	"update": refuse[*Dict], "pop": refuse[*Dict], "popitem": refuse[*Dict], "clear": refuse[*Dict], "setdefault": refuse[*Dict],
}

var listMethods = map[string]func(l *List, a args) (any, error){
	"index": func(l *List, a args) (any, error) {
		for i, item := range l.Items {
			if equal(item, a.get(0, "value", undefined{"value"})) {
				return int64(i), nil
			}
		}
		return nil, errors.New("the value is not in the list")
	},
	"count": func(l *List, a args) (any, error) {
		n := int64(0)
		for _, item := range l.Items {
			if equal(item, a.get(0, "value", undefined{"value"})) {
				n++
			}
		}
		return n, nil
	},
	"copy":   func(l *List, _ args) (any, error) { return &List{slices.Clone(l.Items), l.tuple}, nil },
	"append": refuse[*List], "extend": refuse[*List], "insert": refuse[*List], "pop": refuse[*List], "remove": refuse[*List],
	"clear": refuse[*List], "sort": refuse[*List], "reverse": refuse[*List],
}

// textMethod is a method of str.
type textMethod = func(t Text, a args) (any, error)

var textMethods = map[string]textMethod{
	"strip": stripMethod(true, true), "lstrip": stripMethod(true, false), "rstrip": stripMethod(false, true),
	"split": splitMethod(false), "rsplit": splitMethod(true),
	"splitlines": func(t Text, a args) (any, error) {
		return textList(t.lines(truth(a.get(0, "keepends", false)))), nil
	},
	"upper":      func(t Text, _ args) (any, error) { return t.mapRuns(upper), nil },
	"lower":      func(t Text, _ args) (any, error) { return t.mapRuns(lower), nil },
	"casefold":   func(t Text, _ args) (any, error) { return t.mapRuns(lower), nil },
	"capitalize": func(t Text, _ args) (any, error) { return capitalize(t), nil },
	"title":      func(t Text, _ args) (any, error) { return title(t), nil },
	"startswith": affixMethod(strings.HasPrefix), "endswith": affixMethod(strings.HasSuffix),
	"removeprefix": func(t Text, a args) (any, error) {
		p, err := textArg(a, 0)
		if err != nil || !strings.HasPrefix(t.s, p.s) {
			return t, err
		}
		return t.slice(len(p.s), len(t.s)), nil
	},
	"removesuffix": func(t Text, a args) (any, error) {
		p, err := textArg(a, 0)
		if err != nil || !strings.HasSuffix(t.s, p.s) {
			return t, err
		}
		return t.slice(0, len(t.s)-len(p.s)), nil
	},
	"replace": func(t Text, a args) (any, error) {
		from, err := textArg(a, 0)
		if err != nil {
			return nil, err
		}
		to, err := textArg(a, 1)
		if err != nil {
			return nil, err
		}
		n, ok := a.get(2, "count", int64(-1)).(int64)
		if !ok {
			n = -1
		}
		return t.replace(from.s, to, int(n)), nil
	},
	"join": func(t Text, a args) (any, error) {
		items, err := iterate(a.get(0, "iterable", undefined{"iterable"}))
		if err != nil {
			return nil, err
		}
		var b builder
		for i, item := range items {
			s, ok := item.(Text)
			if !ok {
				return nil, fmt.Errorf("join: item %d is a %s, expected a str", i, typeName(item))
			}
			if i > 0 {
				b.write(t)
			}
			b.write(s)
		}
		return b.text(), nil
	},
	"find": findMethod(strings.Index, false), "rfind": findMethod(strings.LastIndex, false),
	"index": findMethod(strings.Index, true), "rindex": findMethod(strings.LastIndex, true),
	"count": func(t Text, a args) (any, error) {
		s, err := textArg(a, 0)
		return int64(strings.Count(t.s, s.s)), err
	},
	"partition": partitionMethod(false), "rpartition": partitionMethod(true),
	"isalpha": allRunes(unicode.IsLetter), "isalnum": allRunes(isAlnum), "isspace": allRunes(isSpace),
	"isdigit": allRunes(unicode.IsDigit), "isdecimal": allRunes(unicode.IsDigit), "isnumeric": allRunes(unicode.IsNumber),
	"isupper": func(t Text, _ args) (any, error) { return tests["upper"](t, args{}) },
	"islower": func(t Text, _ args) (any, error) { return tests["lower"](t, args{}) },
	"isascii": func(t Text, _ args) (any, error) {
		return strings.IndexFunc(t.s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0, nil
	},
	"ljust": justMethod(0), "rjust": justMethod(2), "center": justMethod(1),
	"zfill": func(t Text, a args) (any, error) {
		n, _ := a.get(0, "width", int64(0)).(int64)
		zeros := Trusted(strings.Repeat("0", int(max(0, min(n, 1000)-int64(t.length())))))
		if t.s != "" && (t.s[0] == '-' || t.s[0] == '+') {
			return concat(t.slice(0, 1), zeros, t.slice(1, len(t.s))), nil
		}
		return concat(zeros, t), nil
	},
	"format": formatMethod,
}

func isAlnum(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

func textList(texts []Text) *List {
	l := NewList()
	for _, t := range texts {
		l.Items = append(l.Items, t)
	}
	return l
}

func textArg(a args, i int) (Text, error) {
	v := a.get(i, "", undefined{"argument"})
	t, ok := v.(Text)
	if !ok {
		return Text{}, fmt.Errorf("argument %d is a %s, expected a str", i+1, typeName(v))
	}
	return t, nil
}

func stripMethod(left, right bool) textMethod {
	return func(t Text, a args) (any, error) {
		switch chars := a.get(0, "chars", nil).(type) {
		case nil:
			return t.strip(left, right, isSpace), nil
		case Text:
			return t.strip(left, right, oneOf(chars.s)), nil
		}
		return nil, errors.New("strip takes a str or none")
	}
}

func splitMethod(fromRight bool) textMethod {
	return func(t Text, a args) (any, error) {
		n, ok := a.get(1, "maxsplit", int64(-1)).(int64)
		if !ok {
			return nil, errors.New("maxsplit must be a whole number")
		}
		sep := a.get(0, "sep", nil)
		switch s := sep.(type) {
		case Text:
			if s.s == "" {
				return nil, errors.New("empty separator")
			}
			if fromRight {
				return textList(t.rsplit(s.s, int(n))), nil
			}
			return textList(t.split(s.s, int(n))), nil
		case nil:
			if fromRight && n >= 0 {
				return nil, errors.New("rsplit with maxsplit needs a separator")
			}
			return textList(t.fields(int(n))), nil
		}
		return nil, fmt.Errorf("the separator is a %s, expected a str", typeName(sep))
	}
}

// affixMethod is startswith and endswith, which take a string or a tuple of them.
func affixMethod(has func(s, affix string) bool) textMethod {
	return func(t Text, a args) (any, error) {
		v := a.get(0, "prefix", undefined{"prefix"})
		if l, ok := v.(*List); ok && l.tuple {
			for _, item := range l.Items {
				if s, ok := item.(Text); ok && has(t.s, s.s) {
					return true, nil
				}
			}
			return false, nil
		}
		s, err := textArg(a, 0)
		return err == nil && has(t.s, s.s), err
	}
}

// findMethod is find, rfind, index and rindex, in code points.
func findMethod(find func(s, sub string) int, must bool) textMethod {
	return func(t Text, a args) (any, error) {
		sub, err := textArg(a, 0)
		if err != nil {
			return nil, err
		}
		if len(a.pos) > 1 {
			return nil, errors.New("find with a start is not supported")
		}
		i := find(t.s, sub.s)
		if i < 0 {
			if must {
				return nil, errors.New("substring not found")
			}
			return int64(-1), nil
		}
		return int64(utf8.RuneCountInString(t.s[:i])), nil
	}
}

func partitionMethod(fromRight bool) textMethod {
	return func(t Text, a args) (any, error) {
		sep, err := textArg(a, 0)
		if err != nil {
			return nil, err
		}
		if sep.s == "" {
			return nil, errors.New("empty separator")
		}
		parts, find := []any{t, Text{}, Text{}}, strings.Index
		if fromRight {
			parts, find = []any{Text{}, Text{}, t}, strings.LastIndex
		}
		if i := find(t.s, sep.s); i >= 0 {
			j := i + len(sep.s)
			parts = []any{t.slice(0, i), t.slice(i, j), t.slice(j, len(t.s))}
		}
		return &List{Items: parts, tuple: true}, nil
	}
}

func allRunes(is func(rune) bool) textMethod {
	return func(t Text, _ args) (any, error) {
		return t.s != "" && strings.IndexFunc(t.s, func(r rune) bool { return !is(r) }) < 0, nil
	}
}

// justMethod pads a text: 0 to the left edge, 1 in the middle, 2 to the right edge.
func justMethod(where int) textMethod {
	return func(t Text, a args) (any, error) {
		n, _ := a.get(0, "width", int64(80)).(int64)
		fill := str(a.get(1, "fillchar", Trusted(" ")))
		if fill.length() != 1 {
			return nil, errors.New("the fill character must be exactly one character long")
		}
		pad := max(0, min(n, 10000)-int64(t.length()))
		left := []int64{0, pad/2 + pad&n&1, pad}[where]
		before, err := repeatText(fill, left)
		if err != nil {
			return nil, err
		}
		after, err := repeatText(fill, pad-left)
		return concat(before, t, after), err
	}
}

// title makes the first letter of every word title case (str.title).
func title(t Text) Text {
	var b builder
	in := false
	for i, r := range t.s {
		c := t.slice(i, i+utf8.RuneLen(r))
		switch {
		case !unicode.IsLetter(r):
			in = false
		case in:
			c = c.mapRuns(lower)
		default:
			c, in = c.mapRuns(titleRune), true
		}
		b.write(c)
	}
	return b.text()
}

// formatMethod is str.format with {}, {0} and {name}, without format specifications.
func formatMethod(t Text, a args) (any, error) {
	var b builder
	auto, last := 0, 0
	for i := 0; i < len(t.s); i++ {
		c := t.s[i]
		if c != '{' && c != '}' {
			continue
		}
		b.write(t.slice(last, i))
		if i+1 < len(t.s) && t.s[i+1] == c {
			b.write(t.slice(i, i+1))
			i++
			last = i + 1
			continue
		}
		end := strings.IndexByte(t.s[i:], '}')
		if c == '}' || end < 0 {
			return nil, errors.New("single brace in format string")
		}
		field := t.s[i+1 : i+end]
		i += end
		last = i + 1
		v, err := formatField(field, &auto, a)
		if err != nil {
			return nil, err
		}
		b.write(str(v))
	}
	b.write(t.slice(last, len(t.s)))
	return b.text(), nil
}

func formatField(field string, auto *int, a args) (any, error) {
	if strings.ContainsAny(field, ":!.[") {
		return nil, fmt.Errorf("format field %q is not supported", field)
	}
	missing := undefined{field}
	n := -1
	if field == "" {
		n = *auto
		*auto++
	} else if _, err := fmt.Sscanf(field, "%d", &n); err != nil {
		n = -1
	}
	v := a.get(n, field, missing)
	if v == any(missing) {
		return nil, fmt.Errorf("format field {%s} has no argument", field)
	}
	return v, nil
}
