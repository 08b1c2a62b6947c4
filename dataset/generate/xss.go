package generate

import (
	"fmt"
	"net/url"
	"strings"
)

var xssRules = []rule{
	{"reflected in text", 5, isHTML, xssText},
	{"reflected in an attribute", 3, isHTML, xssAttribute},
	{"quotes of an attribute", 3, isHTML, xssQuotes},
	{"reflected in a script", 4, isHTML, xssScript},
	{"reflected in a link", 3, isHTML, xssLink},
	{"reflected in a comment or a text area", 2, isHTML, xssRaw},
	{"DOM", 4, isHTML, xssDOM},
	{"stored", 3, isHTML, xssStored},
	{"content type", 6, func(_ Template, x exchange) bool {
		f := x.resp.format()
		return (f == formatJSON || f == formatText) && x.resp.can()
	}, xssType},
}

func isHTML(_ Template, x exchange) bool { return x.resp.format() == formatHTML && x.resp.can() }

// call is what an injected script does. It has no quotes, spaces or angle brackets, so that it fits everywhere.
func (g *gen) call() string {
	return g.pick("alert", "confirm", "prompt") + "(" + g.pick(g.digits(g.between(1, 4)), "document.domain", "document.cookie", "location.href", "origin") + ")"
}

// markup is a payload that runs a call as soon as it stands unescaped in a page's text.
func (g *gen) markup(call string) string {
	return g.pick(
		"<script>"+call+"</script>", "<img src=x onerror="+call+">", "<svg onload="+call+">", "<svg/onload="+call+">",
		"<details open ontoggle="+call+">", `"><img src=x onerror=`+call+">", "<video><source onerror="+call+"></video>",
		"<input autofocus onfocus="+call+">", `"><script>`+call+"</script>", "<b onmouseover="+call+">"+g.noun()+"</b>",
		"<marquee onstart="+call+">", "<IMG SRC=q OnError="+call+">", g.noun()+"<svg onload="+call+">")
}

// reflect puts the payload into the request and, correctly escaped, into other places of the page: proof of nothing.
func (g *gen) reflect(x *exchange, payload string) input {
	in := g.placeInput(&x.req)
	g.setInput(&x.req, payload)
	g.pageTalk(&x.resp)
	if x.resp.format() == formatHTML {
		for range g.IntN(3) {
			x.resp.insert(g.harmlessEcho(in.name, payload))
		}
	}
	if g.chance(0.4) {
		x.resp.set(csp, g.properCSP(formatHTML, x.req.get("Host")))
	}
	return in
}

func (g *gen) harmlessEcho(name, payload string) string {
	e := htmlEscape(payload)
	switch g.IntN(5) {
	case 0:
		return `<input type="hidden" name="` + name + `" value="` + e + `">`
	case 1:
		return fmt.Sprintf(`<a class="%s" href="?%s=%s&amp;page=2">%s</a>`, g.class(), name, url.QueryEscape(payload), g.pick("Next", "2", "More", "Older", "›"))
	case 2:
		return "<p>" + g.pick("You looked for", "Term:", "Input:", "Query", "Your text was") + " <em>" + e + "</em></p>"
	case 3:
		return `<meta property="og:title" content="` + e + `">`
	default:
		return "<textarea name=\"" + name + "_copy\">" + e + "</textarea>"
	}
}

// pageTalk is the page's own markup with the words of attacks: its scripts, handlers, and documentation of the subject.
func (g *gen) pageTalk(m *message) {
	f := m.format()
	if f != formatHTML {
		if g.chance(0.3) {
			m.insert(g.paragraph(f, g.unique("help_text"), g.say("[Script tags and attributes such as onerror are|Markup like img or svg is] [removed|not rendered|kept as text].")))
		}
		return
	}
	own := []string{
		`<img src="/img/` + g.noun() + `.png" onerror="this.remove()" alt="">`,
		`<script nonce="` + g.chars(alnum, 16) + `">document.documentElement.className = "js";</script>`,
		`<script src="/static/` + g.hex(8) + `.js" defer></script>`,
		`<button onclick="toggle('` + g.noun() + `')">` + g.pick("Show", "Hide", "Menu") + `</button>`,
		"<p>" + g.say("[Allowed|Permitted] tags: &lt;b&gt;, &lt;i&gt;. [&lt;script&gt; and &lt;img&gt; are removed|No &lt;svg onload&gt;, please|&quot; and &#39; are kept].") + "</p>",
		`<script>document.getElementById("clock").textContent = new Date().getFullYear();</script>`,
		`<a href="javascript:void(0)" onclick="openMenu()">` + g.pick("Menu", "Top", "Filter") + `</a>`,
		"<!-- " + g.sentence() + " -->",
	}
	m.insert(strings.Join(g.some(0.28, own...), "\n"))
}

func xssText(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	payload := g.markup(call)
	g.reflect(&x, payload)
	v, s := twins(x)
	before, after := g.echoFrame()
	v.resp.insert(before + payload + after)
	v.evidence, v.note = before+payload, "the input stands unescaped in text"
	v.seen = "[The input|The parameter's value|What the request sends] [comes back|is written] into the page's text [as it is|unchanged]: {ev}."
	v.why = "[The browser parses it as markup|It is markup there, not text], and " + call + " [runs|would run] in [the page's origin|the visitor's session]."
	var echo string
	switch g.IntN(6) {
	case 0:
		echo = strings.NewReplacer("<", "&#60;", ">", "&#62;", `"`, "&#34;", "'", "&#39;").Replace(payload)
		s.why = "[Numeric references|&#60; and &#62;] [are shown as characters|make text of it], so [no element is created|nothing is parsed as a tag]."
	case 1:
		echo = url.QueryEscape(payload)
		s.why = "[It is still percent-encoded|The percent-encoding is kept], and [a browser does not decode that in text|in a page's text that is just characters], so [no tag begins there|no markup arises]."
	case 2:
		echo = defuse(payload, call)
		s.why = "[The part that could run was taken out|A sanitiser has removed what could run] [before|when] it was written, and [what is left|the rest] [does nothing|is inert]."
	default:
		echo = htmlEscape(payload)
		s.why = "[The angle brackets are|< and > have become] [entities|character references], [so|and so] the browser [shows the text|prints it] [and runs nothing|instead of running it]."
	}
	s.resp.insert(before + echo + after)
	s.evidence, s.note = before+echo, "the input is escaped or cleaned"
	s.seen = "[The input|The parameter's value|What the request sends] [appears in|is echoed by] the page as {ev}."
	return v, s
}

// defuse is what a sanitiser leaves of a payload.
func defuse(payload, call string) string {
	for _, part := range []string{"<script>" + call + "</script>", " onerror=" + call, " OnError=" + call, " onload=" + call, "/onload=" + call,
		" ontoggle=" + call, " onfocus=" + call, " onmouseover=" + call, " onstart=" + call} {
		payload = strings.ReplaceAll(payload, part, "")
	}
	return strings.ReplaceAll(payload, `">`, "&quot;&gt;")
}

// echoFrame is what a page writes around the words that somebody has looked for.
func (g *gen) echoFrame() (before, after string) {
	frames := [][2]string{
		{`<h2>` + g.pick("Results for ", "Search: ", "You searched for ", "Matches for "), "</h2>"},
		{`<p class="` + g.class() + `">` + g.pick("No ", "Sorry, no ", "0 ") + g.noun() + g.pick("s match ", "s found for ", "s called "), ".</p>"},
		{`<li><span>`, "</span> " + g.pick("was added", "is new", "(you)", "– edited") + "</li>"},
		{`<div id="` + g.noun() + `"><strong>`, "</strong> " + g.sentence() + "</div>"},
		{"<td>" + g.noun() + "</td><td>", "</td>"},
		{`<p>` + g.pick("Hello ", "Welcome back, ", "Hi ", "Bonjour ", "Hallo "), "!</p>"},
		{`<blockquote>`, "</blockquote>"},
		{`<label>` + capital(g.noun()) + ` <output>`, "</output></label>"},
		{`<nav aria-label="breadcrumb">` + capital(g.noun()) + " / ", "</nav>"},
		{`<div role="alert">` + g.pick("Unknown ", "Invalid ", "Unsupported ") + g.noun() + ": ", "</div>"},
	}
	f := frames[g.IntN(len(frames))]
	return f[0], f[1]
}

func xssAttribute(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	payload := g.pick(`" autofocus onfocus=`+call+` x="`, `"onmouseover="`+call, `x" onfocus="`+call+`" autofocus="`, `"><svg onload=`+call+`>`, `" onpointerenter=`+call+` y="`)
	in := g.reflect(&x, payload)
	v, s := twins(x)
	before := g.pick(`<input type="text" name="`+in.name+`" value="`, `<input class="`+g.class()+`" value="`, `<img src="/t.gif" alt="`,
		`<option selected value="`, `<div data-`+g.noun()+`="`, `<button title="`, `<meta name="keywords" content="`)
	after := `">`
	v.resp.insert(before + payload + after)
	s.resp.insert(before + htmlEscape(payload) + after)
	v.evidence, v.note = before+payload, "the input's quote ends the attribute"
	v.seen = "[The value lands in|It is written into] a quoted attribute [with its own quote intact|unescaped]: {ev}."
	v.why = "[The first quote of the input|Its quotation mark] [closes|ends] the attribute, [what follows becomes|the rest is] [new attributes or markup|markup], and " + call + " [runs|gets called]."
	s.evidence, s.note = before+htmlEscape(payload), "the input's quote is escaped"
	s.seen = "[The value lands in|It is written into] a quoted attribute, [where|and there] [its quotes are references|the quotes are escaped]: {ev}."
	s.why = "[The attribute does not end early|Nothing leaves the attribute], [so|and] [the handler in the input|" + call + "] [stays part of a string|is just text][| that is never run]."
	return v, s
}

// xssQuotes: the server escapes & < > " and not the apostrophe. Whether that suffices is a matter of the attribute's quotes.
func xssQuotes(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	payload := g.pick(`' autofocus onfocus=`+call+` x='`, `'onmouseover='`+call, `a' onfocus='`+call+`' autofocus='`, `' onclick=`+call+` z='`)
	in := g.reflect(&x, payload)
	v, s := twins(x)
	written := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(payload)
	name := g.pick("input name="+in.name+" value=", "option value=", "div data-"+g.noun()+"=", "img src=/t.gif alt=", "a href=/ title=")
	v.resp.insert("<" + name + "'" + written + "'>")
	s.resp.insert("<" + name + `"` + written + `">`)
	v.evidence, v.note = name+"'"+written, "an apostrophe ends the attribute that is quoted with apostrophes"
	v.seen = "[The attribute is in apostrophes|Apostrophes enclose the value], and the input's own apostrophe [is not escaped|comes through]: {ev}."
	v.why = "[It ends the attribute|The attribute ends there] and " + call + " [becomes|stands in] an event handler; [that < and > would be escaped does not help|escaping the angle brackets alone is no help]."
	s.evidence, s.note = name+`"`+written, "an apostrophe does nothing in double quotes"
	s.seen = "[The apostrophes of the input come back as they are|The input's apostrophes are not escaped], [but|yet] the attribute is in double quotes: {ev}."
	s.why = "[An apostrophe has no meaning|Apostrophes mean nothing] [inside them|between double quotes], [so|and] the [handler|call] [stays|remains] [part of the value|a piece of text]."
	return v, s
}

func xssScript(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	quote := g.pick(`"`, `'`)
	payload := g.pick(quote+";"+call+";//", quote+"-"+call+"-"+quote, quote+"+"+call+"+"+quote, "</script><script>"+call+"</script>", quote+"});"+call+";//")
	g.reflect(&x, payload)
	v, s := twins(x)
	name := g.pick("q", "term", "state", "search", "label", "ref", g.noun())
	before := g.pick("<script>var "+name+" = ", "<script>\n  window."+name+" = ", "<script>\n  const "+name+" = ", "<script>track({page: ", "<script>dataLayer.push({"+name+": ") + quote
	after := quote + ";</script>"
	if strings.Contains(before, "({") {
		after = quote + "});</script>"
	}
	escaped := strings.NewReplacer(`\`, `\\`, quote, `\`+quote, "<", `\u003c`, ">", `\u003e`).Replace(payload)
	v.resp.insert(before + payload + after)
	s.resp.insert(before + escaped + after)
	tail := before[strings.LastIndexByte(before, '\n')+1:]
	v.evidence, v.note = tail+payload, "the input leaves the string of a script"
	v.seen = "[Inside a script|In an inline script] the input is [put between quotes|written into a string] [without escaping|as it came]: {ev}."
	v.why = "[It leaves the string|The string ends with the input's first characters], [and|so] " + call + " is [code|executed] [of the page|in the page's origin]."
	s.evidence, s.note = tail+escaped, "the input is escaped for a script's string"
	s.seen = "[Inside a script|In an inline script] the input stands [in a string|between quotes], [escaped for JavaScript|with backslash escapes]: {ev}."
	s.why = "[The quote and the angle brackets|What could end the string or the element] [cannot act|is neutralised], so " + call + " [remains|is] [data|a part of the string]."
	return v, s
}

func xssLink(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	payload := g.pick("javascript:", "JavaScript:", "javascript:void(0)||", "javascript://%0a") + call
	in := g.reflect(&x, payload)
	v, s := twins(x)
	text := g.pick("Continue", "Back", "Open "+g.noun(), "Visit website", "Return to "+g.noun())
	v.resp.insert(`<a class="` + g.class() + `" href="` + htmlEscape(payload) + `">` + text + "</a>")
	v.evidence, v.note = `href="`+htmlEscape(payload), "the input is a link's target, with its scheme"
	v.seen = "[The input becomes|The value is used as] the [whole target|href] of a link: {ev}."
	v.why = "[Escaping quotes is of no use here|No quote is needed for that]: [a click|following it] [runs|executes] " + call + ", [because the scheme is not checked|since javascript: is let through]."
	var written string
	if g.chance(0.5) {
		written = `href="/` + g.pick("out", "go", "redirect", "exit") + "?" + in.name + "=" + url.QueryEscape(payload)
		s.resp.insert(`<a class="` + g.class() + `" ` + written + `">` + text + "</a>")
		s.why = "[The link leads to|Its target is] a path of the site[| itself], and [the input is a parameter there|the input is only an encoded parameter], so [no javascript: URL is followed|the scheme of the input has no effect on a click]."
	} else {
		written = `href="/` + g.pick(paths...) + `">` + htmlEscape(payload)
		s.resp.insert(`<a class="` + g.class() + `" ` + written + "</a>")
		s.why = "[The value is the link's text|Only the visible text comes from the input]; [the target is|href has] a fixed path, so [a click runs nothing|" + call + " is only displayed]."
	}
	s.evidence, s.note = written, "the input is not the link's scheme"
	s.seen = "[A javascript: URL was sent|The input is a javascript: URL], and the page has {ev}."
	return v, s
}

func xssRaw(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	open, end, close := "<!-- "+g.pick("query", "debug", "cache key", "term")+": ", "--", "-->"
	if g.chance(0.5) {
		open, end, close = g.pick(`<textarea name="body">`, `<textarea rows="4">`), "</textarea>", "</textarea>"
	}
	breakout := close
	payload := g.pick("", g.noun()) + breakout + g.pick("<img src=x onerror="+call+">", "<script>"+call+"</script>", "<svg onload="+call+">")
	g.reflect(&x, payload)
	v, s := twins(x)
	v.resp.insert(open + payload + close)
	s.resp.insert(open + htmlEscape(payload) + close)
	v.evidence, v.note = open+payload, "the input ends the comment or the text area"
	v.seen = "[The input stands|It is reflected] [where markup is not parsed|in a place without markup], but it brings the end of that place along: {ev}."
	v.why = "[After " + end + " the page is markup again|The place ends there], so " + call + " [runs|is run] [although the reflection was meant to be inert|when the page is shown]."
	s.evidence, s.note = open+htmlEscape(payload), "the input cannot end the comment or the text area"
	s.seen = "[The input stands|It is reflected] [where markup is not parsed|in a place without markup], and it is escaped there: {ev}."
	s.why = "[With > as an entity|Escaped like this] it [cannot end|does not close] that place, [and the payload stays|so what follows stays] [inert|text]."
	return v, s
}

func xssDOM(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	payload := g.markup(g.call())
	in := g.placeInput(&x.req)
	if !strings.Contains(x.req.start, inputMark) { // a script sees the address only
		g.setInput(&x.req, in.old)
		in.name = g.pick(params...)
		glue := "?"
		if strings.Contains(x.req.target(), "?") {
			glue = "&"
		}
		x.req.setTarget(x.req.target() + glue + in.name + "=" + inputMark)
	}
	if !strings.Contains(x.req.target(), in.name+"="+inputMark) { // a part of the path
		g.setInput(&x.req, in.old)
		in.name = g.pick(params...)
		x.req.setTarget(x.req.path() + "?" + in.name + "=" + inputMark)
	}
	g.setInput(&x.req, payload)
	g.pageTalk(&x.resp)
	v, s := twins(x)
	name, id, other := g.pick("q", "v", "term", "value", "text"), g.noun(), "empty-"+g.noun()
	source := g.pick(`new URLSearchParams(location.search).get("`+in.name+`")`, `new URL(location.href).searchParams.get("`+in.name+`")`)
	hint := `"` + g.pick("Nothing here", "No entries", "Loading", "One moment") + `"`
	intro := fmt.Sprintf("<div id=%q></div><div id=%q></div>\n<script>\n  const %s = %s || \"\";\n", id, other, name, source)
	sink := func(target, property, value string) string {
		return fmt.Sprintf("  document.getElementById(%q).%s = %s;\n", target, property, value)
	}
	v.resp.insert(intro + sink(other, "textContent", hint) + sink(id, "innerHTML", name) + "</script>")
	s.resp.insert(intro + sink(other, "innerHTML", hint) + sink(id, "textContent", name) + "</script>")
	v.evidence, v.note = "innerHTML = "+name+";", "a script writes the parameter as markup"
	v.seen = "[The page's own script|A script of the page] takes " + in.name + " from the address and [assigns|writes] it with {ev}."
	v.why = "[The property innerHTML parses markup|That sink builds elements], [so|and] [an event handler in the parameter|a crafted link] [runs code|executes script] [in the visitor's browser|without the server's help]."
	s.evidence, s.note = "textContent = "+name+";", "a script writes the parameter as text"
	s.seen = "[The page's own script|A script of the page] takes " + in.name + " from the address and [assigns|writes] it with {ev}."
	s.why = "[The property textContent takes text only|That sink never parses markup], [and the innerHTML beside it has a constant|while innerHTML gets a fixed text], so [no markup of the visitor is built|the payload is shown, not run]."
	return v, s
}

func xssStored(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	payload := g.markup(call)
	g.pageTalk(&x.resp)
	in := g.placeInput(&x.req)
	g.setInput(&x.req, in.old)
	v, s := twins(x)
	before := g.pick(`<li class="comment"><b>`+g.pick(logins...)+`</b>: `, `<div class="review" data-stars="`+g.digits(1)+`"><i>`+g.date()+`</i> `,
		`<tr><td>`+g.person()+`</td><td>`, `<article class="post"><h4>`+g.first()+` wrote</h4><p>`, `<p class="signature">`)
	tag := before[1:strings.IndexAny(before, " >")]
	after := "</" + tag + ">"
	others := g.between(0, 2)
	for range others {
		text := before + htmlEscape(g.sentence()) + after
		v.resp.insert(text)
		s.resp.insert(text)
	}
	v.resp.insert(before + payload + after)
	s.resp.insert(before + htmlEscape(payload) + after)
	v.evidence, v.note = before+payload, "stored text of a user stands unescaped in the page"
	v.seen = "[A user's entry|Somebody's contribution] [is shown|stands in the page] [with its markup alive|as raw markup]: {ev}."
	v.why = "[The request brings no payload, so it was stored|It comes from the store, not from this request], and " + call + " [runs for|hits] every [visitor|reader] of the page."
	s.evidence, s.note = before+htmlEscape(payload), "stored text of a user is escaped"
	s.seen = "[A user's entry|Somebody's contribution] [tries to bring markup|contains a payload], and the page [shows|has] {ev}."
	s.why = "[It was escaped on output|The output is escaped], so [readers see the characters|visitors see the payload as text] and [no handler is attached|" + call + " never runs]."
	return v, s
}

func xssType(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	call := g.call()
	payload := strings.ReplaceAll(g.markup(call), `"`, "")
	in := g.reflect(&x, payload)
	f := x.resp.format()
	x.resp.set("X-Content-Type-Options", "nosniff")
	key := g.unique(g.pick("echo", "query", "term", "input", "received", "message"))
	text := g.pick("", "No match for ", "Unknown value ", "You sent ", "Invalid "+in.name+": ") + payload
	x.resp.insert(g.paragraph(f, key, text))
	v, s := twins(x)
	proper := x.resp.get("Content-Type")
	v.resp.set("Content-Type", g.pick("text/html", "text/html; charset=utf-8", "text/html;charset=UTF-8"))
	v.evidence, v.note = escape(f, text), "data with the input in it is served as HTML"
	v.seen = "[The body reflects|In the body stands] {ev}, and the response is declared " + v.resp.get("Content-Type") + "."
	v.why = "[Opened in a browser|Followed as a link], [this body is parsed as a page|the browser parses it as HTML] and " + call + " [runs|is executed], [whatever format the body was meant to have|though it was meant as data]."
	s.evidence, s.note = escape(f, text), "the input is reflected in data that no browser renders"
	s.seen = "[The body reflects|In the body stands] {ev}, [but|and] the response is declared " + proper + " with nosniff."
	s.why = "[A browser does not render that type|Such a body is never parsed as HTML], [so|and] the [angle brackets|tags] in it [are data|do nothing]."
	return v, s
}
