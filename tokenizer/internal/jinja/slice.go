package jinja

import (
	"errors"
	"fmt"
)

type sliceExpr struct {
	x      expr
	bounds [3]expr
	line   int
}

func (x *sliceExpr) eval(e *env) (any, error) {
	v, err := x.x.eval(e)
	if err != nil {
		return nil, err
	}
	var bounds [3]*int64
	for k, b := range x.bounds {
		if b == nil {
			continue
		}
		n, err := b.eval(e)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if n, err = number(n); err != nil {
			return nil, withLine(err, x.line)
		}
		i, ok := n.(int64)
		if !ok {
			return nil, errorAt(x.line, "slice bounds must be whole numbers")
		}
		bounds[k] = &i
	}
	v, err = slice(v, bounds)
	return v, withLine(err, x.line)
}

// slice is Python's v[i:j:k].
func slice(v any, bounds [3]*int64) (any, error) {
	switch x := v.(type) {
	case undefined:
		return nil, fmt.Errorf("%s is undefined: it can't be sliced", x.what)
	case *List:
		at, err := sliceIndices(len(x.Items), bounds)
		if err != nil {
			return nil, err
		}
		out := &List{tuple: x.tuple}
		for _, i := range at {
			out.Items = append(out.Items, x.Items[i])
		}
		return out, nil
	case Text:
		runes := x.runes()
		at, err := sliceIndices(len(runes)-1, bounds)
		if err != nil {
			return nil, err
		}
		var b builder
		for _, i := range at {
			b.write(x.slice(runes[i], runes[i+1]))
		}
		return b.text(), nil
	}
	return nil, fmt.Errorf("a %s can't be sliced", typeName(v))
}

// sliceIndices lists the indices that a slice of n items takes.
func sliceIndices(n int, bounds [3]*int64) ([]int, error) {
	step := int64(1)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return nil, errors.New("slice step is 0")
	}
	low, high := int64(0), int64(n)
	if step < 0 {
		low, high = -1, int64(n)-1
	}
	bound := func(p *int64, def int64) int64 {
		if p == nil {
			return def
		}
		i := *p
		if i < 0 {
			i += int64(n)
		}
		return min(max(i, low), high)
	}
	start, stop := bound(bounds[0], low), bound(bounds[1], high)
	if step < 0 {
		start, stop = bound(bounds[0], high), bound(bounds[1], low)
	}
	var at []int
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		at = append(at, int(i))
		if step > int64(n) || step < -int64(n) {
			break
		}
	}
	return at, nil
}
