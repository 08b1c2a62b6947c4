package generate

import (
	"fmt"
	"regexp"
	"strings"
)

// The policy: HSTS and CSP are required and proper; Cache-Control matters only for sensitive data; Server does not leak a
// version; Access-Control-Allow-Origin is not too permissive; every other header is optional.

var headerRules = []rule{
	{"HSTS", 3, func(_ Template, x exchange) bool {
		return !redirects(x) && !partOfPage.MatchString(x.resp.get("Content-Type"))
	}, hstsRule},
	{"CSP", 8, func(_ Template, x exchange) bool { return !redirects(x) && x.resp.format() == formatHTML }, cspRule},
	{"Cache-Control", 5, func(t Template, _ exchange) bool { return t.Private }, cacheRule},
	{"Server", 3, anyExchange, serverRule},
	{"Access-Control-Allow-Origin", 5, func(t Template, _ exchange) bool { return t.Private }, corsRule},
}

// partOfPage are the types of what pages load: HSTS is for the site, and these need not repeat it.
var partOfPage = regexp.MustCompile(`^(font|image|audio|video)/|javascript|^text/css`)

// redirects says that the response is on the way to the one that a browser shows, and leaves a site's policies to that.
func redirects(x exchange) bool { return x.resp.status() >= 300 && x.resp.status() <= 399 }

func anyExchange(Template, exchange) bool { return true }

const (
	hsts = "Strict-Transport-Security"
	csp  = "Content-Security-Policy"
	acao = "Access-Control-Allow-Origin"
)

// properHSTS lasts a year or more: what the preload list asks for.
func (g *gen) properHSTS() string {
	value := "max-age=" + g.pick("31536000", "63072000", "47304000", "33696000", "94608000")
	return value + g.pick("", "; includeSubDomains", "; includeSubDomains; preload", ";includeSubDomains")
}

// properCSP restricts scripts to named sources, nonces or hashes: no wildcard, no whole scheme, no 'unsafe-…'.
func (g *gen) properCSP(f format, host string) string {
	if f != formatHTML && g.chance(0.7) {
		return "default-src 'none'" + g.pick("", "; frame-ancestors 'none'", "; base-uri 'none'; form-action 'none'")
	}
	own := host[strings.IndexByte(host, '.')+1:]
	parts := []string{"default-src " + g.pick("'self'", "'none'", "'self' https://static."+own)}
	parts = append(parts, g.some(0.5,
		"script-src 'self'"+g.pick("", " https://cdn."+own, " 'nonce-"+g.chars(alnum, 16)+"'", " 'sha256-"+g.chars(alnum, 43)+"='"),
		"style-src 'self'"+g.pick("", " https://fonts."+own),
		"img-src 'self'"+g.pick("", " data:", " https://img."+own),
		"connect-src 'self'"+g.pick("", " https://api."+own),
		"font-src 'self'", "object-src 'none'", "base-uri 'self'", "form-action 'self'",
		"frame-ancestors "+g.pick("'none'", "'self'"), "upgrade-insecure-requests", "report-uri /csp-report")...)
	return strings.Join(parts, "; ")
}

// weakCSP lets scripts in that should stay out, and says which part does. Where a policy is only reported it is proper.
func (g *gen) weakCSP(host string) (policy, weak, why string) {
	own := host[strings.IndexByte(host, '.')+1:]
	switch g.IntN(4) {
	case 0:
		weak = "'unsafe-inline'" + g.pick("", " 'unsafe-eval'")
		why = "[Any|Every] inline script [runs|is executed] under it, [the injected ones too|also one that an attacker has injected], so the policy [stops|prevents] no cross-site scripting"
		return g.pick("default-src 'self'; ", "") + "script-src 'self' " + weak + g.pick("", "; object-src 'none'", "; frame-ancestors 'none'"), weak, why
	case 1:
		weak = g.pick("*", "https:", "* data:")
		why = "scripts may [come|be loaded] from any host, [an attacker's among them|also from one that an attacker owns], which [leaves|makes] the policy [toothless|without effect]"
		return "default-src " + weak + g.pick("", "; object-src 'none'", "; frame-ancestors 'self'"), "default-src " + weak, why
	case 2:
		weak = g.pick("data:", "http:", "*")
		why = "with that source [anybody can supply|an attacker brings along] a script of his own[| without any host's help], so the list before it [protects nothing|is of no use]"
		return "default-src 'self'; script-src 'self' https://cdn." + own + " " + weak + "; style-src 'self'", "script-src", why
	default:
		weak = g.pick("frame-ancestors 'none'", "upgrade-insecure-requests", "img-src 'self'; frame-ancestors 'self'", "report-uri /csp-report")
		why = "it has neither default-src nor script-src, [so|and so] scripts of [every|any] origin and inline ones [run|are allowed]"
		return weak, weak, why
	}
}

var serverProducts = []string{"nginx", "Apache", "Microsoft-IIS", "openresty", "Caddy", "gunicorn", "LiteSpeed", "Kestrel", "envoy", "Jetty", "cloud-edge", "lighttpd"}

func (g *gen) serverVersion() string {
	d := func(n int) int { return g.IntN(n) }
	switch g.IntN(9) {
	case 0:
		return fmt.Sprintf("nginx/1.%d.%d", g.between(10, 25), d(9))
	case 1:
		return fmt.Sprintf("Apache/2.4.%d (%s)", g.between(6, 58), g.pick("Ubuntu", "Debian", "CentOS", "Win64", "Unix"))
	case 2:
		return "Microsoft-IIS/" + g.pick("7.5", "8.0", "8.5", "10.0")
	case 3:
		return fmt.Sprintf("gunicorn/2%d.%d.%d", d(3), d(2), d(9))
	case 4:
		return fmt.Sprintf("Werkzeug/2.%d.%d Python/3.%d.%d", d(4), d(4), g.between(6, 12), d(12))
	case 5:
		return fmt.Sprintf("openresty/1.%d.%d.%d", g.between(13, 25), g.between(3, 8), g.between(1, 3))
	case 6:
		return fmt.Sprintf("Jetty(9.4.%d.v20%d%02d%02d)", g.between(10, 53), g.between(18, 24), g.between(1, 12), g.between(1, 28))
	case 7:
		return fmt.Sprintf("Apache/2.4.%d (Unix) OpenSSL/1.1.1%s PHP/7.%d.%d", g.between(6, 58), g.pick("d", "f", "k", "n"), d(5), d(33))
	default:
		return fmt.Sprintf("lighttpd/1.4.%d", g.between(35, 76))
	}
}

// harden gives a response every header that the policy asks for, and decoys: headers and texts that look like the policy's
// subjects and are not.
func (g *gen) harden(t Template, x *exchange) {
	m, host := &x.resp, x.req.get("Host")
	if host == "" {
		host = g.host()
	}
	for _, name := range []string{hsts, csp, csp + "-Report-Only", "X-Content-Security-Policy", acao, "Access-Control-Allow-Credentials", "Pragma", "Expires", "X-Powered-By", "X-AspNet-Version"} {
		m.del(name)
	}
	m.set(hsts, g.properHSTS())
	m.set(csp, g.properCSP(m.format(), host))
	if m.has("Server") || g.chance(0.7) {
		m.set("Server", g.pick(serverProducts...))
	}
	switch {
	case t.Public:
		m.set("Cache-Control", g.pick("public, max-age=", "max-age=", "public, s-maxage=600, max-age=")+g.pick("300", "86400", "31536000", "604800"))
		if g.chance(0.6) {
			m.set(acao, "*")
		}
	default:
		m.set("Cache-Control", g.pick("no-store", "no-store, private", "private, no-store", "no-cache, no-store, must-revalidate", "no-store, max-age=0"))
		if g.chance(0.2) {
			m.set("Pragma", "no-cache")
		}
	}
	if g.chance(0.35) {
		policy := g.properCSP(formatHTML, host)
		if g.chance(0.6) {
			policy, _, _ = g.weakCSP(host)
		}
		m.set(csp+"-Report-Only", policy)
	}
	g.headerTalk(m)
}

// headerTalk puts text about headers into the body: documentation, a changelog, a scan report. It decides nothing.
func (g *gen) headerTalk(m *message) {
	f := m.format()
	if f == formatOther || g.chance(0.55) {
		return
	}
	text := g.say(g.pick(
		"[Release notes|Changelog|What is new]: [we now send|the gateway adds|all pages have] Strict-Transport-Security: max-age={a} and [drop|no longer allow] 'unsafe-inline' in Content-Security-Policy.",
		"[Guide|How to|FAQ]: a wildcard in Access-Control-Allow-Origin (*) [is fine for fonts|never goes with credentials|is not allowed for accounts].",
		"[Our lab|The test host|The old site] [ran|still runs|was moved from] {server}; [this one does not|it is behind the proxy|see the wiki].",
		"[Never cache|Do not cache|Who may cache] [invoices|accounts|profiles]: Cache-Control: [no-store|public, max-age={a}] [is explained|and its pitfalls are] on page [2|7|12].",
		"Content-Security-Policy: default-src * [fails|was removed from|is flagged by] our [checklist|linter|audit] since [spring|May|v2].",
		"HTTP Strict Transport Security with max-age=0 [switches it off|tells browsers to forget], [as|so] the [handbook|RFC] says.",
	), "a", g.pick("31536000", "0", "300", "63072000"), "server", g.serverVersion())
	m.insert(g.paragraph(f, g.unique(g.pick("article", "changelog", "help_text", "announcement")), text))
}

// twins starts the two sides from one exchange.
func twins(x exchange) (vulnerable, safe side) {
	return side{exchange: x.clone()}, side{exchange: x.clone()}
}

// contentLine is a line of the response that is there whatever is missing.
func contentLine(x exchange) string {
	if kind := x.resp.get("Content-Type"); kind != "" {
		return kind
	}
	return fmt.Sprint(" ", x.resp.status())
}
