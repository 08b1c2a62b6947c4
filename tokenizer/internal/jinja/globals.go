package jinja

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// raised is the error of raise_exception.
type raised struct{ message string }

func (r *raised) Error() string { return r.message }

// maxRange is the longest range that Jinja's sandbox allows.
const maxRange = 100000

// now is the clock of strftime_now.
var now = time.Now

// globals are the names that every template has.
func globals() map[string]any {
	names := map[string]any{}
	for name, fn := range map[string]func(*env, args) (any, error){
		"raise_exception": func(_ *env, a args) (any, error) {
			return nil, &raised{str(a.get(0, "message", Trusted("the template refused these messages"))).s}
		},
		"namespace": func(_ *env, a args) (any, error) {
			d, err := dictOf(a)
			if err == nil {
				d.ns = true
			}
			return d, err
		},
		"dict":  func(_ *env, a args) (any, error) { return dictOf(a) },
		"range": rangeOf,
		"strftime_now": func(_ *env, a args) (any, error) {
			format, err := textArg(a, 0)
			if err != nil {
				return nil, err
			}
			s, err := strftime(now(), format.s)
			return Trusted(s), err
		},
		"joiner": func(_ *env, a args) (any, error) {
			used := false
			sep := a.get(0, "sep", Trusted(", "))
			return &callable{"joiner", func(*env, args) (any, error) {
				if used {
					return sep, nil
				}
				used = true
				return Text{}, nil
			}}, nil
		},
		"cycler": cyclerOf,
	} {
		names[name] = &callable{name, fn}
	}
	return names
}

// dictOf makes a dict of keyword arguments, on top of a dict or pairs given first.
func dictOf(a args) (*Dict, error) {
	d := NewDict()
	if len(a.pos) > 0 {
		pairs := a.pos[0]
		if from, ok := pairs.(*Dict); ok {
			pairs = from.pairs()
		}
		items, err := iterate(pairs)
		if err != nil {
			return nil, err
		}
		for _, p := range items {
			kv, err := iterate(p)
			if err != nil || len(kv) != 2 {
				return nil, errors.New("a dict needs pairs")
			}
			if err := d.Set(kv[0], kv[1]); err != nil {
				return nil, err
			}
		}
	}
	for i, name := range a.names {
		d.SetString(name, a.named[i])
	}
	return d, nil
}

func rangeOf(_ *env, a args) (any, error) {
	bounds := []int64{0, 0, 1}
	if len(a.pos) < 1 || len(a.pos) > 3 {
		return nil, fmt.Errorf("range takes 1 to 3 numbers, found %d", len(a.pos))
	}
	for i, v := range a.pos {
		n, ok := v.(int64)
		if !ok {
			return nil, fmt.Errorf("range takes whole numbers, found a %s", typeName(v))
		}
		bounds[i] = n
	}
	if len(a.pos) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		return nil, errors.New("range: the step is 0")
	}
	out := NewList()
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(out.Items) >= maxRange {
			return nil, fmt.Errorf("range is longer than %d", maxRange)
		}
		out.Items = append(out.Items, i)
	}
	return out, nil
}

// cyclerOf makes an object whose next() goes round its values.
func cyclerOf(_ *env, a args) (any, error) {
	if len(a.pos) == 0 {
		return nil, errors.New("cycler needs values")
	}
	at := 0
	d := NewDict()
	d.ns = true
	d.SetString("current", a.pos[0])
	move := func(to int) {
		at = to % len(a.pos)
		d.SetString("current", a.pos[at])
	}
	d.SetString("next", &callable{"cycler.next", func(*env, args) (any, error) {
		v := a.pos[at]
		move(at + 1)
		return v, nil
	}})
	d.SetString("reset", &callable{"cycler.reset", func(*env, args) (any, error) {
		move(0)
		return nil, nil
	}})
	return d, nil
}

// layouts maps the directives of strftime to Go's.
var layouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'f': "000000", 'j': "002", 'Z': "MST", 'z': "-0700",
	'e': "_2", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'h': "Jan", 'R': "15:04",
}

// strftime formats a time as Python's datetime.strftime in the C locale.
func strftime(t time.Time, format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		unpadded := format[i] == '-' && i+1 < len(format)
		if unpadded {
			i++
		}
		layout, ok := layouts[format[i]]
		switch {
		case format[i] == '%':
			b.WriteByte('%')
		case format[i] == 'f':
			fmt.Fprintf(&b, "%06d", t.Nanosecond()/1000)
		case !ok:
			return "", fmt.Errorf("strftime_now: %%%c is not supported", format[i])
		case unpadded:
			s := strings.TrimLeft(t.Format(layout), "0")
			if s == "" {
				s = "0"
			}
			b.WriteString(s)
		default:
			b.WriteString(t.Format(layout))
		}
	}
	return b.String(), nil
}
