package generate

import (
	"fmt"
	"strings"
)

func hstsRule(g *gen, t Template, x exchange) (vulnerable, safe side) {
	g.harden(t, &x)
	v, s := twins(x)
	proper := x.resp.get(hsts)
	s.evidence, s.note = proper, "a proper policy"
	s.seen = "[The header|In the response] {ev} [is present|stands among the headers] [with a lifetime of a year or more|and lasts at least a year]."
	s.why = "[A browser that has seen it|Browsers] will [use|insist on] HTTPS for this host [from then on|for that time], so [a downgrade to plain HTTP fails|nobody can strip TLS on a later visit]."
	switch g.IntN(5) {
	case 0, 1:
		v.resp.del(hsts)
		v.evidence, v.note = contentLine(x), "the header is missing"
		v.seen = "[Next to|Besides|Around] {ev} the response has no Strict-Transport-Security [header|at all][|, whatever its other headers say]."
		v.why = "[The first request|A later visit] may [go out|be made] over plain HTTP and [be intercepted|be read and changed] [on the way|by somebody in the middle], [as browsers were never told|since no browser was told] to [stay on|insist on] HTTPS."
	case 2:
		value := "max-age=" + g.pick("0", "60", "300", "3600", "86400", "1") + g.pick("", "; includeSubDomains", "; includeSubDomains; preload")
		v.resp.set(hsts, value)
		v.evidence, v.note = value, "max-age is far too short"
		v.seen = "[The header says|The policy is|It is there, but reads] {ev}[, and that lifetime is next to nothing|, which is over in a day or less]."
		v.why = "[Browsers forget it|The protection ends] [before|long before] the next visit[| for most users], so [a downgrade to HTTP stays possible|plain HTTP can still be forced on them]; [a year|31536000 seconds] is [usual|what is expected]."
	case 3:
		value := g.pick("includeSubDomains", "includeSubDomains; preload", "preload", "enabled", "max-age", "maxage=31536000; includeSubDomains")
		v.resp.set(hsts, value)
		v.evidence, v.note = ": "+value, "no valid max-age"
		v.seen = "[The header is|What is sent is|The response has] {ev}, [without a valid max-age|and max-age with its value is missing]."
		v.why = "[RFC 6797 requires that directive|The directive is required], [so|and] browsers [ignore|discard] the whole header and [the host has no such protection|treat the host as one without HSTS]."
	default:
		name := g.pick("X-Strict-Transport-Security", "Strict-Transport-Securty", "Strict-Transport", "StrictTransportSecurity", "HSTS")
		v.resp.rename(hsts, name, proper)
		v.evidence, v.note = ": "+proper, "the header's name is wrong"
		v.seen = "[The line|What looks like the policy,] {ev} [is sent|stands there] under a name that [no browser knows|is not Strict-Transport-Security]."
		v.why = "[An unknown header|It] [is ignored|does nothing], so HTTPS [is not enforced|can still be stripped] [on later visits|for returning users]."
	}
	return v, s
}

func cspRule(g *gen, t Template, x exchange) (vulnerable, safe side) {
	g.harden(t, &x)
	v, s := twins(x)
	proper, host := x.resp.get(csp), x.req.get("Host")
	s.evidence, s.note = proper, "a proper policy"
	s.seen = "[The response|This page] [has|is sent with] the policy {ev}."
	s.why = "[It|That] [names|lists] the [sources|origins] that [may be used|are trusted] and has no wildcard, no whole scheme and no 'unsafe-inline' [for scripts|where scripts are concerned], so an injected script [would not run|is blocked]."
	switch g.IntN(6) {
	case 0:
		v.resp.del(csp)
		v.evidence, v.note = contentLine(x), "the header is missing"
		v.seen = "[The page comes|It is sent] with {ev} and without [an enforced Content-Security-Policy|a Content-Security-Policy that a browser enforces]."
		v.why = "[Nothing limits|There is no limit to] where scripts [come from|are loaded from], so [any injected markup|a single injection] [runs|executes] [unhindered|with the page's rights]."
	case 1:
		v.resp.del(csp + "-Report-Only")
		v.resp.rename(csp, csp+"-Report-Only", proper)
		v.evidence, v.note = proper, "the policy is only reported"
		v.seen = "[The only policy is|All there is of a policy is] {ev}, [which is the Report-Only variant|and its name ends in Report-Only]."
		v.why = "[Such a header|It] [reports violations|is for observation] and [blocks nothing|enforces nothing], so the page [is as open as|has no more protection than] one without a policy."
	case 2:
		name := g.pick("X-Content-Security-Policy", "X-WebKit-CSP", "Content-Security-Polcy", "CSP")
		v.resp.del(csp + "-Report-Only")
		v.resp.rename(csp, name, proper)
		v.evidence, v.note = proper, "the header's name is not one that browsers know"
		v.seen = "[The policy stands in|What should protect the page is] {ev}, under a name that [today's browsers do not know|is not Content-Security-Policy]."
		v.why = "[It is ignored|Browsers skip it], so [scripts are not restricted|no source is restricted] [at all|whatever the line says]."
	default:
		policy, weak, why := g.weakCSP(host)
		v.resp.set(csp, policy)
		v.evidence, v.note = ": "+policy, "a weak policy: "+weak
		v.seen = "[The policy that is enforced|The enforced policy|What the browser enforces] is {ev}."
		v.why = strings.TrimSuffix(why, ".") + "."
	}
	return v, s
}

func cacheRule(g *gen, t Template, x exchange) (vulnerable, safe side) {
	g.harden(t, &x)
	x.resp.del("Pragma")
	v, s := twins(x)
	proper := x.resp.get("Cache-Control")
	s.evidence, s.note = ": "+proper, "what is private is not stored"
	s.seen = "[The data is personal|This is one user's data|The content is not for everybody], and the response [says|carries] {ev}."
	s.why = "[With that directive|Told so,] [caches|browsers and proxies] [keep no copy|must not keep a copy], so [the next user|somebody else] of [the machine|the proxy] [finds|gets] [nothing|none of it]."
	if g.chance(0.25) {
		v.resp.del("Cache-Control")
		v.evidence, v.note = contentLine(x), "no Cache-Control on private data"
		v.seen = "[Beside|Next to] {ev} there is no Cache-Control, [although|while] the [content|body] [belongs to one user|is personal]."
		v.why = "[Browsers and proxies|Caches] may [store it|keep a copy] [by their own rules|heuristically], and [the next person|somebody else] [at the same machine|behind the same proxy] can [read it|get it back]."
		return v, s
	}
	value := g.pick("public, max-age=", "max-age=", "public, s-maxage=3600, max-age=", "public, immutable, max-age=") + g.pick("300", "600", "86400", "31536000", "604800")
	v.resp.set("Cache-Control", value)
	v.evidence, v.note = ": "+value, "private data may be cached"
	v.seen = "[The content is personal|This is one user's data|What is sent is not for everybody], yet the response says {ev}."
	v.why = "[Shared caches|Proxies and browsers] [may keep|are told to keep] a copy and [serve it|hand it] to [others|the next visitor], so [private data leaks|the data gets out] [through the cache|without any attack on the server]."
	return v, s
}

func serverRule(g *gen, t Template, x exchange) (vulnerable, safe side) {
	g.harden(t, &x)
	banner := g.serverVersion()
	product := strings.FieldsFunc(banner, func(r rune) bool { return r == '/' || r == '(' })[0]
	x.resp.set("Server", product)
	v, s := twins(x)
	v.resp.set("Server", banner)
	v.evidence, v.note = ": "+banner, "Server names a version"
	v.seen = "[The response gives|Among the headers is|The server introduces itself with] {ev}[, product and version|, down to the version]."
	v.why = "[With the exact version|Knowing that] an attacker [looks up|picks] [known holes|published exploits] [for it|that fit], [instead of probing|without a single probe]; the [policy wants|header should have] the product [alone|without a number], or nothing."
	s.evidence, s.note = ": "+product, "Server has no version"
	s.seen = "[The banner is|The server says|What it tells of itself is] {ev}[, without any number|, the product alone]."
	s.why = "[No version can be read from it|It leaks no version], [and a product's name|and the name] [alone|by itself] [narrows nothing down|is allowed]; [numbers elsewhere|other headers] do not [name|give] the server's [release|build]."
	return v, s
}

func corsRule(g *gen, t Template, x exchange) (vulnerable, safe side) {
	own := x.req.get("Host")
	trusted := "https://" + g.pick("app", "www", "portal", "console") + "." + own[strings.IndexByte(own, '.')+1:]
	foreign := "https://" + g.pick(g.company()+"-"+g.pick("cdn", "ads", "promo")+".test", "evil."+g.company()+".test", "attacker.example", g.company()+".example")
	g.harden(t, &x)
	x.resp.set("Vary", "Origin")
	if g.chance(0.3) {
		x.resp.set("Timing-Allow-Origin", "*")
	}
	credentials := g.chance(0.7)
	if credentials {
		x.resp.set("Access-Control-Allow-Credentials", "true")
	}
	v, s := twins(x)
	switch g.IntN(3) {
	case 0: // the caller's origin is given back, whatever it is
		origin := g.pick(foreign, "null")
		x.req.set("Origin", origin)
		v.req, s.req = x.req.clone(), x.req.clone()
		v.resp.set("Access-Control-Allow-Credentials", "true")
		s.resp.set("Access-Control-Allow-Credentials", "true")
		v.resp.set(acao, origin)
		s.resp.set(acao, trusted)
		v.evidence, v.note = ": "+origin, "a foreign origin is reflected with credentials"
		v.seen = fmt.Sprintf("[The request comes from|The Origin sent is] %s and the response [gives it back|allows it], together with Access-Control-Allow-Credentials: true: {ev}.", origin)
		v.why = "[Any site|Every page a user visits] can [read this data|fetch this response] [in that user's name|with the user's cookies], since [no list of origins is kept|the server trusts whoever asks]."
		s.evidence, s.note = ": "+trusted, "only the own origin is allowed"
		s.seen = fmt.Sprintf("[The request comes from|The Origin sent is] %s, [but|yet] the response [allows only|names] {ev}.", origin)
		s.why = "[The two do not match|That is the application's own site], so the browser [keeps the response from|does not hand the response to] the [calling|foreign] page."
	default:
		if g.chance(0.5) {
			x.req.set("Origin", trusted)
			v.req, s.req = x.req.clone(), x.req.clone()
		}
		v.resp.set(acao, "*")
		s.resp.set(acao, trusted)
		v.evidence, v.note = headerPart(v.resp, acao), "any origin may read private data"
		v.seen = "[The response has|It says] {ev} [although|while] what it carries [is one user's data|is not public]."
		v.why = "[With the wildcard|This way] [scripts of every site|any page] may read [it|the body], which is [too permissive|more than] [for|is right for] data that [is not public|belongs to somebody]."
		s.evidence, s.note = ": "+trusted, "one named origin is allowed"
		s.seen = "[Cross-origin access is limited|Only one origin is let in]: {ev}."
		s.why = "[That is|It names] the application's own front end, [not a wildcard|no wildcard and no echo of the caller], so [other sites|foreign pages] [cannot read|get nothing of] the response."
	}
	return v, s
}

// headerPart is the text of a header's line from its colon on, which is the same however its name is written.
func headerPart(m message, name string) string {
	i := m.index(name)
	return m.headers[i].name[1:] + ": " + m.headers[i].value
}
