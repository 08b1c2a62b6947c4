package ablate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/run"
)

// labelled are findings of n files, two each, one of each label.
func labelled(t *testing.T, n int, split func(i int) string) *Rows {
	t.Helper()
	r := &Rows{}
	for i := range 2 * n {
		f := finding.Finding{ID: fmt.Sprint(i), File: fmt.Sprint(i/2, ".go"), Snippet: fmt.Sprintf("call%d(%d, %x)", i*i, 7*i, i*i*i), Label: []string{"TP", "0"}[i%2], Split: split(i)}
		if err := r.add(&f, dataset.FindingItem(&f), nil); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func defaults(t *testing.T) *Grid {
	t.Helper()
	var g Grid
	if err := run.LoadConfig("", &g); err != nil {
		t.Fatal(err)
	}
	return &g
}

func TestDivide(t *testing.T) {
	none := func(int) string { return "" }
	two := func(i int) string { return []string{"train", "train", "dev"}[i/2%3] }
	three := func(i int) string { return []string{"train", "dev", "test"}[i/2%3] }
	for _, test := range []struct {
		name  string
		split func(int) string
		own   bool
		want  [3]int
		slack int
	}{
		{"none", none, true, [3]int{34, 8, 18}, 4},
		{"two sides", two, true, [3]int{32, 8, 20}, 4},
		{"three sides", three, true, [3]int{20, 20, 20}, 0},
		{"three sides, not taken", three, false, [3]int{34, 8, 18}, 4},
	} {
		r, g := labelled(t, 30, test.split), defaults(t)
		g.OwnSplit = test.own
		if err := r.divide(g); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		n, _ := r.counts()
		for s := range n {
			if d := n[s] - test.want[s]; d < -test.slack || d > test.slack {
				t.Errorf("%s: %v rows on the sides, want about %v", test.name, n, test.want)
			}
		}
		side := map[string]side{}
		for i, f := range r.Findings {
			if s, known := side[f.File]; known && s != r.sides[i] {
				t.Errorf("%s: file %s is on two sides", test.name, f.File)
			}
			side[f.File] = r.sides[i]
		}
		again := labelled(t, 30, test.split)
		if err := again.divide(g); err != nil || again.sha256 != r.sha256 {
			t.Errorf("%s: the second time the rows are others (%v)", test.name, err)
		}
	}
	one := labelled(t, 30, none)
	for i := range one.Labels {
		one.Labels[i] = true
	}
	if err := one.divide(defaults(t)); err == nil {
		t.Error("rows of one label were taken")
	}
}

func TestChosenRowsAndSamples(t *testing.T) {
	r, g := labelled(t, 60, func(int) string { return "" }), defaults(t)
	g.Rows = 40
	if err := r.divide(g); err != nil {
		t.Fatal(err)
	}
	n, real := r.counts()
	if sum := n[0] + n[1] + n[2]; sum < 38 || sum > 42 {
		t.Errorf("%d rows were chosen, expected about 40", sum)
	}
	if n[testSide] < 10 || real[testSide]*2 < n[testSide]-2 || real[testSide]*2 > n[testSide]+2 {
		t.Errorf("%v rows, %v real: the sides' shares are not kept", n, real)
	}
	few, more, all := r.sample(6, 1), r.sample(12, 1), r.sample(0, 1)
	if len(few) != 6 || len(more) != 12 || len(all) != n[trainSide] {
		t.Errorf("samples of %d, %d and %d rows", len(few), len(more), len(all))
	}
	for _, i := range few {
		if !slices.Contains(more, i) || r.sides[i] != trainSide {
			t.Errorf("row %d of the small sample is not in the larger one", i)
		}
	}
	labels := 0
	for _, i := range few {
		if r.Labels[i] {
			labels++
		}
	}
	if labels != 3 || slices.Equal(few, r.sample(6, 2)) {
		t.Errorf("%d real ones of 6, or another seed has the same sample", labels)
	}
}
