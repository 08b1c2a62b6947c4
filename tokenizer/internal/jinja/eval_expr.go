package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// expr is an expression.
type expr interface {
	eval(e *env) (any, error)
}

type constExpr struct{ v any }

func (x *constExpr) eval(*env) (any, error) { return x.v, nil }

type nameExpr struct {
	name string
	line int
}

func (x *nameExpr) eval(e *env) (any, error) {
	if v, ok := e.lookup(x.name); ok {
		return v, nil
	}
	return undefined{x.name}, nil
}

// capturedExpr is the text of a {% filter %} or block {% set %}.
type capturedExpr struct{}

func (*capturedExpr) eval(e *env) (any, error) { return e.captured, nil }

type listExpr struct {
	items []expr
	tuple bool
}

func (x *listExpr) eval(e *env) (any, error) {
	l := &List{tuple: x.tuple}
	for _, item := range x.items {
		v, err := item.eval(e)
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v)
	}
	return l, nil
}

type dictExpr struct {
	keys, values []expr
	line         int
}

func (x *dictExpr) eval(e *env) (any, error) {
	d := NewDict()
	for i := range x.keys {
		k, err := x.keys[i].eval(e)
		if err != nil {
			return nil, err
		}
		v, err := x.values[i].eval(e)
		if err != nil {
			return nil, err
		}
		if err := d.Set(k, v); err != nil {
			return nil, withLine(err, x.line)
		}
	}
	return d, nil
}

type condExpr struct {
	test, then, otherwise expr
	line                  int
}

func (x *condExpr) eval(e *env) (any, error) {
	v, err := x.test.eval(e)
	if err != nil {
		return nil, err
	}
	if truth(v) {
		return x.then.eval(e)
	}
	if x.otherwise == nil {
		return undefined{"the inline if without else"}, nil
	}
	return x.otherwise.eval(e)
}

type logicExpr struct {
	x, y expr
	or   bool
}

func (x *logicExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil || truth(v) == x.or {
		return v, err
	}
	return x.y.eval(e)
}

type notExpr struct{ x expr }

func (x *notExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	return !truth(v), err
}

type compareExpr struct {
	first expr
	ops   []string
	rest  []expr
	line  int
}

func (x *compareExpr) eval(e *env) (any, error) {
	left, err := x.first.eval(e)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		right, err := x.rest[i].eval(e)
		if err != nil {
			return nil, err
		}
		ok, err := compare(op, left, right)
		if err != nil {
			return nil, withLine(err, x.line)
		}
		if !ok {
			return false, nil
		}
		left = right
	}
	return true, nil
}

func compare(op string, a, b any) (bool, error) {
	switch op {
	case "==":
		return equal(a, b), nil
	case "!=":
		return !equal(a, b), nil
	case "<":
		return less(a, b)
	case ">":
		return less(b, a)
	case "<=":
		ok, err := less(b, a)
		return !ok, err
	case ">=":
		ok, err := less(a, b)
		return !ok, err
	}
	ok, err := contains(b, a)
	return ok == (op == "in"), err
}

// contains is Python's "item in v".
func contains(v, item any) (bool, error) {
	switch x := v.(type) {
	case Text:
		t, ok := item.(Text)
		if !ok {
			return false, fmt.Errorf("'in <string>' needs a string, found a %s", typeName(item))
		}
		return strings.Contains(x.s, t.s), nil
	case *Dict:
		_, ok := x.Get(item)
		return ok, nil
	}
	items, err := iterate(v)
	if err != nil {
		return false, err
	}
	for _, it := range items {
		if equal(it, item) {
			return true, nil
		}
	}
	return false, nil
}

type attrExpr struct {
	x    expr
	name string
	line int
}

func (x *attrExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	v, err = attribute(v, x.name)
	return v, withLine(err, x.line)
}

// attribute is Jinja's x.name: a method or attribute, else an item.
func attribute(v any, name string) (any, error) {
	switch x := v.(type) {
	case undefined:
		return nil, fmt.Errorf("%s is undefined: it has no attribute %s", x.what, name)
	case *loopState:
		if a, ok := x.attr(name); ok {
			return a, nil
		}
	case *Dict:
		if !x.ns {
			if m, ok := method(v, name); ok {
				return m, nil
			}
		}
		if item, ok := x.GetString(name); ok {
			return item, nil
		}
	default:
		if m, ok := method(v, name); ok {
			return m, nil
		}
	}
	return undefined{name}, nil
}

type itemExpr struct {
	x, index expr
	line     int
}

func (x *itemExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	i, err := x.index.eval(e)
	if err != nil {
		return nil, err
	}
	v, err = item(v, i)
	return v, withLine(err, x.line)
}

// item is Jinja's x[i]: an item, else an attribute.
func item(v, i any) (any, error) {
	switch x := v.(type) {
	case undefined:
		return nil, fmt.Errorf("%s is undefined: it has no item %s", x.what, str(i).s)
	case *Dict:
		if got, ok := x.Get(i); ok {
			return got, nil
		}
	case *List:
		if n, err := number(i); err == nil {
			if n, ok := n.(int64); ok {
				if n < 0 {
					n += int64(len(x.Items))
				}
				if n >= 0 && n < int64(len(x.Items)) {
					return x.Items[n], nil
				}
				return undefined{fmt.Sprintf("list item %d", n)}, nil
			}
		}
	case Text:
		if n, ok := i.(int64); ok {
			at := x.runes()
			if n < 0 {
				n += int64(len(at) - 1)
			}
			if n >= 0 && n < int64(len(at)-1) {
				return x.slice(at[n], at[n+1]), nil
			}
			return undefined{fmt.Sprintf("character %d", n)}, nil
		}
	}
	if name, ok := i.(Text); ok {
		return attribute(v, name.s)
	}
	return undefined{str(i).s}, nil
}

// argExprs are the arguments of a call, filter or test.
type argExprs struct {
	pos   []expr
	names []string
	named []expr
}

func (a *argExprs) eval(e *env) (args, error) {
	out := args{names: append([]string(nil), a.names...)}
	for _, x := range a.pos {
		v, err := x.eval(e)
		if err != nil {
			return out, err
		}
		out.pos = append(out.pos, v)
	}
	for _, x := range a.named {
		v, err := x.eval(e)
		if err != nil {
			return out, err
		}
		out.named = append(out.named, v)
	}
	return out, nil
}

type callExpr struct {
	fn   expr
	args argExprs
	line int
}

// prepare evaluates the function and the arguments.
func (x *callExpr) prepare(e *env) (any, args, error) {
	fn, err := x.fn.eval(e)
	if err != nil {
		return nil, args{}, err
	}
	a, err := x.args.eval(e)
	return fn, a, err
}

func (x *callExpr) eval(e *env) (any, error) {
	fn, a, err := x.prepare(e)
	if err != nil {
		return nil, err
	}
	v, err := invoke(e, fn, a)
	var raised *raised
	if errors.As(err, &raised) {
		return nil, &Error{Line: x.line, Message: raised.message, Raised: true}
	}
	return v, withLine(err, x.line)
}

func invoke(e *env, fn any, a args) (any, error) {
	switch f := fn.(type) {
	case *callable:
		return f.fn(e, a)
	case *macro:
		return f.call(e, a)
	case *loopState:
		return f.call(a)
	case undefined:
		return nil, fmt.Errorf("%s is undefined: it can't be called", f.what)
	}
	return nil, fmt.Errorf("a %s can't be called", typeName(fn))
}

type filterExpr struct {
	name string
	x    expr
	args argExprs
	line int
}

func (x *filterExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	a, err := x.args.eval(e)
	if err != nil {
		return nil, err
	}
	v, err = filters[x.name](e, v, a)
	if err != nil {
		return nil, withLine(fmt.Errorf("filter %s: %w", x.name, err), x.line)
	}
	return v, nil
}

type testExpr struct {
	name   string
	x      expr
	args   argExprs
	negate bool
	line   int
}

func (x *testExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	a, err := x.args.eval(e)
	if err != nil {
		return nil, err
	}
	ok, err := tests[x.name](v, a)
	if err != nil {
		return nil, withLine(fmt.Errorf("test %s: %w", x.name, err), x.line)
	}
	return ok != x.negate, nil
}
