package finding

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestBurpRealFinding(t *testing.T) {
	f := readFile(t, "burp_one_finding.xml").Findings[0]
	if f.Tool != "Burp Suite" || f.Rule != "1049088" || f.Title != "SQL injection" || f.Level != "error" || f.Severity != "High" ||
		f.File != "http://bwa/bodgeit/basket.jsp" || f.VulnCategory() != CategorySQLI {
		t.Errorf("%+v", f)
	}
	for _, want := range []string{"The b_id cookie appears to be vulnerable", "The payload ' was submitted", "Location: /bodgeit/basket.jsp [b_id cookie]", "Confidence: Firm"} {
		if !strings.Contains(f.Message, want) {
			t.Errorf("message lacks %q: %s", want, f.Message)
		}
	}
	if strings.ContainsAny(f.Message, "<>") || !strings.HasPrefix(f.Request, "POST /bodgeit/basket.jsp HTTP/1.1\r\n") || !strings.HasPrefix(f.Response, "HTTP/1.1 ") {
		t.Errorf("message %q, request %.60q, response %.60q", f.Message, f.Request, f.Response)
	}
}

func burpOf(issues ...string) string {
	return `<?xml version="1.0"?><issues burpVersion="2023.1" exportTime="x">` + strings.Join(issues, "") + `</issues>`
}

func TestBurpIssues(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	exchange := func(request, response string) string {
		return fmt.Sprintf(`<requestresponse><request base64="true">%s</request><response base64="true">%s</response></requestresponse>`, encode(request), encode(response))
	}
	issue := func(more string) string {
		return `<issue><type>1</type><name>N</name><host ip="1.2.3.4">https://h</host><path>/p</path><severity>Medium</severity>` + more + `</issue>`
	}
	for _, tc := range []struct {
		name, doc         string
		messages          int
		message, response string // parts
	}{
		{"two exchanges", burpOf(issue(exchange("GET /1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\na") + exchange("GET /2 HTTP/1.1\r\n\r\n", "HTTP/1.1 500 E\r\n\r\nb"))),
			2, "Further exchange: GET /2 HTTP/1.1 -> HTTP/1.1 500 E", "HTTP/1.1 200 OK\r\n\r\na"},
		{"in an event", burpOf(issue("<collaboratorEvent><interactionType>DNS</interactionType>" + exchange("GET /1 HTTP/1.1\r\n\r\n", "") + "</collaboratorEvent>")), 1, "", ""},
		{"a picture", burpOf(issue(exchange("GET /1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00"))),
			1, "", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n[5 bytes of image/png]"},
		{"plain text", burpOf(issue("<requestresponse><request>GET / HTTP/1.1\n\n</request><response>HTTP/1.1 200 OK\n\n&lt;b&gt;</response></requestresponse>")),
			1, "", "HTTP/1.1 200 OK\n\n<b>"},
		{"items of a detail", burpOf(issue("<issueDetail>Found:</issueDetail><issueDetailItems><issueDetailItem>a &lt;b&gt;x&lt;/b&gt;</issueDetailItem></issueDetailItems>")), 0, "Found:\n- a x", ""},
		{"markup that is not escaped", burpOf(issue("<issueDetail>one <b>two</b></issueDetail>")), 0, "one", ""},
		{"CDATA with brackets", burpOf(issue("<location><![CDATA[/p [a]]]></location>")), 0, "Location: /p [a]", ""},
	} {
		report := readString(t, tc.doc, "auto")
		if report.Format != "burp-xml" || report.Total != 1 || report.Messages != tc.messages || len(report.Findings) != 1 || len(report.Problems) != 0 {
			t.Errorf("%s: %+v", tc.name, report)
			continue
		}
		f := report.Findings[0]
		if !strings.Contains(f.Message, tc.message) || f.Response != tc.response || f.File != "https://h/p" || f.Level != "warning" {
			t.Errorf("%s: message %q, response %q, %+v", tc.name, f.Message, f.Response, f)
		}
	}
}

func TestBurpHistoryIsTraffic(t *testing.T) {
	doc := `<items burpVersion="2023.1"><item><url>https://h/a</url><request base64="true">` + base64.StdEncoding.EncodeToString([]byte("GET /a HTTP/1.1\r\n\r\n")) +
		`</request><response base64="true">` + base64.StdEncoding.EncodeToString([]byte("HTTP/1.1 200 OK\r\n\r\n")) + `</response></item></items>`
	plain := readString(t, doc, "auto")
	if plain.Format != "burp-xml" || plain.Messages != 1 || plain.Total != 0 || len(plain.Notes) != 1 {
		t.Errorf("%+v", plain)
	}
	report, err := Read("in", strings.NewReader(doc), "auto", ReadOptions{Rules: everyExchange})
	if err != nil || report.Total != 1 || report.Findings[0].File != "https://h/a" || report.Findings[0].Response != "HTTP/1.1 200 OK\r\n\r\n" {
		t.Errorf("%v, %+v", err, report)
	}
}
