package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Filters on sequences.

func list(_ *env, v any, _ args) (any, error) {
	items, err := iterate(v)
	return NewList(slices.Clone(items)...), err
}

func items(_ *env, v any, _ args) (any, error) {
	switch x := v.(type) {
	case undefined:
		return NewList(), nil
	case *Dict:
		return x.pairs(), nil
	}
	return nil, fmt.Errorf("a %s has no items", typeName(v))
}

func first(_ *env, v any, _ args) (any, error) {
	items, err := iterate(v)
	if err != nil || len(items) == 0 {
		return undefined{"the first item of an empty sequence"}, err
	}
	return items[0], nil
}

func last(_ *env, v any, _ args) (any, error) {
	items, err := iterate(v)
	if err != nil || len(items) == 0 {
		return undefined{"the last item of an empty sequence"}, err
	}
	return items[len(items)-1], nil
}

func reverse(_ *env, v any, _ args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, ok := v.(Text); ok {
		var b builder
		for _, item := range items {
			b.write(str(item))
		}
		return b.text(), nil
	}
	return NewList(items...), nil
}

// path looks up "a.b.0" in a value, as filters take it for their attribute.
func path(v any, attr any) (any, error) {
	if attr == nil {
		return v, nil
	}
	if n, ok := attr.(int64); ok {
		return item(v, n)
	}
	for _, part := range strings.Split(str(attr).s, ".") {
		var key any = Trusted(part)
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = n
		}
		var err error
		if v, err = item(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func join(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	sep := str(a.get(0, "d", Text{}))
	attr := a.get(1, "attribute", nil)
	var b builder
	for i, it := range items {
		if i > 0 {
			b.write(sep)
		}
		if it, err = path(it, attr); err != nil {
			return nil, err
		}
		b.write(str(it))
	}
	return b.text(), nil
}

// mapFilter is map('filter', …) and map(attribute='a').
func mapFilter(e *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	out := NewList()
	attr := a.get(-1, "attribute", nil)
	for _, it := range items {
		if attr != nil {
			it, err = path(it, attr)
			if _, missing := it.(undefined); missing && err == nil {
				it = a.get(-1, "default", it)
			}
		} else {
			it, err = applyFilter(e, it, a)
		}
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, it)
	}
	return out, nil
}

func applyFilter(e *env, v any, a args) (any, error) {
	if len(a.pos) == 0 {
		return nil, errors.New("it needs the name of a filter or attribute=…")
	}
	f, ok := filters[str(a.pos[0]).s]
	if !ok {
		return nil, fmt.Errorf("unknown filter %q", str(a.pos[0]).s)
	}
	return f(e, v, args{a.pos[1:], a.names, a.named})
}

// selectFilter is select, reject, selectattr and rejectattr.
func selectFilter(keep, byAttr bool) filter {
	return func(_ *env, v any, a args) (any, error) {
		items, err := iterate(v)
		if err != nil {
			return nil, err
		}
		var attr any
		if byAttr {
			if len(a.pos) == 0 {
				return nil, errors.New("it needs the name of an attribute")
			}
			attr, a.pos = a.pos[0], a.pos[1:]
		}
		holds := func(v any, _ args) (bool, error) { return truth(v), nil }
		if len(a.pos) > 0 {
			test, ok := tests[str(a.pos[0]).s]
			if !ok {
				return nil, fmt.Errorf("unknown test %q", str(a.pos[0]).s)
			}
			holds, a.pos = test, a.pos[1:]
		}
		out := NewList()
		for _, it := range items {
			subject, err := path(it, attr)
			if err != nil {
				return nil, err
			}
			ok, err := holds(subject, a)
			if err != nil {
				return nil, err
			}
			if ok == keep {
				out.Items = append(out.Items, it)
			}
		}
		return out, nil
	}
}

// sortBy sorts by a key; without caseSensitive strings compare in lower case.
func sortBy(items []any, key func(any) (any, error), caseSensitive, reverse bool) error {
	var failed error
	keys := make(map[int]any, len(items))
	order := make([]int, len(items))
	for i, it := range items {
		k, err := key(it)
		if err != nil {
			return err
		}
		if t, ok := k.(Text); ok && !caseSensitive {
			k = Trusted(lower(t.s))
		}
		keys[i], order[i] = k, i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if reverse {
			i, j = j, i
		}
		if ok, err := less(keys[i], keys[j]); err != nil {
			failed = err
		} else if ok {
			return -1
		}
		if ok, err := less(keys[j], keys[i]); err == nil && ok {
			return 1
		}
		return 0
	})
	sorted := make([]any, len(items))
	for n, i := range order {
		sorted[n] = items[i]
	}
	copy(items, sorted)
	return failed
}

func sortFilter(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	attr := a.get(2, "attribute", nil)
	err = sortBy(items, func(v any) (any, error) { return path(v, attr) },
		truth(a.get(1, "case_sensitive", false)), truth(a.get(0, "reverse", false)))
	return NewList(items...), err
}

func dictSort(_ *env, v any, a args) (any, error) {
	d, ok := v.(*Dict)
	if !ok {
		return nil, fmt.Errorf("a %s is not a dict", typeName(v))
	}
	by := int64(0)
	if str(a.get(1, "by", Trusted("key"))).s == "value" {
		by = 1
	}
	pairs := d.pairs()
	err := sortBy(pairs.Items, func(p any) (any, error) { return item(p, by) },
		truth(a.get(0, "case_sensitive", false)), truth(a.get(2, "reverse", false)))
	return pairs, err
}

func groupBy(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	attr := a.get(0, "attribute", nil)
	items = slices.Clone(items)
	key := func(v any) (any, error) { return path(v, attr) }
	if err := sortBy(items, key, false, false); err != nil {
		return nil, err
	}
	out := NewList()
	for _, it := range items {
		k, err := key(it)
		if err != nil {
			return nil, err
		}
		if n := len(out.Items); n > 0 {
			group := out.Items[n-1].(*List)
			if equal(group.Items[0], k) {
				members := group.Items[1].(*List)
				members.Items = append(members.Items, it)
				continue
			}
		}
		out.Items = append(out.Items, &List{Items: []any{k, NewList(it)}, tuple: true})
	}
	return out, nil
}

func unique(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	caseSensitive, attr := truth(a.get(0, "case_sensitive", false)), a.get(1, "attribute", nil)
	out := NewList()
	var seen []any
	for _, it := range items {
		k, err := path(it, attr)
		if err != nil {
			return nil, err
		}
		if t, ok := k.(Text); ok && !caseSensitive {
			k = Trusted(lower(t.s))
		}
		if !slices.ContainsFunc(seen, func(s any) bool { return equal(s, k) }) {
			seen, out.Items = append(seen, k), append(out.Items, it)
		}
	}
	return out, nil
}

// extreme is min and max.
func extreme(least bool) filter {
	return func(_ *env, v any, a args) (any, error) {
		items, err := iterate(v)
		if err != nil || len(items) == 0 {
			return undefined{"the extreme of an empty sequence"}, err
		}
		attr := a.get(1, "attribute", nil)
		items = slices.Clone(items)
		if err := sortBy(items, func(v any) (any, error) { return path(v, attr) },
			truth(a.get(0, "case_sensitive", false)), !least); err != nil {
			return nil, err
		}
		return items[0], nil
	}
}

func sum(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	total := a.get(1, "start", int64(0))
	for _, it := range items {
		if it, err = path(it, a.get(0, "attribute", nil)); err != nil {
			return nil, err
		}
		if total, err = binary("+", total, it); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// batch makes lists of n items, the last one filled up on request.
func batch(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	n, ok := a.get(0, "linecount", nil).(int64)
	if !ok || n < 1 {
		return nil, errors.New("it needs a number of items of at least 1")
	}
	fill := a.get(1, "fill_with", nil)
	out := NewList()
	for chunk := range slices.Chunk(items, int(n)) {
		row := slices.Clone(chunk)
		for fill != nil && int64(len(row)) < min(n, maxRepeat) {
			row = append(row, fill)
		}
		out.Items = append(out.Items, NewList(row...))
	}
	return out, nil
}

// sliceFilter cuts a sequence into n lists of like length.
func sliceFilter(_ *env, v any, a args) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	n, ok := a.get(0, "slices", nil).(int64)
	if !ok || n < 1 || n > maxRepeat {
		return nil, errors.New("it needs a number of slices of at least 1")
	}
	fill := a.get(1, "fill_with", nil)
	each, extra := len(items)/int(n), len(items)%int(n)
	out := NewList()
	at := 0
	for i := range int(n) {
		size := each
		if i < extra {
			size++
		}
		row := slices.Clone(items[at : at+size])
		if fill != nil && i >= extra && extra > 0 {
			row = append(row, fill)
		}
		at += size
		out.Items = append(out.Items, NewList(row...))
	}
	return out, nil
}
