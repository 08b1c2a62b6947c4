package jinja

import (
	"errors"
	"fmt"
)

// maxCalls bounds the recursion of macros and loops.
const maxCalls = 100

// scope holds the names of one level: the template, a loop's turn, a macro's body.
type scope struct {
	names  map[string]any
	parent *scope
}

func (s *scope) lookup(name string) (any, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) child() *scope { return &scope{map[string]any{}, s} }

// env is the state of a rendering.
type env struct {
	*scope
	captured Text // what {% filter %} and block {% set %} hand to their filters
	calls    int
}

func (e *env) in(s *scope) *env { return &env{s, e.captured, e.calls} }

// stmt is a statement.
type stmt interface {
	exec(e *env, out *builder) error
}

// Control flow of loops.
var (
	errBreak    = errors.New("break outside a loop")
	errContinue = errors.New("continue outside a loop")
)

// Render renders the template with the given names.
func (t *Template) Render(names map[string]any) (Text, error) {
	root := &scope{names: globals()}
	e := &env{scope: &scope{names, root}}
	var out builder
	if err := run(t.body, e.in(e.child()), &out); err != nil {
		return Text{}, err
	}
	return out.text(), nil
}

func run(body []stmt, e *env, out *builder) error {
	for _, s := range body {
		if err := s.exec(e, out); err != nil {
			return err
		}
	}
	return nil
}

// withLine gives an error that has no line yet the line it came from.
func withLine(err error, line int) error {
	var located *Error
	if err == nil || errors.As(err, &located) || errors.Is(err, errBreak) || errors.Is(err, errContinue) {
		return err
	}
	return &Error{Line: line, Message: err.Error()}
}

type dataStmt struct{ text Text }

func (s *dataStmt) exec(_ *env, out *builder) error {
	out.write(s.text)
	return nil
}

type printStmt struct {
	x    expr
	line int
}

func (s *printStmt) exec(e *env, out *builder) error {
	v, err := s.x.eval(e)
	if err != nil {
		return withLine(err, s.line)
	}
	out.write(str(v))
	return nil
}

type ifStmt struct {
	tests     []expr
	bodies    [][]stmt
	otherwise []stmt
}

func (s *ifStmt) exec(e *env, out *builder) error {
	for i, test := range s.tests {
		v, err := test.eval(e)
		if err != nil {
			return err
		}
		if truth(v) {
			return run(s.bodies[i], e, out)
		}
	}
	return run(s.otherwise, e, out)
}

type loopStmt struct{ leave bool }

func (s *loopStmt) exec(*env, *builder) error {
	if s.leave {
		return errBreak
	}
	return errContinue
}

// target is what a value is assigned to: a name, an attribute of a namespace, or several.
type target struct {
	name, attr string
	parts      []*target
	tuple      bool
}

func (t *target) assign(e *env, v any) error {
	switch {
	case t.tuple:
		items, err := iterate(v)
		if err != nil {
			return err
		}
		if len(items) != len(t.parts) {
			return fmt.Errorf("can't unpack %d values into %d names", len(items), len(t.parts))
		}
		for i, part := range t.parts {
			if err := part.assign(e, items[i]); err != nil {
				return err
			}
		}
		return nil
	case t.attr != "":
		v0, _ := e.lookup(t.name)
		ns, ok := v0.(*Dict)
		if !ok || !ns.ns {
			return fmt.Errorf("%s is not a namespace: its attribute %s can't be set", t.name, t.attr)
		}
		ns.SetString(t.attr, v)
		return nil
	}
	e.names[t.name] = v
	return nil
}

type setStmt struct {
	target *target
	x      expr
	line   int
}

func (s *setStmt) exec(e *env, _ *builder) error {
	v, err := s.x.eval(e)
	if err == nil {
		err = s.target.assign(e, v)
	}
	return withLine(err, s.line)
}

// captureStmt is {% set x %}…{% endset %} and, without a target, {% filter f %}.
type captureStmt struct {
	target  *target
	body    []stmt
	filters expr
	line    int
}

func (s *captureStmt) exec(e *env, out *builder) error {
	var b builder
	inner := e.in(e.child())
	if err := run(s.body, inner, &b); err != nil {
		return err
	}
	inner.captured = b.text()
	v, err := s.filters.eval(inner)
	if err != nil {
		return withLine(err, s.line)
	}
	if s.target != nil {
		return withLine(s.target.assign(e, v), s.line)
	}
	out.write(str(v))
	return nil
}

type scopeStmt struct{ body []stmt }

func (s *scopeStmt) exec(e *env, out *builder) error { return run(s.body, e.in(e.child()), out) }

type withStmt struct {
	names  []string
	values []expr
	body   []stmt
	line   int
}

func (s *withStmt) exec(e *env, out *builder) error {
	inner := e.child()
	for i, name := range s.names {
		v, err := s.values[i].eval(e)
		if err != nil {
			return withLine(err, s.line)
		}
		inner.names[name] = v
	}
	return run(s.body, e.in(inner), out)
}

// macro is a {% macro %} bound to the names around it.
type macro struct {
	def   *macroStmt
	scope *scope
}

type macroStmt struct {
	name     string
	params   []string
	defaults []expr
	body     []stmt
	line     int
}

func (s *macroStmt) exec(e *env, _ *builder) error {
	e.names[s.name] = &macro{s, e.scope}
	return nil
}

// call renders the macro's body.
func (m *macro) call(e *env, a args) (any, error) {
	if e.calls >= maxCalls {
		return nil, fmt.Errorf("%s: more than %d nested calls", m.def.name, maxCalls)
	}
	if len(a.pos) > len(m.def.params) {
		return nil, fmt.Errorf("%s takes %d arguments, found %d", m.def.name, len(m.def.params), len(a.pos))
	}
	inner := e.in(m.scope.child())
	inner.calls++
	for i, name := range m.def.params {
		v := a.get(i, name, undefined{name})
		if _, missing := v.(undefined); missing && m.def.defaults[i] != nil {
			var err error
			if v, err = m.def.defaults[i].eval(inner); err != nil {
				return nil, err
			}
		}
		inner.names[name] = v
	}
	inner.names["caller"] = a.get(-1, "caller", undefined{"caller"})
	var b builder
	if err := run(m.def.body, inner, &b); err != nil {
		return nil, err
	}
	return b.text(), nil
}

type callStmt struct {
	block *macroStmt
	call  *callExpr
	line  int
}

func (s *callStmt) exec(e *env, out *builder) error {
	fn, a, err := s.call.prepare(e)
	if err != nil {
		return withLine(err, s.line)
	}
	a.names, a.named = append(a.names, "caller"), append(a.named, &macro{s.block, e.scope})
	v, err := invoke(e, fn, a)
	if err != nil {
		return withLine(err, s.line)
	}
	out.write(str(v))
	return nil
}
