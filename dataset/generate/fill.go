package generate

import (
	"regexp"
	"strings"
)

// fillers draw a text of a slot's kind; old is the text in the template, whose length or shape some of them keep.
var fillers = map[string]func(g *gen, old string) string{
	"host":     func(g *gen, _ string) string { return g.host() },
	"person":   func(g *gen, _ string) string { return g.person() },
	"first":    func(g *gen, _ string) string { return g.first() },
	"user":     func(g *gen, _ string) string { return g.pick(logins...) },
	"email":    func(g *gen, _ string) string { return g.email() },
	"company":  func(g *gen, _ string) string { return capital(g.company()) },
	"product":  func(g *gen, _ string) string { return g.product() },
	"price":    func(g *gen, _ string) string { return g.price() },
	"city":     func(g *gen, _ string) string { return g.pick(cities...) },
	"word":     func(g *gen, _ string) string { return g.noun() },
	"path":     func(g *gen, _ string) string { return g.pick(paths...) },
	"text":     func(g *gen, _ string) string { return g.sentence() },
	"title":    func(g *gen, _ string) string { return g.title() },
	"date":     func(g *gen, _ string) string { return g.date() },
	"uuid":     func(g *gen, _ string) string { return g.uuid() },
	"ip":       func(g *gen, _ string) string { return g.publicIP() },
	"n":        func(g *gen, old string) string { return g.digits(max(len(old), 1)) },
	"hex":      func(g *gen, old string) string { return g.hex(max(len(old), 8)) },
	"token":    func(g *gen, old string) string { return g.chars(alnum, max(len(old), 8)) },
	"in":       nil, // the attacker's value: see input.go
	"password": func(g *gen, _ string) string { return capital(g.noun()) + g.digits(3) + g.pick("!", "#", ".", "-") },
}

// slot is {{kind:text}}, where the text has no braces. Anything else in double braces belongs to the page.
var slot = regexp.MustCompile(`\{\{([a-z]+):([^{}]*)\}\}`)

// plain is a template's text as it was written by hand: slots have their own text, the marker is gone.
func plain(text string) string {
	return removeMarker(slot.ReplaceAllStringFunc(text, func(s string) string {
		m := slot.FindStringSubmatch(s)
		if _, known := fillers[m[1]]; !known {
			return s
		}
		return m[2]
	}))
}

// fill draws the slots of a text. The same slot text is the same thing throughout an exchange. The slot of the input is
// left for the rule, which needs its place.
func (g *gen) fill(text string) string {
	return slot.ReplaceAllStringFunc(text, func(s string) string {
		m := slot.FindStringSubmatch(s)
		draw, known := fillers[m[1]]
		if !known || draw == nil {
			return s
		}
		if _, drawn := g.values[s]; !drawn {
			g.values[s] = draw(g, m[2])
		}
		return g.values[s]
	})
}

// What is plainly a name or a number in a text without slots is drawn anew too.
var (
	anyUUID  = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	anyEmail = regexp.MustCompile(`\b[A-Za-z0-9._-]+@[a-z0-9-]+(\.[a-z0-9-]+)+\b`)
	anyHex   = regexp.MustCompile(`\b[0-9a-f]{16,}\b`)
	anyDate  = regexp.MustCompile(`\b20[12]\d-[01]\d-[0-3]\d\b`)
)

// rename draws anew the hosts, addresses, ids and dates of an exchange that stand in it as plain text.
func (g *gen) rename(req, resp string) (string, string) {
	again := func(kind string) func(string) string {
		return func(old string) string { return g.fill("{{" + kind + ":" + old + "}}") }
	}
	both := []string{req, resp}
	host := ""
	for line := range strings.Lines(req) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Host") {
			host = strings.TrimSpace(value)
			break
		}
	}
	for i, text := range both {
		if host != "" && !strings.Contains(host, "{{") {
			text = strings.ReplaceAll(text, host, again("host")(host))
		}
		text = anyUUID.ReplaceAllStringFunc(text, again("uuid"))
		text = anyEmail.ReplaceAllStringFunc(text, again("email"))
		text = anyHex.ReplaceAllStringFunc(text, again("hex"))
		both[i] = anyDate.ReplaceAllStringFunc(text, again("date"))
	}
	return both[0], both[1]
}
