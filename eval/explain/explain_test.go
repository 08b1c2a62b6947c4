package explain

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

func TestWords(t *testing.T) {
	pieces := []string{"The", " par", "ame", "ter", "", " is", "\n", "safe", "."}
	p := []float64{0.9, 0.8, 0.7, 0.6, 0.4, 0.4, 0.45, 0.45, 0.2, 0.1}
	want := []Word{
		{"The", 0, 1, 0.9, 0.8}, {" parameter", 1, 5, 0.8, 0.4}, {" is", 5, 6, 0.4, 0.45}, {"\nsafe.", 6, 9, 0.45, 0.1},
	}
	if diff := cmp.Diff(want, Words(pieces, p)); diff != "" {
		t.Error(diff)
	}
	if got := Words(pieces, p[1:]); got != nil {
		t.Errorf("a trajectory that is too short gave %v", got)
	}
	if got := Words([]string{}, []float64{0.5}); got != nil {
		t.Errorf("no pieces gave %v", got)
	}
	long := make([]string, 200) // a text without spaces
	for i := range long {
		long[i] = "字"
	}
	if got := Words(long, make([]float32, 201)); len(got) != 200/longestWord {
		t.Errorf("%d words", len(got))
	}
}

func TestTurns(t *testing.T) {
	words := Words([]string{"a", " b", " c", " d", " e"}, []float64{0.6, 0.5, 0.2, 0.2, 0.5, 0.495})
	crossed, moved, crossings := Turns(words, 0.5, 5)
	if fmt.Sprint(crossed, moved, crossings) != "[1 3 4] [1 3 0] 3" {
		t.Errorf("turned at %v, moved at %v, %d crossings", crossed, moved, crossings)
	}
	if crossed, moved, crossings = Turns(words, 0.5, 1); fmt.Sprint(crossed, moved, crossings) != "[1] [1] 3" {
		t.Errorf("of most one: %v, %v, %d", crossed, moved, crossings)
	}
	if crossed, _, crossings = Turns(words, 0, 5); crossed != nil || crossings != 0 {
		t.Errorf("a threshold of 0 is crossed at %v", crossed)
	}
}

func TestLine(t *testing.T) {
	if got := Line([]float64{0, 0.2, 0.4, 0.6, 0.8, 1}, 3); got != "▁▄█" {
		t.Errorf("%s", got)
	}
	if got := Line([]float32{0.5}, 8) + Line([]float32{}, 8); got != "▅" {
		t.Errorf("%s", got)
	}
}

func TestSpark(t *testing.T) {
	if Spark([]float64{0.5}, 0.5) != nil {
		t.Error("a picture of one value")
	}
	if got := Spark([]float64{0.2, 0.9, 0.1}, 0.5); got.Label != "P after 0 to 2 tokens of analysis: 0.200 to 0.100; it crosses the threshold 2 times" {
		t.Error(got.Label)
	}
	if got := Spark(make([]float32, 100_000), 0.5).Inline(); len(got) > 12_000 {
		t.Errorf("%d bytes", len(got))
	}
}

const attack = "\x1b[2J\u202e\"'></script><script>alert(1)</script><img src=x onerror=alert(1)>"

func hostile(t *testing.T) *Explanation {
	t.Helper()
	f := finding.Finding{ID: attack, Title: attack, Rule: attack, File: attack, Message: attack, Snippet: attack, Request: attack, Response: attack, Flow: []string{attack}, Label: "TP"}
	v := finding.Verdict{Verdict: finding.FalsePositive, P: 0.1, Tokens: 3, Pieces: []string{"It", " " + attack, " ends"}, Trajectory: []float64{0.7, 0.6, 0.2, 0.1}, Model: attack, Note: attack}
	e, err := New(f, v, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Text of findings and models does nothing to a terminal, a page or a picture.
func TestHostile(t *testing.T) {
	e := hostile(t)
	var text, html, object bytes.Buffer
	for _, err := range []error{e.WriteText(&text, finding.TableOptions{Width: 60}), e.WriteHTML(&html), e.WriteJSON(&object)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, got := range map[string]string{"text": text.String(), "page": html.String(), "picture": string(e.Picture().SVG())} {
		if strings.ContainsAny(got, "\x1b\u202e") {
			t.Errorf("%s: a control character", name)
		}
		if name != "text" && regexp.MustCompile(`<(script|img)`).MatchString(got) {
			t.Errorf("%s: an element of the finding", name)
		}
	}
	if strings.Contains(object.String(), "\x1b") {
		t.Error("an escape in the JSON")
	}
	if !strings.Contains(html.String(), "script-src 'none'") && !strings.Contains(html.String(), "script-src &#39;none&#39;") {
		t.Error("the page may run scripts")
	}
}

func TestText(t *testing.T) {
	f := finding.Finding{ID: "a1", Title: "SQL injection", Rule: "java/sqli", File: "a.java"}
	v := finding.Verdict{Verdict: finding.FalsePositive, P: 0.25, Tokens: 4, Pieces: []string{"It", " is", " bound", "."}, Trajectory: []float64{0.7, 0.7, 0.75, 0.4, 0.25}}
	e, err := New(f, v, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.WriteText(&b, finding.TableOptions{Width: 40}); err != nil {
		t.Fatal(err)
	}
	want := `false alarm  P 0.250  threshold 0.500  a1
SQL injection
java/sqli  a.java

It is bound.
▆▆ ▇▇ ▄▄▄▃▃▃

P 0.700 before the analysis, 0.250 after it; the verdict turned once.

The verdict turned at
  token    4  bound.  0.750 → 0.250  to false alarm

What moved it most
  token    4  bound.  0.750 → 0.250  to false alarm
  token    2  is      0.700 → 0.750  to real
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := e.WriteText(&b, finding.TableOptions{Width: 40, Color: true}); err != nil || !strings.Contains(b.String(), bold+green+"bound."+reset) {
		t.Errorf("%v, %q", err, b.String())
	}
}

// A head that reads the prompt alone gives one probability throughout, and both pages say why.
func TestWhatIsJudgedBeforeTheAnalysis(t *testing.T) {
	v := finding.Verdict{Verdict: finding.TruePositive, P: 0.75, Tokens: 2, Pieces: []string{"It", " is."}, Trajectory: []float64{0.75, 0.75, 0.75}}
	e, err := New(finding.Finding{ID: "a1"}, v, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	var text, page bytes.Buffer
	if err := errors.Join(e.WriteText(&text, finding.TableOptions{}), e.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"text": text.String(), "page": page.String()} {
		if !strings.Contains(got, "P 0.750 before the analysis and after each of its tokens: what judges does not read it.") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, v := range []finding.Verdict{{Error: "too long"}, {Verdict: finding.TruePositive, Tokens: 2}} {
		if _, err := New(finding.Finding{ID: "a"}, v, 0.5); err == nil {
			t.Errorf("%+v is explained", v)
		}
	}
}

func TestPick(t *testing.T) {
	reports := []*finding.Report{{Findings: []finding.Finding{{ID: "rule-1"}, {ID: "rule-2"}}}, {Findings: []finding.Finding{{ID: "other"}}}}
	for _, tc := range []struct {
		id     string
		number int
		want   string
	}{
		{"rule-2", 0, "rule-2"}, {"", 3, "other"}, {"", 0, "error: there are 3 findings: pick one by its id (rule-1, rule-2, other) or by its number, 1 to 3"},
		{"rule-3", 0, `error: no finding is called "rule-3": did you mean rule-1?`}, {"", 4, "error: number: expected 1 to 3, as many as there are findings, found 4"},
		{"a", 1, "error: a finding is picked by its id or by its number, not by both"}, {"nothing like it", 0, `error: no finding is called "nothing like it": there are rule-1, rule-2, other`},
	} {
		got := ""
		if f, err := Pick(reports, tc.id, tc.number); err != nil {
			got = "error: " + err.Error()
		} else {
			got = f.ID
		}
		if got != tc.want {
			t.Errorf("%q, %d: got %s, want %s", tc.id, tc.number, got, tc.want)
		}
	}
	if _, err := Pick(nil, "", 0); err == nil {
		t.Error("a finding of nothing")
	}
}

func ExampleExplanation_WriteText() {
	v := finding.Verdict{Verdict: finding.TruePositive, P: 0.9, Tokens: 3, Pieces: []string{"Input", " reaches", " it"}, Trajectory: []float64{0.4, 0.4, 0.8, 0.9}}
	e, err := New(finding.Finding{ID: "17", Title: "SQL injection"}, v, 0.5)
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	if err := e.WriteText(&b, finding.TableOptions{}); err != nil {
		panic(err)
	}
	fmt.Println(strings.Split(b.String(), "\n\n")[1])
	// Output:
	// Input reaches it
	// ▄▄▄▄▄ ▇▇▇▇▇▇▇ ██
}

func TestFromBench(t *testing.T) {
	dir := t.TempDir()
	cases := []results.Case{
		{Variant: "floor", ID: "a", Truth: "TP", Verdict: "TP", P: 1},
		{Variant: "SC", ID: "a", Truth: "TP", Verdict: "FP", P: 0.25, Threshold: 0.5, Pieces: []string{"No"}, Trajectory: []float32{0.5, 0.25}},
		{Variant: "CH", ID: "a", Truth: "TP", Verdict: "TP", P: 0.75, Threshold: 0.6, Pieces: []string{"Yes"}, Trajectory: []float32{0.5, 0.75}},
	}
	if err := results.WriteBench(dir, &results.Bench{}, cases); err != nil {
		t.Fatal(err)
	}
	for variant, want := range map[string]string{"": "SC 0.25 0.5 [CH]", "CH": "CH 0.75 0.6 [SC]"} {
		e, others, err := FromBench(dir, "a", variant)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.Verdict.Model, " ", e.Verdict.P, " ", e.Threshold, " ", others); got != want {
			t.Errorf("%q: %s, want %s", variant, got, want)
		}
	}
}
