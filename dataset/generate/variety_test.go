package generate

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
)

// What a pair is without its names and numbers: digits are 0, and quoted texts, encoded inputs, hosts, addresses, long
// tokens, and every word of the vocabulary of names are one mark. Header order does not count, nor does letter case.
var (
	quotedText = regexp.MustCompile(`"[^"\n]*"|'[^'\n]*'`)
	hostName   = regexp.MustCompile(`[a-z0-9.-]+\.(example|test)(\.[a-z]+)?|[a-z0-9-]+\.example\.(com|net|org)`)
	longToken  = regexp.MustCompile(`[a-z0-9+/_=-]*[0-9][a-z0-9+/_=-]{6,}`)
	encoded    = regexp.MustCompile(`=[^&\s"<>]*%[0-9a-f]{2}[^&\s"<>]*`)
	number     = regexp.MustCompile(`[0-9]+`)
	word       = regexp.MustCompile(`[a-z]+`)
	nameWords  = func() map[string]bool {
		all := map[string]bool{}
		for _, list := range [][]string{firstNames, lastNames, companies, cities, materials, goods, qualities, nouns} {
			for _, name := range list {
				all[strings.ToLower(name)], all[strings.ToLower(name)+"s"] = true, true
			}
		}
		return all
	}()
)

func withoutNames(request, response string) string {
	var lines []string
	for i, text := range []string{request, response} {
		text = strings.ToLower(strings.ReplaceAll(text, "\r", ""))
		text = quotedText.ReplaceAllString(text, "Q")
		text = hostName.ReplaceAllString(text, "H")
		text = encoded.ReplaceAllString(text, "=E")
		text = longToken.ReplaceAllString(text, "T")
		text = word.ReplaceAllStringFunc(text, func(w string) string {
			if nameWords[w] {
				return "N"
			}
			return w
		})
		text = number.ReplaceAllString(text, "0")
		head, body, _ := strings.Cut(text, "\n\n")
		headers := strings.Split(head, "\n")
		sort.Strings(headers)
		lines = append(lines, fmt.Sprint(i), strings.Join(headers, "\n"), body)
	}
	return strings.Join(lines, "\n")
}

func TestWithoutNames(t *testing.T) {
	a := "GET /a?x=12 HTTP/1.1\nHost: www.acorn.example\nAccept: */*\n\n"
	b := "GET /a?x=7 HTTP/1.1\nAccept: */*\nHost: app.willow.example.com\n\n"
	page := "HTTP/1.1 200 OK\nETag: \"%s\"\n\n<p>%s from %s, %d</p>"
	if x, y := withoutNames(a, fmt.Sprintf(page, "ab12", "Anna", "Oslo", 5)), withoutNames(b, fmt.Sprintf(page, "ff", "Hugo", "Perth", 77)); x != y {
		t.Errorf("names and numbers alone make a difference:\n%s\n%s", x, y)
	}
	if withoutNames(a, "HTTP/1.1 200 OK\n\n<p>x</p>") == withoutNames(a, "HTTP/1.1 200 OK\n\n<b>x</b>") {
		t.Error("other markup makes no difference")
	}
}

// At least 95 % of 1,000 pairs of a category differ from all others by more than names and numbers.
func TestVariety(t *testing.T) {
	for _, category := range dataset.Categories() {
		seen, bodies := map[string]bool{}, map[string]bool{}
		for _, p := range pairsOf(t, category, 2, 1000) {
			e := p[0]
			if !e.IsVulnerable {
				e = p[1]
			}
			text := withoutNames(e.Request, e.Response)
			seen[text] = true
			bodies[text[strings.LastIndex(text, "\n1\n"):]] = true
		}
		t.Logf("%s: %d of 1000 distinct, %d by their response alone", category, len(seen), len(bodies))
		if len(seen) < 950 {
			t.Errorf("%s: %d of 1000 pairs are distinct, expected 950", category, len(seen))
		}
	}
	seen := map[string]bool{}
	err := IaC(context.Background(), IaCOptions{Num: 1000, Seed: 2}, 0, func(p []finding.Finding) error {
		if p[0].Label == "FP" {
			p[0] = p[1]
		}
		seen[withoutNames("", "\n\n"+p[0].Snippet)] = true
		return nil
	})
	t.Logf("IaC: %d of 1000 distinct", len(seen))
	if err != nil || len(seen) < 950 {
		t.Errorf("IaC: %d of 1000 distinct (%v)", len(seen), err)
	}
}

// Analyses are not one text with other quotes in it.
func TestAnalysesVary(t *testing.T) {
	for _, category := range dataset.Categories() {
		seen, rows := map[string]bool{}, 0
		for _, p := range pairsOf(t, category, 2, 1000) {
			for _, e := range p {
				rows++
				seen[withoutNames("", "\n\n"+verbatim.ReplaceAllString(e.Analysis, "Q"))] = true
			}
		}
		t.Logf("%s: %d analyses of %d are distinct without their quotes, names and numbers", category, len(seen), rows)
		if len(seen)*10 < rows*8 {
			t.Errorf("%s: %d analyses of %d are distinct", category, len(seen), rows)
		}
	}
}
