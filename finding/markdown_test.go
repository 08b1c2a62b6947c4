package finding

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func writeMarkdown(t *testing.T, reviewed ...Reviewed) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteMarkdown(&out, reviewed); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// someReviewed has a finding of each kind of verdict, in no good order.
func someReviewed() Reviewed {
	line := 12
	f := func(id string) Finding {
		return Finding{ID: id, Rule: "rule-" + id, File: "src/" + id + ".c", Line: &line, Title: "Title " + id, Level: "error", Snippet: "x = " + id}
	}
	return Reviewed{
		Report: &Report{Name: "r.sarif", Findings: []Finding{f("a"), f("b"), f("c"), f("d"), f("e"), f("f")}},
		Verdicts: []Verdict{
			{ID: "a", Verdict: FalsePositive, P: 0.125, Reasoning: "Because a.", Model: "M", Trajectory: []float64{0.5, 0.25, 0.125}},
			{ID: "b", Verdict: TruePositive, P: 0.75, Reasoning: "Because b.", Model: "M"},
			{ID: "c", Error: "too long"},
			{ID: "d", Verdict: Uncertain, P: 0.5, Reasoning: "Because d.", Model: "M"},
			{ID: "e", Verdict: TruePositive, P: 0.875, Reasoning: "Because e.", Model: "M"},
		},
	}
}

func TestMarkdown(t *testing.T) {
	want := `<!-- janus -->
### Janus: 6 findings: 2 real, 1 false alarm, 1 uncertain, 1 failed, 1 not reviewed

| Verdict | P | Rule | Place | Finding |
|---|---|---|---|---|
| **real** | 0.88 | <code>rule-e</code> | <code>src/e.c\:12</code> | <details><summary>Title e</summary>Because e.</details> |
| **real** | 0.75 | <code>rule-b</code> | <code>src/b.c\:12</code> | <details><summary>Title b</summary>Because b.</details> |
| uncertain | 0.50 | <code>rule-d</code> | <code>src/d.c\:12</code> | <details><summary>Title d</summary>Because d.</details> |
| error | – | <code>rule-c</code> | <code>src/c.c\:12</code> | <details><summary>Title c</summary>too long</details> |
| not reviewed | – | <code>rule-f</code> | <code>src/f.c\:12</code> | Title f |

<details><summary>1 false alarm</summary>

| Verdict | P | Rule | Place | Finding |
|---|---|---|---|---|
| false alarm | 0.12 | <code>rule-a</code> | <code>src/a.c\:12</code> | <details><summary>Title a</summary>Because a.</details> |

</details>

Judged by <code>M</code>. P is the probability that a finding is real.
`
	if got := writeMarkdown(t, someReviewed()); got != want {
		t.Errorf("got\n%s", got)
	}
}

// markdownOurs are the tags that the writer makes; escaped is a character that is only itself.
var (
	markdownOurs = strings.NewReplacer("<details>", "", "</details>", "", "<summary>", "", "</summary>", "", "<code>", "", "</code>", "")
	escaped      = regexp.MustCompile(`\\[[:punct:]]`)
)

func TestMarkdownHostile(t *testing.T) {
	r := hostileReport()
	attack := "x|y</details><img src=x>`c`[a](http://evil.example)@octocat #12 GH-12 www.evil.example a@b.example ![i](//x)\n\n# head\n| row |\\| \\@z"
	for i := range r.Report.Findings {
		f := &r.Report.Findings[i]
		f.Title, f.Rule, f.File = attack+f.Title, attack, attack
		if r.Verdicts[i].Judged() {
			r.Verdicts[i].Reasoning = attack
		}
	}
	got := writeMarkdown(t, r)
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Verdict") {
			continue
		}
		bare := escaped.ReplaceAllString(markdownOurs.Replace(line), "")
		if n := strings.Count(bare, "|"); n != 6 {
			t.Errorf("%d bars in %q", n, line)
		}
		if strings.ContainsAny(strings.ReplaceAll(bare, "**real**", ""), "<>`[]@#:*_!&\\") {
			t.Errorf("not escaped: %q", bare)
		}
		if strings.Contains(line, "GH-12") || strings.Contains(line, "#12") || strings.Contains(line, "@octocat") {
			t.Errorf("a reference in %q", line)
		}
	}
	if n := strings.Count(got, "\n"); n > len(r.Report.Findings)+20 {
		t.Errorf("%d lines", n)
	}
}

func TestMarkdownBounds(t *testing.T) {
	for _, kind := range []Label{TruePositive, FalsePositive} {
		r := Reviewed{Report: &Report{}}
		for i := range 3000 {
			r.Report.Findings = append(r.Report.Findings, Finding{ID: fmt.Sprint(i), Rule: "r", File: strings.Repeat("é_", 300), Title: "t"})
			r.Verdicts = append(r.Verdicts, Verdict{Verdict: kind, P: 0.5, Reasoning: strings.Repeat("*", 100_000), Model: strings.Repeat("m", 500)})
		}
		r.Report.Findings = append(r.Report.Findings, Finding{ID: "x", Rule: "r", Title: "t"})
		r.Verdicts = append(r.Verdicts, Verdict{Verdict: FalsePositive, P: 0.1})
		got := writeMarkdown(t, r)
		if len(got) > MaxMarkdown || len(got) < MaxMarkdown*9/10 {
			t.Errorf("%d bytes", len(got))
		}
		shown := strings.Count(got, "| 0.50 |")
		total := 3000
		if kind == FalsePositive {
			total++
		}
		if !strings.Contains(got, "\nand "+Thousands(total-shown)+" more\n") {
			t.Errorf("%d are shown, and the rest is not told: …%s", shown, got[len(got)-300:])
		}
		if kind == TruePositive && !strings.Contains(got, "<details><summary>1 false alarm</summary>\n\n") {
			t.Errorf("the false alarm is not told: …%s", got[len(got)-300:])
		}
	}
}
