package finding

import (
	"strings"
	"testing"
)

func TestZAPRealFindings(t *testing.T) {
	f := readFile(t, "zap_2.16.1_with_req_resp.xml").Findings[0]
	if f.Tool != "ZAP" || f.Rule != "10111" || f.Title != "Authentication Request Identified" || f.Level != "note" || f.CWE != "" ||
		f.File != "https://example-domain.com/cpapi/api/account/verifypasswordless" || f.Focus != "passwordless_code" {
		t.Errorf("%+v", f)
	}
	if !strings.HasPrefix(f.Request, "POST https://example-domain.com/cpapi/api/account/verifypasswordless HTTP/1.1\nhost: example-domain.com\n") ||
		!strings.HasSuffix(f.Request, "\n\n"+`{"user_identifier":"string","method":0,"client_id":"string","passwordless_code":"string"}`) ||
		!strings.HasPrefix(f.Response, "HTTP/1.1 400 Bad Request\nCache-Control: no-store, no-cache\n") {
		t.Errorf("request %q\nresponse %q", f.Request, f.Response)
	}
	if !strings.Contains(f.Message, "Parameter: user_identifier") || !strings.Contains(f.Message, "Confidence: low") || !strings.Contains(f.Message, "userValue=string") {
		t.Errorf("message %q", f.Message)
	}
	f = readFile(t, "zap_juicy2.xml").Findings[0]
	if f.CWE != "CWE-525" || f.VulnCategory() != CategoryHeaders || f.Focus != "public, max-age=0" || !strings.HasSuffix(f.Message, "cache content.\nParameter: Cache-Control\nConfidence: medium") {
		t.Errorf("%+v", f)
	}
}

const zapAlertJSON = `{"pluginid":"40012","alertRef":"40012-1","name":"Cross Site Scripting (Reflected)","riskcode":"3","confidence":"2","riskdesc":"High (Medium)",` +
	`"desc":"<p>Text with <script> in it</p><p>more &amp; more</p>","cweid":"79","otherinfo":"",` +
	`"instances":[{"uri":"http://h/?q=1","method":"GET","param":"q","attack":"<script>alert(1)</script>","evidence":"<script>alert(1)</script>",` +
	`"request-header":"GET http://h/?q=1 HTTP/1.1\r\nHost: h\r\n\r\n","request-body":"","response-header":"HTTP/1.1 200 OK\r\n\r\n","response-body":"<script>alert(1)</script>"},` +
	`{"uri":"http://h/2","method":"POST","param":"","attack":"","evidence":""}]}`

func TestZAPJSON(t *testing.T) {
	site := `{"@name":"http://h","@host":"h","@port":"80","@ssl":"false","alerts":[` + zapAlertJSON + `]}`
	for _, tc := range []struct {
		name, doc       string
		total, messages int
	}{
		{"2.14", `{"@programName":"ZAP","@version":"2.14.0","@generated":"x","site":[` + site + `]}`, 2, 1},
		{"two sites, insights first", `{"@programName":"ZAP","@version":"2.17.0","insights":[{"level":"Low"}],"site":[` + site + `,` + site + `],"sequences":[]}`, 4, 2},
		{"one site as an object, keys turned round", `{"site":` + site + `,"@generated":"x","@version":"2.7.0"}`, 2, 1},
		{"alerts before the name", `{"site":[{"alerts":[` + zapAlertJSON + `],"@name":"http://h"}]}`, 2, 1},
		{"no instances", `{"@version":"2.4","@generated":"x","site":[{"@name":"http://h","alerts":[{"alert":"A","riskcode":"0","url":"http://h/x"},{"alert":"B","instances":[]}]}]}`, 2, 0},
		{"converted from XML", `{"@version":"2.4","@generated":"x","site":{"@name":"h","alerts":{"alertitem":[{"alert":"A","instances":{"instance":{"uri":"u"}}},{"alert":"B","instances":{"instance":[{"uri":"u"},{"uri":"v"}]}}]}}}`, 3, 0},
		{"nothing found", `{"@programName":"ZAP","@version":"2.14.0","site":[]}`, 0, 0},
	} {
		report := readString(t, tc.doc, "auto")
		if report.Format != "zap-json" || report.Total != tc.total || report.Messages != tc.messages || len(report.Findings) != tc.total || len(report.Problems) != 0 {
			t.Errorf("%s: %s: %d findings, %d messages, problems %v", tc.name, report.Format, report.Total, report.Messages, report.Problems)
		}
	}
	f := readString(t, `{"@programName":"ZAP","site":[`+site+`]}`, "auto").Findings[0]
	if f.Rule != "40012-1" || f.CWE != "CWE-79" || f.Level != "error" || f.Severity != "High (Medium)" || f.Focus != "<script>alert(1)</script>" ||
		f.Response != "HTTP/1.1 200 OK\r\n\r\n<script>alert(1)</script>" || f.Request != "GET http://h/?q=1 HTTP/1.1\r\nHost: h\r\n\r\n" ||
		!strings.HasPrefix(f.Message, "Text with <script> in it\nmore & more\nParameter: q\nAttack: <script>alert(1)</script>") {
		t.Errorf("%+v", f)
	}
}

// TestZAPXMLOld: reports without instances have the place in the alert, or none.
func TestZAPXMLOld(t *testing.T) {
	doc := `<?xml version="1.0"?><OWASPZAPReport version="2.3.1" generated="x"><site host="h" name="http://h" port="80" ssl="false"><alerts>
<alertitem><pluginid>10016</pluginid><alert>Web Browser XSS Protection Not Enabled</alert><riskcode>1</riskcode><reliability>2</reliability>
<riskdesc>Low (Warning)</riskdesc><desc>d</desc><uri>http://h/a</uri><param>X-XSS-Protection</param><attack/><evidence>X-XSS-Protection: 0</evidence><otherinfo/><cweid>933</cweid></alertitem>
<alertitem><pluginid>1</pluginid><alert>B</alert><riskcode>2</riskcode><instances/></alertitem></alerts></site></OWASPZAPReport>`
	report := readString(t, doc, "auto")
	if report.Format != "zap-xml" || report.Total != 2 || len(report.Findings) != 2 {
		t.Fatalf("%+v", report)
	}
	f := report.Findings[0]
	if f.File != "http://h/a" || f.Focus != "X-XSS-Protection: 0" || f.Level != "note" || f.VulnCategory() != CategoryHeaders || f.Origin.Line != 2 {
		t.Errorf("%+v", f)
	}
	if report.Findings[1].File != "http://h" || report.Findings[1].Level != "warning" {
		t.Errorf("%+v", report.Findings[1])
	}
}
