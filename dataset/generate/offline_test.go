package generate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/januslm/janus/dataset"
)

// made keeps pairs for other tests: pair k is the same in every run.
var made = map[string][][]dataset.Example{}

// pairsOf is the first n pairs of a seed.
func pairsOf(t testing.TB, category string, seed uint64, n int) [][]dataset.Example {
	t.Helper()
	key := fmt.Sprint(category, seed)
	if len(made[key]) < n {
		made[key] = makePairs(t, category, seed, n)
	}
	return made[key][:n]
}

func makePairs(t testing.TB, category string, seed uint64, n int) [][]dataset.Example {
	t.Helper()
	var out [][]dataset.Example
	err := Offline(context.Background(), Options{Category: category, Num: n, Seed: seed}, 0, func(p []dataset.Example) error {
		out = append(out, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != n {
		t.Fatalf("%d pairs, expected %d", len(out), n)
	}
	return out
}

// eachRow runs a check on rows of all categories and some seeds, and stops at the first few failures.
func eachRow(t *testing.T, n int, check func(e dataset.Example) error) {
	t.Helper()
	for _, category := range dataset.Categories() {
		for seed := range uint64(2) {
			failed := 0
			for _, pair := range pairsOf(t, category, seed, n) {
				for _, e := range pair {
					if err := check(e); err != nil && failed < 2 {
						failed++
						t.Errorf("%s (%s): %v\n%s\n%s\n%s", e.PairID, e.Note, err, e.Request, e.Response, e.Analysis)
					}
				}
			}
		}
	}
}

func TestPairsAreLinkedAndBalanced(t *testing.T) {
	for _, category := range dataset.Categories() {
		first := 0
		ids := map[string]bool{}
		for _, p := range pairsOf(t, category, 7, 600) {
			if len(p) != 2 || p[0].IsVulnerable == p[1].IsVulnerable || p[0].PairID != p[1].PairID || p[0].Group != p[1].Group {
				t.Fatalf("not a pair: %+v", p)
			}
			if p[0].Request+p[0].Response == p[1].Request+p[1].Response {
				t.Fatalf("%s: both sides are the same", p[0].PairID)
			}
			if ids[p[0].PairID] {
				t.Fatalf("%s twice", p[0].PairID)
			}
			ids[p[0].PairID] = true
			if p[0].IsVulnerable {
				first++
			}
			for _, e := range p {
				if e.VulnCategory != category || e.Source != SourceOffline || e.Group == "" || e.Note == "" {
					t.Fatalf("fields are missing: %+v", e)
				}
			}
		}
		if first < 230 || first > 370 {
			t.Errorf("%s: the vulnerable row comes first in %d of 600 pairs", category, first)
		}
	}
}

// The sides of a pair may differ in few places only: in the lines that the rule has changed.
func TestSidesDifferInFewLines(t *testing.T) {
	for _, category := range dataset.Categories() {
		for _, p := range pairsOf(t, category, 3, 300) {
			if strings.HasPrefix(p[0].Note, "file") || strings.HasPrefix(p[1].Note, "login") {
				continue // there the answer as a whole is another
			}
			a, b := strings.Split(p[0].Response, "\n"), map[string]int{}
			for _, line := range strings.Split(p[1].Response, "\n") {
				b[line]++
			}
			differ := 0
			for _, line := range a {
				if b[line]--; b[line] < 0 && !strings.HasPrefix(strings.ToLower(line), "content-length") {
					differ++
				}
			}
			if differ > 14 || p[0].Request != p[1].Request {
				t.Errorf("%s: %d lines differ\n%s", p[0].PairID, differ, cmp.Diff(p[0].Response, p[1].Response))
			}
		}
	}
}

func TestValidHTTP(t *testing.T) {
	eachRow(t, 250, func(e dataset.Example) error {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(e.Request)))
		if err != nil {
			return fmt.Errorf("request: %w", err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return fmt.Errorf("request's body: %w", err)
		}
		if _, want, _ := strings.Cut(strings.ReplaceAll(e.Request, "\r\n", "\n"), "\n\n"); want != string(body) {
			return fmt.Errorf("the request's body is read as %q", body)
		}
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(e.Response)), req)
		if err != nil {
			return fmt.Errorf("response: %w", err)
		}
		body, err = io.ReadAll(resp.Body)
		if err != nil {
			return fmt.Errorf("response's body: %w", err)
		}
		_ = resp.Body.Close()
		_, want, _ := strings.Cut(strings.Replace(e.Response, "\r\n\r\n", "\n\n", 1), "\n\n")
		if want != string(body) && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified {
			return fmt.Errorf("the response's body is read as %q, expected %q", body, want)
		}
		return nil
	})
}

func TestJSONBodiesAreJSON(t *testing.T) {
	eachRow(t, 250, func(e dataset.Example) error {
		for _, text := range []string{e.Request, e.Response} {
			head, body, _ := strings.Cut(strings.Replace(text, "\r\n\r\n", "\n\n", 1), "\n\n")
			kind := regexp.MustCompile(`(?im)^content-type: \S*json`).FindString(head)
			if kind != "" && strings.TrimSpace(body) != "" && !json.Valid([]byte(body)) {
				return fmt.Errorf("not JSON: %s", body)
			}
		}
		return nil
	})
}

var verbatim = regexp.MustCompile("`([^`]+)`|«([^»]+)»")

func TestAnalysis(t *testing.T) {
	banned := regexp.MustCompile(`(?i)mutation|template|generator|synthetic|twin\b|\bpair\b|Verdict:|[{}]|\[|\]|  |\n| ,| \.$`)
	eachRow(t, 250, func(e dataset.Example) error {
		prose := verbatim.ReplaceAllString(e.Analysis, "Q")
		if m := banned.FindString(prose); m != "" && !strings.Contains(m, "{") {
			return fmt.Errorf("the analysis has %q", m)
		}
		quotes := verbatim.FindAllStringSubmatch(e.Analysis, -1)
		if len(quotes) == 0 {
			return errors.New("nothing is quoted")
		}
		found := false
		for _, q := range quotes {
			found = found || strings.Contains(e.Response, q[1]+q[2])
		}
		if !found {
			return fmt.Errorf("no quote stands in the response: %q", quotes)
		}
		if n := len(regexp.MustCompile(`[.!?»](\s|$)`).FindAllString(prose, -1)); n < 2 || n > 8 {
			return fmt.Errorf("%d sentences", n)
		}
		if !strings.HasSuffix(e.Analysis, ".") {
			return errors.New("it does not end with a sentence")
		}
		return nil
	})
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, category := range dataset.Categories() {
		all := pairsOf(t, category, 5, 80)
		if diff := cmp.Diff(all, makePairs(t, category, 5, 80)); diff != "" {
			t.Errorf("%s: another run gives other rows: %s", category, diff)
		}
		if cmp.Equal(all, pairsOf(t, category, 6, 80)) {
			t.Errorf("%s: another seed gives the same rows", category)
		}
		// Pair k is the same however many come before it and after it.
		var rest [][]dataset.Example
		err := Offline(context.Background(), Options{Category: category, Num: 70, Seed: 5}, 61, func(p []dataset.Example) error {
			rest = append(rest, p)
			return nil
		})
		if err != nil || !cmp.Equal(rest, all[61:70]) {
			t.Errorf("%s: pairs 61 to 69 differ when made alone (%v)", category, err)
		}
	}
}

func TestOfflineStops(t *testing.T) {
	stop, n := errors.New("enough"), 0
	err := Offline(context.Background(), Options{Category: dataset.XSS, Num: 50}, 0, func([]dataset.Example) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("error %v after %d pairs, expected yield's own after 3", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Offline(ctx, Options{Category: dataset.XSS, Num: 50}, 0, func([]dataset.Example) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, expected that of the context", err)
	}
	for _, o := range []Options{{Category: "CSRF", Num: 1}, {Category: dataset.XSS, Num: -1}, {Category: dataset.XSS, Num: 1, Templates: []Template{}}} {
		if err := Offline(context.Background(), o, 0, func([]dataset.Example) error { return nil }); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestNoFP(t *testing.T) {
	err := Offline(context.Background(), Options{Category: dataset.SQLI, Num: 40, NoFP: true}, 0, func(p []dataset.Example) error {
		if len(p) != 1 || !p[0].IsVulnerable {
			return fmt.Errorf("%d rows, vulnerable: %v", len(p), p[0].IsVulnerable)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Hosts are under the names that RFC 2606 keeps for examples, and nothing speaks of this machine.
func TestHosts(t *testing.T) {
	url := regexp.MustCompile(`https?://(?:[^/@\s]+@)?([a-zA-Z0-9.-]+)`)
	known := []string{"example", "example.com", "example.org", "example.net", "test", "schemas.xmlsoap.org", "www.w3.org", "schema.org"}
	eachRow(t, 250, func(e dataset.Example) error {
		for _, m := range url.FindAllStringSubmatch(e.Request+e.Response, -1) {
			ok := false
			for _, name := range known {
				ok = ok || m[1] == name || strings.HasSuffix(m[1], "."+name)
			}
			if !ok {
				return fmt.Errorf("host %q", m[1])
			}
		}
		if bytes.ContainsAny([]byte(e.Request+e.Response), "\x00") || strings.Contains(e.Request+e.Response, here) {
			return errors.New("a mark was left in")
		}
		return nil
	})
}

func BenchmarkOffline(b *testing.B) {
	for _, category := range dataset.Categories() {
		b.Run(category, func(b *testing.B) {
			for b.Loop() {
				makePairs(b, category, 1, 1000)
			}
		})
	}
}
