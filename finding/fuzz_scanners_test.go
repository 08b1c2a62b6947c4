package finding

import (
	"bytes"
	"strings"
	"testing"
)

// fuzzReader fuzzes a format from the real files that match a pattern and from seeds.
func fuzzReader(f *testing.F, format, pattern string, seeds ...string) {
	f.Helper()
	if pattern != "" {
		seedFiles(f, pattern)
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, rules := range []func(Finding) []Finding{nil, everyExchange} {
			report, err := Read("in", bytes.NewReader(doc), format, ReadOptions{MaxBytes: fuzzLimit.MaxBytes, Rules: rules})
			if err != nil {
				if !strings.HasPrefix(err.Error(), "in:") {
					t.Fatalf("an error that does not name its document: %v", err)
				}
				return
			}
			if report.Format != format {
				t.Fatalf("read as %s", report.Format)
			}
			for _, problem := range report.Problems {
				if !strings.HasPrefix(problem.Error(), "in:") {
					t.Fatalf("a problem without a place: %v", problem)
				}
			}
			checkReport(t, report)
			checkSize(t, doc, report)
		}
	})
}

// checkSize: the texts of the findings do not grow out of proportion to the document.
// What a rule says is repeated for each of its findings, and is bounded.
func checkSize(t *testing.T, doc []byte, report *Report) {
	t.Helper()
	size := 0
	for i := range report.Findings {
		f := &report.Findings[i]
		size += len(f.Title) + len(f.Snippet) + len(f.Focus) + len(f.Request) + len(f.Response) + len(strings.Join(f.Flow, ""))
	}
	// U+FFFD for a byte is three, and an array's Host or placeholder is some words.
	if len(doc) < 100<<10 && size > 10*len(doc)+1000*(1+len(report.Findings)) && bytes.HasPrefix(doc, []byte("{")) {
		t.Fatalf("%d bytes of text from a document of %d", size, len(doc))
	}
}

func FuzzHAR(f *testing.F) {
	fuzzReader(f, "har", "testdata/*.har", harOf(`{"_webSocketMessages":[]}`, `{"request":{"url":"http://h/"},"response":{"status":200,"content":{"encoding":"base64","text":"AAEC"}}}`))
}

func FuzzBurp(f *testing.F) {
	fuzzReader(f, "burp-xml", "testdata/burp_*.xml",
		`<issues burpVersion="1"><issue><name>n</name><host ip="x">h</host><requestresponse><request base64="true">R0VUIC8=</request></requestresponse></issue></issues>`,
		`<items burpVersion="1"><item><url>u</url><request>GET / HTTP/1.1</request></item></items>`)
}

func FuzzZAPXML(f *testing.F) {
	fuzzReader(f, "zap-xml", "testdata/zap_*.xml",
		`<!DOCTYPE a [<!ENTITY b "c">]><OWASPZAPReport><site name="s"><alertitem><name>&b;</name><instances><instance><uri>u</uri><requestheader>GET / HTTP/1.1</requestheader></instance></instances></alertitem></site></OWASPZAPReport>`)
}

func FuzzZAPJSON(f *testing.F) {
	fuzzReader(f, "zap-json", "", `{"@programName":"ZAP","site":[{"@name":"s","alerts":[`+zapAlertJSON+`]}]}`,
		`{"site":{"alerts":{"alertitem":[{"alert":"A","instances":{"instance":{"uri":"u"}}}]}}}`)
}

func FuzzNuclei(f *testing.F) {
	fuzzReader(f, "nuclei-json", "testdata/nuclei_*.json", `[{"template-id":"x","info":{"name":"n"},"matcher-status":false}]`, "{\n\"template-id\":\"x\"}\n{\n}")
}

func FuzzSemgrep(f *testing.F) {
	fuzzReader(f, "semgrep-json", "testdata/semgrep_*.json",
		`{"results":[{"check_id":"x","extra":{"is_ignored":true,"dataflow_trace":{"taint_source":["CliCall",[[{"path":"a"},"b"],[],["CliLoc",[{},"c"]]]]}}}]}`)
}

func FuzzCheckov(f *testing.F) {
	fuzzReader(f, "checkov-json", "testdata/checkov*.json", `[{"results":{"failed_checks":[{"check_id":"x","code_block":[[1,"x"]]}],"skipped_checks":[{"check_result":{"suppress_comment":"c"}}]},"check_type":"x"},{"passed":0}]`)
}

func FuzzKICS(f *testing.F) {
	fuzzReader(f, "kics-json", "", `{"queries":[{"query_id":"x","severity":"HIGH","files":[{"file_name":"a","line":1},{"line":-1}]}]}`)
}

// FuzzCategory: any names, no panic, and one of the five answers.
func FuzzCategory(f *testing.F) {
	f.Add("Cookie No HttpOnly Flag", "10010", "CWE-1004")
	f.Fuzz(func(t *testing.T, title, rule, cwe string) {
		finding := Finding{Title: title, Rule: rule, CWE: cwe}
		switch got := finding.VulnCategory(); got {
		case "", CategoryHeaders, CategoryXSS, CategorySQLI, CategoryInfo:
		default:
			t.Fatalf("%q", got)
		}
	})
}
