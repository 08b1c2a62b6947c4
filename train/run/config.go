package run

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/januslm/janus/internal/nearest"
)

// LoadConfig gives a config, a pointer to a struct, its defaults and then what the YAML file says. Unknown keys and values
// of another type are refused, all of them at once, each with file:line and what was expected. An empty path is no file.
// Anchors, aliases, tags and several documents are refused: a config is a list of keys.
func LoadConfig(path string, into any) error {
	all, err := fields(into)
	if err != nil {
		return err
	}
	for _, f := range all {
		if err := f.reset(); err != nil {
			return err
		}
	}
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the config: %w", err)
	}
	return readConfig(path, data, all)
}

func readConfig(path string, data []byte, all []field) error {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return fmt.Errorf("%s: not YAML: %w", path, err)
	}
	r := reader{path: path, fields: map[string]*field{}, sections: map[string]bool{}}
	for i := range all {
		f := &all[i]
		r.keys = append(r.keys, f.key)
		r.fields[f.key] = f
		for at, c := range f.key {
			if c == '.' {
				r.sections[f.key[:at]] = true
			}
		}
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) > 1:
		r.fail(bodies[1], "expected one document, found another one")
	case len(bodies) == 1:
		r.mapping(bodies[0], "")
	}
	return errors.Join(r.errs...)
}

// reader puts the values of a file into fields.
type reader struct {
	path     string
	keys     []string
	fields   map[string]*field
	sections map[string]bool
	errs     []error
}

func (r *reader) fail(n ast.Node, format string, args ...any) {
	line := 1
	if t := n.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.path, line, fmt.Sprintf(format, args...)))
}

// pairs are the keys and values of a mapping; ok is false where it is none, which it reports.
func (r *reader) pairs(n ast.Node, what string) (pairs []*ast.MappingValueNode, ok bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	r.fail(n, "%s: expected keys and values, found %s", what, found(n))
	return nil, false
}

func (r *reader) mapping(n ast.Node, section string) {
	what := "the config"
	if section != "" {
		what = strings.TrimSuffix(section, ".")
	}
	pairs, _ := r.pairs(n, what)
	for _, p := range pairs {
		name, ok := p.Key.(*ast.StringNode)
		if !ok {
			r.fail(p.Key, "expected a key, found %s", found(p.Key))
			continue
		}
		key := section + name.Value
		f := r.fields[key]
		switch {
		case f != nil:
			r.set(f, p.Value)
		case r.sections[key]:
			r.mapping(p.Value, key+".")
		default:
			r.fail(p.Key, "unknown key %s, did you mean %s?", key, nearest.Of(key, r.keys))
		}
	}
}

// set reads the value of a key.
func (r *reader) set(f *field, n ast.Node) {
	v := reflect.New(f.value.Type()).Elem()
	switch v.Kind() {
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok && f.axis {
			if _, one := n.(ast.ScalarNode); one && n.Type() != ast.NullType { // one value, which need not look like a list
				list, ok = &ast.SequenceNode{Values: []ast.Node{n}}, true
			}
		}
		if !ok {
			r.fail(n, "%s: expected a %s, found %s", f.key, f.kind(), found(n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			if !r.scalar(f, fmt.Sprintf("%s[%d]", f.key, i), v.Index(i), item) {
				return
			}
		}
	case reflect.Map:
		pairs, ok := r.pairs(n, f.key)
		if !ok {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for _, p := range pairs {
			name, ok := p.Key.(*ast.StringNode)
			if !ok {
				r.fail(p.Key, "%s: expected a name, found %s", f.key, found(p.Key))
				return
			}
			item := reflect.New(v.Type().Elem()).Elem()
			if !r.scalar(f, f.key+"."+name.Value, item, p.Value) {
				return
			}
			v.SetMapIndex(reflect.ValueOf(name.Value), item)
		}
	default:
		if !r.scalar(f, f.key, v, n) {
			return
		}
	}
	f.value.Set(v)
}

// scalar reads one value from its text rather than from the parser's idea of it, to which 2e-5 is a word.
func (r *reader) scalar(f *field, key string, v reflect.Value, n ast.Node) bool {
	text, isText := "", false
	switch s := n.(type) {
	case *ast.LiteralNode:
		text, isText = s.Value.Value, true
	case *ast.StringNode:
		text, isText = s.Value, true
		quoted := s.Token.Type == token.SingleQuoteType || s.Token.Type == token.DoubleQuoteType
		if quoted && v.Kind() != reflect.String {
			r.fail(n, "%s: expected %s, found the text %q; take the quotes away", key, expected(v.Kind()), text)
			return false
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = n.GetToken().Value
	default:
		r.fail(n, "%s: expected %s, found %s", key, expected(v.Kind()), found(n))
		return false
	}
	if v.Kind() == reflect.String && !isText && !f.axis {
		r.fail(n, "%s: expected text, found %s; put it in quotes if it is meant", key, text)
		return false
	}
	if err := f.scalar(v, text); err != nil {
		r.fail(n, "%s: %v", key, err)
		return false
	}
	return true
}

// found says what a node is.
func found(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias, which a config has not: write the value again"
	case *ast.TagNode:
		return "a tag, which a config has not"
	}
	return fmt.Sprintf("%q", n.String())
}
