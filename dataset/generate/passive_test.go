package generate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
)

func passivePairs(t *testing.T, o PassiveOptions, from int) (pairs [][]finding.Finding, analyses [][]string) {
	t.Helper()
	err := Passive(context.Background(), o, from, func(pair []finding.Finding, a []string) error {
		pairs, analyses = append(pairs, pair), append(analyses, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pairs, analyses
}

func TestPassive(t *testing.T) {
	checks := PassiveChecks()
	if len(checks) < 50 {
		t.Fatalf("%d checks, expected 50 or more", len(checks))
	}
	pairs, analyses := passivePairs(t, PassiveOptions{Num: 20 * len(checks), Seed: 3}, 0)
	ids := map[string]bool{}
	for i, pair := range pairs {
		name := checks[i%len(checks)]
		labels := []string{pair[0].Label, pair[1].Label}
		slices.Sort(labels)
		if !slices.Equal(labels, []string{"FP", "TP"}) || pair[0].Group != "passive/"+name || pair[1].Group != pair[0].Group {
			t.Fatalf("pair %d: labels %v, groups %s and %s, expected one of each, of %s", i, labels, pair[0].Group, pair[1].Group, name)
		}
		for side, f := range pair {
			text := f.Title + f.Rule + f.Request + f.Response + analyses[i][side]
			if strings.ContainsAny(text, "‹›") || strings.Contains(text, "{word}") || strings.Contains(text, "{hex") || strings.Contains(text, "{other}") {
				t.Errorf("%s: not all is filled in:\n%s", f.ID, text)
			}
			if ids[f.ID] {
				t.Errorf("id %s comes twice", f.ID)
			}
			ids[f.ID] = true
			if evidence, quoted := between(analyses[i][side], "`", "`: "); quoted && !strings.Contains(f.Request+f.Response, evidence) {
				t.Errorf("%s: %q is not in the exchange", f.ID, evidence)
			}
			if !strings.HasSuffix(f.Request, "\r\n\r\n") || !strings.HasPrefix(f.Response, "HTTP/1.1 ") {
				t.Errorf("%s: no exchange:\n%s%s", f.ID, f.Request, f.Response)
			}
		}
	}
}

func between(text, start, end string) (string, bool) {
	_, text, ok := strings.Cut(text, start)
	if !ok {
		return "", false
	}
	text, _, ok = strings.Cut(text, end)
	return text, ok
}

func TestPassiveVariantsAreRead(t *testing.T) {
	for _, c := range passiveChecks() {
		if len(c.variants[0]) == 0 || len(c.variants[1]) == 0 || c.real == "" || c.false == "" || len(c.titles) == 0 {
			t.Errorf("%s lacks a part: %+v", c.rules[0], c)
		}
		for side, variants := range c.variants {
			for _, v := range variants {
				g := newGen(1, "test", side)
				p := g.passivePage(c)
				p.apply(g, v) // panics at a letter that is none
			}
		}
	}
}

func TestPassiveGoesOn(t *testing.T) {
	whole, _ := passivePairs(t, PassiveOptions{Num: 130, Seed: 5}, 0)
	rest, _ := passivePairs(t, PassiveOptions{Num: 130, Seed: 5}, 70)
	if fmt.Sprint(whole[70:]) != fmt.Sprint(rest) {
		t.Error("pairs from 70 on differ from those of the whole run")
	}
}

func TestPassiveRefuses(t *testing.T) {
	yield := func([]finding.Finding, []string) error { return nil }
	for _, o := range []PassiveOptions{{Num: -1}, {Num: 1, Checks: []string{"NoSuchCheck"}}} {
		if err := Passive(context.Background(), o, 0, yield); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
