package generate

import (
	"fmt"
	"strings"
)

func infoSettings(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	f, key := x.resp.format(), g.unique(g.pick("env", "config", "settings", "environment"))
	secrets := [][2]string{
		{"DB_PASSWORD", g.chars(alnum, 14)}, {"SECRET_KEY", g.chars(alnum, 40)}, {"SMTP_PASS", capital(g.noun()) + g.digits(4)},
		{"JWT_SECRET", g.hex(32)}, {"REDIS_AUTH", g.chars(alnum, 18)}, {"STRIPE_KEY", "sk_live_" + g.chars(alnum, 20)}, {"ADMIN_TOKEN", g.uuid()},
	}
	secret := secrets[g.IntN(len(secrets))]
	empty := g.pick("", "changeme", "<set me>", "********", "(hidden)", "${"+secret[0]+"}", "your-"+strings.ToLower(strings.ReplaceAll(secret[0], "_", "-")))
	plain := []field{{"APP_NAME", g.company()}, {"LOCALE", g.pick("en", "de", "fr")}, {"PAGE_SIZE", g.digits(2)}, {"THEME", g.pick("dark", "light", "auto")}, {"TZ", "UTC"}, {"CACHE_TTL", g.digits(3)}}
	g.Shuffle(len(plain), func(i, j int) { plain[i], plain[j] = plain[j], plain[i] })
	plain = plain[:g.between(2, 5)]
	at := g.IntN(len(plain) + 1)
	seed := g.Uint64()
	body := func(value string) (string, string) {
		list := append(append(append([]field(nil), plain[:at]...), field{secret[0], value}), plain[at:]...)
		text := newGen(seed, key, 0).fields(f, key, list)
		return text, lineWith(text, secret[0])
	}
	text, line := body(secret[1])
	v.resp.insert(text)
	v.evidence, v.note = line, "the settings with a secret's value"
	v.seen = "[The server's settings are shown|Settings of the server are in the body], [among them|and one of them is] {ev}."
	v.why = "[The value is there in full|It is a real value], and [whoever has it|its reader] [can log in|gets access] [to the service behind|in the application's name]."
	text, line = body(empty)
	s.resp.insert(text)
	s.evidence, s.note = line, "the settings without a secret's value"
	s.seen = "[The server's settings are shown|Settings are in the body], [among them|and the one that matters is] {ev}."
	s.why = "[There is no secret in it|The value is left out]: [a name with|only] a [placeholder|blank or a mark] [stands there|is given], and [the others|the rest] [open nothing|are harmless]."
	return v, s
}

func infoComment(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	login, secret := g.pick(logins...), capital(g.noun())+g.digits(3)+g.pick("!", "$", "")
	leads := g.say("[TODO|FIXME|NOTE|" + g.first() + "]: ")
	var leak, harmless string
	switch g.IntN(3) {
	case 0:
		leak = leads + g.say("[test|admin|demo] login {u} / {p} [remove before release|still works|until the new form is live]", "u", login, "p", secret)
		harmless = leads + g.say("[test|admin|demo] login [form|link|page] [remove before release|looks odd in Safari|until the new form is live]")
	case 1:
		leak = leads + g.say("db {u}:{p}@{ip} [used here|see "+g.first()+"|for the report]", "u", login, "p", secret, "ip", g.privateIP())
		harmless = leads + g.say("[db report|password field|login box] [is filled by script|needs a better label|see "+g.first()+"]")
	default:
		leak = leads + g.say("[backdoor|override|bypass] for support: add ?{n}={p} [to skip the password|to become admin]", "n", g.noun(), "p", secret)
		harmless = leads + g.say("[override|bypass] for print: the style [skips the sidebar|hides the password hint|makes the admin bar white]")
	}
	v.resp.insert("<!-- " + leak + " -->")
	s.resp.insert("<!-- " + harmless + " -->")
	v.evidence, s.evidence = leak, harmless
	v.note, s.note = "a comment with a secret", "a comment without one"
	v.seen = "[A comment in the page's source|The markup has a comment that] [says|reads]: {ev}."
	v.why = "[Every visitor can read it|Comments are sent to everyone], and [it gives away|there is in it] [access|a way in] [that was meant for insiders|with no further effort]."
	s.seen = "[A comment in the page's source|The markup has a comment that] [says|reads]: {ev}."
	s.why = "[It speaks of the page's making|That is a note among developers] and [names no account, secret or address|has no value that opens anything], [so reading it|and reading it] [gains nothing|is of no use to an attacker]."
	return v, s
}

func infoListing(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	f := x.resp.format()
	folder := "/" + g.pick("backup", "files", "uploads", "old", "data", "export", "pub", "dist", "releases") + "/"
	inner := []string{g.noun() + "s.sql.gz", "config.php.bak", "dump-" + g.date() + ".sql", ".htpasswd", "id_rsa.old", "users.csv", g.noun() + ".env", "db-" + g.digits(4) + ".bak", "wp-config.php~", "keys.kdbx"}
	outer := []string{g.noun() + "-" + g.digits(1) + "." + g.digits(2) + ".tar.gz", "README.txt", "CHANGELOG", "sha256sums.txt", "LICENSE", g.noun() + "-manual.pdf", "logo.svg", "setup-" + g.digits(2) + ".exe", "schema.example.sql", "config.sample.php"}
	g.Shuffle(len(inner), func(i, j int) { inner[i], inner[j] = inner[j], inner[i] })
	g.Shuffle(len(outer), func(i, j int) { outer[i], outer[j] = outer[j], outer[i] })
	n, at := g.between(2, 4), 0
	seed := g.Uint64()
	key := g.unique("listing")
	names := append([]string(nil), outer[:n]...)
	at = g.IntN(n)
	body := func(names []string) string {
		h := newGen(seed, key, 0)
		title := h.pick("Index of ", "Directory of ", "Listing of ", "Parent directory of ") + folder
		var lines []string
		for _, name := range names {
			lines = append(lines, fmt.Sprintf("%s  %s %s  %s", name, h.date(), h.clock()[:5], h.digits(h.between(2, 6))))
		}
		if f == formatHTML {
			var b strings.Builder
			b.WriteString("<h1>" + title + "</h1>\n<pre>\n")
			for i, line := range lines {
				b.WriteString(`<a href="` + names[i] + `">` + names[i] + "</a>" + strings.TrimPrefix(line, names[i]) + "\n")
			}
			return b.String() + "</pre>"
		}
		return title + "\n" + strings.Join(lines, "\n")
	}
	v, s := twins(x)
	s.resp.insert(body(names))
	s.evidence, s.note = names[at], "a listing of files for everybody"
	leaking := append([]string(nil), names...)
	leaking[at] = inner[0]
	v.resp.insert(body(leaking))
	v.evidence, v.note = inner[0], "a listing with a file that is nobody's business"
	v.seen = "[The folder can be listed|A listing of " + folder + " is shown], and one entry is {ev}."
	v.why = "[Files of that kind hold|Such a file holds] [credentials or a copy of the data|what only the operator should have], and [the listing leads right to it|with the listing anyone can fetch it]."
	s.seen = "[The folder can be listed|A listing of " + folder + " is shown], with entries such as {ev}."
	s.why = "[All of them are|They are] [releases and their papers|files for download] [that are meant for everyone|and public by purpose]; [no backup, dump or key|nothing private] is [among them|listed]."
	return v, s
}

func infoHash(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	hash := g.pick("$2b$12$"+g.chars(alnum, 53), "$2y$10$"+g.chars(alnum, 53), "$argon2id$v=19$m=65536,t=3,p=4$"+g.chars(alnum, 22)+"$"+g.chars(alnum, 43), "pbkdf2_sha256$"+g.digits(6)+"$"+g.chars(alnum, 12)+"$"+g.chars(alnum, 43)+"=", "$6$"+g.chars(alnum, 8)+"$"+g.chars(alnum, 60))
	f, key := x.resp.format(), g.unique(g.pick("user", "member", "account", "author"))
	seed, user, name := g.Uint64(), g.pick(logins...), g.pick("password", "pwd", "hash", "pass", "digest")
	checksum := "sha256:" + g.hex(64)
	body := func(last field) (string, string) {
		h := newGen(seed, key, 0)
		text := h.fields(f, key, []field{{"login", user}, {"role", h.pick("editor", "member", "admin")}, last})
		return text, lineWith(text, escape(f, last.value))
	}
	text, line := body(field{name, hash})
	v.resp.insert(text)
	v.evidence, v.note = line, "a password's hash"
	v.seen = "[The record of " + user + " has|Beside the login " + user + " stands] {ev}."
	v.why = "[That is a password's hash|The format is that of a password hash], which [can be guessed at offline|invites guessing without limits] and [never belongs|has no place] in [a response|what a client gets]."
	last := field{name, g.pick("set", "not shown", "********", "changed "+g.date(), "expires "+g.date())}
	s.why = "[It tells that there is a password, not which|Nothing of the password or its hash is in it], [so|and] [there is nothing to guess at|no offline attack is possible]."
	switch g.IntN(3) {
	case 0:
		last = field{g.pick("password_format", "scheme", "algorithm"), hash[:strings.LastIndexByte(hash, '$')+1] + g.pick("…", "(not shown)", "<hash>")}
		s.why = "[Only the scheme and its cost are given|It names the scheme and what it costs], [the hash itself is left out|without the hash], so [there is nothing to guess at|no offline attack is possible]."
	case 1:
		last = field{g.pick("avatar_digest", "file_hash", "etag", "checksum"), checksum}
		s.why = "[It is the checksum of a file|That hash belongs to a file], [plain SHA-256 of public content|for comparing downloads], [not of a password|and no secret was hashed]."
	}
	text, line = body(last)
	s.resp.insert(text)
	s.evidence, s.note = line, "no password's hash"
	s.seen = "[The record of " + user + " has|Beside the login " + user + " stands] {ev}."
	return v, s
}

func infoVersion(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	d := func(n int) int { return g.IntN(n) }
	product := g.pick("Apache Tomcat/9.0.%d - JVM 1.8.0_%d", "PHP/7.%d.%d (cli)", "Django/3.%d.%d with DEBUG on", "WildFly %d.0.%d on OpenJDK 11", "ASP.NET 4.%d.%d on IIS", "Node.js v14.%d.%d, Express 4", "WebLogic Server 12.%d.%d")
	leak := fmt.Sprintf(product, g.between(1, 8), d(30)) + ", Linux 4.15.0-" + g.digits(3)
	harmless := capital(g.company()) + g.pick(" API ", " web ", " portal ", " app ") + fmt.Sprintf("%d.%d.%d", g.between(1, 8), d(30), d(9)) + g.pick("", ", see the changelog", ", documentation 4.15")
	lead := g.pick("Powered by ", "Running on ", "Served by ", "Host: ", "Engine: ")
	required := g.chance(0.6)
	if required {
		harmless = g.pick("Works with ", "Download needs ", "Tested with ", "Requires at least ", "Supports ") + leak
		g.reveal(&v, &s, g.pick("platform", "notes", "technical"), lead+leak, harmless)
	} else {
		g.reveal(&v, &s, g.pick("version", "engine", "powered_by", "generator", "build"), lead+leak, lead+harmless)
	}
	v.note, s.note = "versions of the software underneath", "the product's own public version"
	v.seen = "[The page tells|Part of the body is] what it runs on, [in detail|version by version]: {ev}."
	v.why = "[Runtime and operating system|The platform's exact versions] [are named|are given], so [published holes can be looked up|an attacker picks matching exploits] [at once|without probing]."
	if required {
		s.note = "what a product needs"
		s.seen = "[The versions that are named|What is named with versions] stand in {ev}."
		s.why = "[That is a product's list of requirements|It says what customers need for a download], [meant to be read by them|published on purpose]; [what this server runs on|the platform of this very server] [is not told|remains unknown]."
		return v, s
	}
	s.seen = "[The version that is shown|What is shown as a version] is {ev}."
	s.why = "[It is the product's own release|That is the release of the service itself], [published anyway|as in its changelog], and [says nothing of|does not name] the [server software|platform] [underneath|that it runs on]."
	return v, s
}

func infoPath(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	v, s := twins(x)
	app, file := g.company(), g.noun()
	ext := g.pick("php", "py", "rb", "jsp", "aspx")
	base := g.pick("/var/www/"+app+"/releases/"+g.digits(4), "/home/"+g.pick(logins...)+"/"+app, "/opt/"+app+"/current", `C:\inetpub\wwwroot\`+app, "/srv/"+app+"/src")
	slash := "/"
	if strings.Contains(base, `\`) {
		slash = `\`
	}
	words := g.pick("failed to open ", "cannot read ", "missing template ", "not found: ", "include error: ", "could not load ")
	leak := words + base + slash + g.noun() + slash + file + "." + ext
	harmless := words + "/" + g.noun() + "/" + file + "." + g.pick("html", "pdf", "png", ext)
	guide := g.chance(0.6)
	if guide {
		harmless = g.pick("Installation guide: copy it to ", "Manual: put the sample at ", "Step "+g.digits(1)+": unpack into ", "Example of a path: ") + strings.TrimPrefix(leak, words)
	}
	g.reveal(&v, &s, g.pick("error", "warning", "detail", "reason"), leak, harmless)
	v.note, s.note = "a path of the server's file system", "a path of the site's addresses"
	v.seen = "[The message contains|In the message stands] a full path of the server's disk: {ev}."
	v.why = "[It shows where the application lies|Root, user or release folder can be read off], which [helps with|is what one needs for] [path traversal and file inclusion|aiming at files]."
	if guide {
		s.note = "a path in instructions for the reader's own machine"
		s.seen = "[The body contains|In the body stands] a full path: {ev}."
		s.why = "[It belongs to instructions|The sentence is part of a manual] and [speaks of|means] the reader's own [installation|machine], [so nothing is said of|and not] this server's [disk|file system]."
		return v, s
	}
	s.seen = "[The message contains|In the message stands] a path: {ev}."
	s.why = "[It is a path of the site's own addresses|That is the part of a URL], [which the client knows already|as the client asks for it], [not|and not] one of the server's [disk|file system]."
	return v, s
}

// infoFile asks for a file that should not be served. Many sites answer every address with their page and status 200, which
// is not the file.
func infoFile(g *gen, _ Template, x exchange) (vulnerable, safe side) {
	g.infoTalk(&x.resp)
	type served struct {
		path, kind string
		lines      []string
		key        int // the line that decides
	}
	app, secret := g.company(), g.chars(alnum, 18)
	files := []served{
		{"/.env", "text/plain", []string{"APP_NAME=" + app, "APP_KEY=base64:" + g.chars(alnum, 43) + "=", "DB_USERNAME=" + app, "DB_PASSWORD=" + secret}, 3},
		{"/.git/config", "text/plain", []string{"[core]", "\trepositoryformatversion = 0", `[remote "origin"]`, "\turl = https://" + g.pick(logins...) + ":" + secret + "@git." + app + ".example/" + app + "/web.git"}, 3},
		{"/config.php.bak", "application/octet-stream", []string{"<?php", "$cfg['db_host'] = '" + g.privateIP() + "';", "$cfg['db_user'] = '" + app + "';", "$cfg['db_pass'] = '" + secret + "';"}, 3},
		{"/backup/users.sql", "application/sql", []string{"-- dump of " + g.date(), "INSERT INTO users (id, mail, hash) VALUES", "(1, '" + g.email() + "', '$2y$10$" + g.chars(alnum, 53) + "'),", "(2, '" + g.email() + "', '$2y$10$" + g.chars(alnum, 53) + "');"}, 2},
		{"/static/app.js.map", "application/json", []string{"{", `  "version": 3, "file": "app.js",`, `  "sources": ["../src/` + g.noun() + `/billing.ts"],`, `  "sourcesContent": ["const adminToken = '` + secret + `';"]`, "}"}, 3},
	}
	file := files[g.IntN(len(files))]
	x.req.setTarget(g.pick("", "", "/"+g.noun()) + file.path)
	x.resp.setStatus(200, "OK")
	x.resp.del("Retry-After")
	v, s := twins(x)
	v.resp.set("Content-Type", file.kind)
	v.resp.body = strings.Join(file.lines, "\n") + "\n"
	v.evidence, v.note = strings.TrimSpace(file.lines[file.key]), "the file is served"
	v.seen = "[The answer is the file itself|What comes back is the file that was asked for], with the line {ev}."
	v.why = "[Such a file is for the server alone|It was never meant to be served], and [this line|what it says] [gives access or data away|is a secret] to [everybody who guesses the address|anyone who asks]."
	kind := x.resp.get("Content-Type")
	s.evidence, s.note = kind, "the site's page is served instead of the file"
	s.seen = "[The status is 200, but|Status 200 is misleading here:] the answer is [a page of the site|the site's ordinary page], {ev}."
	s.why = "[It has none of the file's content|Not a line of such a file is in it]: [the server gives this page for unknown addresses|every unknown address gets that page], [so no file is exposed|and nothing is exposed]."
	return v, s
}
