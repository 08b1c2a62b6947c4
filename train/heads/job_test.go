package heads

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
)

// open opens the model in dir as the command does.
func open(t *testing.T, dir string, c *Config) *model.Model {
	t.Helper()
	be, err := backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
	if err != nil {
		t.Fatal(err)
	}
	features, err := c.Features()
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(context.Background(), dir, model.Options{Backend: be, Features: features, Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// Where all states are there, heads are trained without the base's weights, to the same heads; and every head's losses are logged.
func TestTrainWithoutBase(t *testing.T) {
	c := defaults(t)
	c.MaxTokens, c.Lengths, c.Epochs, c.Hidden = 2, []int{0, 2}, 3, []string{"none", "4"}
	dir, kept := t.TempDir(), t.TempDir()
	if err := testmodel.Write(dir, 1024, 1); err != nil {
		t.Fatal(err)
	}
	list, err := NewRows(rows(12, func(int) string { return "" }), nil, 0.4, 1)
	if err != nil {
		t.Fatal(err)
	}
	train := func() (*Result, *model.Model) {
		m := open(t, dir, c)
		j := Job{Config: c, Rows: list, Model: m, Backend: m.Backend().Backend, States: kept}
		r, err := j.Train(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return r, m
	}
	first, m := train()
	if first.Computed != 12 || m.WeightBytes() == 0 {
		t.Errorf("the first training computed %d states with %d bytes of weights", first.Computed, m.WeightBytes())
	}
	second, m := train()
	if second.Known != 12 || second.Computed != 0 || m.WeightBytes() != 0 {
		t.Errorf("the second training knew %d, computed %d, and loaded %d bytes of weights", second.Known, second.Computed, m.WeightBytes())
	}
	if first.Table() != second.Table() || len(second.Heads) != 4 {
		t.Errorf("the second training's heads are others:\n%s\n%s", first.Table(), second.Table())
	}
	logged := map[string]int{}
	if err := second.Log(func(_ int, values map[string]float64) error {
		for name := range values {
			logged[name]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(logged) != 2+2*4 || logged["heads/4-mean_generated-last-t2-s0/dev"] != 3 || logged["train/loss"] != 3 {
		t.Errorf("logged %v", logged)
	}
}

// A run's hashes tell what of its rows has changed.
func TestRowsFiles(t *testing.T) {
	make := func(change func(r *Rows)) []string {
		r, err := NewRows(rows(12, func(int) string { return "" }), nil, 0.4, 1)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		var sums []string
		for _, f := range r.Files() {
			sums = append(sums, f.SHA256)
		}
		return sums
	}
	plain := make(func(*Rows) {})
	for i, change := range []func(r *Rows){
		func(r *Rows) { r.Findings[2].Snippet += " " },
		func(r *Rows) { r.Findings[2].Analysis = "it is real" },
		func(r *Rows) { r.Labels[0] = !r.Labels[0] },
		func(r *Rows) { r.Dev[0] = !r.Dev[0] },
	} {
		changed := make(change)
		for k := range plain {
			if (plain[k] != changed[k]) != (k == i) {
				t.Errorf("change %d: hash %d is %v, was %v", i, k, changed[k], plain[k])
			}
		}
	}
	if again := make(func(*Rows) {}); !slices.Equal(plain, again) {
		t.Error("the same rows have other hashes")
	}
}

func TestRowsCheck(t *testing.T) {
	list := rows(6, func(i int) string { return []string{"train", "dev"}[i/4] })
	r, err := NewRows(list, nil, 0.4, 1)
	if err != nil || r.Check() != nil {
		t.Fatal(err, r.Check())
	}
	for want, change := range map[string]func(){
		"all 2 dev rows are labelled FP":      func() { r.Labels[4] = false },
		"all 4 training rows are labelled TP": func() { r.Labels[1], r.Labels[3] = true, true },
	} {
		before := slices.Clone(r.Labels)
		change()
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected one with %q", err, want)
		}
		r.Labels = before
	}
}

// A given analysis is read without the verdict at its end, which would be the label.
func TestGivenHasNoVerdict(t *testing.T) {
	c := defaults(t)
	dir := t.TempDir()
	if err := testmodel.Write(dir, 1024, 1); err != nil {
		t.Fatal(err)
	}
	list := rows(4, func(int) string { return "" })
	for i := range list {
		list[i].Analysis = "It is there.\n\n**Verdict:** true positive"
	}
	given, err := NewRows(list, nil, 0.4, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, dir, c)
	tokens, err := (&Job{Config: c, Rows: given, Model: m}).given()
	if err != nil || len(tokens) != 4 {
		t.Fatal(len(tokens), err)
	}
	if got := m.Text(tokens[0]); got != "It is there." {
		t.Errorf("%q is read", got)
	}
}
