package run

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Describe writes a config, a pointer to a struct, as the YAML file that sets every key to its default, each with its type
// and what it means in a comment. LoadConfig reads it back.
func Describe(config any) string {
	all, err := fields(config)
	if err != nil {
		return "# " + err.Error() + "\n"
	}
	type line struct{ left, comment string }
	var lines []line
	section, width := "", 0
	for _, f := range all {
		indent := strings.Count(f.key, ".")
		prefix, name, nested := cutLast(f.key, ".")
		if !nested {
			prefix, name = "", f.key
		}
		if prefix != section && prefix != "" {
			parts := strings.Split(prefix, ".")
			lines = append(lines, line{strings.Repeat("  ", indent-1) + parts[len(parts)-1] + ":", ""})
		}
		section = prefix
		comment := f.kind()
		if len(f.choices) > 0 {
			comment = strings.Join(f.choices, ", ")
		}
		if f.doc != "" {
			comment += ": " + f.doc
		}
		l := line{strings.Repeat("  ", indent) + name + ": " + f.yamlPreset(), comment}
		width = max(width, utf8.RuneCountInString(l.left))
		lines = append(lines, l)
	}
	var b strings.Builder
	for _, l := range lines {
		if l.comment == "" {
			b.WriteString(l.left + "\n")
			continue
		}
		fmt.Fprintf(&b, "%-*s  # %s\n", width, l.left, l.comment)
	}
	return b.String()
}

// yamlPreset is the default as YAML, on one line. JSON is YAML.
func (f *field) yamlPreset() string {
	v := reflect.New(f.value.Type()).Elem()
	if f.preset != "" && f.parse(v, f.preset) != nil {
		return f.preset // which fields has refused
	}
	switch {
	case v.Kind() == reflect.Slice && v.Len() == 0:
		return "[]"
	case v.Kind() == reflect.Map && v.Len() == 0:
		return "{}"
	case v.Kind() == reflect.Float64 && f.preset != "":
		return f.preset // 2e-5, as it was written
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return f.preset
	}
	return string(text)
}
