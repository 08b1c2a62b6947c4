package generate

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/januslm/janus/finding"
)

func iacPairs(t testing.TB, o IaCOptions) [][]finding.Finding {
	t.Helper()
	var out [][]finding.Finding
	if err := IaC(context.Background(), o, 0, func(p []finding.Finding) error { out = append(out, p); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// What makes a flagged line real, told from its text alone.
var (
	secretLiteral = regexp.MustCompile(`(?i)(password|pass|secret|token|key|value|authorization|content|db_password)[\w'"\]]*\s*(=>|=|:|\s)+\s*['"]?.*[A-Za-z0-9_#!-]{10,}`)
	notLiteral    = regexp.MustCompile(`var\.|\$\{|#\{|lookup|\{\{|data_bag|vault|random_|file\(|_file|FILE|ENV\[|node\.|node\[|nil|undef|(=>|=|,) \$[\w:]|secrets\[|lazy|data\.|CHANGE_ME|placeholder|your-|epp|NAME|= ""|Version|on_create|enforce`)
	weakUse       = regexp.MustCompile(`(?i)(md5|sha1).*(password|secret|signing_key)|(password|secret).*(md5|sha1)|passwd -1|SSLv3|['" +]TLSv1\b|TLS-1-0|Policy-2015|3DES|RC4-|DES-CBC3|rsa_bits\s+= (512|768|1024)`)
	strong        = regexp.MustCompile(`(?i)sha512|sha-512|bcrypt|!aNULL|TLSv1\.[23];|TLS13|-SSLv3|passwd -6|TLSv1\.[23]['"]`)
	plainHTTP     = regexp.MustCompile(`^[^#]*http://(downloads|charts|hooks|updates|apt|yum|api|[a-z]+\.[a-z]+\.(example|test)|[a-z]+\.example)`)
	notTraffic    = regexp.MustCompile(`xmlns|namespace|localhost|127\.0\.0\.1|169\.254|# .*http|via=http`)
	badNote       = regexp.MustCompile(`off|disabled|missing|wrong|same on all|shared|known to|insecure|hole|as root|no password|any cert|not escaped|not checked|unsafe|vulnerable|crashes|loses|silently|end up`)
)

func TestIaCTruth(t *testing.T) {
	detect := map[string]func(line string) bool{
		SmellSecret: func(l string) bool { return secretLiteral.MatchString(l) && !notLiteral.MatchString(l) },
		SmellCrypto: func(l string) bool { return weakUse.MatchString(l) && !strong.MatchString(l) },
		SmellHTTP: func(l string) bool {
			return plainHTTP.MatchString(l) && !notTraffic.MatchString(strings.Split(l, " # ")[0])
		},
		SmellComment: badNote.MatchString,
	}
	for seed := range uint64(3) {
		failed := 0
		for _, p := range iacPairs(t, IaCOptions{Num: 800, Seed: seed}) {
			for _, f := range p {
				smell := strings.Split(f.Group, "/")[2]
				if got := detect[smell](f.Focus); got != (f.Label == "TP") && failed < 8 {
					failed++
					t.Errorf("%s is labelled %s: %s", f.Group, f.Label, f.Focus)
				}
			}
		}
	}
}

func TestIaCRows(t *testing.T) {
	seen, real := map[string]int{}, 0
	for _, p := range iacPairs(t, IaCOptions{Num: 800, Seed: 4}) {
		a, b := p[0], p[1]
		if a.Label == b.Label || a.Group != b.Group || a.File != b.File || *a.Line != *b.Line || a.Focus == b.Focus {
			t.Fatalf("not a pair: %s", cmp.Diff(a, b))
		}
		if strings.Replace(a.Snippet, a.Focus, b.Focus, 1) != b.Snippet {
			t.Fatalf("the sides differ by more than the flagged line: %s", cmp.Diff(a.Snippet, b.Snippet))
		}
		if a.Label == "TP" {
			real++
		}
		for _, f := range p {
			lines := strings.Split(f.Snippet, "\n")
			if len(lines) > 2*contextLines+1 || !strings.Contains(f.Snippet, f.Focus) {
				t.Fatalf("%d lines of context, flagged %q:\n%s", len(lines), f.Focus, f.Snippet)
			}
			if at := min(*f.Line-1, contextLines); strings.TrimSpace(lines[at]) != f.Focus {
				t.Fatalf("line %d of the snippet is %q, expected the flagged %q", at, lines[at], f.Focus)
			}
			if f.CWE == "" || f.Rule == "" || f.Tool == "" || f.Title == "" || f.Language == "" || f.ID == "" || strings.ContainsAny(f.Snippet+f.File, "‹›") ||
				strings.Contains(f.Snippet, flaggedLine) || regexp.MustCompile(`\{(word|user|host|secret|n)\d?\}`).MatchString(f.Snippet+f.File) {
				t.Fatalf("an unfinished row: %+v", f)
			}
		}
		seen[a.Group]++
	}
	if len(seen) < 45 || real < 340 || real > 460 {
		t.Errorf("%d groups, the real line first in %d of 800 pairs", len(seen), real)
	}
}

func TestIaCOptions(t *testing.T) {
	all := iacPairs(t, IaCOptions{Num: 60, Seed: 9, Tool: "chef"})
	var rest [][]finding.Finding
	err := IaC(context.Background(), IaCOptions{Num: 60, Seed: 9, Tool: "chef"}, 41, func(p []finding.Finding) error { rest = append(rest, p); return nil })
	if err != nil || !cmp.Equal(rest, all[41:]) {
		t.Errorf("pairs 41 to 59 differ when made alone (%v)", err)
	}
	for _, p := range iacPairs(t, IaCOptions{Num: 30, Smell: SmellHTTP, Tool: "puppet"}) {
		if p[0].CWE != "CWE-319" || p[0].Language != "puppet" {
			t.Errorf("asked for HTTP in Puppet, found %s in %s", p[0].CWE, p[0].Language)
		}
	}
	for _, o := range []IaCOptions{{Num: 1, Smell: "bugs"}, {Num: 1, Tool: "salt"}, {Num: -1}} {
		if err := IaC(context.Background(), o, 0, func([]finding.Finding) error { return nil }); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
