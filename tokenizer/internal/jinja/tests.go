package jinja

import (
	"errors"
	"strings"
)

// tests are what can follow "is". (The table is filled in init: it would refer to itself.)
var tests map[string]func(v any, a args) (bool, error)

func init() {
	is := func(f func(any) bool) func(any, args) (bool, error) {
		return func(v any, _ args) (bool, error) { return f(v), nil }
	}
	comparison := func(op string) func(any, args) (bool, error) {
		return func(v any, a args) (bool, error) {
			if len(a.pos) != 1 {
				return false, errors.New("it needs one value to compare with")
			}
			return compare(op, v, a.pos[0])
		}
	}
	isUndefined := func(v any) bool { _, ok := v.(undefined); return ok }
	tests = map[string]func(any, args) (bool, error){
		"defined":   is(func(v any) bool { return !isUndefined(v) }),
		"undefined": is(isUndefined),
		"none":      is(func(v any) bool { return v == nil }),
		"boolean":   is(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":      is(func(v any) bool { return v == true }),
		"false":     is(func(v any) bool { return v == false }),
		"integer":   is(func(v any) bool { _, ok := v.(int64); return ok }),
		"float":     is(func(v any) bool { _, ok := v.(float64); return ok }),
		"number":    is(func(v any) bool { _, err := number(v); return err == nil }),
		"string":    is(func(v any) bool { _, ok := v.(Text); return ok }),
		"mapping":   is(func(v any) bool { _, ok := v.(*Dict); return ok }),
		"sequence":  is(isSequence),
		"iterable":  is(func(v any) bool { _, err := iterate(v); return err == nil }),
		"callable":  is(isCallable),
		"lower":     is(func(v any) bool { s := str(v).s; return s != "" && s == strings.ToLower(s) && s != strings.ToUpper(s) }),
		"upper":     is(func(v any) bool { s := str(v).s; return s != "" && s == strings.ToUpper(s) && s != strings.ToLower(s) }),
		"escaped":   is(func(any) bool { return false }),
		"odd":       func(v any, _ args) (bool, error) { return modulo(v, int64(2), 1) },
		"even":      func(v any, _ args) (bool, error) { return modulo(v, int64(2), 0) },
		"divisibleby": func(v any, a args) (bool, error) {
			return modulo(v, a.get(0, "num", undefined{"num"}), 0)
		},
		"filter": is(func(v any) bool { _, ok := filters[str(v).s]; return ok }),
		"test":   is(func(v any) bool { _, ok := tests[str(v).s]; return ok }),
		"sameas": func(v any, a args) (bool, error) {
			other := a.get(0, "other", undefined{"other"})
			return typeName(v) == typeName(other) && equal(v, other), nil
		},
		"in": func(v any, a args) (bool, error) {
			return contains(a.get(0, "seq", undefined{"seq"}), v)
		},
	}
	for op, names := range map[string][]string{
		"==": {"==", "eq", "equalto"}, "!=": {"!=", "ne"}, ">": {">", "gt", "greaterthan"}, ">=": {">=", "ge"},
		"<": {"<", "lt", "lessthan"}, "<=": {"<=", "le"},
	} {
		for _, name := range names {
			tests[name] = comparison(op)
		}
	}
}

// isSequence is true of what has a length and items, undefined values included, as in
// Jinja.
func isSequence(v any) bool {
	switch v.(type) {
	case Text, *List, *Dict, undefined:
		return true
	}
	return false
}

func isCallable(v any) bool {
	switch v.(type) {
	case *callable, *macro, *loopState:
		return true
	}
	return false
}

func modulo(v, by any, want int64) (bool, error) {
	r, err := binary("%", v, by)
	return err == nil && equal(r, want), err
}
