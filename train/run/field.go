package run

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/internal/nearest"
)

// field is a key of a config and where its value is.
//
// A config is a struct. The tags of a field: yaml, its key; default, as a flag would have it; doc, one line; choices, the
// only values, with commas between; resume:"free" where a resumed run may have another value, because it does not change
// what comes out; axis:"true" of a list whose values a grid goes through: one of them may stand without brackets, and text without
// quotes even where it looks like a number. Fields are bool, int, uint64, float64, string, lists of them, and maps from text to them; structs are
// sections; embedded structs are as if their fields stood in their place, and the tag defaults of such a field gives them others, as key=value
// with spaces between.
type field struct {
	key     string // with the keys of its sections before it, and dots between
	value   reflect.Value
	preset  string
	doc     string
	choices []string
	free    bool
	axis    bool
}

// fields lists the keys of a config, a pointer to a struct, in their order.
func fields(config any) ([]field, error) {
	v := reflect.ValueOf(config)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("a config is a pointer to a struct, not %T", config)
	}
	var all []field
	if err := addFields(&all, v.Elem(), ""); err != nil {
		return nil, fmt.Errorf("config %T: %w", config, err)
	}
	seen := map[string]bool{}
	for _, f := range all {
		if seen[f.key] {
			return nil, fmt.Errorf("config %T: two fields have the key %s", config, f.key)
		}
		seen[f.key] = true
	}
	return all, nil
}

func addFields(all *[]field, v reflect.Value, section string) error {
	for i := range v.NumField() {
		t := v.Type().Field(i)
		name, _, _ := strings.Cut(t.Tag.Get("yaml"), ",")
		var err error
		switch {
		case t.Anonymous && t.Type.Kind() == reflect.Struct:
			err = addEmbedded(all, v.Field(i), section, t.Tag.Get("defaults"))
		case name == "-" || !t.IsExported():
		case name == "":
			err = fmt.Errorf("field %s has no yaml key", t.Name)
		case t.Type.Kind() == reflect.Struct:
			err = addFields(all, v.Field(i), section+name+".")
		default:
			f := field{key: section + name, value: v.Field(i), preset: t.Tag.Get("default"), doc: t.Tag.Get("doc"),
				free: t.Tag.Get("resume") == "free", axis: t.Tag.Get("axis") == "true"}
			if choices, ok := t.Tag.Lookup("choices"); ok {
				f.choices = strings.Split(choices, ",")
			}
			err = f.check()
			*all = append(*all, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addEmbedded adds the fields of an embedded struct, some with other defaults.
func addEmbedded(all *[]field, v reflect.Value, section, presets string) error {
	first := len(*all)
	if err := addFields(all, v, section); err != nil {
		return err
	}
	for _, preset := range strings.Fields(presets) {
		key, value, _ := strings.Cut(preset, "=")
		own := (*all)[first:]
		i := slices.IndexFunc(own, func(f field) bool { return f.key == section+key })
		if i < 0 {
			return fmt.Errorf("embedded %s: no field has the key %s, of which a default is given", v.Type(), key)
		}
		own[i].preset = value
		if err := own[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// check finds types that no value can be read into, and defaults of another type.
func (f *field) check() error {
	if f.kind() == "" {
		return fmt.Errorf("field %s: no value can be read into %s", f.key, f.value.Type())
	}
	if err := f.parse(reflect.New(f.value.Type()).Elem(), f.preset); err != nil && f.preset != "" {
		return fmt.Errorf("field %s: its default: %w", f.key, err)
	}
	return nil
}

// kind is the type in a word, empty where there is none for it.
func (f *field) kind() string {
	t := f.value.Type()
	switch t.Kind() {
	case reflect.Slice:
		if k := kindOf(t.Elem()); k != "" {
			return "list of " + k
		}
		return ""
	case reflect.Map:
		if k := kindOf(t.Elem()); k != "" && t.Key().Kind() == reflect.String {
			return k + " by name"
		}
		return ""
	}
	return kindOf(t)
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int:
		return "int"
	case reflect.Uint64:
		return "uint"
	case reflect.Float64:
		return "float"
	case reflect.String:
		return "text"
	}
	return ""
}

// reset gives the field its default.
func (f *field) reset() error {
	f.value.SetZero()
	if f.preset == "" {
		return nil
	}
	return f.parse(f.value, f.preset)
}

// parse reads a default or a flag's text into a value: lists have commas between, maps name=value with commas between.
func (f *field) parse(into reflect.Value, text string) error {
	switch into.Kind() {
	case reflect.Slice:
		list := reflect.MakeSlice(into.Type(), 0, 0)
		for _, part := range strings.Split(text, ",") {
			if text == "" {
				break
			}
			v := reflect.New(into.Type().Elem()).Elem()
			if err := f.scalar(v, strings.TrimSpace(part)); err != nil {
				return err
			}
			list = reflect.Append(list, v)
		}
		into.Set(list)
		return nil
	case reflect.Map:
		m := reflect.MakeMap(into.Type())
		for _, part := range strings.Split(text, ",") {
			if text == "" {
				break
			}
			name, value, ok := cutLast(part, "=")
			if !ok {
				return fmt.Errorf("expected name=value, found %q", part)
			}
			v := reflect.New(into.Type().Elem()).Elem()
			if err := f.scalar(v, strings.TrimSpace(value)); err != nil {
				return err
			}
			m.SetMapIndex(reflect.ValueOf(strings.TrimSpace(name)), v)
		}
		into.Set(m)
		return nil
	}
	return f.scalar(into, text)
}

// cutLast cuts at the last separator, since the names of patterns may have one too.
func cutLast(text, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// scalar reads one value.
func (f *field) scalar(into reflect.Value, text string) error {
	if len(f.choices) > 0 && !slices.Contains(f.choices, text) {
		return fmt.Errorf("expected one of %s, found %q, did you mean %s?", strings.Join(f.choices, ", "), text, nearest.Of(text, f.choices))
	}
	var err error
	switch into.Kind() {
	case reflect.Bool:
		if text != "true" && text != "false" { // not 1, T or yes, which mean other things to other readers
			err = errors.New("expected true or false")
		}
		into.SetBool(text == "true")
	case reflect.Int:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		into.SetInt(n)
	case reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		into.SetUint(n)
	case reflect.Float64:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			err = errors.New("not a finite number")
		}
		into.SetFloat(x)
	default:
		into.SetString(text)
	}
	if err != nil {
		return fmt.Errorf("expected %s, found %q", expected(into.Kind()), text)
	}
	return nil
}

// expected says what a value should have been.
func expected(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float64:
		return "a number"
	}
	return "text"
}
