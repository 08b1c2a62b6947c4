package finding

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// burpFormat is Burp Suite's XML: the report of issues, and the export of items of the
// proxy's history, which is traffic. Requests and responses are base64 or plain.
var burpFormat = format{
	name: "burp-xml",
	what: "Burp Suite XML (issues, or items of its history)",
	sniff: func(head []byte) bool {
		name, tag := xmlRoot(head)
		if name != "issues" && name != "items" {
			return false // other tools have issues too
		}
		return strings.Contains(tag, "burpVersion") || bytes.Contains(head, []byte("burpVersion")) || bytes.Contains(head, []byte("<serialNumber>"))
	},
	read: readBurp,
}

func readBurp(in *input) error {
	items := 0
	err := in.walkXML([]string{"issues", "items"}, func(x *xmlStream, e xml.StartElement) error {
		switch e.Name.Local {
		case "issue":
			issue, err := x.element(e)
			if err != nil {
				return err
			}
			in.report.Total++
			exchanges := burpExchanges(issue)
			in.report.Messages += len(exchanges)
			return x.emit(burpFinding(issue, exchanges), issue.line)
		case "item":
			item, err := x.element(e)
			if err != nil {
				return err
			}
			items++
			return burpItem(in, item)
		}
		return nil
	})
	if items > 0 && in.opts.Rules == nil {
		in.report.Notes = append(in.report.Notes, "Burp's history is traffic and holds no findings: use --rules headers to have candidates made of it")
	}
	return err
}

// burpItem is an exchange of the history.
func burpItem(in *input, item *xmlElement) error {
	in.report.Messages++
	if in.opts.Rules == nil {
		return nil
	}
	f := Finding{
		Source: "burp", Category: "http", Language: "http",
		File:    item.get("url"),
		Request: burpMessage(item.child("request")), Response: burpMessage(item.child("response")),
		Origin: Origin{Result: in.report.Messages - 1, Line: item.line},
	}
	f.Title = exchangeTitle(f.Request, f.Response)
	if !in.candidates(f) {
		return errStop
	}
	return nil
}

// burpExchange is a request and its response as evidence of an issue.
type burpExchange struct{ request, response string }

func burpExchanges(issue *xmlElement) []burpExchange {
	var out []burpExchange
	for _, e := range issue.descendants("requestresponse") {
		x := burpExchange{burpMessage(e.child("request")), burpMessage(e.child("response"))}
		if x.request != "" || x.response != "" {
			out = append(out, x)
		}
	}
	return out
}

func burpMessage(e *xmlElement) string {
	text := e.text()
	if strings.EqualFold(e.attr("base64"), "true") {
		raw, err := decodeBase64(text)
		if err != nil {
			return text // as it is: it may still tell something
		}
		return readableMessage(raw)
	}
	return strings.TrimLeft(text, " \t\r\n")
}

func burpFinding(issue *xmlElement, exchanges []burpExchange) Finding {
	host := issue.child("host")
	f := Finding{
		Source:   "burp",
		Tool:     "Burp Suite",
		Rule:     issue.get("type"),
		Title:    oneOf(issue.get("name"), issue.get("type")),
		Category: "http",
		Language: "http",
		File:     strings.TrimSuffix(strings.TrimSpace(host.text()), "/") + issue.get("path"),
		Severity: issue.get("severity"),
		CWE:      findCWE(issue.child("vulnerabilityClassifications").text(), issue.get("references")),
	}
	f.Level = levelOf(f.Severity)
	var d description
	detail := plainText(issue.child("issueDetail").text())
	if detail == "" {
		detail = ruleText(issue.child("issueBackground").text())
	}
	d.text(detail)
	for _, item := range issue.descendants("issueDetailItem") {
		d.text("- " + plainText(item.text()))
	}
	if location := issue.get("location"); location != issue.get("path") {
		d.detail("Location", location)
	}
	d.detail("Confidence", issue.get("confidence"))
	d.detail("Host address", host.attr("ip"))
	for i, x := range exchanges {
		if i == 0 {
			f.Request, f.Response = x.request, x.response
			continue
		}
		if i > maxFlowSteps {
			d.text(fmt.Sprintf("(and %d more exchanges)", len(exchanges)-i))
			break
		}
		d.detail("Further exchange", strings.TrimSpace(firstTextLine(x.request))+" -> "+strings.TrimSpace(firstTextLine(x.response)))
	}
	f.Message = d.String()
	return f
}
