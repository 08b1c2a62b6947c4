package run

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExportWandB(t *testing.T) {
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	trainTo(t, r, 2)
	check(t, r.Log(2, map[string]float64{DevLoss: 0.25}))
	check(t, r.Finish())
	check(t, ExportWandB(dir))
	times := regexp.MustCompile(`("_runtime"|"_timestamp"):[0-9.e-]+`)
	want := `{"_runtime":0,"_step":1,"_timestamp":0,"memory/resident_bytes":5,"train/learning_rate":0.1,"train/loss":1}
{"_runtime":0,"_step":2,"_timestamp":0,"dev/loss":0.25,"memory/resident_bytes":5,"train/learning_rate":0.1,"train/loss":0.5}
`
	if d := cmp.Diff(want, times.ReplaceAllString(read(t, dir, wandbHistory), "$1:0")); d != "" {
		t.Error(d)
	}
	want = `{"_runtime":0,"_step":2,"_timestamp":0,"dev/loss":0.25,"memory/resident_bytes":5,"train/learning_rate":0.1,"train/loss":0.5}` + "\n"
	if d := cmp.Diff(want, times.ReplaceAllString(read(t, dir, wandbSummary), "$1:0")); d != "" {
		t.Error(d)
	}
}
