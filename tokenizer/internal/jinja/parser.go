package jinja

import (
	"fmt"
	"slices"
)

// maxDepth bounds the nesting of a template's tags and expressions.
const maxDepth = 200

// Template is a parsed template.
type Template struct{ body []stmt }

// Parse reads a template.
func Parse(source string) (*Template, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	body, err := p.block()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEOF {
		return nil, p.unexpected("template text")
	}
	return &Template{body}, nil
}

type parser struct {
	tokens []lexeme
	pos    int
	depth  int
	loops  int // open {% for %}
}

func (p *parser) peek() lexeme { return p.tokens[p.pos] }

// ahead looks one token further.
func (p *parser) ahead() lexeme { return p.tokens[min(p.pos+1, len(p.tokens)-1)] }

func (p *parser) take() lexeme {
	t := p.tokens[p.pos]
	if p.pos < len(p.tokens)-1 {
		p.pos++
	}
	return t
}

func (p *parser) is(k kind, text string) bool {
	t := p.peek()
	return t.kind == k && t.text == text
}

// accept takes a token if it is the one asked for.
func (p *parser) accept(k kind, text string) bool {
	if !p.is(k, text) {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(k kind, text string) error {
	if !p.accept(k, text) {
		return p.unexpected(fmt.Sprintf("%q", text))
	}
	return nil
}

func (p *parser) unexpected(wanted string) error {
	t := p.peek()
	return errorAt(t.line, "expected %s, found %s", wanted, t.describe())
}

// name takes a name.
func (p *parser) name() (string, error) {
	if p.peek().kind != tokName {
		return "", p.unexpected("a name")
	}
	return p.take().text, nil
}

func (p *parser) blockEnd() error {
	if p.peek().kind != tokBlockEnd {
		return p.unexpected("the end of the tag")
	}
	p.take()
	return nil
}

// deeper counts nesting; the caller calls shallower when it is done.
func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return errorAt(p.peek().line, "more than %d levels of nesting", maxDepth)
	}
	return nil
}

func (p *parser) shallower() { p.depth-- }

// block reads statements until one of the tags in ends, or the end of the template. The
// tag's name is left to be taken.
func (p *parser) block(ends ...string) ([]stmt, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer p.shallower()
	var body []stmt
	for {
		switch t := p.peek(); t.kind {
		case tokEOF:
			if len(ends) > 0 {
				return nil, errorAt(t.line, "the template ends, expected {%% %s %%}", ends[len(ends)-1])
			}
			return body, nil
		case tokData:
			body = append(body, &dataStmt{Trusted(p.take().text)})
		case tokVarBegin:
			p.take()
			x, err := p.tuple(true)
			if err != nil {
				return nil, err
			}
			if p.peek().kind != tokVarEnd {
				return nil, p.unexpected("the end of the tag")
			}
			p.take()
			body = append(body, &printStmt{x, t.line})
		default:
			p.take()
			if slices.Contains(ends, p.peek().text) && p.peek().kind == tokName {
				return body, nil
			}
			s, err := p.statement()
			if err != nil {
				return nil, err
			}
			body = append(body, s)
		}
	}
}

// statement reads a tag whose {% is already taken.
func (p *parser) statement() (stmt, error) {
	line := p.peek().line
	tag, err := p.name()
	if err != nil {
		return nil, err
	}
	switch tag {
	case "if":
		return p.ifTag()
	case "for":
		return p.forTag(line)
	case "set":
		return p.setTag(line)
	case "macro":
		return p.macroTag(line)
	case "call":
		return p.callTag(line)
	case "filter":
		return p.filterTag(line)
	case "with":
		return p.withTag(line)
	case "generation": // transformers' marker of what an assistant wrote: no effect here
		return p.generationTag()
	case "break", "continue":
		if p.loops == 0 {
			return nil, errorAt(line, "{%% %s %%} outside a loop", tag)
		}
		return &loopStmt{tag == "break"}, p.blockEnd()
	}
	return nil, errorAt(line, "unknown tag %q", tag)
}

// rest reads the end of an opening tag, its body, and the closing tag.
func (p *parser) rest(end string) ([]stmt, error) {
	if err := p.blockEnd(); err != nil {
		return nil, err
	}
	body, err := p.block(end)
	if err != nil {
		return nil, err
	}
	p.take()
	return body, p.blockEnd()
}

func (p *parser) ifTag() (stmt, error) {
	s := &ifStmt{}
	for {
		test, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		if err := p.blockEnd(); err != nil {
			return nil, err
		}
		body, err := p.block("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.tests, s.bodies = append(s.tests, test), append(s.bodies, body)
		switch p.take().text {
		case "endif":
			return s, p.blockEnd()
		case "else":
			s.otherwise, err = p.rest("endif")
			return s, err
		}
	}
}

func (p *parser) forTag(line int) (stmt, error) {
	s := &forStmt{line: line}
	var err error
	if s.target, err = p.targets(); err != nil {
		return nil, err
	}
	if err := p.expect(tokName, "in"); err != nil {
		return nil, err
	}
	if s.over, err = p.tuple(false); err != nil { // "if" belongs to the loop
		return nil, err
	}
	if p.accept(tokName, "if") {
		if s.cond, err = p.expr(); err != nil {
			return nil, err
		}
	}
	s.recursive = p.accept(tokName, "recursive")
	if err := p.blockEnd(); err != nil {
		return nil, err
	}
	p.loops++
	s.body, err = p.block("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	if p.take().text == "else" {
		s.otherwise, err = p.rest("endfor")
		return s, err
	}
	return s, p.blockEnd()
}

// targets reads the names that {% for %} and {% set %} assign to: a, b or ns.a.
func (p *parser) targets() (*target, error) {
	t := &target{}
	paren := p.accept(tokOp, "(")
	for {
		if p.is(tokOp, "(") {
			sub, err := p.targets()
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, sub)
		} else {
			name, err := p.name()
			if err != nil {
				return nil, err
			}
			part := &target{name: name}
			if p.accept(tokOp, ".") {
				if part.attr, err = p.name(); err != nil {
					return nil, err
				}
			}
			t.parts = append(t.parts, part)
		}
		if !p.accept(tokOp, ",") {
			break
		}
		t.tuple = true
		if p.peek().kind != tokName && !p.is(tokOp, "(") || p.is(tokName, "in") {
			break
		}
	}
	if paren {
		if err := p.expect(tokOp, ")"); err != nil {
			return nil, err
		}
	}
	if !t.tuple {
		return t.parts[0], nil
	}
	return t, nil
}

func (p *parser) setTag(line int) (stmt, error) {
	t, err := p.targets()
	if err != nil {
		return nil, err
	}
	if p.accept(tokOp, "=") {
		x, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		return &setStmt{t, x, line}, p.blockEnd()
	}
	var filters expr = &capturedExpr{}
	for p.is(tokOp, "|") {
		if filters, err = p.filter(filters); err != nil {
			return nil, err
		}
	}
	body, err := p.rest("endset")
	return &captureStmt{target: t, body: body, filters: filters, line: line}, err
}

// params reads the parameters of a macro or call block, with their defaults.
func (p *parser) params() (names []string, defaults []expr, err error) {
	if err := p.expect(tokOp, "("); err != nil {
		return nil, nil, err
	}
	for !p.accept(tokOp, ")") {
		name, err := p.name()
		if err != nil {
			return nil, nil, err
		}
		var def expr
		if p.accept(tokOp, "=") {
			if def, err = p.expr(); err != nil {
				return nil, nil, err
			}
		}
		names, defaults = append(names, name), append(defaults, def)
		if !p.accept(tokOp, ",") && !p.is(tokOp, ")") {
			return nil, nil, p.unexpected(`"," or ")"`)
		}
	}
	return names, defaults, nil
}

func (p *parser) macroTag(line int) (stmt, error) {
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	s := &macroStmt{name: name, line: line}
	if s.params, s.defaults, err = p.params(); err != nil {
		return nil, err
	}
	loops := p.loops
	p.loops = 0
	s.body, err = p.rest("endmacro")
	p.loops = loops
	return s, err
}

// callTag reads {% call(args) macro(…) %} … {% endcall %}.
func (p *parser) callTag(line int) (stmt, error) {
	s := &callStmt{block: &macroStmt{name: "caller", line: line}, line: line}
	var err error
	if p.is(tokOp, "(") {
		if s.block.params, s.block.defaults, err = p.params(); err != nil {
			return nil, err
		}
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	call, ok := x.(*callExpr)
	if !ok {
		return nil, errorAt(line, "{%% call %%} needs a call")
	}
	s.call = call
	s.block.body, err = p.rest("endcall")
	return s, err
}

func (p *parser) filterTag(line int) (stmt, error) {
	x, err := p.namedFilter(&capturedExpr{})
	for err == nil && p.is(tokOp, "|") {
		x, err = p.filter(x)
	}
	if err != nil {
		return nil, err
	}
	body, err := p.rest("endfilter")
	return &captureStmt{body: body, filters: x, line: line}, err
}

func (p *parser) withTag(line int) (stmt, error) {
	s := &withStmt{line: line}
	for p.peek().kind != tokBlockEnd {
		if len(s.names) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
		}
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if err := p.expect(tokOp, "="); err != nil {
			return nil, err
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		s.names, s.values = append(s.names, name), append(s.values, x)
	}
	var err error
	s.body, err = p.rest("endwith")
	return s, err
}

func (p *parser) generationTag() (stmt, error) {
	body, err := p.rest("endgeneration")
	return &scopeStmt{body}, err
}
