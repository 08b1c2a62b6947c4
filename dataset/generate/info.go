package generate

import (
	"fmt"
	"strconv"
	"strings"
)

var infoRules = []rule{
	{"stack trace", 5, canInsert, infoTrace},
	{"key", 4, canInsert, infoKey},
	{"internal address", 4, canInsert, infoAddress},
	{"somebody else's data", 4, canInsert, infoOther},
	{"personal data", 4, canInsert, infoMasked},
	{"settings", 4, canInsert, infoSettings},
	{"comment", 3, isHTML, infoComment},
	{"listing", 3, func(_ Template, x exchange) bool { return isHTML(Template{}, x) || x.resp.format() == formatText }, infoListing},
	{"password hash", 3, canInsert, infoHash},
	{"version", 3, canInsert, infoVersion},
	{"path", 3, canInsert, infoPath},
	{"file", 3, func(t Template, x exchange) bool { return isHTML(t, x) && x.req.method() == "GET" }, infoFile},
}

// frames writes a stack trace of a language, with the application's own names in it.
func (g *gen) frames(app string) []string {
	n := g.between(2, 5)
	noun, line := g.noun(), func() string { return strconv.Itoa(g.between(12, 940)) }
	class := capital(noun) + g.pick("Service", "Controller", "Repository", "Handler", "Manager")
	method := g.pick("load", "save", "find", "update", "render", "resolve", "handle") + capital(g.noun())
	var out []string
	switch g.IntN(7) {
	case 0:
		out = append(out, g.pick("java.lang.NullPointerException", "java.lang.IllegalStateException: closed", "org.springframework.dao.DataAccessResourceFailureException: no connection", "java.util.NoSuchElementException: No value present"))
		for range n {
			out = append(out, fmt.Sprintf("    at com.%s.%s.%s.%s(%s.java:%s)", app, g.noun(), class, method, class, line()))
		}
	case 1:
		out = append(out, "Traceback (most recent call last):")
		for range n {
			out = append(out, fmt.Sprintf(`  File "/srv/%s/%s/%s.py", line %s, in %s`, app, g.noun(), g.pick("views", "models", "tasks", "utils"), line(), strings.ToLower(method)), "    "+g.pick("return ", "value = ")+g.noun()+"."+g.noun()+"()")
		}
		out = append(out, g.pick("KeyError: '"+noun+"'", "AttributeError: 'NoneType' object has no attribute '"+noun+"'", "ValueError: invalid literal"))
	case 2:
		out = append(out, "PHP Fatal error:  Uncaught "+g.pick("TypeError", "Error", "PDOException")+": "+g.pick("Argument 1 must be an array", "Call to a member function "+method+"() on null")+" in /var/www/"+app+"/"+noun+".php:"+line())
		for i := range n {
			out = append(out, fmt.Sprintf("#%d /var/www/%s/%s.php(%s): %s->%s()", i, app, g.noun(), line(), class, method))
		}
	case 3:
		out = append(out, g.pick("System.NullReferenceException: Object reference not set to an instance of an object.", "System.InvalidOperationException: Sequence contains no elements"))
		for range n {
			out = append(out, fmt.Sprintf(`   at %s.%s.%s() in C:\inetpub\%s\%s.cs:line %s`, capital(app), class, capital(method), app, class, line()))
		}
	case 4:
		out = append(out, g.pick("NoMethodError (undefined method `"+noun+"' for nil)", "ActiveRecord::RecordNotFound (Couldn't find "+capital(noun)+")"))
		for range n {
			out = append(out, fmt.Sprintf("app/%s/%s_%s.rb:%s:in '%s'", g.pick("models", "controllers", "services"), app, g.noun(), line(), strings.ToLower(method)))
		}
	case 5:
		out = append(out, g.pick("TypeError: Cannot read properties of undefined (reading '"+noun+"')", "ReferenceError: "+noun+" is not defined"))
		for range n {
			out = append(out, fmt.Sprintf("    at %s.%s (/usr/src/%s/lib/%s.js:%s:%s)", class, method, app, g.noun(), line(), g.digits(2)))
		}
	default:
		out = append(out, "panic: runtime error: "+g.pick("index out of range [3] with length 3", "invalid memory address or nil pointer dereference"), "", "goroutine "+g.digits(2)+" [running]:")
		for range n {
			out = append(out, fmt.Sprintf("%s/internal/%s.(*%s).%s(0xc000%s)", app, g.noun(), class, capital(method), g.hex(6)), fmt.Sprintf("\t/go/src/%s/internal/%s.go:%s", app, g.noun(), line()))
		}
	}
	return out
}

// infoTalk is text with the subject's words that gives nothing away: documentation, samples, a user's own report.
func (g *gen) infoTalk(m *message) {
	f := m.format()
	for range g.IntN(3) {
		switch g.IntN(6) {
		case 0:
			m.insert(g.sampleTrace(f))
		case 1:
			m.insert(g.paragraph(f, g.unique("docs"), g.say("[Example|Sample request|Try it]: curl -H 'Authorization: Bearer {k}' https://api.example.com/v1/{n}s", "k", g.pick("YOUR_API_KEY", "sk_test_xxxxxxxxxxxx", "<token>", "AKIAIOSFODNN7EXAMPLE"), "n", g.noun())))
		case 2:
			m.insert(g.paragraph(f, g.unique("version_info"), g.say("[API|Release|Build|App] [version|v] {v}, [released|of|since] {d}", "v", g.digits(1)+"."+g.digits(1)+"."+g.digits(2), "d", g.date())))
		case 3:
			m.insert(g.paragraph(f, g.unique("security_note"), g.say("[Never share|We never ask for|Keep to yourself] your [password|API key|secret key|PIN]; [stack traces|internal addresses|database errors] [belong in a ticket|are logged, not shown|stay on our side].")))
		case 4:
			m.insert(g.fields(f, g.unique("contact"), []field{{"office", g.pick(cities...)}, {"email", "support@" + g.company() + ".example"}, {"card", "•••• " + g.digits(4)}}))
		default:
			m.insert(g.paragraph(f, g.unique("network_note"), g.say("[Allow|Open] {ip} and {ip2} [in your firewall|for webhooks]; [addresses such as 10.0.0.0/8 are private|localhost works for tests].", "ip", g.publicIP(), "ip2", g.publicIP())))
		}
	}
}

// sampleTrace is a trace of a tutorial's program, and says so.
func (g *gen) sampleTrace(f format) string {
	lead := g.say("[How to read a stack trace|Tutorial|From our debugging course|Exercise " + g.digits(1) + "]: [this sample|the demo program|the example below] [fails on purpose|shows a failing call]")
	return g.paragraph(f, g.unique("tutorial"), lead) + "\n" + g.lines(f, g.unique("sample"), g.frames("example"))
}

// reveal puts one text into the vulnerable side and another into the other, in the same place and markup.
func (g *gen) reveal(v, s *side, key, leak, harmless string) {
	f := v.resp.format()
	seed := g.Uint64()
	key = g.unique(key)
	v.resp.insert(newGen(seed, key, 0).paragraph(f, key, leak))
	s.resp.insert(newGen(seed, key, 0).paragraph(f, key, harmless))
	v.evidence, s.evidence = escape(f, leak), escape(f, harmless)
}

func infoTrace(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	if g.chance(0.5) {
		x.resp.insert(g.sampleTrace(x.resp.format()))
	}
	v, s := twins(x)
	f, key := x.resp.format(), g.unique(g.pick("trace", "stack", "exception", "debug", "error_detail"))
	app := g.company()
	seed := g.Uint64()
	trace := g.frames(app)
	v.resp.insert(newGen(seed, key, 0).lines(f, key, trace))
	at := len(trace) - 1
	v.evidence, v.note = escape(f, strings.TrimSpace(trace[at])), "the server's own stack trace"
	v.seen = "[The answer has|The response contains] the stack trace of the application that answers: {ev}."
	v.why = "[It gives away|A stranger learns] [class and file names|its code's layout] and [where it fails|lines of the code], which [helps to attack|makes it easier to attack] [just this server|it further]."
	if g.chance(0.7) {
		sample := newGen(seed, key, 0).lines(f, key, g.frames("example"))
		lead := g.say("[Sample output|From the tutorial|Listing " + g.digits(1) + "|Example program]: [what a failing call looks like|reading such a report|not from this site]")
		s.resp.insert(g.paragraph(f, g.unique("listing_title"), lead))
		s.resp.insert(sample)
		s.evidence, s.note = escape(f, lead), "the stack trace is a tutorial's"
		s.seen = "[There is a stack trace in the page|A stack trace is shown], [introduced by|under] {ev}."
		s.why = "[It is content|The text is a lesson's]: the names in it are those of an example program, [not of the application that answers|and nothing of the server's own code is in it]."
		return v, s
	}
	text := g.say("[Something went wrong|An error occurred|The request failed]. [The stack trace was logged|Details are in our log|Our team was told]; [reference|correlation id|incident] {id}", "id", g.pick(g.uuid(), g.hex(16)))
	s.resp.insert(g.paragraph(f, key, text))
	s.evidence, s.note = escape(f, text), "a generic error with a reference"
	s.seen = "[All that is said of the failure is|The user is told] {ev}."
	s.why = "[The reference means something to the operator only|It helps support to find the log entry], [and no class, file or line|no name of the code] [of the application is given|comes out]."
	return v, s
}

func infoKey(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	var leak, harmless string
	switch g.IntN(5) {
	case 0:
		leak, harmless = "AKIA"+g.chars(upperNum, 16), g.pick("AKIAIOSFODNN7EXAMPLE", "AKIAXXXXXXXXXXXXXXXX")
	case 1:
		leak, harmless = "sk_live_"+g.chars(alnum, 24), "pk_live_"+g.chars(alnum, 24)
	case 2:
		leak, harmless = "ghp_"+g.chars(alnum, 36), "ghp_"+strings.Repeat(g.pick("x", "0", "*"), 36)
	case 3:
		body := g.chars(alnum, 40)
		leak, harmless = body, strings.Repeat(g.pick("*", "•"), 8)+body[36:]
	default:
		secret := g.chars(alnum, 12)
		name, host := g.noun(), g.noun()
		leak, harmless = "postgres://"+name+":"+secret+"@"+host+".db.internal:5432/"+name, "postgres://"+name+":"+g.pick("<password>", "********", "${DB_PASSWORD}")+"@"+host+".db.internal:5432/"+name
	}
	label := g.pick("key", "credential", "token", "access", "integration_key", "client_secret", "connection")
	sentence := g.pick("{k}", g.say("[Connected with|Using|Current "+label+":|Integration uses] ")+"{k}")
	g.reveal(&v, &s, label, strings.ReplaceAll(sentence, "{k}", leak), strings.ReplaceAll(sentence, "{k}", harmless))
	v.note, s.note = "a working key", "a placeholder, a public or a masked key"
	v.seen = "[The response hands out|Whoever sends this request gets] a [complete|whole] secret: {ev}."
	v.why = "[It is neither masked nor a sample|Nothing in it is masked or a placeholder], so [anyone who reads this|its reader] can [act as the service|use it] [until it is changed|from anywhere]."
	s.seen = "[What looks like a key is|The value in question is] {ev}."
	switch {
	case strings.HasPrefix(harmless, "pk_live_"):
		s.why = "[The prefix pk_ marks a publishable key|It is the publishable half, pk_], [made to be|which is meant to be] [sent to browsers|public], and [it grants|gives] no [access by itself|rights over data]."
	case strings.HasPrefix(leak, "postgres"):
		s.why = "[The password is not there|In place of the password stands a mark], so [nobody can connect with it|it opens nothing]."
	case strings.HasPrefix(harmless, "AKIA"):
		s.why = "[That is a sample value|It is the documentation's placeholder], [known from manuals|as manuals print it], and [opens nothing|gives no access]."
	default:
		s.why = "[Its characters are masked|What matters of it is masked], so [it cannot be used|nobody can use it]; [the rest|what remains] [only helps its owner to recognise it|tells nothing]."
	}
	return v, s
}

func infoAddress(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	name := g.pick("X-Backend-Server", "X-Upstream", "X-Served-By", "X-Node", "X-Backend-Host", "X-Origin-Server")
	port := ":" + g.pick("8080", "9000", "3000", "8443")
	leak, harmless := g.privateIP()+port, g.publicIP()+port
	note := "the documentation's address block, reachable by anyone"
	if g.chance(0.4) {
		id := g.noun() + "-" + g.digits(2)
		leak, harmless, note = id+g.pick(".corp.internal", ".prod.svc.cluster.local", ".lan", ".int")+port, id+"."+g.pick("cdn", "edge")+".example.net", "a public name of the delivery network"
	}
	x.resp.del(name)
	v, s := twins(x)
	if g.chance(0.5) {
		v.resp.set(name, leak)
		s.resp.set(name, harmless)
		v.evidence, s.evidence = ": "+leak, ": "+harmless
	} else {
		words := g.say("[Served by|upstream|Answered by node|origin|Forwarded to|node] ")
		g.reveal(&v, &s, g.pick("served_by", "upstream", "node", "origin"), words+leak, words+harmless)
	}
	v.note, s.note = "an address of the inner network", note
	v.seen = "[The response names|An answer to the outside carries] {ev}."
	v.why = "[That address belongs to|It is from] the [inner|private] network: [nobody outside needs to know it|it shows the layout to strangers], and it [helps to aim|gives a target to] [a later attack|server-side request forgery]."
	s.seen = "[The response names|An answer to the outside carries] {ev}."
	s.why = "[It is a public address|That name or number is public]: [everybody reaches it|it can be resolved and reached] [anyway|from anywhere], and [the inner network is not described|nothing of a private network shows]."
	return v, s
}

func infoOther(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	own := g.between(1200, 98000)
	other := own + g.between(1, 40)
	header := g.pick("X-User-Id", "X-Account", "X-Authenticated-User", "X-Customer-Id")
	if g.chance(0.4) {
		x.req.set("Cookie", "uid="+strconv.Itoa(own)+"; "+g.cookies())
		header = "the cookie uid"
	} else {
		x.req.set(header, strconv.Itoa(own))
	}
	v, s := twins(x)
	f, key := x.resp.format(), g.unique(g.pick("profile", "owner", "customer", "record"))
	seed := g.Uint64()
	label := g.pick("user_id", "account", "customer_id", "uid")
	body := func(id int) (string, string) {
		h := newGen(seed, key, 0)
		text := h.fields(f, key, []field{{label, strconv.Itoa(id)}, {"name", h.person()}, {"phone", "+" + h.digits(2) + " " + h.digits(9)}, {"address", h.digits(2) + " " + h.noun() + " road, " + h.pick(cities...)}}[:h.between(3, 4)])
		return text, lineWith(text, strconv.Itoa(id))
	}
	text, line := body(other)
	v.resp.insert(text)
	v.evidence, v.note = line, "the record of another user"
	v.seen = fmt.Sprintf("[The client is|It acts as] user %d by %s, and the record in the response is %d's: {ev}.", own, header, other)
	v.why = "[Somebody else's|Another person's] [name and contact|personal data] [are given out|reach this client], [as|since] [the server does not compare|nobody has compared] the [two numbers|owner with the caller]."
	text, line = body(own)
	s.resp.insert(text)
	s.evidence, s.note = line, "the user's own record"
	s.seen = fmt.Sprintf("[The client is|It acts as] user %d by %s, and the record in the response is {ev}.", own, header)
	s.why = "[The numbers agree|That is the same number]: [people may see|everyone may see] [their own|what is stored about themselves], [and no other person's data is there|so nothing of others gets out]."
	return v, s
}

func infoMasked(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	kind, number, shown := "card", "", 4
	switch g.IntN(3) {
	case 0:
		number = luhn("4" + g.chars("0123456789", 14))
	case 1:
		kind, number = "social_security", fmt.Sprintf("%03d-%02d-%04d", g.between(100, 665), g.between(10, 99), g.between(1000, 9999))
	default:
		kind, number = "iban", "DE"+g.digits(2)+g.chars("0123456789", 18)
	}
	mark := g.pick("*", "•", "x", "#")
	masked := ""
	for i, c := range number {
		if i >= len(number)-shown || c == '-' {
			masked += string(c)
		} else {
			masked += mark
		}
	}
	lead := g.person() + g.pick(", ", ": ", " – ", " | ")
	if g.chance(0.3) {
		lead = ""
	}
	g.reveal(&v, &s, kind, lead+number, lead+masked)
	v.note, s.note = "a number in full", "a masked number"
	what := strings.ReplaceAll(kind, "_", " ") + " number"
	v.seen = "[The body has|In the body stands] a " + what + " [in full|with all its digits]: {ev}."
	v.why = "[Nothing of it is masked|All of it is readable], [though no page needs more than its end|and such a number is enough for fraud], so [personal data leaks|it is disclosed] to [whoever|anybody who] [gets|logs] this response."
	s.seen = "[The body has|In the body stands] a " + what + ", [masked but for its end|of which only the end is left]: {ev}."
	s.why = "[Four digits|The last four] [let the owner recognise it|are for recognition] and [cannot be used|are no use] [to pay or to impersonate|for anything else]."
	return v, s
}

// luhn adds the check digit.
func luhn(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}
