package run

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Flags are the flags of a config's keys: for lora_rank there is --lora-rank. They win over the file.
type Flags struct {
	config any
	given  []*flagValue
	err    error // of the config's type
}

// Bind makes a flag for each key of a config, a pointer to a struct. What is wrong with the struct, Load reports.
func Bind(set *pflag.FlagSet, config any) *Flags {
	f := &Flags{config: config}
	all, err := fields(config)
	if err != nil {
		f.err = err
		return f
	}
	for _, field := range all {
		v := &flagValue{field: field, flags: f}
		doc := field.doc
		if len(field.choices) > 0 {
			doc += ": " + strings.Join(slices.DeleteFunc(slices.Clone(field.choices), func(c string) bool { return c == "" }), ", ")
		}
		flag := set.VarPF(v, flagName(field.key), "", doc)
		flag.DefValue = field.preset
		if field.value.Kind() == reflect.Bool {
			flag.NoOptDefVal = "true"
		}
	}
	return f
}

// Load gives the config its defaults, then what the file says, then the flags that were given. An empty path is no file.
func (f *Flags) Load(path string) error {
	if f.err != nil {
		return f.err
	}
	if err := LoadConfig(path, f.config); err != nil {
		return err
	}
	for _, v := range f.given {
		v.field.value.Set(v.value)
	}
	return nil
}

func flagName(key string) string { return strings.NewReplacer("_", "-", ".", "-").Replace(key) }

// flagValue is a flag's value, kept until Load. The flag of a list or map may be repeated.
type flagValue struct {
	field field
	flags *Flags
	value reflect.Value // invalid until it is given
}

func (v *flagValue) String() string {
	if v.field.value.IsValid() && v.value.IsValid() {
		return fmt.Sprint(v.value.Interface())
	}
	return v.field.preset
}

func (v *flagValue) Type() string {
	if v.field.value.Kind() == reflect.Bool {
		return "bool" // which pflag shows without a value
	}
	return v.field.kind()
}

func (v *flagValue) Set(text string) error {
	value := reflect.New(v.field.value.Type()).Elem()
	if err := v.field.parse(value, text); err != nil {
		return err
	}
	if !v.value.IsValid() {
		v.value = value
		v.flags.given = append(v.flags.given, v)
		return nil
	}
	switch value.Kind() {
	case reflect.Slice:
		v.value = reflect.AppendSlice(v.value, value)
	case reflect.Map:
		for _, key := range value.MapKeys() {
			v.value.SetMapIndex(key, value.MapIndex(key))
		}
	default:
		v.value = value
	}
	return nil
}
