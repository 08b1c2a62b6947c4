package finding

import "strings"

// zapAlert is an alert of a ZAP report, in JSON or XML, without its instances
// (https://www.zaproxy.org/docs/desktop/addons/report-generation/).
type zapAlert struct {
	plugin, ref, name          string
	risk, riskText, confidence string
	description, other         string
	cwe                        string
	site                       string // the URL under which the alert stands
	descriptionText, otherText string // made plain once, for all instances
	messages                   map[string]string
}

// zapInstance is one place where the alert was raised. Reports "plus" carry the exchange.
type zapInstance struct {
	uri, method, param, attack, evidence, other              string
	requestHeader, requestBody, responseHeader, responseBody string
}

func (a *zapAlert) prepare() {
	a.descriptionText, a.otherText = ruleText(a.description), ruleText(a.other)
	a.messages = map[string]string{}
}

// message is the description and an instance's details. An alert may have a hundred
// thousand instances that differ in their URL alone: those share one text.
func (a *zapAlert) message(details string) string {
	const most = 100 // beyond that they differ
	text, known := a.messages[details]
	if !known {
		var d description
		d.text(a.descriptionText)
		d.text(details)
		if text = d.String(); len(a.messages) < most {
			a.messages[details] = text
		}
	}
	return text
}

// finding makes one instance a finding. ZAP's own evidence is what it flags.
func (a *zapAlert) finding(i zapInstance) Finding {
	f := Finding{
		Source:   "zap",
		Tool:     "ZAP",
		Rule:     oneOf(a.ref, a.plugin),
		Title:    a.name,
		CWE:      zapCWE(a.cwe),
		Category: "http",
		Language: "http",
		File:     strings.TrimSpace(oneOf(i.uri, a.site)),
		Level:    levelOf(oneOf(a.risk, a.riskText)),
		Severity: a.riskText,
		Focus:    strings.TrimSpace(i.evidence),
	}
	if i.requestHeader+i.requestBody != "" {
		f.Request = joinMessage(i.requestHeader, i.requestBody)
	}
	if i.responseHeader+i.responseBody != "" {
		f.Response = joinMessage(i.responseHeader, i.responseBody)
	}
	var d description
	if f.Request == "" && i.method != "GET" {
		d.detail("Method", i.method)
	}
	d.detail("Parameter", i.param)
	d.detail("Attack", i.attack)
	other := i.other
	if strings.TrimSpace(other) == "" {
		other = a.otherText
	} else {
		other = plainText(other)
	}
	d.detail("Other information", other)
	d.detail("Confidence", zapConfidence(a.confidence))
	f.Message = a.message(d.String())
	return f
}

// zapCWE: ZAP writes -1 or 0 where it knows none.
func zapCWE(id string) string {
	id = strings.TrimSpace(id)
	if id == "" || id[0] == '-' || strings.Trim(id, "0") == "" {
		return ""
	}
	return findCWE(canonicalCWE(id))
}

// zapConfidence names ZAP's codes (https://www.zaproxy.org/docs/constants/).
func zapConfidence(code string) string {
	switch strings.TrimSpace(code) {
	case "0":
		return "false positive, as marked in ZAP"
	case "1":
		return "low"
	case "2":
		return "medium"
	case "3":
		return "high"
	case "4":
		return "confirmed by the user"
	}
	return code
}
