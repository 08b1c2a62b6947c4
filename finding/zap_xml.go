package finding

import (
	"encoding/xml"
	"strings"
)

// zapXMLFormat is ZAP's traditional XML report, with requests and responses or
// without. Before 2.5 an alert had no instances: the place is in the alert itself.
var zapXMLFormat = format{
	name: "zap-xml",
	what: "ZAP XML",
	sniff: func(head []byte) bool {
		name, _ := xmlRoot(head)
		return name == "OWASPZAPReport"
	},
	read: readZAPXML,
}

func readZAPXML(in *input) error {
	site := ""
	return in.walkXML([]string{"OWASPZAPReport"}, func(x *xmlStream, e xml.StartElement) error {
		switch e.Name.Local {
		case "site":
			site = attrOf(e.Attr, "name")
		case "alertitem":
			alert, err := x.element(e)
			if err != nil {
				return err
			}
			return zapXMLAlert(in, x, alert, site)
		}
		return nil
	})
}

func zapXMLAlert(in *input, x *xmlStream, e *xmlElement, site string) error {
	a := zapAlert{
		plugin: e.get("pluginid"), ref: e.get("alertRef"),
		name: oneOf(e.get("name"), e.get("alert")),
		risk: e.get("riskcode"), riskText: e.get("riskdesc"), confidence: oneOf(e.get("confidence"), e.get("reliability")), // its name before 2.4
		description: e.get("desc"), other: e.get("otherinfo"),
		cwe: e.get("cweid"), site: site,
	}
	a.prepare()
	places := e.child("instances").descendants("instance")
	if len(places) == 0 {
		places = []*xmlElement{e}
	}
	for _, p := range places {
		i := zapInstance{
			uri: p.get("uri"), method: p.get("method"), param: p.get("param"), attack: p.get("attack"),
			evidence: p.get("evidence"), other: p.get("otherinfo"),
			requestHeader: p.child("requestheader").text(), requestBody: p.child("requestbody").text(),
			responseHeader: p.child("responseheader").text(), responseBody: p.child("responsebody").text(),
		}
		in.report.Total++
		if strings.TrimSpace(i.requestHeader) != "" {
			in.report.Messages++
		}
		if err := x.emit(a.finding(i), p.line); err != nil {
			return err
		}
	}
	return nil
}
