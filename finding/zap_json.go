package finding

import (
	"fmt"
	"strings"
)

// zapJSONFormat is ZAP's traditional JSON report, with requests and responses or
// without, in all versions: "site" is a list, or one object where the report was
// converted from XML by a tool.
var zapJSONFormat = format{
	name: "zap-json",
	what: "ZAP JSON",
	sniff: func(head []byte) bool {
		if !looksLikeJSON(head) {
			return false
		}
		keys := outline(head)
		return hasAny(keys, ".@programName", ".site[].alerts[]", ".site[].@name", ".site.alerts[]", ".site.@name") ||
			hasAny(keys, ".@version") && hasAny(keys, ".@generated")
	},
	read: readZAPJSON,
}

func readZAPJSON(in *input) error {
	found := false
	err := in.walkJSON(func(s *jsonStream, _ byte) error {
		z := &zapJSON{in: in, s: s}
		return s.object("", func(key string) error {
			if key != "site" {
				return s.skip()
			}
			found = true
			if c, err := s.peek(); err != nil || c == '{' {
				if err != nil {
					return err
				}
				return z.site("site")
			}
			return s.array("site", func(i int) error { return z.site(fmt.Sprintf("site[%d]", i)) })
		})
	})
	if err == nil && !found && !in.done {
		return fmt.Errorf(`%s: not a report of ZAP: expected "site" at the top of the document`, in.name)
	}
	return err
}

type zapJSON struct {
	in *input
	s  *jsonStream
}

func (z *zapJSON) site(where string) error {
	name := ""
	return z.s.object(where, func(key string) error {
		switch key {
		case "@name":
			text, err := z.s.text()
			name = text
			return err
		case "alerts":
			c, err := z.s.peek()
			if err != nil {
				return err
			}
			each := func(r jsonRecord) error { return z.alert(r, name) }
			if c == '{' { // one alert, or XML's <alerts><alertitem> as converters have it
				return z.s.record(where+".alerts", 0, nil, func(r jsonRecord) error {
					if items := r.get("alertitem"); items.exists() {
						return z.items(items, r, name)
					}
					return each(r)
				})
			}
			return z.s.records(where+".alerts", nil, each)
		}
		return z.s.skip()
	})
}

// items reads the alerts of a converted report, one or a list.
func (z *zapJSON) items(items rawValue, r jsonRecord, site string) error {
	for _, item := range list(items) {
		if err := z.alert(jsonRecord{rawObject: item.object(), line: r.line}, site); err != nil {
			return err
		}
	}
	return nil
}

// list is an array's values, or a lone value as a list of one.
func list(v rawValue) []rawValue {
	if v.kind() == '[' {
		return v.elems()
	}
	if v.exists() && v.kind() != 'n' {
		return []rawValue{v}
	}
	return nil
}

func (z *zapJSON) alert(r jsonRecord, site string) error {
	a := zapAlert{
		plugin: r.get("pluginid").text(), ref: r.get("alertRef").text(),
		name: firstText(r.get("name"), r.get("alert")),
		risk: r.get("riskcode").text(), riskText: r.get("riskdesc").text(), confidence: r.get("confidence").text(),
		description: r.get("desc").str(), other: r.get("otherinfo").str(),
		cwe: r.get("cweid").text(), site: site,
	}
	a.prepare()
	instances := r.get("instances")
	if inner := instances.get("instance"); inner.exists() { // converted from XML
		instances = inner
	}
	places := list(instances)
	if len(places) == 0 {
		places = []rawValue{{}} // it counts once; older reports have the place in the alert itself
	}
	for _, v := range places {
		o := v.object()
		if !v.exists() {
			o = r.rawObject
		}
		i := zapInstance{
			uri: firstText(o.get("uri"), o.get("url")), method: o.get("method").str(), param: o.get("param").text(),
			attack: o.get("attack").text(), evidence: o.get("evidence").text(), other: o.get("otherinfo").str(),
			requestHeader:  firstText(o.get("request-header"), o.get("requestheader")),
			requestBody:    firstText(o.get("request-body"), o.get("requestbody")),
			responseHeader: firstText(o.get("response-header"), o.get("responseheader")),
			responseBody:   firstText(o.get("response-body"), o.get("responsebody")),
		}
		z.in.report.Total++
		if strings.TrimSpace(i.requestHeader) != "" {
			z.in.report.Messages++
		}
		if err := z.s.emit(a.finding(i), r.line, z.in.report.Total-1); err != nil {
			return err
		}
	}
	return nil
}
