package finding

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const iacLine = `{"smell":"hard_coded_secret","file":"cookbooks/db/recipes/default.rb","content":"password 'x'","line":12,"detection_span":[7,17],"with_context":"a\npassword 'x'\nb","with_prompt":"Is it <real>?","label":"FP","confidence":0.75,"source":"gpt"}`

func TestIaCRows(t *testing.T) {
	report := readString(t, iacLine+"\n"+strings.Replace(strings.Replace(iacLine, "hard_coded_secret", "use_of_http", 1), "default.rb", "site.yml", 1)+"\n", "auto")
	if report.Format != "jsonl" || len(report.Findings) != 2 {
		t.Fatalf("%s, %d findings, %v", report.Format, len(report.Findings), report.Problems)
	}
	line := 12
	want := Finding{
		Source: "gpt", Tool: "GLITCH", Rule: "hard_coded_secret", CWE: "CWE-798", Category: "iac", Language: "chef",
		File: "cookbooks/db/recipes/default.rb", Line: &line, Title: "Hard-coded secret", Level: "warning",
		Snippet: "a\npassword 'x'\nb", Focus: "password 'x'", Label: "FP", Group: "cookbooks/db/recipes/default.rb",
	}
	got := report.Findings[0]
	got.ID = ""
	if diff := cmp.Diff(want, got, ignoreOrigin); diff != "" {
		t.Error(diff)
	}
	if f := report.Findings[1]; f.CWE != "CWE-319" || f.Language != "ansible" {
		t.Errorf("%s in %s", f.CWE, f.Language)
	}
}

func TestIaCRoundTrip(t *testing.T) {
	var in strings.Builder
	for i, text := range hostile {
		p := float64(i) / 100
		row, err := marshal(iacRow{
			Smell: smells[i%4].name, File: "f/" + text, Content: text, Line: i, DetectionSpan: []int{1, i}, WithContext: "x" + text,
			WithPrompt: text, Label: []string{"TP", "FP"}[i%2], Confidence: &p, Source: text,
		})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(row, '\n'))
	}
	report := readString(t, in.String(), "auto")
	var out bytes.Buffer
	if err := WriteIaC(&out, []Reviewed{{Report: report}}, func(f *Finding) string { return "About " + f.Rule }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in.String(), out.String()); diff != "" {
		t.Error(diff)
	}

	// A verdict is a label.
	verdicts := make([]Verdict, len(report.Findings))
	verdicts[0] = Verdict{Verdict: TruePositive, P: 0.875, Model: "M"}
	verdicts[1] = Verdict{Verdict: FalsePositive, P: 0.25, Model: "M"}
	verdicts[2] = Verdict{Verdict: Uncertain, P: 0.5, Model: "M"}
	out.Reset()
	if err := WriteIaC(&out, []Reviewed{{report, verdicts}}, nil); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(&out)
	for i, want := range []string{"TP 0.875 M", "FP 0.75 M", "TP 0.02 =1+1"} {
		var row iacRow
		if err := dec.Decode(&row); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			row.Source = "=1+1"
		}
		if got := row.Label + " " + cellText(*row.Confidence) + " " + row.Source; got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}

// TestIaCOfOthers: findings of another format get the fields that they lack.
func TestIaCOfOthers(t *testing.T) {
	report := readString(t, "PATH,LINE,ERROR\na/b.pp,3,suspicious comment\n", "auto")
	var out bytes.Buffer
	if err := WriteIaC(&out, []Reviewed{{Report: report}}, func(f *Finding) string { return "About " + f.Rule }); err != nil {
		t.Fatal(err)
	}
	var row map[string]any
	if err := json.Unmarshal(out.Bytes(), &row); err != nil {
		t.Fatal(err)
	}
	if row["smell"] != "suspicious_comment" || row["with_prompt"] != "About suspicious comment" || cmp.Diff(row["detection_span"], []any{1.0, 8.0}) != "" {
		t.Errorf("%s", out.Bytes())
	}
}

func TestContext(t *testing.T) {
	source := "one\ntwo\r\nthree\nfour\nfive"
	for _, tc := range []struct {
		line, around int
		want         string
	}{
		{3, 1, "      2: two\n>>>   3: three\n      4: four"},
		{1, 1, ">>>   1: one\n      2: two"},
		{5, 0, ">>>   5: five"},
		{6, 5, ""}, {0, 5, ""}, {-3, 9, ""},
	} {
		if got := Context(source, tc.line, tc.around); got != tc.want {
			t.Errorf("line %d ±%d: %q, want %q", tc.line, tc.around, got, tc.want)
		}
	}
}
