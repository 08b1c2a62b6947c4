package finding

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNuclei(t *testing.T) {
	row := `{"template-id":"cors-misconfig","info":{"name":"CORS Misconfiguration","severity":"medium","description":"d","classification":{"cwe-id":["cwe-942"],"cve-id":null}},` +
		`"matcher-name":"arbitrary-origin","type":"http","host":"https://h","matched-at":"https://h/a","extracted-results":["x","y"],` +
		`"request":"GET /a HTTP/1.1\r\nHost: h\r\n\r\n","response":"HTTP/1.1 200 OK\r\n\r\n","matcher-status":true}`
	pretty := "{\n  \"template-id\": \"a\",\n  \"info\": {\"name\": \"A\"}\n}\n"
	for _, tc := range []struct {
		name, doc                        string
		total, found, messages, problems int
	}{
		{"lines", row + "\n" + row + "\n", 2, 2, 2, 0},
		{"CRLF, no end", row + "\r\n\r\n" + row, 2, 2, 2, 0},
		{"array", "[" + row + ",\n" + row + "]", 2, 2, 2, 0},
		{"pretty objects one after another", pretty + pretty, 2, 2, 0, 0},
		{"first line broken", "{\"template-id\":\n" + row + "\n", 2, 1, 1, 1},
		{"last line cut", row + "\n" + row[:80], 2, 1, 1, 1},
		{"array cut", "[" + row + "," + row[:80], 1, 1, 1, 1},
		{"a row that is none", row + "\n7\n{}\n", 3, 1, 1, 2},
		{"did not match", strings.Replace(row, `"matcher-status":true`, `"matcher-status":false`, 1) + "\n" + row, 2, 1, 2, 0},
		{"empty array of an older file", "[" + row + "]", 1, 1, 1, 0},
	} {
		report := readString(t, tc.doc, "auto")
		if report.Format != "nuclei-json" || report.Total != tc.total || len(report.Findings) != tc.found || report.Messages != tc.messages || len(report.Problems) != tc.problems {
			t.Errorf("%s: %s: %d rows, %d findings, %d messages, problems %v", tc.name, report.Format, report.Total, len(report.Findings), report.Messages, report.Problems)
		}
	}
	f := readString(t, row, "auto").Findings[0]
	if f.Title != "CORS Misconfiguration (arbitrary-origin)" || f.CWE != "CWE-942" || f.Level != "warning" || f.File != "https://h/a" || f.Category != "http" ||
		f.Request == "" || f.Response == "" || f.Message != "d\nMatched at: https://h/a\nMatcher: arbitrary-origin\nExtracted: x, y" {
		t.Errorf("%+v", f)
	}
	old := readFile(t, "nuclei_many_findings.json").Findings
	if old[0].Category != "network" || old[0].File != "nuclei-example.com:22" || old[1].Category != "http" || !strings.Contains(old[1].Message, "Extracted: nginx/1.14.2") {
		t.Errorf("version 1: %+v\n%+v", old[0], old[1])
	}
}

func TestSemgrep(t *testing.T) {
	result := `{"check_id":"a.b.sqli","path":"src\\a.py","start":{"line":3,"col":1},"end":{"line":5,"col":2},"extra":{"message":"m","severity":"ERROR",` +
		`"metadata":{"cwe":["CWE-89: Improper …","CWE-20"],"confidence":"LOW","vulnerability_class":["SQL Injection"]},"lines":"  x = 1\n","fingerprint":"f00","is_ignored":false,` +
		`"dataflow_trace":{"taint_source":["CliLoc",[{"path":"a.py","start":{"line":1}},"request.args"]],"intermediate_vars":[{"location":{"path":"a.py","start":{"line":2}},"content":"q"}],` +
		`"taint_sink":["CliCall",[[{"path":"a.py","start":{"line":3}},"run(q)"],[],["CliLoc",[{"path":"b.py","start":{"line":9}},"execute(q)"]]]]}}}`
	ignored := strings.Replace(result, `"is_ignored":false`, `"is_ignored":true`, 1)
	for _, tc := range []struct {
		name, doc                   string
		total, suppressed, problems int
	}{
		{"1.x", `{"version":"1.100.0","results":[` + result + `],"errors":[],"paths":{"scanned":[]}}`, 1, 0, 0},
		{"errors first", `{"errors":[{"code":3}],"results":[` + result + `,` + ignored + `]}`, 2, 1, 0},
		{"nothing found", `{"results": [], "errors": []}`, 0, 0, 0},
		{"cut", `{"results":[` + result + `,{"check_id":`, 1, 0, 1},
		{"a broken result", `{"results":[{"check_id":"x","extra":{"message" 7}},` + result + `]}`, 2, 0, 1},
	} {
		report := readString(t, tc.doc, "auto")
		if report.Format != "semgrep-json" || report.Total != tc.total || report.Suppressed != tc.suppressed || len(report.Problems) != tc.problems {
			t.Errorf("%s: %s: %d results, %d suppressed, problems %v", tc.name, report.Format, report.Total, report.Suppressed, report.Problems)
		}
	}
	f := readString(t, `{"results":[`+result+`]}`, "auto").Findings[0]
	line := 3
	want := Finding{
		ID: f.ID, Source: "semgrep", Tool: "Semgrep", Rule: "a.b.sqli", CWE: "CWE-89", Category: "code", Language: "python", File: "src/a.py", Line: &line, EndLine: 5,
		Title: "sqli (SQL Injection)", Message: "m\nConfidence of the rule: LOW", Level: "error", Severity: "ERROR", Snippet: "  x = 1",
		Flow:         []string{"a.py:1: request.args", "a.py:2: q", "a.py:3: run(q)", "b.py:9: execute(q)"},
		Fingerprints: map[string]string{"semgrep/fingerprint": "f00"}, Origin: Origin{Input: "in", Line: 1},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if f := readString(t, strings.ReplaceAll(`{"results":[`+result+`]}`, `"  x = 1\n"`, `"requires login"`), "auto").Findings[0]; f.Snippet != "" {
		t.Errorf("code left out by Semgrep: %q", f.Snippet)
	}
}

func TestCheckov(t *testing.T) {
	check := `{"check_id":"CKV_AWS_20","check_name":"S3 Bucket has an ACL","check_result":{"result":"FAILED","evaluated_keys":["acl"]},"code_block":[[1,"resource \"x\" {\n"],[2,"}\n"]],` +
		`"file_path":"/s3.tf","file_line_range":[1,2],"resource":"aws_s3_bucket.x","severity":"HIGH","guideline":"https://g"}`
	skipped := `{"check_id":"X","check_result":{"result":"SKIPPED","suppress_comment":"wanted"}}`
	report := func(kind, failed, skipped string) string {
		return `{"check_type":"` + kind + `","results":{"passed_checks":[{"check_id":"Y"}],"failed_checks":[` + failed + `],"skipped_checks":[` + skipped + `],"parsing_errors":["/b.tf"]},"summary":{"failed":1}}`
	}
	late := `{"results":{"failed_checks":[` + check + strings.Repeat(",\n"+check, 200) + `]},"check_type":"terraform"}`
	for _, tc := range []struct {
		name, doc         string
		total, suppressed int
	}{
		{"one framework", report("terraform", check, ""), 1, 0},
		{"a list", "[" + report("terraform", check, skipped) + "," + report("kubernetes", check+","+check, "") + "]", 3, 1},
		{"nothing checked", `{"passed":0,"failed":0,"skipped":0,"parsing_errors":0,"resource_count":0,"checkov_version":"3.2.1"}`, 0, 0},
		{"a list with one that checked nothing", `[{"passed":0,"checkov_version":"3"},` + report("secrets", check, "") + `]`, 1, 0},
		{"its kind last", late, 201, 0},
		{"results are of another kind", `{"check_type":"terraform","results":[]}`, 0, 0},
	} {
		r := readString(t, tc.doc, "auto")
		if r.Format != "checkov-json" || r.Total != tc.total || len(r.Findings) != tc.total || r.Suppressed != tc.suppressed {
			t.Errorf("%s: %s: %d failed, %d suppressed, problems %v", tc.name, r.Format, r.Total, r.Suppressed, r.Problems)
		}
	}
	f := readString(t, report("terraform", check, ""), "auto").Findings[0]
	line := 1
	want := Finding{
		ID: f.ID, Source: "checkov", Tool: "Checkov", Rule: "CKV_AWS_20", Category: "iac-terraform", Language: "terraform", File: "s3.tf", Line: &line, EndLine: 2,
		Title: "S3 Bucket has an ACL", Message: "Resource: aws_s3_bucket.x\nLooked at: acl\nGuideline: https://g", Level: "error", Severity: "HIGH",
		Snippet: "resource \"x\" {\n}", Origin: Origin{Input: "in", Line: 1},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}

func TestKICS(t *testing.T) {
	doc := `{"kics_version":"v2.1.0","files_scanned":1,"queries":[
{"query_name":"ECS Cluster Not Encrypted","query_id":"6c13","severity":"MEDIUM","platform":"CloudFormation","cwe":"311","category":"Encryption","description":"d",
 "files":[
  {"file_name":"a\\b.yaml","similarity_id":"s1","line":48,"issue_type":"MissingAttribute","search_key":"k","search_line":-1,"expected_value":"e","actual_value":"a"},
  7,
  {"file_name":"c.yaml","line":-1,"expected_value":null}
 ]}, null],"total_counter":2}`
	report := readString(t, doc, "auto")
	if report.Format != "kics-json" || report.Total != 3 || len(report.Findings) != 2 || len(report.Problems) != 2 {
		t.Fatalf("%s: %d findings in the document, %d found, problems %v", report.Format, report.Total, len(report.Findings), report.Problems)
	}
	f := report.Findings[0]
	line := 48
	want := Finding{
		ID: f.ID, Source: "kics", Tool: "KICS", Rule: "6c13", CWE: "CWE-311", Category: "iac-cloudformation", Language: "yaml", File: "a/b.yaml", Line: &line,
		Title: "ECS Cluster Not Encrypted", Message: "d\nExpected: e\nFound: a\nIssue: MissingAttribute\nKey: k\nCategory: Encryption", Level: "warning", Severity: "MEDIUM",
		Fingerprints: map[string]string{"kics/similarity_id": "s1"}, Origin: Origin{Input: "in", Line: 4},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(report.Problems[0].Error(), "in:5: queries[0].files[1]: expected an object, found a number") || report.Findings[1].Line != nil {
		t.Errorf("problems %v, line %v", report.Problems, report.Findings[1].Line)
	}
	if r := readString(t, `{"files_scanned":1,"files_parsed":1,"queries_total":235,"queries":[]}`, "auto"); r.Format != "kics-json" || r.Total != 0 {
		t.Errorf("version 1, nothing found: %+v", r)
	}
}
