package finding

import (
	"strings"
	"testing"
)

// serverRule claims one thing of every exchange whose response names a server.
func serverRule(exchange Finding) []Finding {
	if !strings.Contains(exchange.Response, "Server:") {
		return nil
	}
	return []Finding{{Tool: "janus", Rule: "server", Title: "Server is named", Message: "m"}}
}

func TestRulesMakeCandidatesOfTraffic(t *testing.T) {
	doc := "GET /a HTTP/1.1\nHost: x\n\nHTTP/1.1 200 OK\nServer: s/1\n\n<<<<>>>>\nGET /b HTTP/1.1\nHost: x\n\nHTTP/1.1 200 OK\n\n"
	plain := readString(t, doc, "http")
	if plain.Total != 0 || plain.Messages != 2 || len(plain.Findings) != 2 {
		t.Errorf("without rules: %d findings in the document, %d messages, %d rows", plain.Total, plain.Messages, len(plain.Findings))
	}
	report, err := Read("in", strings.NewReader(doc), "http", ReadOptions{Rules: serverRule})
	if err != nil {
		t.Fatal(err)
	}
	if report.Total != 1 || report.Messages != 2 || len(report.Findings) != 1 {
		t.Fatalf("with rules: %d findings, %d messages, %d rows", report.Total, report.Messages, len(report.Findings))
	}
	f := report.Findings[0]
	if f.ID == "" || f.Rule != "server" || f.Origin.Input != "in" || f.Origin.Line != 1 || f.Location() != "in:1" ||
		f.Category != "http" || !strings.HasPrefix(f.Request, "GET /a") || !strings.HasPrefix(f.Response, "HTTP/1.1 200") {
		t.Errorf("candidate %+v", f)
	}
	elsewhere, err := Read("other", strings.NewReader("\n\n"+doc), "http", ReadOptions{Rules: serverRule})
	if err != nil || elsewhere.Findings[0].ID != f.ID {
		t.Errorf("the same exchange in another file has another id (%v)", err)
	}
}
