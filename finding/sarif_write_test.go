package finding

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeSARIF writes and parses what was written.
func writeSARIF(t *testing.T, o SARIFOptions, reviewed ...Reviewed) (text string, log map[string]any) {
	t.Helper()
	var out bytes.Buffer
	if err := WriteSARIF(&out, reviewed, o); err != nil {
		t.Fatal(err)
	}
	return out.String(), parseJSON(t, out.Bytes())
}

// parseJSON keeps the spelling of numbers, so that 1.0 and 1 are not equal.
func parseJSON(t *testing.T, data []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, data)
	}
	return v
}

// at follows keys and indices down.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			array, _ := v.([]any)
			if step >= len(array) {
				return nil
			}
			v = array[step]
		}
	}
	return v
}

func TestSARIFRoundTrip(t *testing.T) {
	docs := map[string]string{
		"odd": "{ \"version\" : \"2.1.0\",\"$schema\":\"s\",\"x\":{\"big\":123456789012345678901234567890,\"f\":1.0,\"e\":1E5,\"n\":-0},\n\t\"runs\":[ {\"results\":[ {\"ruleId\":\"é\\u00e9\\/<>&\",\"suppressions\":[],\"message\":{\"text\":\"m\"},\"z\":null,\"a\":[]} ],\"tool\":{\"driver\":{\"name\":\"T\"}}} ] }",
	}
	docs["keys given twice"] = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","name":"U"}},"results":[{"level":"note","message":{"text":"m"},"suppressions":[{}],"level":"error","suppressions":[],"\u0000":"\ud800","é":1e400}],"a":1,"a":2}]}`
	for _, name := range []string{"spotbugs.sarif", "suppression_test.sarif", "taint-python-report.sarif"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		docs[name] = string(text)
	}
	for name, doc := range docs {
		report := readString(t, doc, "auto")
		text, _ := writeSARIF(t, SARIFOptions{}, Reviewed{Report: report})
		if strings.TrimSpace(text) != strings.TrimSpace(doc) {
			t.Errorf("%s: without verdicts, the output differs from the input", name)
		}
		// Joined with another, the runs and other fields are still as they were.
		_, joined := writeSARIF(t, SARIFOptions{}, Reviewed{Report: report}, Reviewed{Report: readString(t, emptyLog, "auto")})
		want := parseJSON(t, []byte(doc))
		want["$schema"] = sarifSchema
		if diff := cmp.Diff(want, joined); diff != "" {
			t.Errorf("%s: joined with an empty log: %s", name, diff)
		}
	}
}

// TestSARIFVerdicts adds verdicts to each real report in turn and holds the
// output against the input, changed by hand in the same way.
func TestSARIFVerdicts(t *testing.T) {
	for _, name := range []string{"spotbugs.sarif", "suppression_test.sarif", "taint-python-report.sarif"} {
		report := readFile(t, name)
		var verdicts []Verdict
		for i, f := range report.Findings {
			v := Verdict{ID: f.ID, Verdict: []Label{TruePositive, FalsePositive, Uncertain}[i%3], P: 0.25, Reasoning: "because \"x\" <is> constant\n& so", Tokens: 7, Seconds: 1.5, Model: "M"}
			if i == 3 {
				v = Verdict{ID: f.ID, Error: "too long"}
			}
			verdicts = append(verdicts, v)
		}
		verdicts[len(verdicts)-1] = Verdict{} // not reviewed
		input, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		want := parseJSON(t, bytes.TrimPrefix(input, []byte("\xef\xbb\xbf")))
		for i, v := range verdicts {
			if !v.Done() {
				continue
			}
			result := at(want, "runs", report.Findings[i].Origin.Run, "results", report.Findings[i].Origin.Result).(map[string]any)
			janus := map[string]any{"verdict": string(v.Verdict), "p": json.Number("0.25"), "reasoning": v.Reasoning, "tokens": json.Number("7"), "model": "M"}
			if v.Error != "" {
				janus = map[string]any{"tokens": json.Number("0"), "error": "too long"}
			}
			properties, ok := result["properties"].(map[string]any)
			if !ok {
				properties = map[string]any{}
			}
			properties["janus"] = janus
			result["properties"] = properties
			if v.Verdict == FalsePositive {
				before, _ := result["suppressions"].([]any)
				result["suppressions"] = append(before, map[string]any{"kind": "external", "status": "accepted", "justification": v.Reasoning})
			}
		}
		text, got := writeSARIF(t, SARIFOptions{}, Reviewed{report, verdicts})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}

		// Read again, what was judged false is suppressed.
		again := readString(t, text, "auto")
		wrong := 0
		for _, v := range verdicts {
			if v.Verdict == FalsePositive {
				wrong++
			}
		}
		if again.Suppressed != report.Suppressed+wrong || again.Total != report.Total {
			t.Errorf("%s: read again: %d suppressed of %d, want %d of %d", name, again.Suppressed, again.Total, report.Suppressed+wrong, report.Total)
		}

		// And dropped, what stays is what is not suppressed, unchanged.
		_, dropped := writeSARIF(t, SARIFOptions{DropSuppressed: true}, Reviewed{report, verdicts})
		for r, run := range at(want, "runs").([]any) {
			kept := []any{}
			for _, result := range at(run, "results").([]any) {
				if s, _ := at(result, "suppressions").([]any); len(s) == 0 {
					kept = append(kept, result)
				}
			}
			if diff := cmp.Diff(any(kept), at(dropped, "runs", r, "results")); diff != "" {
				t.Errorf("%s, dropped: %s", name, diff)
			}
		}
	}
}

func TestSARIFDropAnyPattern(t *testing.T) {
	doc := oneResult(`{"ruleId":"0","message":{"text":"m"}}, {"ruleId":"1","message":{"text":"m"}} ,{"ruleId":"2","message":{"text":"m"}}`, "", "")
	report := readString(t, doc, "auto")
	for pattern := range 8 {
		verdicts := make([]Verdict, 3)
		want := []any{}
		for i := range verdicts {
			verdicts[i] = Verdict{Verdict: FalsePositive}
			if pattern>>i&1 == 1 {
				verdicts[i].Verdict = TruePositive
				want = append(want, string(rune('0'+i)))
			}
		}
		_, log := writeSARIF(t, SARIFOptions{DropSuppressed: true}, Reviewed{report, verdicts})
		got := []any{}
		for _, result := range at(log, "runs", 0, "results").([]any) {
			got = append(got, at(result, "ruleId"))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("kept %v, want %v", got, want)
		}
	}
}

// TestSARIFOddTargets: verdicts find their place whatever is there before.
func TestSARIFOddTargets(t *testing.T) {
	for _, result := range []string{
		`{"message":{"text":"m"},"properties":null,"suppressions":null}`,
		`{"message":{"text":"m"},"properties":{},"suppressions":[]}`,
		`{"message":{"text":"m"},"properties":{ },"suppressions":[ ]}`,
		`{"message":{"text":"m"},"properties":7,"suppressions":"x"}`,
		`{"message":{"text":"m"},"properties":{"janus":{"verdict":"TP","old":1}},"suppressions":[{"kind":"external","status":"rejected"}]}`,
		`{"suppressions":[7],"properties":{"a":{"janus":1}},"properties":{"janus":[]},"message":{"text":"m"}}`,
		"{\n\t\"message\": {\n\t\t\"text\": \"m\"\n\t},\n\t\"properties\": {\n\t\t\"tags\": []\n\t}\n}",
		"{\n\t\"message\": {\n\t\t\"text\": \"m\"\n\t}\n}",
	} {
		report := readString(t, oneResult(result, "", ""), "auto")
		_, log := writeSARIF(t, SARIFOptions{}, Reviewed{report, []Verdict{{Verdict: FalsePositive, P: math.NaN()}}})
		got := at(log, "runs", 0, "results", 0)
		suppressions, _ := at(got, "suppressions").([]any)
		if len(suppressions) == 0 || !strings.Contains(at(suppressions[len(suppressions)-1], "justification").(string), "Janus") {
			t.Errorf("%s: suppressions %v", result, suppressions)
		}
		if want := map[string]any{"verdict": "FP", "tokens": json.Number("0")}; !reflect.DeepEqual(at(got, "properties", "janus"), want) {
			t.Errorf("%s: properties %v", result, at(got, "properties"))
		}
	}
}

// TestSARIFLayout: in an indented document, what is added is indented alike.
func TestSARIFLayout(t *testing.T) {
	doc := `{
  "version": "2.1.0",
  "runs": [
    {
      "results": [
        {
          "message": {
            "text": "m"
          }
        }
      ]
    }
  ]
}
`
	verdicts := []Verdict{{Verdict: FalsePositive, P: 0.1, Reasoning: "why"}}
	text, _ := writeSARIF(t, SARIFOptions{}, Reviewed{readString(t, doc, "auto"), verdicts})
	want := strings.Replace(doc, `            "text": "m"
          }
`, `            "text": "m"
          },
          "suppressions": [
            {
              "kind": "external",
              "status": "accepted",
              "justification": "why"
            }
          ],
          "properties": {
            "janus": {
              "verdict": "FP",
              "p": 0.1,
              "reasoning": "why",
              "tokens": 0
            }
          }
`, 1)
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}

	windows := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	text, _ = writeSARIF(t, SARIFOptions{}, Reviewed{readString(t, windows(doc), "auto"), verdicts})
	if got, want := strings.TrimSpace(text), strings.TrimSpace(windows(want)); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestSARIFOfSeveral(t *testing.T) {
	a := readString(t, `{"version":"2.1.0","properties":{"from":"a"},"inlineExternalProperties":[{"guid":"1"}],"runs":[{"results":[{"message":{"text":"a"}}]},{}]}`, "auto")
	b := readString(t, `{"version":"2.1.0","properties":{"from":"b"},"inlineExternalProperties":[{"guid":"2"}],"other":1,"runs":[{"results":[{"message":{"text":"b"}}]}]}`, "auto")
	c := readFile(t, "zap_http.jsonl")
	_, log := writeSARIF(t, SARIFOptions{}, Reviewed{Report: a}, Reviewed{b, []Verdict{{Verdict: TruePositive, P: 1}}}, Reviewed{Report: c})
	if runs := at(log, "runs").([]any); len(runs) != 4 {
		t.Fatalf("%d runs", len(runs))
	}
	if at(log, "properties", "from") != "a" || at(log, "other") != json.Number("1") || at(log, "inlineExternalProperties", 1, "guid") != "2" {
		t.Errorf("top-level fields: %v", log)
	}
	if at(log, "runs", 0, "results", 0, "properties") != nil || at(log, "runs", 2, "results", 0, "properties", "janus", "verdict") != "TP" {
		t.Error("the verdict is on the wrong run")
	}
	if n := len(at(log, "runs", 3, "results").([]any)); n != 24 {
		t.Errorf("%d generated results", n)
	}
	_, none := writeSARIF(t, SARIFOptions{})
	if runs, ok := at(none, "runs").([]any); !ok || len(runs) != 0 {
		t.Errorf("no reports give runs %v", at(none, "runs"))
	}
}

// TestSARIFGenerated: what Janus makes of other formats is SARIF that its own
// reader takes, with the messages as they were.
func TestSARIFGenerated(t *testing.T) {
	for _, name := range []string{"zap_http.jsonl", "castle_c.jsonl"} {
		report := readFile(t, name)
		verdicts := []Verdict{{Verdict: FalsePositive, P: 0.2, Reasoning: "no"}, {Verdict: TruePositive, P: 0.9}}
		text, log := writeSARIF(t, SARIFOptions{Version: "1.2.3"}, Reviewed{report, verdicts})
		driver := at(log, "runs", 0, "tool", "driver")
		if at(driver, "name") != "janus" || at(driver, "version") != "1.2.3" {
			t.Errorf("%s: driver %v", name, driver)
		}
		back := readString(t, text, "auto")
		if back.Total != len(report.Findings) || back.Suppressed != 1 || len(back.Problems) != 0 {
			t.Fatalf("%s: %d results, %d suppressed, problems %v", name, back.Total, back.Suppressed, back.Problems)
		}
		for i, got := range back.Findings {
			want := report.Findings[i+1]
			if got.Rule != want.Rule || got.CWE != want.CWE || got.File != want.File || got.LineNumber() != want.LineNumber() ||
				got.Title != want.Title || got.Request != want.Request {
				t.Errorf("%s: result %d\n got %+v\nwant %+v", name, i, got, want)
			}
			// One of ZAP's responses has the same header twice: joined, as SARIF's headers are an object.
			if got.Response != want.Response && !strings.Contains(got.Response, ", ") {
				t.Errorf("%s: response %q, want %q", name, got.Response, want.Response)
			}
		}
		_, dropped := writeSARIF(t, SARIFOptions{DropSuppressed: true}, Reviewed{report, verdicts})
		if n := len(at(dropped, "runs", 0, "results").([]any)); n != len(report.Findings)-1 {
			t.Errorf("%s: %d results after dropping one of %d", name, n, len(report.Findings))
		}
	}
}

func TestPathToURI(t *testing.T) {
	for path, want := range map[string]string{
		"a/b.c":        "a/b.c",
		"a b#1?.c":     "a%20b%231%3F.c",
		"/abs/x y.c":   "file:///abs/x%20y.c",
		"C:/code/x.c":  "file:///C:/code/x.c",
		"//srv/x.c":    "file://srv/x.c",
		"https://h/?q": "https://h/?q",
	} {
		if got := pathToURI(path); got != want {
			t.Errorf("pathToURI(%q) = %q, want %q", path, got, want)
		}
		if got := uriToPath(want); got != path {
			t.Errorf("uriToPath(%q) = %q, want %q", want, got, path)
		}
	}
}

func TestWriteSARIFError(t *testing.T) {
	report := readFile(t, "suppression_test.sarif")
	if err := WriteSARIF(failingWriter{}, []Reviewed{{Report: report}}, SARIFOptions{}); err == nil {
		t.Error("a writer that fails gives no error")
	}
}

// failingWriter is a full disk.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }
