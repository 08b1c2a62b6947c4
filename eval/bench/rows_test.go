package bench

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/train/run"
)

// No pair, group or file is on both sides, every row is tested once, and the same seed divides in the same way.
func TestFolds(t *testing.T) {
	s := store(t, 15, 10)
	c := settings(t, func(c *Config) { c.Folds = 5 })
	rows, err := ReadRows(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows.Findings) != 40 || len(rows.tested(-1)) != 40 || rows.Folds != 5 {
		t.Fatal(rows)
	}
	again, err := ReadRows(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	folds := map[string]int{}
	for i := range rows.Findings {
		if rows.Fold[i] != again.Fold[i] {
			t.Error("a second division is another one")
		}
		group := rows.group(i)
		if fold, ok := folds[group]; ok && fold != rows.Fold[i] {
			t.Errorf("%s is in folds %d and %d", group, fold, rows.Fold[i])
		}
		folds[group] = rows.Fold[i]
	}
	for fold := range 5 {
		list, dev, err := rows.training(fold, c)
		if err != nil {
			t.Fatal(err)
		}
		devs := 0
		for k, i := range list {
			if rows.Fold[i] == fold {
				t.Errorf("row %d is trained on and tested", i)
			}
			if dev[k] {
				devs++
			}
		}
		if len(list)+len(rows.tested(fold)) != 40 || devs == 0 || devs > len(list)/2 {
			t.Errorf("fold %d: %d training rows, %d of them dev", fold, len(list), devs)
		}
	}
}

// Of few groups, a small share would be none: there are dev rows of both classes all the same.
func TestFewGroups(t *testing.T) {
	s := store(t, 4, 0)
	c := settings(t, func(*Config) {})
	rows, err := ReadRows(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	for fold := range rows.Folds {
		r, err := rows.forHeads(fold, c)
		if err != nil {
			t.Fatal(err)
		}
		count := map[[2]bool]int{}
		for i := range r.Labels {
			count[[2]bool{r.Dev[i], r.Labels[i]}]++
		}
		if len(count) != 4 {
			t.Errorf("fold %d: %v", fold, count)
		}
	}
}

func TestOwnSplit(t *testing.T) {
	write := func(splits ...string) string {
		var b strings.Builder
		for i, split := range splits {
			words := strings.Repeat(strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa")[i]+" ", 5)
			b.WriteString(`{"id":"r","source":"s` + string(rune('a'+i)) + `","snippet":"` + words + `","label":"` + []string{"TP", "0"}[i%2] + `","split":"` + split + `"}` + "\n")
		}
		path := filepath.Join(t.TempDir(), "rows.jsonl")
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		splits []string
		own    bool
		tested int // -1: any
	}{
		{[]string{"train", "train", "train", "dev", "dev", "test", "test", "test"}, true, 3},
		{[]string{"train", "train", "train", "dev", "dev", "train"}, true, 2},
		{[]string{"", "", "", "", "", "", "", ""}, false, -1},
		{[]string{"test", "test", "", "", "", ""}, false, -1},
	} {
		c := settings(t, func(c *Config) { c.Folds, c.Data = 1, []string{write(test.splits...)} })
		rows, err := ReadRows(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(rows.tested(-1)); rows.Own != test.own || n == 0 || test.tested >= 0 && n != test.tested {
			t.Errorf("%v: own %v, %d tested", test.splits, rows.Own, n)
		}
		if rows.IDs[0] == rows.IDs[1] {
			t.Errorf("two rows are called %s", rows.IDs[0])
		}
		_, dev, err := rows.training(0, c)
		if err != nil || !strings.Contains(rows.String(), "to be judged") {
			t.Errorf("%v: %v, %s", test.splits, err, rows)
		}
		n := 0
		for _, is := range dev {
			if is {
				n++
			}
		}
		if test.tested == 3 && n != 2 || n == 0 {
			t.Errorf("%v: %d dev rows", test.splits, n)
		}
	}
}

func TestLimitKeepsPairs(t *testing.T) {
	s := store(t, 20, 0)
	rows, err := ReadRows(t.Context(), settings(t, func(c *Config) { c.Limit = 12 }), s)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, p := range rows.Pairs {
		count[p]++
	}
	if len(rows.Findings) != 12 || len(count) != 6 {
		t.Errorf("%d rows of %d pairs are left", len(rows.Findings), len(count))
	}
}

func TestVariants(t *testing.T) {
	all := append(Names(), "SC@3", "FT-PE-SC@5", "encoder:dir", "api:gpt-4o-mini", "api:org/m+pe")
	list, err := parseVariants(all)
	if err != nil {
		t.Fatal(err)
	}
	last := list[len(list)-1]
	if last.of != "org/m" || last.prompt != "pe" || last.approach() != "api" {
		t.Errorf("%+v", last)
	}
	for name, want := range map[string]string{
		"CHH": "did you mean CH?", "accept_al": "did you mean accept-all?", "SC@1": "2 to 1000", "SC@x": "2 to 1000", "CH@3": "it is SC@3", "api:": "expected", "encoder:": "expected",
		"pe-ft-sc": "did you mean PE-SC?", "": "expected",
	} {
		if _, err := parseVariants([]string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected an error with %q", name, err, want)
		}
	}
	if _, err := parseVariants([]string{"SC", "SC"}); err == nil {
		t.Error("a variant may stand twice")
	}
}

func TestCheckRefuses(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"variants is empty":       func(c *Config) { c.Variants = nil },
		"folds: expected":         func(c *Config) { c.Folds = 0 },
		"test: expected":          func(c *Config) { c.Test = 1 },
		"dev: expected":           func(c *Config) { c.Dev = 0 },
		"min_tokens: expected":    func(c *Config) { c.MinTokens = 4 },
		"vote_temperature":        func(c *Config) { c.Variants, c.VoteTemperature = []string{"SC@3"}, 0 },
		"a budget needs price_in": func(c *Config) { c.Variants, c.Budget = []string{"api:m"}, 1 },
		"no such file":            func(c *Config) { c.Heads = "missing.yaml" },
	} {
		c := settings(t, func(*Config) {})
		change(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected one with %q", err, want)
		}
	}
}

// A journal that a crash left with half a line goes on after the whole ones, and says which line is broken otherwise.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.addCases([]results.Case{{Variant: "SC", ID: "1", P: 0.25}, {Variant: "SC", ID: "2"}}), j.close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"case":{"variant":"SC","id":"3"`)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if j, err = openJournal(path); err != nil {
		t.Fatal(err)
	}
	if !j.has("SC", "1") || !j.has("SC", "2") || j.has("SC", "3") {
		t.Errorf("%+v", j.cases)
	}
	if err := errors.Join(j.addCases([]results.Case{{Variant: "SC", ID: "4"}}), j.close()); err != nil {
		t.Fatal(err)
	}
	if j, err = openJournal(path); err != nil || len(j.cases) != 3 || j.cases[[2]string{"SC", "1"}].P != 0.25 {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}\nbroken\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}

func TestSettingsAreRecorded(t *testing.T) {
	c := settings(t, func(c *Config) { c.Variants = []string{"FT-CH"} })
	all, err := c.settings()
	if err != nil || all["bench"].(map[string]any)["folds"] != 2.0 || all["lora"] == nil || all["heads"].(map[string]any)["epochs"] != 3.0 {
		t.Errorf("%v, %v", all, err)
	}
	if run.Describe(c) == "" {
		t.Error("the settings have no description")
	}
}
