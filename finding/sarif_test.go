package finding

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestSARIFCounts holds what the index says of SARIF beside the counts.
func TestSARIFCounts(t *testing.T) {
	for _, e := range inputIndex(t, "sarif") {
		report := readFile(t, e.File)
		if len(report.Findings) != e.Expect.Results-e.Expect.Suppressed {
			t.Errorf("%s: %d findings, want %+v", e.File, len(report.Findings), e.Expect)
		}
		without := 0
		for _, f := range report.Findings {
			if f.Line == nil {
				without++
			}
			if f.Tool != e.Expect.Tools[0] {
				t.Errorf("%s: tool %q, want %q", e.File, f.Tool, e.Expect.Tools[0])
			}
			if f.Title == "" || f.Title == f.Rule || f.Message == "" || strings.ContainsAny(f.Message, "{}") {
				t.Errorf("%s: %s: title %q, message %q", e.File, f.Rule, f.Title, f.Message)
			}
		}
		if want := max(e.Expect.WithoutRegion-e.Expect.Suppressed, 0); without != want {
			t.Errorf("%s: %d findings without a line, want %d", e.File, without, want)
		}
	}
}

func TestSARIFRealFindings(t *testing.T) {
	f := readFile(t, "spotbugs.sarif").Findings[1]
	if f.Rule != "DM_DEFAULT_ENCODING" || f.Location() != "Boot.java:104" || f.Language != "java" || f.Level != "note" ||
		f.Message != "Found reliance on default encoding in Boot.writeFrags(Log, String): new java.io.FileWriter(File)." {
		t.Errorf("spotbugs: %+v", f)
	}
	f = readFile(t, "taint-python-report.sarif").Findings[0]
	if f.Rule != "taint-xmli" || f.CWE != "CWE-91" || f.Severity != "HIGH" || f.LineNumber() != 35 ||
		f.Focus != "def get_findings(self, filename, test):" || !strings.Contains(f.Snippet, "if filename is None") ||
		f.Fingerprints["scanFileHash"] != "933a05ac897cd017" {
		t.Errorf("taint-python: %+v", f)
	}
}

// oneResult makes a log of one run with one result.
func oneResult(result, driver, run string) string {
	if driver != "" {
		driver = "," + driver
	}
	if run != "" {
		run = "," + run
	}
	return fmt.Sprintf(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"%s}}%s,"results":[%s]}]}`, driver, run, result)
}

func TestSARIFResults(t *testing.T) {
	three := 3
	for _, tc := range []struct {
		name, result, driver, run string
		want                      Finding // its non-zero fields are compared
	}{
		{"rule by index alone", `{"ruleIndex":1,"message":{"text":"m"}}`,
			`"rules":[{"id":"A"},{"id":"B","name":"Bee","defaultConfiguration":{"level":"error"}}]`, "",
			Finding{Rule: "B", Title: "Bee", Level: "error", Message: "m"}},
		{"an index that belies the id is not believed", `{"ruleId":"A","ruleIndex":1,"message":{"text":"m"}}`,
			`"rules":[{"id":"A","name":"Ay"},{"id":"B","name":"Bee"}]`, "", Finding{Rule: "A", Title: "Ay"}},
		{"index out of range", `{"ruleId":"A","ruleIndex":99,"message":{"text":"m"}}`, `"rules":[{"id":"A","name":"Ay"}]`, "",
			Finding{Rule: "A", Title: "Ay", Level: "warning"}},
		{"hierarchical id", `{"ruleId":"A/1/x","message":{"text":"m"}}`, `"rules":[{"id":"A","name":"Ay"}]`, "",
			Finding{Rule: "A/1/x", Title: "Ay"}},
		{"rule in an extension", `{"rule":{"id":"A","index":0,"toolComponent":{"index":0}},"message":{"id":"default","arguments":["x","{0}"]}}`,
			`"rules":[{"id":"Z"}]},"extensions":[{"name":"E","rules":[{"id":"A","shortDescription":{"text":"In E"},"messageStrings":{"default":{"text":"{0} {{not}} {1} {7}"}}}]}],"x":{"y":1`, "",
			Finding{Rule: "A", Title: "In E", Message: "x {not} {0} {7}"}},
		{"extension found by id", `{"ruleId":"A","message":{"text":"m"}}`,
			`"name":"T"},"extensions":[{"rules":[{"id":"A","name":"InE"}]}],"x":{"y":1`, "", Finding{Title: "InE"}},
		{"global message", `{"message":{"id":"g","arguments":[1]}}`, `"globalMessageStrings":{"g":{"text":"n={0}"}}`, "", Finding{Message: "n=1"}},
		{"embedded links", `{"message":{"text":"see [the sink](2) and [docs](https://x/y)"}}`, "", "", Finding{Message: "see the sink and docs"}},
		{"kind open has no level", `{"kind":"open","message":{"text":"m"}}`, "", "", Finding{Level: "none"}},
		{"CWE of taxa by name", `{"taxa":[{"id":"79","toolComponent":{"name":"CWE"}}],"message":{"text":"m"}}`, "", "", Finding{CWE: "CWE-79"}},
		{"CWE of taxa by guid", `{"taxa":[{"index":0,"toolComponent":{"guid":"A-b"}}],"message":{"text":"m"}}`, "",
			`"taxonomies":[{"name":"x"},{"name":"CWE","guid":"a-B","taxa":[{"id":"22"}]}]`, Finding{CWE: "CWE-22"}},
		{"CWE of taxa by index", `{"taxa":[{"index":1,"toolComponent":{"index":0}}],"message":{"text":"m"}}`, "",
			`"taxonomies":[{"name":"CWE","taxa":[{"id":"1"},{"id":"327"}]}]`, Finding{CWE: "CWE-327"}},
		{"CWE of tags", `{"ruleId":"A","message":{"text":"m"}}`, `"rules":[{"id":"A","properties":{"tags":["security","external/cwe/cwe-079"]}}]`, "", Finding{CWE: "CWE-79"}},
		{"CWE of a property", `{"ruleId":"A","message":{"text":"m"}}`, `"rules":[{"id":"A","properties":{"cwe":["CWE-89: SQL"]}}]`, "", Finding{CWE: "CWE-89"}},
		{"CWE of relationships", `{"ruleId":"A","message":{"text":"m"}}`, `"rules":[{"id":"A","relationships":[{"target":{"id":"CWE-22"}}]}]`, "", Finding{CWE: "CWE-22"}},
		{"severity", `{"ruleId":"A","message":{"text":"m"}}`, `"rules":[{"id":"A","properties":{"security-severity":"7.8"}}]`, "", Finding{Severity: "7.8"}},
		{"region only", `{"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a%20b/c.go"},"region":{"startLine":3,"endLine":5,"snippet":{"text":"x := 1"}}}}]}`, "", "",
			Finding{File: "a b/c.go", Line: &three, EndLine: 5, Snippet: "x := 1", Language: "go", Category: "code"}},
		{"artifact by index, embedded code", `{"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"index":0},"region":{"startLine":3}}}]}`, "",
			`"artifacts":[{"location":{"uri":"a.py"},"contents":{"text":"one\ntwo\nthree\nfour"}}]`,
			Finding{File: "a.py", Snippet: "    1 | one\n    2 | two\n>>  3 | three\n    4 | four", Focus: "three"}},
		{"embedded code that is too short", `{"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py"},"region":{"startLine":3}}}]}`, "",
			`"artifacts":[{"location":{"uri":"a.py"},"contents":{"text":"one"}}]`,
			Finding{File: "a.py", Notes: []string{"no code: the log's own copy of a.py: it has 1 lines, and the finding is on line 3"}}},
		{"logical location only", `{"message":{"text":"m"},"locations":[{"logicalLocations":[{"fullyQualifiedName":"a.B.c"}]}]}`, "", "", Finding{File: "a.B.c"}},
		{"flow", `{"message":{"text":"m"},"codeFlows":[{"threadFlows":[{"locations":[{"location":{"message":{"text":"source"},"physicalLocation":{"artifactLocation":{"uri":"a.c"},"region":{"startLine":1,"snippet":{"text":" gets(s) "}}}}},{"index":0}]}]},{}]}`, "",
			`"threadFlowLocations":[{"location":{"message":{"text":"sink"}}}]`, Finding{Flow: []string{"a.c:1: source: gets(s)", "sink", "(and 1 other flows)"}}},
		{"web", `{"message":{"text":"m"},"webRequest":{"protocol":"HTTP","version":"1.1","method":"POST","target":"/x?a=1","headers":{"Host":"h","Accept":"*/*"},"body":{"text":"q=1"}},"webResponse":{"index":0}}`, "",
			`"webResponses":[{"protocol":"HTTP","version":"1.1","statusCode":302,"reasonPhrase":"Found","headers":{"Location":"/"},"body":{"binary":"aGk="}}]`,
			Finding{Category: "http", Language: "http", Request: "POST /x?a=1 HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\nq=1", Response: "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\nhi"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report := readString(t, oneResult(tc.result, tc.driver, tc.run), "auto")
			if len(report.Findings) != 1 {
				t.Fatalf("%d findings, problems %v", len(report.Findings), report.Problems)
			}
			got, want := reflect.ValueOf(report.Findings[0]), reflect.ValueOf(tc.want)
			for i := range want.NumField() {
				if !want.Field(i).IsZero() && !reflect.DeepEqual(got.Field(i).Interface(), want.Field(i).Interface()) {
					t.Errorf("%s = %#v, want %#v", want.Type().Field(i).Name, got.Field(i).Interface(), want.Field(i).Interface())
				}
			}
		})
	}
}

func TestSARIFPaths(t *testing.T) {
	bases := `"originalUriBaseIds":{"SRCROOT":{"uri":"file:///home/ci/app/"},"LIB":{"uri":"lib/","uriBaseId":"SRCROOT"},"A":{"uri":"a/","uriBaseId":"B"},"B":{"uri":"b/","uriBaseId":"A"},"NONE":{}}`
	for location, want := range map[string]string{
		`{"uri":"src/a.py","uriBaseId":"SRCROOT"}`:     "src/a.py",
		`{"uri":"a.py","uriBaseId":"LIB"}`:             "lib/a.py",
		`{"uri":"a.py","uriBaseId":"UNKNOWN"}`:         "a.py",
		`{"uri":"a.py","uriBaseId":"NONE"}`:            "a.py",
		`{"uri":"file:///home/ci/app/src/b.py"}`:       "src/b.py",
		`{"uri":"file:///elsewhere/b.py"}`:             "/elsewhere/b.py",
		`{"uri":"file:///C:/code/b.py"}`:               "C:/code/b.py",
		`{"uri":"file://localhost/x/b.py"}`:            "/x/b.py",
		`{"uri":"file://server/share/b.py"}`:           "//server/share/b.py",
		`{"uri":"src\\win\\b.py"}`:                     "src/win/b.py",
		`{"uri":"https://site.example/a?b=%20"}`:       "https://site.example/a?b=%20",
		`{"uri":"100%.py"}`:                            "100%.py",
		`{"uri":"a%2e%2e%2fb"}`:                        "a../b",
		`{"uri":"C:/code/b.py","uriBaseId":"UNKNOWN"}`: "C:/code/b.py",
		`{"uri":null}`:                                 "",
	} {
		doc := oneResult(`{"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":`+location+`}}]}`, "", bases)
		if got := readString(t, doc, "sarif").Findings[0].File; got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
	cycle := oneResult(`{"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"x","uriBaseId":"A"}}}]}`, "", bases)
	if got := readString(t, cycle, "sarif").Findings[0].File; !strings.HasSuffix(got, "/x") || len(got) > 100 {
		t.Errorf("a cycle of base ids gives %q", got)
	}
}

func TestSARIFSkips(t *testing.T) {
	results := []string{
		`{"message":{"text":"kept"}}`,
		`{"message":{"text":"kept"},"suppressions":[]}`,
		`{"message":{"text":"kept"},"suppressions":null}`,
		`{"message":{"text":"kept"},"suppressions":[{"kind":"external","status":"underReview"},{"kind":"inSource","status":"rejected"}]}`,
		`{"message":{"text":"kept"},"baselineState":"unchanged","kind":"review"}`,
		`{"message":{"text":"s"},"suppressions":[{"kind":"inSource"}]}`,
		`{"message":{"text":"s"},"suppressions":[{"kind":"external","status":"rejected"},{"kind":"external","status":"accepted"}]}`,
		`{"message":{"text":"s"},"suppressions":[{"kind":"external","status":null}]}`,
		`{"message":{"text":"a"},"baselineState":"absent"}`,
		`{"message":{"text":"p"},"kind":"pass"}`,
		`{"message":{"text":"p"},"kind":"notApplicable"}`,
	}
	report := readString(t, oneResult(strings.Join(results, ","), "", ""), "auto")
	if report.Total != 11 || len(report.Findings) != 5 || report.Suppressed != 3 || report.Absent != 1 || report.Passed != 2 {
		t.Errorf("total %d, findings %d, suppressed %d, absent %d, passed %d", report.Total, len(report.Findings), report.Suppressed, report.Absent, report.Passed)
	}
	for i, f := range report.Findings {
		if f.Message != "kept" || f.Origin.Result != i {
			t.Errorf("finding %d: %q at %+v", i, f.Message, f.Origin)
		}
	}
}

// TestSARIFOddParts: what is null or of another kind than the standard says is as
// if it were not there; only a result that is no object, or says nothing, is a problem.
func TestSARIFOddParts(t *testing.T) {
	for _, tc := range []struct {
		doc                string
		findings, problems int
	}{
		{emptyLog, 0, 0},
		{`{"version":"2.1.0"}`, -1, 0},
		{`{"version":"2.1.0","runs":null}`, 0, 0},
		{`{"version":"2.1.0","runs":[null,{},{"results":null},{"tool":null,"results":{}},7]}`, 0, 3},
		{oneResult(`null,7,[],{},{"message":null}`, "", ""), 0, 5},
		{oneResult(`{"message":"text","ruleId":"R"}`, "", ""), 1, 0},
		{oneResult(`{"message":{"text":7},"ruleId":8,"ruleIndex":"x","rule":[],"level":1,"locations":{},"codeFlows":[null,{"threadFlows":[{"locations":[null,7,{"location":null}]}]}],"taxa":7,"properties":[],"partialFingerprints":[1],"suppressions":{},"webRequest":[],"webResponse":{"headers":7,"statusCode":{}}}`, `"rules":{}`, ""), 1, 0},
		{oneResult(`{"message":{"text":"m"},"ruleIndex":1e300,"locations":[{"physicalLocation":{"region":{"startLine":-1}}}]}`, `"rules":[null,7,{"id":null}]`, `"artifacts":{},"originalUriBaseIds":[]`), 1, 0},
		{oneResult(`{"message":{"text":"m","id":"x"},"ruleId":"/"}`, "", ""), 1, 0},
	} {
		report, err := Read("in", strings.NewReader(tc.doc), "sarif", ReadOptions{})
		if tc.findings < 0 {
			if err == nil {
				t.Errorf("%s: no error", tc.doc)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.doc, err)
			continue
		}
		if len(report.Findings) != tc.findings || len(report.Problems) != tc.problems {
			t.Errorf("%s: %d findings, problems %v; want %d and %d", tc.doc, len(report.Findings), report.Problems, tc.findings, tc.problems)
		}
	}
}

func TestSARIFLongFlow(t *testing.T) {
	var steps []string
	for i := range 100 {
		steps = append(steps, fmt.Sprintf(`{"location":{"message":{"text":"step %d"}}}`, i))
	}
	doc := oneResult(`{"message":{"text":"m"},"codeFlows":[{"threadFlows":[{"locations":[`+strings.Join(steps, ",")+`]}]}]}`, "", "")
	flow := readString(t, doc, "auto").Findings[0].Flow
	if len(flow) != maxFlowSteps+1 || flow[0] != "step 0" || flow[maxFlowSteps/2] != "[… 80 steps …]" || flow[maxFlowSteps] != "step 99" {
		t.Errorf("flow %q", flow)
	}
}

func TestSARIFInvalidUTF8(t *testing.T) {
	report := readString(t, oneResult("{\"message\":{\"text\":\"caf\xe9\"}},{\"message\":{\"text\":\"fine\"}}", "", ""), "auto")
	if report.Findings[0].Message != "caf\uFFFD" || len(report.Findings[0].Notes) != 1 || len(report.Findings[1].Notes) != 0 || len(report.Notes) != 1 {
		t.Errorf("message %q, notes %q, report's %q", report.Findings[0].Message, report.Findings[0].Notes, report.Notes)
	}
}
