package finding

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ignoreOrigin leaves out what a reader knows and a table does not hold.
var ignoreOrigin = cmpopts.IgnoreFields(Finding{}, "Origin", "Notes")

// hostile are texts that break formats, or programs that show them.
var hostile = []string{
	"", "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "'=1+1", "''=x", "'plain", "'", "＝1", "a,b;c\td", `say "hi"`, `"`, `""`, "a\r\nb\nc\rd",
	"<script>alert(1)</script>", "{{.}}", "${x}", "a|b`c`", "@user #1 [x](http://evil)", "\x1b[31mred", "\u202egnp", "é😀", "  spaces  ",
	"NULL", "null", "'; DROP TABLE findings; --", "--", "</details>", "../../etc/passwd", "\x00nul",
}

// hostileReport has every hostile text in every text column.
func hostileReport() Reviewed {
	r := Reviewed{Report: &Report{Name: "hostile"}}
	for i, text := range hostile {
		f := fullFinding()
		f.ID = "id-" + text
		for _, at := range []*string{&f.Source, &f.Tool, &f.Rule, &f.Category, &f.File, &f.Message, &f.Level, &f.Severity, &f.Snippet, &f.Focus, &f.Request, &f.Response, &f.Group, &f.Split} {
			*at = text
		}
		f.Flow = []string{text, text}
		if i%2 == 0 {
			f.Line, f.EndLine, f.Flow, f.Fingerprints, f.Label = nil, 0, nil, nil, ""
		}
		v := fullVerdict()
		v.ID, v.Reasoning, v.Note = f.ID, text, text
		switch i % 5 {
		case 1:
			v = Verdict{ID: f.ID, Error: "failed: " + text}
		case 2:
			v = Verdict{}
		}
		r.Report.Findings = append(r.Report.Findings, f)
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

func TestCSVRoundTrip(t *testing.T) {
	want := hostileReport()
	var out bytes.Buffer
	if err := WriteCSV(&out, []Reviewed{want}); err != nil {
		t.Fatal(err)
	}
	report := readString(t, out.String(), "auto")
	if report.Format != "csv" || len(report.Problems) != 0 {
		t.Fatalf("%s, problems %v", report.Format, report.Problems)
	}
	if diff := cmp.Diff(want.Report.Findings, report.Findings, ignoreOrigin); diff != "" {
		t.Error(diff)
	}
}

// TestCSVGuard: no cell of a file begins like a formula.
func TestCSVGuard(t *testing.T) {
	var out bytes.Buffer
	if err := WriteCSV(&out, []Reviewed{hostileReport()}); err != nil {
		t.Fatal(err)
	}
	record := csvRecord{comma: ','}
	for line := range bytes.Lines(out.Bytes()) {
		if !record.add(line) {
			continue
		}
		for _, cell := range record.cells {
			if cell != "" && strings.ContainsRune(guarded, []rune(cell)[0]) {
				t.Errorf("a cell begins like a formula: %q", cell)
			}
		}
		record = csvRecord{comma: ','}
	}
}

func TestCSVSpellings(t *testing.T) {
	for name, doc := range map[string]string{
		"own":       "id,tool,rule,file,line,message,label\n1,T,R,a/b.py,7,m,TP\n",
		"semicolon": "id;scanner;rule_id;path;line_number;description;is_vulnerable\n1;T;R;a/b.py;7;m;1\n",
		"tab":       "id\tTool Name\tCheck-ID\tFileName\tLine Number\tDetails\tVulnerable\r\n1\tT\tR\ta/b.py\t7\tm\ttrue\r\n",
		"bom":       "\xef\xbb\xbf\"id\",\"tool\",\"rule\",\"file\",\"line\",\"msg\",\"truth\"\n\n\"1\",\"T\",\"R\",\"a/b.py\",\"7.0\",\"m\",\"vulnerable\"",
		"other":     "id,tool,x,rule,file,line,issue_text,target,verdict,p,error\n1,T,?,R,a/b.py,7,m,1,FP,0.1,boom\n",
	} {
		report := readString(t, doc, "auto")
		line := 7
		want := []Finding{{ID: "1", Tool: "T", Rule: "R", File: "a/b.py", Line: &line, Message: "m", Label: "TP", Language: "python"}}
		if diff := cmp.Diff(want, report.Findings, ignoreOrigin); diff != "" || report.Format != "csv" || len(report.Problems) > 0 {
			t.Errorf("%s: %s %v %s", name, report.Format, report.Problems, diff)
		}
	}
}

func TestCSVBrokenRows(t *testing.T) {
	doc := "id,message,line\n" + // 1
		"a,\"two\r\nlines\",1\n" + // 2, 3
		"b,short\n" + // 4
		"c,m,five\n" + // 5
		"d,m,1,more\n" + // 6
		"e,,3\n" + // 7
		"f,5\" disk,4,\n" + // 8: a quote inside, an empty cell after
		"g,caf\xe9,5\n" // 9
	report := readString(t, doc, "auto")
	var got []string
	for _, p := range report.Problems {
		got = append(got, p.Error())
	}
	want := []string{
		"in:4: expected 3 cells, as the header has, found 2",
		`in:5: column "line": expected a number, found "five"`,
		"in:6: expected 3 cells, as the header has, found 4",
		"in:7: " + errNothingToReview.Error(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if report.Total != 7 || len(report.Findings) != 3 {
		t.Fatalf("%d findings of %d", len(report.Findings), report.Total)
	}
	if f := report.Findings[0]; f.Message != "two\r\nlines" || f.Origin.Line != 2 {
		t.Errorf("%q on line %d", f.Message, f.Origin.Line)
	}
	if f := report.Findings[1]; f.Message != `5" disk` || f.Origin.Line != 8 {
		t.Errorf("%q on line %d", f.Message, f.Origin.Line)
	}
	if f := report.Findings[2]; f.Message != "caf\uFFFD" || len(f.Notes) != 1 {
		t.Errorf("%q, notes %q", f.Message, f.Notes)
	}
}

// TestCSVOpenQuote: a quote that is never closed costs its row, not those after it.
func TestCSVOpenQuote(t *testing.T) {
	report := readString(t, "id,message\na,one\nb,\"two\nc,three\nd,four\n", "auto")
	if len(report.Findings) != 3 || len(report.Problems) != 1 || !strings.HasPrefix(report.Problems[0].Error(), "in:3: a quote") {
		t.Fatalf("%d findings, problems %v", len(report.Findings), report.Problems)
	}
	if last := report.Findings[2]; last.ID != "d" || last.Origin.Line != 5 {
		t.Errorf("%s on line %d", last.ID, last.Origin.Line)
	}
	// Many of them take no longer than the document is.
	report = readString(t, "id,message\n"+strings.Repeat("\"a\n", 100_000), "csv")
	if len(report.Problems) != 100_000 {
		t.Errorf("%d problems", len(report.Problems))
	}
}

func TestCSVNoHeader(t *testing.T) {
	_, err := Read("in", strings.NewReader("1,2,3\n"), "csv", ReadOptions{})
	if err == nil || !strings.HasPrefix(err.Error(), "in:1: the header names no column of a finding: expected some of id, ") {
		t.Error(err)
	}
	for _, doc := range []string{"hello, world\n", "a,b\n1,2\n", "{\"id\":1,\n\"message\":2}", "<a,message>"} {
		if got := Detect([]byte(doc)); got == "csv" {
			t.Errorf("%q is taken for CSV", doc)
		}
	}
}

func TestCSVLongRow(t *testing.T) {
	doc := "id,message\na,one\nb,\"" + strings.Repeat("x\n", 200<<10) + "\"\nc,three\n"
	report, err := Read("in", strings.NewReader(doc), "csv", ReadOptions{MaxBytes: 100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) == 0 || !strings.Contains(report.Problems[0].Error(), "in:3: the row is longer than the limit of 102400 bytes") {
		t.Error(report.Problems[:min(len(report.Problems), 2)])
	}
}
