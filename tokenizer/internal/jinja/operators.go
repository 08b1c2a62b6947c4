package jinja

import (
	"errors"
	"fmt"
	"math"
)

type unaryExpr struct {
	negate bool
	x      expr
	line   int
}

func (x *unaryExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	n, err := number(v)
	if err != nil {
		return nil, withLine(err, x.line)
	}
	if !x.negate {
		return n, nil
	}
	if i, ok := n.(int64); ok {
		return -i, nil
	}
	return -toFloat(n), nil
}

type binaryExpr struct {
	op   string
	x, y expr
	line int
}

func (x *binaryExpr) eval(e *env) (any, error) {
	a, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	b, err := x.y.eval(e)
	if err != nil {
		return nil, err
	}
	v, err := binary(x.op, a, b)
	return v, withLine(err, x.line)
}

func binary(op string, a, b any) (any, error) {
	for _, v := range []any{a, b} {
		if u, ok := v.(undefined); ok && op != "~" {
			return nil, fmt.Errorf("%s is undefined", u.what)
		}
	}
	switch x := a.(type) {
	case Text:
		if v, ok, err := textOperator(op, x, b); ok {
			return v, err
		}
	case *List:
		if y, ok := b.(*List); ok && op == "+" && x.tuple == y.tuple {
			return &List{Items: append(append([]any{}, x.Items...), y.Items...), tuple: x.tuple}, nil
		}
		if n, ok := b.(int64); ok && op == "*" {
			return repeatList(x, n)
		}
	}
	if op == "~" {
		return concat(str(a), str(b)), nil
	}
	if y, ok := b.(Text); ok && op == "*" {
		if n, ok := a.(int64); ok {
			return repeatText(y, n)
		}
	}
	m, errA := number(a)
	n, errB := number(b)
	if errA != nil || errB != nil {
		return nil, fmt.Errorf("unsupported operands for %s: %s and %s", op, typeName(a), typeName(b))
	}
	return arithmetic(op, m, n)
}

// textOperator is + * ~ and % with a string on the left; ok is false for others.
func textOperator(op string, a Text, b any) (v any, ok bool, err error) {
	switch op {
	case "+":
		if y, isText := b.(Text); isText {
			return concat(a, y), true, nil
		}
		return nil, true, fmt.Errorf("can only concatenate str (not %q) to str", typeName(b))
	case "*":
		if n, isInt := b.(int64); isInt {
			t, err := repeatText(a, n)
			return t, true, err
		}
	case "%":
		items := []any{b}
		if l, isList := b.(*List); isList && l.tuple {
			items = l.Items
		}
		t, err := percentFormat(a, items)
		return t, true, err
	}
	return nil, false, nil
}

// maxRepeat bounds what a template can make by multiplication.
const maxRepeat = 1 << 20

func repeatText(t Text, n int64) (Text, error) {
	if n > maxRepeat || int64(len(t.s))*max(n, 0) > maxRepeat {
		return Text{}, errors.New("string repeated too often")
	}
	var b builder
	for range max(n, 0) {
		b.write(t)
	}
	return b.text(), nil
}

func repeatList(l *List, n int64) (*List, error) {
	if n > maxRepeat || int64(len(l.Items))*max(n, 0) > maxRepeat {
		return nil, errors.New("list repeated too often")
	}
	out := &List{tuple: l.tuple}
	for range max(n, 0) {
		out.Items = append(out.Items, l.Items...)
	}
	return out, nil
}

// arithmetic is Python's, on int64 and float64.
func arithmetic(op string, a, b any) (any, error) {
	i, okI := a.(int64)
	j, okJ := b.(int64)
	x, y := toFloat(a), toFloat(b)
	whole := okI && okJ
	if y == 0 && (op == "/" || op == "//" || op == "%") {
		return nil, errors.New("division by zero")
	}
	switch op {
	case "+":
		if whole {
			return i + j, nil
		}
		return x + y, nil
	case "-":
		if whole {
			return i - j, nil
		}
		return x - y, nil
	case "*":
		if whole {
			return i * j, nil
		}
		return x * y, nil
	case "/":
		return x / y, nil
	case "//":
		if whole {
			q := i / j
			if i%j != 0 && (i < 0) != (j < 0) {
				q--
			}
			return q, nil
		}
		return math.Floor(x / y), nil
	case "%":
		if whole {
			r := i % j
			if r != 0 && (r < 0) != (j < 0) {
				r += j
			}
			return r, nil
		}
		r := math.Mod(x, y)
		if r != 0 && (r < 0) != (y < 0) {
			r += y
		}
		return r, nil
	case "**":
		if whole && j >= 0 {
			return int64(math.Round(math.Pow(x, y))), nil
		}
		return math.Pow(x, y), nil
	}
	return nil, fmt.Errorf("unknown operator %s", op)
}
