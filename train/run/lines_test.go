package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	got, err := Lines(writeFile(t, "# a grid\nhidden: [none,\n  8]\nseeds:\n- 1\n- 2\noptimizer:\n  lr: 1\nnothing:\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"hidden": 2, "hidden[0]": 2, "hidden[1]": 3, "seeds": 4, "seeds[0]": 5, "seeds[1]": 6, "optimizer": 7, "optimizer.lr": 8, "nothing": 9}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Lines(writeFile(t, "a: [1")); err == nil {
		t.Error("a broken file has lines")
	}
	if none, err := Lines(""); err != nil || len(none) != 0 {
		t.Errorf("no file has the lines %v, %v", none, err)
	}
}
