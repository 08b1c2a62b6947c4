package report

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// origin says what the report was made of, so that it can be made again.
func (b *builder) origin(study *Study) []Section {
	s := Section{Title: "What this was made of"}
	made := &Table{ID: "results", Title: "Results", Columns: append(words("Name", "Folder", "Kind"), numbers("Seed", "Folds")...)}
	data := &Table{ID: "data", Title: "Data", Columns: append(words("Result", "File"), append(numbers("Rows"), words("SHA-256")...)...)}
	models := &Table{ID: "models", Title: "Models", Columns: words("Result", "Variant", "Model", "Prompt", "Model SHA-256", "Adapter SHA-256", "Head SHA-256")}
	settings := &Table{ID: "settings", Title: "Settings and versions", Columns: words("Result", "Key", "Value"), Folded: true}
	times := &Table{ID: "dates", Title: "Dates and computing time", Columns: words("Result", "What", "Value")}
	addData := func(name string, list []results.Data) {
		for _, d := range list {
			data.Rows = append(data.Rows, []Cell{word(name), word(base(d.Path)), whole(d.Rows), word(d.SHA256)})
		}
	}
	addSettings := func(name string, config map[string]any, versions map[string]string) {
		each(config, "", func(key string, value any) {
			settings.Rows = append(settings.Rows, []Cell{word(name), word(key), word(clip(fmt.Sprint(value), 500))})
		})
		for _, k := range sortedNames(versions) {
			settings.Rows = append(settings.Rows, []Cell{word(name), word("version of " + k), word(versions[k])})
		}
	}
	for _, bench := range study.Benches {
		name := nameOf(bench.Name, bench.Dir)
		made.Rows = append(made.Rows, []Cell{word(name), word(base(bench.Dir)), word("benchmark"), {Text: fmt.Sprint(bench.Seed), Sort: float64(bench.Seed)}, whole(bench.Folds)})
		addData(name, bench.Data)
		addSettings(name, bench.Config, bench.Versions)
		times.Rows = append(times.Rows, []Cell{word(name), word("created"), word(bench.Created)})
		for _, v := range bench.variants {
			if v.ModelSHA256+v.AdapterSHA256+v.HeadSHA256 != "" {
				models.Rows = append(models.Rows, []Cell{word(name), word(v.Name), word(v.Model), word(v.Prompt), word(short(v.ModelSHA256)), word(short(v.AdapterSHA256)), word(short(v.HeadSHA256))})
			}
		}
	}
	for _, a := range study.Ablations {
		name := nameOf(a.Name, a.Dir)
		made.Rows = append(made.Rows, []Cell{word(name), word(base(a.Dir)), word("ablation"), word(""), word("")})
		addData(name, a.Data)
		addSettings(name, a.Config, a.Versions)
		times.Rows = append(times.Rows, []Cell{word(name), word("created"), word(a.Created)})
		for _, k := range sortedNames(a.Times) {
			times.Rows = append(times.Rows, []Cell{word(name), word("time of " + k), duration(a.Times[k])})
		}
	}
	s.say("Intervals are drawn %s times with seed %d.", finding.Thousands(b.samples()), b.Seed)
	for _, t := range []*Table{made, data, models, settings} {
		s.table(t)
	}
	if !b.NoTimes {
		s.table(times)
	}
	return []Section{s}
}

// each goes through settings, those within others by both names.
func each(config map[string]any, within string, do func(key string, value any)) {
	for _, k := range sortedNames(config) {
		if inner, ok := config[k].(map[string]any); ok && len(inner) > 0 {
			each(inner, within+k+".", do)
		} else if text := fmt.Sprint(config[k]); text != "" && text != "[]" && text != "map[]" && text != "<nil>" {
			do(within+k, text)
		}
	}
}

// base is a path's last name: where a study was done says nothing about it.
func base(path string) string {
	if abs, err := filepath.Abs(path); err == nil && path != "" {
		path = abs
	}
	return filepath.Base(path)
}

// short is enough of a hash to tell files apart.
func short(sum string) string {
	if len(sum) > 16 && !strings.ContainsAny(sum, " /") {
		return sum[:16] + "…"
	}
	return sum
}
