package jinja

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// filter is what can follow "|".
type filter func(e *env, v any, a args) (any, error)

// filters is filled in init: the table would refer to itself.
var filters map[string]filter

func init() {
	filters = map[string]filter{
		"abs": absolute, "attr": filterAttr, "batch": batch, "capitalize": method0("capitalize"), "count": length,
		"d": defaultValue, "default": defaultValue, "dictsort": dictSort, "e": escape, "escape": escape,
		"first": first, "float": toFloatFilter, "forceescape": escape, "format": format, "groupby": groupBy,
		"indent": indent, "int": toIntFilter, "items": items, "join": join, "last": last, "length": length,
		"list": list, "lower": method0("lower"), "map": mapFilter, "max": extreme(false), "min": extreme(true),
		"pprint": func(_ *env, v any, _ args) (any, error) { return toRepr(v), nil },
		"reject": selectFilter(false, false), "rejectattr": selectFilter(false, true), "replace": replaceFilter,
		"reverse": reverse, "round": round,
		"safe":   func(_ *env, v any, _ args) (any, error) { return str(v), nil },
		"select": selectFilter(true, false), "selectattr": selectFilter(true, true), "slice": sliceFilter, "sort": sortFilter,
		"string": func(_ *env, v any, _ args) (any, error) { return str(v), nil },
		"sum":    sum, "title": method0("title"),
		"tojson": func(_ *env, v any, a args) (any, error) { return toJSON(v, a) },
		"trim":   trim, "truncate": truncate, "unique": unique, "upper": method0("upper"), "urlencode": urlEncode,
		"wordcount": wordCount,
	}
}

// toRepr is Python's repr().
func toRepr(v any) Text {
	var b builder
	repr(&b, v)
	return b.text()
}

// method0 makes a filter of a string method.
func method0(name string) filter {
	return func(e *env, v any, a args) (any, error) {
		m, ok := method(str(v), name)
		if !ok {
			return nil, fmt.Errorf("str has no method %s", name)
		}
		return invoke(e, m, a)
	}
}

func absolute(_ *env, v any, _ args) (any, error) {
	n, err := number(v)
	if err != nil {
		return nil, err
	}
	if i, ok := n.(int64); ok {
		return max(i, -i), nil
	}
	return math.Abs(toFloat(n)), nil
}

func filterAttr(_ *env, v any, a args) (any, error) {
	name := str(a.get(0, "name", undefined{"name"})).s
	if d, ok := v.(*Dict); ok && !d.ns { // attributes only, no items
		if m, ok := method(d, name); ok {
			return m, nil
		}
		return undefined{name}, nil
	}
	return attribute(v, name)
}

func defaultValue(_ *env, v any, a args) (any, error) {
	_, missing := v.(undefined)
	if missing || truth(a.get(1, "boolean", false)) && !truth(v) {
		return a.get(0, "default_value", Text{}), nil
	}
	return v, nil
}

// escape is HTML escaping, which templates have to ask for.
func escape(_ *env, v any, _ args) (any, error) {
	t := str(v)
	for _, r := range [...][2]string{{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"'", "&#39;"}, {`"`, "&#34;"}} {
		var b builder
		last := 0
		for i := range len(t.s) {
			if t.s[i:i+1] == r[0] {
				b.write(t.slice(last, i))
				b.writeLike(r[1], t, i)
				last = i + 1
			}
		}
		b.write(t.slice(last, len(t.s)))
		t = b.text()
	}
	return t, nil
}

func toFloatFilter(_ *env, v any, a args) (any, error) {
	if t, ok := v.(Text); ok {
		if f, err := strconv.ParseFloat(strings.TrimFunc(t.s, isSpace), 64); err == nil {
			return f, nil
		}
	} else if n, err := number(v); err == nil {
		return toFloat(n), nil
	}
	return a.get(0, "default", 0.0), nil
}

func toIntFilter(_ *env, v any, a args) (any, error) {
	base, _ := a.get(1, "base", int64(10)).(int64)
	switch x := v.(type) {
	case Text:
		s := strings.TrimFunc(x.s, isSpace)
		if base < 2 || base > 36 {
			return nil, fmt.Errorf("base %d is not between 2 and 36", base)
		}
		if i, err := strconv.ParseInt(s, int(base), 64); err == nil {
			return i, nil
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<62 {
			return int64(f), nil
		}
	case float64:
		if math.Abs(x) < 1<<62 {
			return int64(x), nil
		}
	default:
		if n, err := number(v); err == nil {
			return n, nil
		}
	}
	return a.get(0, "default", int64(0)), nil
}

func format(_ *env, v any, a args) (any, error) { return percentFormat(str(v), a.pos) }

// percentFormat is Python's "…" % values for %s, %r, %d, %i, %f, %x and %%.
func percentFormat(t Text, values []any) (Text, error) {
	var b builder
	last, next := 0, 0
	for i := 0; i < len(t.s); i++ {
		if t.s[i] != '%' {
			continue
		}
		b.write(t.slice(last, i))
		end := i + 1
		for end < len(t.s) && strings.IndexByte("0123456789.-+ #", t.s[end]) >= 0 {
			end++
		}
		if end == len(t.s) {
			return Text{}, errors.New("incomplete format")
		}
		spec, verb := t.s[i+1:end], t.s[end]
		i, last = end, end+1
		if verb == '%' {
			b.writeString("%")
			continue
		}
		if next >= len(values) {
			return Text{}, errors.New("not enough arguments for format string")
		}
		v := values[next]
		next++
		if err := formatOne(&b, spec, verb, v); err != nil {
			return Text{}, err
		}
	}
	if next < len(values) {
		return Text{}, errors.New("not all arguments converted during string formatting")
	}
	b.write(t.slice(last, len(t.s)))
	return b.text(), nil
}

func formatOne(b *builder, spec string, verb byte, v any) error {
	width, err := strconv.Atoi(strings.Trim(strings.SplitN(spec, ".", 2)[0], "-+ #0"))
	if spec != "" && err == nil && width > 1000 {
		return fmt.Errorf("format width %d is too large", width)
	}
	switch verb {
	case 's', 'r':
		t := str(v)
		if verb == 'r' {
			t = toRepr(v)
		}
		pad := strings.Repeat(" ", max(0, width-t.length()))
		if strings.HasPrefix(spec, "-") {
			b.write(concat(t, Trusted(pad)))
		} else {
			b.write(concat(Trusted(pad), t))
		}
		return nil
	case 'd', 'i', 'x', 'X', 'o':
		n, err := number(v)
		if err != nil {
			return err
		}
		i, ok := n.(int64)
		if !ok {
			i = int64(toFloat(n))
		}
		if verb == 'i' {
			verb = 'd'
		}
		b.writeString(fmt.Sprintf("%"+spec+string(verb), i))
		return nil
	case 'f', 'g', 'e', 'F', 'G', 'E':
		n, err := number(v)
		if err != nil {
			return err
		}
		b.writeString(fmt.Sprintf("%"+spec+string(verb), toFloat(n)))
		return nil
	}
	return fmt.Errorf("unsupported format character %q", verb)
}

func indent(_ *env, v any, a args) (any, error) {
	pad := Trusted("    ")
	switch w := a.get(0, "width", int64(4)).(type) {
	case int64:
		pad = Trusted(strings.Repeat(" ", int(min(max(w, 0), 1000))))
	case Text:
		pad = w
	}
	onFirst, blank := truth(a.get(1, "first", false)), truth(a.get(2, "blank", false))
	// Jinja adds a line end and cuts the text into lines, so that a last one stays.
	lines := concat(str(v), Trusted("\n")).lines(false)
	var b builder
	for i, line := range lines {
		if i > 0 {
			b.writeString("\n")
		}
		if i > 0 && (blank || line.s != "") || i == 0 && onFirst {
			b.write(pad)
		}
		b.write(line)
	}
	return b.text(), nil
}

func length(_ *env, v any, _ args) (any, error) {
	switch x := v.(type) {
	case Text:
		return int64(x.length()), nil
	case *List, *Dict, undefined:
		items, err := iterate(v)
		return int64(len(items)), err
	}
	return nil, fmt.Errorf("a %s has no length", typeName(v))
}

func replaceFilter(_ *env, v any, a args) (any, error) {
	if len(a.pos) < 2 {
		return nil, errors.New("it needs what to replace and by what")
	}
	n := int64(-1)
	if c, ok := a.get(2, "count", nil).(int64); ok {
		n = c
	}
	return str(v).replace(str(a.pos[0]).s, str(a.pos[1]), int(n)), nil
}

func round(_ *env, v any, a args) (any, error) {
	n, err := number(v)
	if err != nil {
		return nil, err
	}
	precision, _ := a.get(0, "precision", int64(0)).(int64)
	scale := math.Pow(10, float64(precision))
	x := toFloat(n) * scale
	switch how := str(a.get(1, "method", Trusted("common"))).s; how {
	case "common":
		x = math.RoundToEven(x)
	case "ceil":
		x = math.Ceil(x)
	case "floor":
		x = math.Floor(x)
	default:
		return nil, fmt.Errorf("method is %q (expected common, ceil or floor)", how)
	}
	return x / scale, nil
}

func trim(_ *env, v any, a args) (any, error) {
	if chars, ok := a.get(0, "chars", nil).(Text); ok {
		return str(v).strip(true, true, oneOf(chars.s)), nil
	}
	return str(v).trim(), nil
}

// oneOf tells whether a character is one of a string's.
func oneOf(chars string) func(rune) bool {
	return func(r rune) bool { return strings.ContainsRune(chars, r) }
}

// truncate is Jinja's, with its leeway of 5.
func truncate(_ *env, v any, a args) (any, error) {
	t := str(v)
	n, _ := a.get(0, "length", int64(255)).(int64)
	end := str(a.get(2, "end", Trusted("...")))
	leeway, ok := a.get(3, "leeway", nil).(int64)
	if !ok {
		leeway = 5
	}
	if int64(t.length()) <= n+leeway {
		return t, nil
	}
	keep := n - int64(end.length())
	if keep < 0 {
		return nil, fmt.Errorf("length %d is less than the end mark's", n)
	}
	at := t.runes()
	cut := t.slice(0, at[min(int(keep), len(at)-1)])
	if !truth(a.get(1, "killwords", false)) {
		if i := strings.LastIndexByte(cut.s, ' '); i >= 0 {
			cut = cut.slice(0, i)
		}
	}
	return concat(cut, end), nil
}

// urlEncode is urllib.parse.quote; pairs and dicts become a query.
func urlEncode(_ *env, v any, _ args) (any, error) {
	quote := func(v any) string { return strings.ReplaceAll(url.QueryEscape(str(v).s), "+", "%20") }
	if d, ok := v.(*Dict); ok {
		var parts []string
		for i, k := range d.keys {
			parts = append(parts, url.QueryEscape(str(k).s)+"="+url.QueryEscape(str(d.values[i]).s))
		}
		return Untrusted(strings.Join(parts, "&")), nil
	}
	return Untrusted(strings.ReplaceAll(quote(v), "%2F", "/")), nil
}

func wordCount(_ *env, v any, _ args) (any, error) {
	n, in := int64(0), false
	for _, r := range str(v).s {
		word := r == '_' || isAlnum(r)
		if word && !in {
			n++
		}
		in = word
	}
	return n, nil
}

// Case mappings are Python's full ones (ß becomes SS), not Go's simple ones.
func upper(s string) string { return cases.Upper(language.Und).String(s) }
func lower(s string) string { return cases.Lower(language.Und).String(s) }

// titleRune is the title case of one character.
func titleRune(s string) string { return cases.Title(language.Und, cases.NoLower).String(s) }

// capitalize makes the first character of a text title case and the rest lower case.
func capitalize(t Text) Text {
	if t.s == "" {
		return t
	}
	_, size := utf8.DecodeRuneInString(t.s)
	return concat(t.slice(0, size).mapRuns(titleRune), t.slice(size, len(t.s)).mapRuns(lower))
}
