package generate

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// input is the place in a request that an attacker's value goes to.
type input struct {
	name string // of the parameter, field or member
	old  string // the harmless value there
}

const inputMark = "\x00in\x00" // stands for the value until a rule puts one in; no template can hold it: NUL is cleaned out

var (
	inSlot     = regexp.MustCompile(`\{\{in:([^{}]*)\}\}`)
	pairBefore = regexp.MustCompile(`([A-Za-z0-9_.-]+)=$`)
	keyBefore  = regexp.MustCompile(`"([A-Za-z0-9_.-]+)"\s*:\s*"$`)
	pairs      = regexp.MustCompile(`(?:^|[?&])([A-Za-z0-9_.-]+)=([^&\s]*)`)
	members    = regexp.MustCompile(`"([A-Za-z0-9_.-]+)"\s*:\s*"([^"\\]*)"`)
	notInputs  = regexp.MustCompile(`(?i)csrf|token|page$|^_|limit|sort|lang|locale|password|nonce|grant|client|version|utm|signature`)
)

// placeInput marks one place of the request's target or body: the template's own {{in:…}}, or a parameter, a form field or
// a string member, or, where there is none, a new query parameter.
func (g *gen) placeInput(req *message) input {
	for _, text := range []*string{&req.start, &req.body} {
		if m := inSlot.FindStringSubmatchIndex(*text); m != nil {
			in := input{name: "path", old: (*text)[m[2]:m[3]]}
			if b := pairBefore.FindStringSubmatch((*text)[:m[0]]); b != nil {
				in.name = b[1]
			} else if b := keyBefore.FindStringSubmatch((*text)[:m[0]]); b != nil {
				in.name = b[1]
			}
			*text = (*text)[:m[0]] + inputMark + (*text)[m[1]:]
			return in
		}
	}
	type place struct {
		text     *string
		from, to int
		input
	}
	var places []place
	find := func(text *string, start int, pattern *regexp.Regexp) {
		for _, m := range pattern.FindAllStringSubmatchIndex((*text)[start:], -1) {
			name, value := (*text)[start+m[2]:start+m[3]], (*text)[start+m[4]:start+m[5]]
			if !notInputs.MatchString(name) {
				places = append(places, place{text, start + m[4], start + m[5], input{name, value}})
			}
		}
	}
	if at := strings.IndexByte(req.start, '?'); at >= 0 {
		find(&req.start, at, pairs)
	}
	switch kind := req.get("Content-Type"); {
	case strings.Contains(kind, "json"):
		find(&req.body, 0, members)
	case strings.Contains(kind, "urlencoded"):
		find(&req.body, 0, pairs)
	}
	if len(places) == 0 {
		in := input{name: g.pick(params...), old: g.noun()}
		glue := "?"
		if strings.Contains(req.target(), "?") {
			glue = "&"
		}
		req.setTarget(req.target() + glue + in.name + "=" + inputMark)
		return in
	}
	p := places[g.IntN(len(places))]
	*p.text = (*p.text)[:p.from] + inputMark + (*p.text)[p.to:]
	return p.input
}

// setInput puts the value at the mark, written as its place needs it: percent-encoded in a target or a form, escaped in JSON.
func (g *gen) setInput(req *message, value string) {
	if strings.Contains(req.start, inputMark) {
		encoded := url.QueryEscape(value)
		path, _, _ := strings.Cut(req.start, "?")
		if strings.Contains(path, inputMark) {
			encoded = url.PathEscape(value)
		}
		req.start = strings.ReplaceAll(req.start, inputMark, encoded)
		return
	}
	switch kind := req.get("Content-Type"); {
	case strings.Contains(kind, "json"):
		quoted := jsonString(value)
		req.body = strings.ReplaceAll(req.body, inputMark, quoted[1:len(quoted)-1])
	case strings.Contains(kind, "urlencoded"):
		req.body = strings.ReplaceAll(req.body, inputMark, url.QueryEscape(value))
	case strings.Contains(kind, "xml"):
		req.body = strings.ReplaceAll(req.body, inputMark, xmlEscape(value))
	default: // multipart and text
		req.body = strings.ReplaceAll(req.body, inputMark, value)
	}
}

// jsonString is a text as a JSON string, with < > & left as most servers leave them.
func jsonString(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
