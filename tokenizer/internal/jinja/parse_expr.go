package jinja

import (
	"strconv"
)

// The levels of precedence, loosest first: x if y else z, or, and, not, comparison, + -,
// ~, * / // %, **, unary, postfix, filters and tests.

func (p *parser) expr() (expr, error) { return p.condition(true) }

// condition reads an expression; withIf says whether "x if y" may be one.
func (p *parser) condition(withIf bool) (expr, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer p.shallower()
	x, err := p.or()
	for withIf && err == nil && p.is(tokName, "if") {
		line := p.take().line
		c := &condExpr{then: x, line: line}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.accept(tokName, "else") {
			if c.otherwise, err = p.condition(true); err != nil {
				return nil, err
			}
		}
		x = c
	}
	return x, err
}

// tuple reads an expression or a tuple without parentheses.
func (p *parser) tuple(withIf bool) (expr, error) {
	x, err := p.condition(withIf)
	if err != nil || !p.is(tokOp, ",") {
		return x, err
	}
	t := &listExpr{items: []expr{x}, tuple: true}
	for p.accept(tokOp, ",") {
		if k := p.peek().kind; k == tokVarEnd || k == tokBlockEnd || p.is(tokOp, ")") {
			break
		}
		if x, err = p.condition(withIf); err != nil {
			return nil, err
		}
		t.items = append(t.items, x)
	}
	return t, nil
}

func (p *parser) or() (expr, error) {
	x, err := p.and()
	for err == nil && p.accept(tokName, "or") {
		var y expr
		y, err = p.and()
		x = &logicExpr{x, y, true}
	}
	return x, err
}

func (p *parser) and() (expr, error) {
	x, err := p.not()
	for err == nil && p.accept(tokName, "and") {
		var y expr
		y, err = p.not()
		x = &logicExpr{x, y, false}
	}
	return x, err
}

func (p *parser) not() (expr, error) {
	if !p.is(tokName, "not") {
		return p.compare()
	}
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer p.shallower()
	p.take()
	x, err := p.not()
	return &notExpr{x}, err
}

func (p *parser) compare() (expr, error) {
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: x, line: p.peek().line}
	for {
		op := ""
		switch t := p.peek(); {
		case t.kind == tokOp && (t.text == "==" || t.text == "!=" || t.text == "<" || t.text == ">" || t.text == "<=" || t.text == ">="):
			op = p.take().text
		case p.is(tokName, "in"):
			op = p.take().text
		case p.is(tokName, "not") && p.ahead().kind == tokName && p.ahead().text == "in":
			p.take()
			p.take()
			op = "not in"
		}
		if op == "" {
			break
		}
		y, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, y)
	}
	if len(c.ops) == 0 {
		return x, nil
	}
	return c, nil
}

// binary reads operators of one level.
func (p *parser) binary(next func() (expr, error), ops ...string) (expr, error) {
	x, err := next()
	for err == nil {
		found := false
		for _, op := range ops {
			if p.is(tokOp, op) {
				line := p.take().line
				var y expr
				y, err = next()
				x, found = &binaryExpr{op, x, y, line}, true
				break
			}
		}
		if !found {
			break
		}
	}
	return x, err
}

func (p *parser) sum() (expr, error)     { return p.binary(p.join, "+", "-") }
func (p *parser) join() (expr, error)    { return p.binary(p.product, "~") }
func (p *parser) product() (expr, error) { return p.binary(p.power, "*", "/", "//", "%") }
func (p *parser) power() (expr, error) {
	return p.binary(func() (expr, error) { return p.unary(true) }, "**")
}

func (p *parser) unary(withFilter bool) (expr, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer p.shallower()
	var x expr
	var err error
	if t := p.peek(); t.kind == tokOp && (t.text == "-" || t.text == "+") {
		p.take()
		if x, err = p.unary(false); err != nil {
			return nil, err
		}
		x = &unaryExpr{t.text == "-", x, t.line}
	} else if x, err = p.primary(); err != nil {
		return nil, err
	}
	if x, err = p.postfix(x); err != nil || !withFilter {
		return x, err
	}
	for {
		switch {
		case p.is(tokOp, "|"):
			x, err = p.filter(x)
		case p.is(tokName, "is"):
			x, err = p.test(x)
		case p.is(tokOp, "("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

var constants = map[string]any{"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil}

func (p *parser) primary() (expr, error) {
	t := p.peek()
	switch t.kind {
	case tokName:
		p.take()
		if v, ok := constants[t.text]; ok {
			return &constExpr{v}, nil
		}
		return &nameExpr{t.text, t.line}, nil
	case tokString:
		text := ""
		for p.peek().kind == tokString { // neighbours are joined
			text += p.take().text
		}
		return &constExpr{Trusted(text)}, nil
	case tokInt:
		p.take()
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, errorAt(t.line, "number %s is too large", t.text)
		}
		return &constExpr{n}, nil
	case tokFloat:
		p.take()
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, errorAt(t.line, "number %s: %v", t.text, err)
		}
		return &constExpr{f}, nil
	case tokOp:
		switch t.text {
		case "(":
			return p.parens()
		case "[":
			return p.list()
		case "{":
			return p.dict()
		}
	}
	return nil, p.unexpected("an expression")
}

func (p *parser) parens() (expr, error) {
	p.take()
	if p.accept(tokOp, ")") {
		return &listExpr{tuple: true}, nil
	}
	x, err := p.tuple(true)
	if err != nil {
		return nil, err
	}
	return x, p.expect(tokOp, ")")
}

func (p *parser) list() (expr, error) {
	p.take()
	l := &listExpr{}
	for !p.accept(tokOp, "]") {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, x)
		if !p.accept(tokOp, ",") && !p.is(tokOp, "]") {
			return nil, p.unexpected(`"," or "]"`)
		}
	}
	return l, nil
}

func (p *parser) dict() (expr, error) {
	d := &dictExpr{line: p.take().line}
	for !p.accept(tokOp, "}") {
		k, err := p.expr()
		if err != nil {
			return nil, err
		}
		if err := p.expect(tokOp, ":"); err != nil {
			return nil, err
		}
		v, err := p.expr()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, k), append(d.values, v)
		if !p.accept(tokOp, ",") && !p.is(tokOp, "}") {
			return nil, p.unexpected(`"," or "}"`)
		}
	}
	return d, nil
}

func (p *parser) postfix(x expr) (expr, error) {
	for {
		t := p.peek()
		var err error
		switch {
		case p.is(tokOp, "."):
			p.take()
			if p.peek().kind == tokInt { // items.0
				n, convErr := strconv.ParseInt(p.take().text, 10, 64)
				if convErr != nil {
					return nil, errorAt(t.line, "%v", convErr)
				}
				x = &itemExpr{x, &constExpr{n}, t.line}
				continue
			}
			var name string
			if name, err = p.name(); err != nil {
				return nil, err
			}
			x = &attrExpr{x, name, t.line}
		case p.is(tokOp, "["):
			x, err = p.subscript(x)
		case p.is(tokOp, "("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// subscript reads x[i] and x[i:j:k].
func (p *parser) subscript(x expr) (expr, error) {
	line := p.take().line
	var bounds [3]expr
	n := 0
	for !p.is(tokOp, "]") {
		if p.accept(tokOp, ":") {
			if n++; n > 2 {
				return nil, p.unexpected(`"]"`)
			}
			continue
		}
		if bounds[n] != nil {
			return nil, p.unexpected(`"]"`)
		}
		var err error
		if bounds[n], err = p.tuple(true); err != nil {
			return nil, err
		}
	}
	p.take()
	if n > 0 {
		return &sliceExpr{x, bounds, line}, nil
	}
	if bounds[0] == nil {
		return nil, errorAt(line, "empty subscript")
	}
	return &itemExpr{x, bounds[0], line}, nil
}

// call reads the arguments of a call.
func (p *parser) call(fn expr) (expr, error) {
	c := &callExpr{fn: fn, line: p.peek().line}
	var err error
	c.args, err = p.arguments()
	return c, err
}

func (p *parser) arguments() (argExprs, error) {
	var a argExprs
	if err := p.expect(tokOp, "("); err != nil {
		return a, err
	}
	for !p.accept(tokOp, ")") {
		name := ""
		if next := p.ahead(); p.peek().kind == tokName && next.kind == tokOp && next.text == "=" {
			name = p.take().text
			p.take()
		} else if len(a.names) > 0 {
			return a, errorAt(p.peek().line, "positional argument after a named one")
		}
		x, err := p.expr()
		if err != nil {
			return a, err
		}
		if name == "" {
			a.pos = append(a.pos, x)
		} else {
			a.names, a.named = append(a.names, name), append(a.named, x)
		}
		if !p.accept(tokOp, ",") && !p.is(tokOp, ")") {
			return a, p.unexpected(`"," or ")"`)
		}
	}
	return a, nil
}

// filter reads "| name(…)".
func (p *parser) filter(x expr) (expr, error) {
	p.take()
	return p.namedFilter(x)
}

func (p *parser) namedFilter(x expr) (expr, error) {
	line := p.peek().line
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	if _, ok := filters[name]; !ok {
		return nil, errorAt(line, "unknown filter %q", name)
	}
	f := &filterExpr{name: name, x: x, line: line}
	if p.is(tokOp, "(") {
		f.args, err = p.arguments()
	}
	return f, err
}

// test reads "is name", "is not name", "is name(x)" and "is name x".
func (p *parser) test(x expr) (expr, error) {
	p.take()
	t := &testExpr{x: x, negate: p.accept(tokName, "not"), line: p.peek().line}
	var err error
	if t.name, err = p.name(); err != nil {
		return nil, err
	}
	if _, ok := tests[t.name]; !ok {
		return nil, errorAt(t.line, "unknown test %q", t.name)
	}
	next := p.peek()
	switch {
	case p.is(tokOp, "("):
		t.args, err = p.arguments()
	case next.kind == tokString || next.kind == tokInt || next.kind == tokFloat || p.is(tokOp, "[") || p.is(tokOp, "{") ||
		next.kind == tokName && next.text != "else" && next.text != "or" && next.text != "and" && next.text != "is" &&
			next.text != "if" && next.text != "in" && next.text != "not" && next.text != "recursive":
		var arg expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
		}
		t.args.pos = []expr{arg}
	}
	return t, err
}
