package jinja

import (
	"errors"
	"fmt"
)

type forStmt struct {
	target          *target
	over, cond      expr
	body, otherwise []stmt
	recursive       bool
	line            int
}

func (s *forStmt) exec(e *env, out *builder) error {
	v, err := s.over.eval(e)
	if err != nil {
		return withLine(err, s.line)
	}
	return withLine(s.loop(e, v, 0, out), s.line)
}

// loop runs over a value; depth counts recursive loops.
func (s *forStmt) loop(e *env, over any, depth int, out *builder) error {
	if depth > maxCalls {
		return fmt.Errorf("more than %d nested loops", maxCalls)
	}
	items, err := iterate(over)
	if err != nil {
		return err
	}
	if items, err = s.filter(e, items); err != nil {
		return err
	}
	if len(items) == 0 {
		return run(s.otherwise, e.in(e.child()), out)
	}
	state := &loopState{stmt: s, env: e, items: items, depth: depth}
	for i, item := range items {
		state.index = i
		turn := e.in(e.child())
		turn.names["loop"] = state
		if err := s.target.assign(turn, item); err != nil {
			return err
		}
		switch err := run(s.body, turn, out); {
		case errors.Is(err, errBreak):
			return nil
		case err != nil && !errors.Is(err, errContinue):
			return err
		}
	}
	return nil
}

// filter drops the items that the loop's condition refuses.
func (s *forStmt) filter(e *env, items []any) ([]any, error) {
	if s.cond == nil {
		return items, nil
	}
	var kept []any
	for _, item := range items {
		turn := e.in(e.child())
		if err := s.target.assign(turn, item); err != nil {
			return nil, err
		}
		v, err := s.cond.eval(turn)
		if err != nil {
			return nil, err
		}
		if truth(v) {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

// loopState is the loop variable.
type loopState struct {
	stmt    *forStmt
	env     *env
	items   []any
	index   int
	depth   int
	changed []any // what loop.changed() saw last
}

func (l *loopState) attr(name string) (any, bool) {
	n := len(l.items)
	switch name {
	case "index":
		return int64(l.index + 1), true
	case "index0":
		return int64(l.index), true
	case "revindex":
		return int64(n - l.index), true
	case "revindex0":
		return int64(n - l.index - 1), true
	case "first":
		return l.index == 0, true
	case "last":
		return l.index == n-1, true
	case "length":
		return int64(n), true
	case "depth":
		return int64(l.depth + 1), true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if l.index > 0 {
			return l.items[l.index-1], true
		}
	case "nextitem":
		if l.index+1 < n {
			return l.items[l.index+1], true
		}
	case "cycle":
		return &callable{"loop.cycle", func(_ *env, a args) (any, error) {
			if len(a.pos) == 0 {
				return nil, errors.New("loop.cycle needs values")
			}
			return a.pos[l.index%len(a.pos)], nil
		}}, true
	case "changed":
		return &callable{"loop.changed", func(_ *env, a args) (any, error) {
			same := l.changed != nil && equal(&List{Items: l.changed}, &List{Items: a.pos})
			l.changed = append([]any{}, a.pos...)
			return !same, nil
		}}, true
	}
	return nil, false
}

// call is {{ loop(items) }} in a recursive loop.
func (l *loopState) call(a args) (any, error) {
	if !l.stmt.recursive || len(a.pos) != 1 {
		return nil, errors.New("loop can be called only in a recursive loop, with one value")
	}
	var b builder
	if err := l.stmt.loop(l.env, a.pos[0], l.depth+1, &b); err != nil {
		return nil, err
	}
	return b.text(), nil
}
