package finding

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
)

// tableOf is a small review with one row of each kind.
func tableOf() Reviewed {
	line := 7
	report := &Report{Suppressed: 2, Problems: []error{&RowError{Line: 3}}, Findings: []Finding{
		{Rule: "sql-injection", Title: "Query built from input", File: "src/app/very/deep/folder/structure/query.py", Line: &line},
		{Rule: "日本語のルール", File: "b.py"},
		{Title: "HTTP exchange: GET / -> 200", Request: "GET / HTTP/1.1\r\n\r\n"},
		{Rule: "evil\x1b[2J\u202erule", File: "c\r\n.py"},
		{Rule: "r", File: "not-reviewed.py"},
	}}
	return Reviewed{report, []Verdict{
		{Verdict: TruePositive, P: 0.934, Reasoning: "\n\nThe parameter `id` reaches the query without a check, and a user can set it to anything.\nVerdict: true positive"},
		{Verdict: FalsePositive, P: 0.05, Reasoning: strings.Repeat("word ", 200), Note: "cut to fit: response of 5,000,008 bytes"},
		{Verdict: Uncertain, P: 0.5},
		{Error: "prompt of 9,000 tokens\x07 is longer than the context"},
	}}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := WriteTable(&b, []Reviewed{tableOf()}, TableOptions{Width: 64}); err != nil {
		t.Fatal(err)
	}
	want := `VERDICT   P     RULE                      PLACE
TP        0.93  sql-injection             …/structure/query.py:7
                Query built from input
                The parameter ` + "`id`" + ` reaches the query without a
                check, and a user can set it to anything.
FP        0.05  日本語のルール            b.py
                word word word word word word word word word
                word word word word word word word word word
                word word word word word word word word word …
                (cut to fit: response of 5,000,008 bytes)
uncertain 0.50  HTTP exchange: GET / ->…  GET /
error     -     evil\x1b[2J\u202erule     c  .py
                prompt of 9,000 tokens\x07 is longer than the
                context

5 findings: 1 real, 1 false alarm, 1 uncertain, 1 failed, 1 not reviewed, 1 not readable, 2 suppressed in the input
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestTableFits: whatever the width, no line is wider, but for the summary, and
// with colours the text is the same.
func TestTableFits(t *testing.T) {
	escapes := regexp.MustCompile("\x1b\\[[0-9]+m")
	for width := minTableWidth; width < 160; width += 7 {
		var plain, colored strings.Builder
		if err := WriteTable(&plain, []Reviewed{tableOf()}, TableOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		if err := WriteTable(&colored, []Reviewed{tableOf()}, TableOptions{Width: width, Color: true}); err != nil {
			t.Fatal(err)
		}
		table, _, _ := strings.Cut(plain.String(), "\n\n")
		for line := range strings.Lines(table) {
			if got := uniseg.StringWidth(strings.TrimRight(line, "\n")); got > width {
				t.Errorf("width %d: a line of %d columns: %q", width, got, line)
			}
		}
		if strings.ContainsRune(plain.String(), 0x1b) {
			t.Errorf("width %d: an escape in a table without colours", width)
		}
		if escapes.ReplaceAllString(colored.String(), "") != plain.String() || colored.String() == plain.String() {
			t.Errorf("width %d: colours change the text", width)
		}
	}
}

func TestTableHugeText(t *testing.T) {
	huge := strings.Repeat("x", 10<<20)
	r := Reviewed{&Report{Findings: []Finding{{Rule: huge, Title: huge, File: huge}}}, []Verdict{{Verdict: FalsePositive, Reasoning: huge}}}
	var b strings.Builder
	if err := WriteTable(&b, []Reviewed{r}, TableOptions{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 2000 {
		t.Errorf("%d bytes", b.Len())
	}
}

func TestTerminalOptions(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if o := TerminalOptions(file); o.Color || o.Width != 0 {
		t.Errorf("a file is taken for a terminal: %+v", o)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本 👩‍💻":         "plain é 日本 👩‍💻",
		"a\tb\nc\r\u2028d":       "a b c  d",
		"\x1b]0;title\x07":       `\x1b]0;title\x07`,
		"\u009b31m":              `\x9b31m`,
		"\u202eabc\u2066\u200b":  `\u202eabc\u2066\u200b`,
		"\U000e0041":             `\U000e0041`,
		"\xff":                   "\uFFFD",
		"zero\x00del\x7f\ufeff":  `zero\x00del\x7f\ufeff`,
		"<b>html</b> & \\x1b ok": "<b>html</b> & \\x1b ok",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	if got, want := Summary(nil), "0 findings: 0 real, 0 false alarms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
