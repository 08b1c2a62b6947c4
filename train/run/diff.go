package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// diff says in which keys two configs differ, in the order of the keys' names, but for those that may change: "lr: 0.0002 before, 5e-05 now".
// The configs are pointers to structs, or what ReadInfo found in a run folder.
func diff(before, now any, free map[string]bool) []string {
	a, errA := flatten(before)
	b, errB := flatten(now)
	for _, err := range []error{errA, errB} {
		if err != nil {
			return []string{err.Error()}
		}
	}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	var changed []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		old, was := a[key]
		text, is := b[key]
		switch {
		case free[key] || was && is && old == text:
		case !was:
			changed = append(changed, fmt.Sprintf("%s: not there before, %s now", key, text))
		case !is:
			changed = append(changed, fmt.Sprintf("%s: %s before, not there now", key, old))
		default:
			changed = append(changed, fmt.Sprintf("%s: %s before, %s now", key, old, text))
		}
	}
	return changed
}

// flatten gives each key's value as JSON.
func flatten(config any) (map[string]string, error) {
	flat := map[string]string{}
	if raw, ok := config.(json.RawMessage); ok {
		values := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &values); err != nil {
			return nil, fmt.Errorf("reading the run's config: %w", err)
		}
		for key, value := range values {
			var b bytes.Buffer
			if err := json.Compact(&b, value); err != nil {
				return nil, err
			}
			flat[key] = b.String()
		}
		return flat, nil
	}
	if config == nil {
		return flat, nil
	}
	all, err := fields(config)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		text, err := json.Marshal(f.canonical())
		if err != nil {
			return nil, fmt.Errorf("config key %s: %w", f.key, err)
		}
		flat[f.key] = string(text)
	}
	return flat, nil
}

// canonical is the value with an empty list for none, so that the two are no difference.
func (f *field) canonical() any {
	if f.value.Kind() == reflect.Slice && f.value.IsNil() {
		return []string{}
	}
	if f.value.Kind() == reflect.Map && f.value.IsNil() {
		return map[string]string{}
	}
	return f.value.Interface()
}

// marshalConfig writes a config as a JSON object from its full keys to their values, in the order of the struct.
func marshalConfig(config any) (json.RawMessage, error) {
	if config == nil {
		return json.RawMessage("{}"), nil
	}
	all, err := fields(config)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, f := range all {
		value, err := json.Marshal(f.canonical())
		if err != nil {
			return nil, fmt.Errorf("config key %s: %w", f.key, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", f.key, value)
	}
	return json.RawMessage("{" + b.String() + "}"), nil
}

// freeKeys are those that a resumed run may change.
func freeKeys(config any) map[string]bool {
	free := map[string]bool{}
	if config == nil {
		return free
	}
	all, err := fields(config)
	if err != nil {
		return free // which flatten reports
	}
	for _, f := range all {
		free[f.key] = f.free
	}
	return free
}

// Settings are a config's keys with their values, for a record.
func Settings(config any) (map[string]any, error) {
	data, err := marshalConfig(config)
	if err != nil {
		return nil, err
	}
	list := map[string]any{}
	return list, json.Unmarshal(data, &list)
}
