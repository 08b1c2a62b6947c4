package generate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var sqliRules = []rule{
	{"database error", 4, canInsert, sqliError},
	{"UNION", 4, canInsert, sqliUnion},
	{"tautology", 4, canInsert, sqliTautology},
	{"arithmetic", 3, canInsert, sqliArithmetic},
	{"delay", 4, canInsert, sqliDelay},
	{"login", 40, isLogin, sqliLogin},
}

func canInsert(_ Template, x exchange) bool { return x.resp.can() && x.resp.format() != formatOther }

var loginPath = regexp.MustCompile(`(?i)login|log-in|signin|sign-in|logon`)

func isLogin(_ Template, x exchange) bool {
	return x.req.method() == "POST" && loginPath.MatchString(x.req.path()) && strings.Contains(strings.ToLower(x.req.body), "pass")
}

// inject puts the payload into the request, and texts that speak of databases into the page: they decide nothing.
func (g *gen) inject(x *exchange, payload string) input {
	in := g.placeInput(&x.req)
	g.setInput(&x.req, payload)
	return in
}

func (g *gen) databaseTalk(m *message) {
	f := m.format()
	for range g.IntN(3) {
		switch g.IntN(5) {
		case 0:
			_, text := g.databaseError("'" + g.noun() + " FROM " + g.noun() + "s'")
			m.insert(g.paragraph(f, g.unique(g.pick("article", "related", "faq_entry")), g.say("[Article|Forum|Solved|Ticket "+g.digits(4)+"|FAQ]: ")+text+g.say(" – [what it means|how we fixed it|after the upgrade|and what to check]")))
		case 1:
			m.insert(g.paragraph(f, g.unique("course"), g.say("[Course|Book|Talk|Video]: [UNION SELECT explained|SQL injection for testers|Prepared statements in practice|From SELECT to JOIN|OR 1=1 and other classics], {first} {last}", "first", g.first(), "last", g.last())))
		case 2:
			m.insert(g.table(f, g.unique("popular"), []string{"name", "city", "price"}, g.rows(g.between(1, 4))))
		case 3:
			m.insert(g.fields(f, g.unique("stats"), []field{{"visits", g.digits(4)}, {"indexed_pages", g.digits(g.between(1, 3))}, {"index_age_s", g.digits(g.between(1, 4))}}[:g.between(1, 3)]))
		default:
			m.insert(g.paragraph(f, g.unique("notice"), g.say("[Queries that take longer than {n} ms are logged|The database moves on {d}|SELECT-only access for partners since {d}].", "n", g.digits(4), "d", g.date())))
		}
	}
}

// databaseError is a database's message about a statement that an input has broken, with the part that it names.
func (g *gen) databaseError(near string) (database, text string) {
	line := strconv.Itoa(g.between(1, 4))
	switch g.IntN(9) {
	case 0:
		return "MySQL", "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '" + near + "' at line " + line
	case 1:
		return "MariaDB", "SQLSTATE[42000]: Syntax error or access violation: 1064 You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near '" + near + "' at line " + line
	case 2:
		return "PostgreSQL", `pq: syntax error at or near "` + near + `"`
	case 3:
		return "PostgreSQL", `org.postgresql.util.PSQLException: ERROR: unterminated quoted string at or near "` + near + `" Position: ` + g.digits(2)
	case 4:
		return "SQL Server", "Unclosed quotation mark after the character string '" + near + "'. Incorrect syntax near '" + near + "'."
	case 5:
		return "SQL Server", "[Microsoft][ODBC Driver 17 for SQL Server][SQL Server]Incorrect syntax near '" + near + "'. (102)"
	case 6:
		return "Oracle", "ORA-01756: quoted string not properly terminated: \"" + near + "\""
	case 7:
		return "SQLite", `sqlite3.OperationalError: near "` + near + `": syntax error`
	default:
		return "SQLite", "SQLITE_ERROR: unrecognized token: \"" + near + "\""
	}
}

func sqliError(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	tail := g.chars("abcdefghjkmnpqrstvwxyz", 4)
	payload := g.pick(g.digits(g.between(1, 4)), g.noun()) + g.pick("'", "')", "''") + g.pick("", " ", "--") + tail
	payload = strings.Replace(payload, "''", "'", 1)
	in := g.inject(&x, payload)
	g.databaseTalk(&x.resp)
	v, s := twins(x)
	f := x.resp.format()
	near := payload[strings.IndexByte(payload, '\''):]
	database, text := g.databaseError(near)
	key := g.unique(g.pick("error", "message", "detail", "exception", "warning"))
	v.resp.insert(g.paragraph(f, key, text))
	article := g.chance(0.65)
	if g.chance(0.3) && !article {
		v.resp.setStatus(500, "Internal Server Error")
	}
	v.evidence, v.note = escape(f, text), "the input breaks a statement and the error comes back"
	v.seen = "[The request sends|The value of " + in.name + " is] " + quoted(payload) + " and the response [has|shows] {ev}."
	v.why = "[That is|It is] an error of " + database + " that [quotes the input|names the input's own characters] as [part of the statement|SQL], so [the value is put into the query as text|the quote left its string] and [can change it|the query can be rewritten]."
	text, why := g.refusal(in.name, payload)
	if article { // the same refusal or echo on both sides; in place of the error one that is a text's subject
		_, subject := g.databaseError(g.pick("' AND "+g.noun()+" = 1", "FROM "+g.noun()+"s", "'"+g.noun()+"'", "ORDER BY "+g.noun()))
		subject = g.say("[Article|Forum|Solved|Ticket|FAQ]: ") + subject
		s.resp.insert(g.paragraph(f, key, subject))
		text = g.say("[Nothing found for|No entries for|0 results for|No match:] {v}[.|]", "v", payload)
		echo := g.paragraph(f, g.unique("query_text"), text)
		v.resp.insert(echo)
		s.resp.insert(echo)
		s.evidence, s.note = escape(f, subject), "the error is the subject of a text, the input was searched for"
		s.seen = "[The request sends|The value of " + in.name + " is] " + quoted(payload) + ", and [the error in the page is|there is an error in the page:] {ev}."
		s.why = "[It does not name|What it names is not] the input's characters: [it is a text that people read here|an article or a thread is listed], and [the input itself was searched for|the search for the input] [as plain text|and found nothing]."
		return v, s
	}
	s.resp.insert(g.paragraph(f, key, text))
	s.evidence, s.note = escape(f, text), "the input is taken as text or refused"
	s.seen = "[The request sends|The value of " + in.name + " is] " + quoted(payload) + " and the response [has|answers] {ev}."
	s.why = why
	return v, s
}

// refusal is how a server answers a value that it takes for nothing but a value.
func (g *gen) refusal(name, payload string) (text, why string) {
	switch g.IntN(3) {
	case 0:
		return g.say("[Nothing found for|No entries for|0 results for|No match:] {v}[.|]", "v", payload),
			"[The quote was searched for|It was looked up] like any other character: [no statement broke|the query stayed whole], and [an empty result|finding nothing] [is what such a text should give|is the right answer]."
	case 1:
		return g.say("[Invalid|Illegal|Unsupported] value for {p}: {v} [is not allowed|does not match the expected pattern|was rejected]", "p", name, "v", payload),
			"[The value was refused before any query|Validation stops it], [and|so] nothing [of it|in this answer] [comes from a database|was interpreted as SQL]; [other texts about SQL on the page are content|words about databases elsewhere are content]."
	default:
		return g.say("Request [blocked|stopped] by [the firewall|our security rules] near {v} (incident "+g.hex(10)+")", "v", payload),
			"[A filter in front answered|That is a block page], [so|and] the value [never reached|did not get to] a [database|query] [in this exchange|here]; [it shows a defence|it proves a filter], not a broken statement."
	}
}

// quoted shows a payload in a sentence.
func quoted(payload string) string {
	if strings.Contains(payload, "`") {
		return "«" + payload + "»"
	}
	return "`" + payload + "`"
}

func sqliUnion(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	before := g.pick("0", "-1", "x'", "zz')", "'") + " UNION " + g.pick("", "ALL ") + "SELECT "
	end := g.pick("-- ", "--", "#", "-- -")
	var expression, result, why string
	switch g.IntN(3) {
	case 0:
		a, b := g.between(1000, 9999), g.between(11, 99)
		expression, result = fmt.Sprintf("%d*%d", a, b), strconv.Itoa(a*b)
		why = "[The product|" + result + " is what " + expression + " gives: it] was [computed by the database|worked out by the database]"
	case 1:
		a, b := g.chars("bcdfghjkmnpqrstvwxz", 4), g.chars("bcdfghjkmnpqrstvwxz", 5)
		expression, result = g.pick("CONCAT('"+a+"','"+b+"')", "'"+a+"'||'"+b+"'"), a+b
		why = "[The two parts were joined|" + a + " and " + b + " were put together] by the database"
	default:
		expression, result = "@@version", fmt.Sprintf("8.0.%d-%dubuntu0.22.04.%d", g.between(20, 39), g.IntN(3), g.between(1, 4))
		why = "[The database's version|Its version string] was [selected|read] by the input"
	}
	columns := g.between(2, 4)
	list := make([]string, columns)
	for i := range list {
		list[i] = g.pick("NULL", strconv.Itoa(i+1))
	}
	list[g.IntN(columns)] = expression
	payload := before + strings.Join(list, ",") + end
	g.inject(&x, payload)
	g.databaseTalk(&x.resp)
	f := x.resp.format()
	echo := g.paragraph(f, g.unique(g.pick("query", "term", "search")), g.say("[Results for|Query:|You searched|Term] ")+payload)
	if g.chance(0.6) {
		x.resp.insert(echo)
	}
	v, s := twins(x)
	rows := g.rows(g.between(0, 3))
	own := g.pick(g.digits(len(result)), g.noun(), g.product())
	if own == result {
		own = g.product()
	}
	other := []string{own, g.pick(cities...), g.price()}
	injected := []string{result, g.pick("", "1", "2", "NULL"), g.pick("", "3", "NULL")}
	if g.chance(0.5) {
		injected = []string{result, other[1], other[2]} // the row is dressed like the others
	}
	key := g.unique(g.pick("items", "results", "list", "entries"))
	seed := g.Uint64()
	table := func(extra []string) string { // the same markup on both sides
		h := newGen(seed, "table", 0)
		return h.table(f, key, []string{"name", "place", "price"}, append(append([][]string(nil), rows...), extra))
	}
	v.resp.insert(table(injected))
	s.resp.insert(table(other))
	v.evidence, v.note = result, "a row of the result was made by the input"
	v.seen = "[The input selects|With UNION the input asks for] " + quoted(expression) + ", and in the list stands {ev}."
	v.why = why + ", so [the input is part of the statement|the second SELECT was executed] and [any table can be read|other data can be fetched] [this way|like this]."
	s.evidence, s.note = escape(f, own), "the rows are the application's own"
	s.seen = "[The input tries to add|With UNION the input asks for] " + quoted(expression) + ", but [the list has|the row is] {ev}."
	s.why = "[No row|Nothing in the answer] [has the value that|shows what] the expression would give; [the text was only compared|the input was taken as plain text], [not executed|and no second SELECT ran]."
	return v, s
}

func sqliTautology(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	n := g.digits(1)
	payload := g.pick("zz", g.noun(), g.chars("abcdefghjk", 5), "-1") + g.pick("' OR '"+n+"'='"+n, "' OR "+n+"="+n+"-- ", "') OR ('"+n+"'='"+n, "' OR "+n+"="+n+"#", "\" OR \""+n+"\"=\""+n, "' || "+n+"="+n+"-- ")
	in := g.inject(&x, payload)
	g.databaseTalk(&x.resp)
	v, s := twins(x)
	f := x.resp.format()
	total := g.between(400, 90000)
	shown := g.between(2, 5)
	rows := g.rows(shown)
	name := g.pick("matches", "found", "hits", "results")
	seed, key, listKey := g.Uint64(), g.unique("summary"), g.unique("rows")
	body := func(found int) (string, string) {
		h := newGen(seed, "page", 0)
		line := h.say("[{k}: {n} of {t}|{n} of {t} {k}|{k} {n} / {t}|{n} {k} ({t} in total)]", "k", name, "n", strconv.Itoa(found), "t", strconv.Itoa(total))
		return h.paragraph(f, key, line) + "\n" + h.table(f, listKey, []string{"name", "place", "price"}, rows), line
	}
	text, line := body(total)
	v.resp.insert(text)
	v.evidence, v.note = line, "the condition is true for all rows"
	v.seen = "The value of " + in.name + " [is|was set to] " + quoted(payload) + ", and the response [counts|reports] {ev}."
	v.why = "[A text like that matches no entry|No entry is called that]; [that all of them match|every row matching] means that the OR was [evaluated|executed] [as part of the condition|by the database]."
	text, line = body(0)
	s.resp.insert(text)
	s.evidence, s.note = line, "the condition is compared as text"
	s.seen = "The value of " + in.name + " [is|was set to] " + quoted(payload) + ", and the response [counts|reports] {ev}."
	s.why = "[The OR had no effect|It was compared as a whole text], and [nothing matches such a text|no entry has that text]; the [rows|entries] that are [listed|shown] below are [not matches|suggestions of the page]."
	return v, s
}

func sqliArithmetic(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	a, b := g.between(20, 900), g.between(1, 19)
	payload := fmt.Sprintf("%d-%d", a, b)
	in := g.inject(&x, payload)
	g.databaseTalk(&x.resp)
	v, s := twins(x)
	f := x.resp.format()
	seed, key := g.Uint64(), g.unique(g.pick("record", "item", "entry", "detail"))
	label := g.pick("id", "number", "key", "record_id", "no")
	body := func(id int) string {
		h := newGen(seed, "record", 0)
		return h.fields(f, key, []field{{label, strconv.Itoa(id)}, {"name", h.product()}, {"price", h.price()}, {"city", h.pick(cities...)}}[:h.between(2, 4)])
	}
	line := func(id int) string { // as fields write it, in any format
		text := body(id)
		at := strings.Index(text, strconv.Itoa(id))
		start := strings.LastIndexByte(text[:at], '\n') + 1
		return strings.TrimSpace(text[start : at+len(strconv.Itoa(id))])
	}
	v.resp.insert(body(a - b))
	v.evidence, v.note = line(a-b), "the subtraction was done by the database"
	v.seen = fmt.Sprintf("The value of %s is `%s`, and [the record that comes back is|what is returned is] number %d: {ev}.", in.name, payload, a-b)
	v.why = "[The subtraction was carried out|Somebody computed the difference], [which only happens|as happens only] if the value [stands in the statement unquoted|is pasted into the statement]."
	s.resp.insert(body(a))
	s.evidence, s.note = line(a), "the value is read up to its first character that is no digit"
	s.seen = fmt.Sprintf("The value of %s is `%s`, and [the record that comes back is|what is returned is] number %d: {ev}.", in.name, payload, a)
	s.why = fmt.Sprintf("[Only the leading number was read|The value was cut to its leading number], [as|which is what] a conversion to an integer does; had the database computed it, record %d would have [come|been shown].", a-b)
	return v, s
}

func sqliDelay(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	seconds := g.between(4, 12)
	payload := fmt.Sprintf(g.pick("%s' AND SLEEP(%d)-- ", "%s'; WAITFOR DELAY '0:0:%d'--", "%s' || pg_sleep(%d)--", "%s AND (SELECT 1 FROM (SELECT SLEEP(%d))z)", "%s';SELECT PG_SLEEP(%d)--",
		"%s' AND 1=DBMS_PIPE.RECEIVE_MESSAGE('q',%d)--"), g.pick(g.digits(2), g.noun()), seconds)
	in := g.inject(&x, payload)
	g.databaseTalk(&x.resp)
	for _, other := range []string{"X-Runtime", "X-Response-Time", "Server-Timing"} { // two times would contradict each other
		x.resp.del(other)
	}
	v, s := twins(x)
	f := x.resp.format()
	slow, fast := seconds*1000+g.between(2, 90), g.between(3, 180)
	kind, key := g.IntN(4), g.unique("took_ms")
	report := func(m *message, ms int) string {
		switch kind {
		case 0:
			m.set("X-Response-Time", fmt.Sprintf("%dms", ms))
			return fmt.Sprintf("%dms", ms)
		case 1:
			m.set("X-Runtime", fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
			return fmt.Sprintf(": %d.%03d", ms/1000, ms%1000)
		case 2:
			m.set("Server-Timing", fmt.Sprintf("db;dur=%d", ms))
			return fmt.Sprintf("db;dur=%d", ms)
		default:
			text := newGen(uint64(seconds), key, 0).fields(f, key, []field{{"took_ms", strconv.Itoa(ms)}})
			m.insert(text)
			at := strings.LastIndex(text, strconv.Itoa(ms))
			start := strings.LastIndexByte(text[:at], '\n') + 1
			return strings.TrimSpace(text[start : at+len(strconv.Itoa(ms))])
		}
	}
	v.evidence, v.note = report(&v.resp, slow), "the database waited as long as the input says"
	v.seen = fmt.Sprintf("The [input|value of %s] asks the database to wait %d seconds, and the response [reports|gives its time as] {ev}.", in.name, seconds)
	v.why = "[It took as long as was asked|The two agree], [so|which means that] the [function|delay] was [run|executed] [inside the query|by the database], [and other statements would be too|and so can others]."
	s.evidence, s.note = report(&s.resp, fast), "no delay"
	s.seen = fmt.Sprintf("The [input|value of %s] asks the database to wait %d seconds, [but|yet] the response [reports|gives its time as] {ev}.", in.name, seconds)
	s.why = "[It was answered at once|There was no waiting], [so|and so] the [function|delay] was [not run|never executed]: [it is text to the query|the value was bound as a parameter]."
	return v, s
}

func sqliLogin(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	name := g.pick("admin", "root", "administrator", g.pick(logins...))
	payload := name + g.pick("'--", "'-- ", "' #", "'/*", "' OR '1'='1'-- ", "') OR 1=1--")
	g.inject(&x, payload)
	cookie := g.pick(cookieKeys...) + "=" + g.chars(alnum, 24) + "; Path=/; Secure; HttpOnly; SameSite=Lax"
	x.resp.set("Set-Cookie", cookie)
	html := x.resp.format() == formatHTML || !x.resp.can()
	if html {
		x.resp.body = here
		x.resp.setStatus(302, "Found")
		x.resp.set("Content-Type", "text/html; charset=utf-8")
	} else {
		g.databaseTalk(&x.resp)
	}
	v, s := twins(x)
	home, back := "/"+g.pick("dashboard", "home", "account", "admin", "inbox"), x.req.path()
	if html {
		flags := g.pick("?e=1", "?failed=1", "?next=/"+home[1:], "?error=credentials")
		v.resp.set("Location", home)
		s.resp.set("Location", back+flags)
		v.resp.insert("<p>" + g.pick("Moved to", "Found:", "See", "Redirecting to") + ` <a href="` + home + `">` + home + "</a></p>")
		s.resp.insert("<p>" + g.pick("Moved to", "Found:", "See", "Redirecting to") + ` <a href="` + back + flags + `">` + back + "</a></p>")
		v.evidence, s.evidence = ": "+home, ": "+back+flags
	} else {
		f, key, seed := x.resp.format(), g.unique("login"), g.Uint64()
		body := func(user, role string) (text, line string) {
			h := newGen(seed, key, 0)
			text = h.fields(f, key, []field{{"user", user}, {"role", role}, {"session", h.pick("open", "new")}})
			return text, lineWith(text, user)
		}
		text, line := body(name, g.pick("owner", "admin", "staff"))
		v.resp.insert(text)
		v.evidence = line
		text, line = body("anonymous", g.pick("none", "guest"))
		s.resp.insert(text)
		s.evidence = line
	}
	v.note, s.note = "the comment cuts the password check off", "the login fails"
	v.seen = "[The user name is|As user name the client sends] " + quoted(payload) + ", and the [server|application] [answers with|gives] {ev}."
	v.why = "[That is a successful login|The client is let in] [although|while] the password [belongs to no such name|was never right], so the input [ended the string|cut the condition off] and [the rest of the query was skipped|changed the query]."
	s.seen = v.seen
	s.why = "[That is what a failed login gives|The login failed]: [no account has such a name|the quote is part of a name that nobody has], [and the query was not changed|so the statement kept its form]."
	return v, s
}

// lineWith is the line of a text that has a word in it, trimmed.
func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return word
}
