package states_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/train/states"
)

// The model's own greedy analyses, given to it, have the states of its own: to float32's rounding, and under other keys.
func TestGivenAsOwn(t *testing.T) {
	m, list, dir := tiny(t, false), findings(5), t.TempDir()
	o := options()
	o.Analyses = true
	own, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string][]int32{}
	for a, err := range states.Analyses[states.Told](dir) {
		if err != nil {
			t.Fatal(err)
		}
		written[a.Key] = a.Tokens
	}
	o.Analyses = false
	for _, key := range own.Analyses {
		o.Given = append(o.Given, written[key])
	}
	given, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	if given.Computed != 5 || given.Long != 0 || slices.Contains(own.Keys, given.Keys[0]) {
		t.Errorf("computed %d, %d too long, keys %v", given.Computed, given.Long, given.Keys)
	}
	want, err := states.Load(dir, own.Keys, inputs())
	if err != nil {
		t.Fatal(err)
	}
	got, err := states.Load(dir, given.Keys, inputs())
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		for k := range want[i] {
			if d := math.Abs(float64(got[i][k] - want[i][k])); !(d <= 1e-5) {
				t.Fatalf("input %d: number %d is %v, expected %v", i, k, got[i][k], want[i][k])
			}
		}
	}

	// Longer ones are read as far as the settings have it, findings without one fail, and what is there is not read again.
	o.Given[1] = slices.Concat(o.Given[1], []int32{100, 101, 102, 103, 104})
	o.Given[3] = nil
	again, err := states.Harvest(context.Background(), m, dir, list, o)
	if err != nil {
		t.Fatal(err)
	}
	if again.Known != 3 || again.Computed != 1 || again.Long != 1 || again.Keys[3] != "" || !strings.Contains(again.Errors[3].Error(), "no analysis") {
		t.Errorf("again: %+v", again)
	}
	if _, err := states.Harvest(context.Background(), m, dir, list[:2], o); err == nil || !strings.Contains(err.Error(), "5 analyses are given for 2 findings") {
		t.Errorf("too many analyses: %v", err)
	}
	encoder := o
	if _, err := states.Harvest(context.Background(), tiny(t, true), dir, list, encoder); err == nil || !strings.Contains(err.Error(), "no analyses can be given") {
		t.Errorf("an encoder: %v", err)
	}
}
