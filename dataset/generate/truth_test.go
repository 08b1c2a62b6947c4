package generate

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	headerpolicy "github.com/januslm/janus/rules"
)

// The detectors here tell the truth of a row from the exchange alone, by other means than the rules that made it. They know
// of a row's note only which rule it was, for the choice of what to look for.

// parts is a message's header values in lower-case names, and its body.
func parts(text string) (start string, headers map[string]string, body string) {
	head, body, _ := strings.Cut(strings.Replace(text, "\r\n\r\n", "\n\n", 1), "\n\n")
	lines := strings.Split(strings.ReplaceAll(head, "\r\n", "\n"), "\n")
	headers = map[string]string{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		headers[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	return lines[0], headers, body
}

func agree(t *testing.T, category string, detect func(e dataset.Example) (bool, error)) {
	t.Helper()
	rows := 0
	for seed := range uint64(3) {
		failed := 0
		for _, pair := range pairsOf(t, category, seed, 400) {
			for _, e := range pair {
				rows++
				found, err := detect(e)
				if (err != nil || found != e.IsVulnerable) && failed < 2 {
					failed++
					t.Errorf("%s (%s): labelled %v, detected %v %v\n%s\n%s", e.PairID, e.Note, e.IsVulnerable, found, err, e.Request, e.Response)
				}
			}
		}
	}
	t.Logf("%d rows", rows)
}

func TestHeaderTruth(t *testing.T) {
	private := map[string]bool{}
	for _, x := range Templates(dataset.HTTPHeaders) {
		if x.Private == x.Public {
			t.Errorf("template %s does not say whose its data is", x.Name)
		}
		private["http_headers/"+x.Name] = x.Private
	}
	agree(t, dataset.HTTPHeaders, func(e dataset.Example) (bool, error) {
		found := violations(e, private[e.Group])
		if len(found) > 1 {
			return true, fmt.Errorf("more than one violation: %v", found)
		}
		if len(found) == 1 && !strings.HasPrefix(e.Note, found[0]) {
			return true, fmt.Errorf("violates %v", found)
		}
		return len(found) == 1, nil
	})
}

// Janus's own rules for traffic look at the same policy. They see no candidate in a safe row, and one in a vulnerable row
// wherever the exchange alone shows what is sensitive.
func TestHeaderRulesAgree(t *testing.T) {
	candidates, err := headerpolicy.New([]string{"headers"})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, pair := range pairsOf(t, dataset.HTTPHeaders, 1, 400) {
		for _, e := range pair {
			found := candidates(finding.Finding{Request: e.Request, Response: e.Response})
			rule, _, _ := strings.Cut(e.Note, ":")
			wrong := !e.IsVulnerable && len(found) > 0 || e.IsVulnerable && len(found) == 0 && (rule == "HSTS" || rule == "CSP" || rule == "Server")
			if wrong && failed < 4 {
				failed++
				t.Errorf("%s (%s): candidates %+v\n%s\n%s", e.PairID, e.Note, found, e.Request, e.Response)
			}
		}
	}
}

var maxAge = regexp.MustCompile(`(?:^|;)\s*max-age=(\d+)\s*(?:;|$)`)

// violations are the points of the policy that a response breaks.
func violations(e dataset.Example, private bool) (out []string) {
	_, req, _ := parts(e.Request)
	_, resp, _ := parts(e.Response)
	age := -1
	if m := maxAge.FindStringSubmatch(resp["strict-transport-security"]); m != nil {
		age, _ = strconv.Atoi(m[1])
	}
	if age < 31536000 {
		out = append(out, "HSTS")
	}
	scripts, found := "", false
	for _, directive := range strings.Split(resp["content-security-policy"], ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
		if name == "script-src" || name == "default-src" && !found {
			scripts, found = sources, true
		}
	}
	for _, source := range strings.Fields(scripts) {
		switch source {
		case "*", "http:", "https:", "data:", "'unsafe-inline'", "'unsafe-eval'":
			found = false
		}
	}
	if !found {
		out = append(out, "CSP")
	}
	if strings.ContainsAny(resp["server"], "0123456789") {
		out = append(out, "Server")
	}
	cache := resp["cache-control"]
	if private && !strings.Contains(cache, "no-store") {
		out = append(out, "Cache-Control")
	}
	site := func(host string) string { return host[strings.IndexByte(host, '.')+1:] }
	if origin := resp["access-control-allow-origin"]; private && origin != "" && (origin == "*" || !strings.HasSuffix(origin, "."+site(req["host"]))) {
		out = append(out, "Access-Control-Allow-Origin")
	}
	return out
}

var attackCall = regexp.MustCompile(`(alert|confirm|prompt)\([^)]*\)`)

func TestXSSTruth(t *testing.T) {
	assigned := regexp.MustCompile(`const (\w+) = new URL`)
	agree(t, dataset.XSS, func(e dataset.Example) (bool, error) {
		_, headers, body := parts(e.Response)
		if !strings.Contains(headers["content-type"], "html") {
			return false, nil
		}
		for _, code := range executed(body) {
			if attackCall.MatchString(code) {
				return true, nil
			}
			if m := assigned.FindStringSubmatch(code); m != nil && strings.Contains(code, ".innerHTML = "+m[1]+";") {
				return true, nil
			}
		}
		return false, nil
	})
}

// executed is what a browser would run of a page: scripts without their strings and comments, event handlers, and
// javascript: addresses. It reads tags, attributes, comments and raw text as the HTML standard's tokeniser does.
func executed(body string) (code []string) {
	for i := 0; i < len(body); {
		rest := body[i:]
		switch {
		case strings.HasPrefix(rest, "<!--"):
			end := strings.Index(rest[4:], "-->")
			if end < 0 {
				return code
			}
			i += 4 + end + 3
		case rest[0] == '<' && len(rest) > 1 && isLetter(rest[1]):
			name, attrs, length := readTag(rest)
			i += length
			for attr, value := range attrs {
				if strings.HasPrefix(attr, "on") || strings.HasPrefix(strings.ToLower(value), "javascript:") && (attr == "href" || attr == "src") {
					code = append(code, value)
				}
			}
			switch name {
			case "script", "style", "textarea", "title", "noscript":
				end := strings.Index(strings.ToLower(body[i:]), "</"+name)
				if end < 0 {
					return code
				}
				if name == "script" {
					code = append(code, withoutStrings(body[i:i+end]))
				}
				i += end
			}
		default:
			i++
		}
	}
	return code
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func readTag(s string) (name string, attrs map[string]string, length int) {
	i := 1
	for i < len(s) && !strings.ContainsRune(" \t\n/>", rune(s[i])) {
		i++
	}
	name, attrs = strings.ToLower(s[1:i]), map[string]string{}
	for i < len(s) && s[i] != '>' {
		if strings.ContainsRune(" \t\n/", rune(s[i])) {
			i++
			continue
		}
		from := i
		for i < len(s) && !strings.ContainsRune(" \t\n/>=", rune(s[i])) {
			i++
		}
		attr, value := strings.ToLower(s[from:i]), ""
		if i < len(s) && s[i] == '=' {
			i++
			if i < len(s) && (s[i] == '"' || s[i] == '\'') {
				end := strings.IndexByte(s[i+1:], s[i])
				if end < 0 {
					return name, attrs, len(s)
				}
				value, i = s[i+1:i+1+end], i+end+2
			} else {
				from = i
				for i < len(s) && !strings.ContainsRune(" \t\n>", rune(s[i])) {
					i++
				}
				value = s[from:i]
			}
		}
		if i == from {
			i++
		}
		if _, twice := attrs[attr]; !twice {
			attrs[attr] = html.UnescapeString(value)
		}
	}
	return name, attrs, min(i+1, len(s))
}

// withoutStrings is JavaScript without what is in quotes or behind //.
func withoutStrings(js string) string {
	var b strings.Builder
	for i := 0; i < len(js); i++ {
		switch c := js[i]; {
		case c == '"' || c == '\'':
			for i++; i < len(js) && js[i] != c; i++ {
				if js[i] == '\\' {
					i++
				}
			}
		case strings.HasPrefix(js[i:], "//"):
			for i < len(js) && js[i] != '\n' {
				i++
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestSQLITruth(t *testing.T) {
	near := regexp.MustCompile(`(?m)(?:near|string|string:|terminated:|token:) ['"](.{3,40}?)['"](?:[:.<]| at line| Position|\.|$|")`)
	product := regexp.MustCompile(`SELECT [^-#]*?(\d+)\*(\d+)`)
	joined := regexp.MustCompile(`'([a-z]{4})'(?:,|\|\|)'([a-z]{5})'`)
	counts := regexp.MustCompile(`(\d+) (?:of|/) (\d+)|(\d+) \w+ \((\d+) in total\)`)
	difference := regexp.MustCompile(`(?:[=/"' >]|%3D)(\d{2,3})-(\d{1,2})(?:[&" /<]|$)`)
	wait := regexp.MustCompile(`(?i)(?:SLEEP\(|DELAY '0:0:|'q',)(\d+)`)
	agree(t, dataset.SQLI, func(e dataset.Example) (bool, error) {
		request, err := url.QueryUnescape(strings.NewReplacer("%3B", ";", ";", "%3B").Replace(strings.ReplaceAll(strings.ReplaceAll(e.Request, "\\\"", `"`), "+", "%20")))
		if err != nil {
			request = strings.ReplaceAll(e.Request, `\"`, `"`)
		}
		request = html.UnescapeString(request)
		_, headers, body := parts(e.Response)
		body = html.UnescapeString(strings.ReplaceAll(body, `\"`, `"`))
		rule, _, _ := strings.Cut(e.Note, ":")
		switch rule {
		case "database error":
			for _, m := range near.FindAllStringSubmatch(body, -1) {
				if strings.Contains(request, m[1]) {
					return true, nil
				}
			}
			return false, nil
		case "UNION":
			if m := product.FindStringSubmatch(request); m != nil {
				a, _ := strconv.Atoi(m[1])
				b, _ := strconv.Atoi(m[2])
				return strings.Contains(body, strconv.Itoa(a*b)), nil
			}
			if m := joined.FindStringSubmatch(request); m != nil {
				return strings.Contains(body, m[1]+m[2]), nil
			}
			if strings.Contains(request, "@@version") {
				return strings.Contains(body, "ubuntu0.22"), nil
			}
		case "tautology":
			if m := counts.FindStringSubmatch(body); m != nil {
				return m[1]+m[3] == m[2]+m[4], nil
			}
		case "arithmetic":
			if m := difference.FindStringSubmatch(request); m != nil {
				a, _ := strconv.Atoi(m[1])
				b, _ := strconv.Atoi(m[2])
				record := regexp.MustCompile(`(?:id|number|key|record_id|no)"?(?:\W|</?\w+>|</b>)*` + strconv.Itoa(a-b) + `\b`)
				return record.MatchString(body), nil
			}
		case "delay":
			if m := wait.FindStringSubmatch(request); m != nil {
				seconds, _ := strconv.Atoi(m[1])
				ms, err := elapsed(headers, body)
				return ms >= seconds*1000, err
			}
		case "login":
			if location, ok := headers["location"]; ok {
				start, _, _ := parts(e.Request)
				return !strings.HasPrefix(location, strings.Fields(start)[1]), nil
			}
			return !strings.Contains(body, "anonymous"), nil
		}
		return false, errors.New("the payload was not found")
	})
}

func elapsed(headers map[string]string, body string) (ms int, err error) {
	for _, p := range []struct{ pattern, text string }{
		{`(\d+)ms`, headers["x-response-time"]}, {`^(\d+\.\d+)$`, headers["x-runtime"]}, {`db;dur=(\d+)`, headers["server-timing"]}, {`took_ms\W+(?:\w+\W+)*?(\d+)`, body},
	} {
		m := regexp.MustCompile(p.pattern).FindStringSubmatch(p.text)
		if m == nil {
			continue
		}
		f, err := strconv.ParseFloat(m[1], 64)
		if strings.Contains(m[1], ".") {
			f *= 1000
		}
		return int(f), err
	}
	return 0, errors.New("no time is given")
}

// What gives something away, rule by rule. In a trace the application's own name is told from the tutorial's.
var infoDetectors = map[string]*regexp.Regexp{
	"stack trace":      regexp.MustCompile(`at com\.([a-z]+)\.[a-z]+\.[A-Z]|File \\?"/srv/([a-z]+)/|/var/www/([a-z]+)/[a-z]+\.php\(|C:\\+inetpub\\+([a-z]+)\\|app/\w+/([a-z]+)_[a-z]+\.rb|/usr/src/([a-z]+)/lib|/go/src/([a-z]+)/internal`),
	"key":              regexp.MustCompile(`AKIA[A-Z2-7]{16}|sk_live_|ghp_[A-Za-z0-9]{36}|\b[A-Za-z0-9]{40}\b|postgres://\w+:[A-Za-z0-9]{12}@`),
	"internal address": regexp.MustCompile(`(\b10\.\d+\.\d+\.\d+|\b172\.(1[6-9]|2\d|3[01])\.\d+\.\d+|\b192\.168\.\d+\.\d+|\.corp\.internal|\.svc\.cluster\.local|\.lan|\.int):(8080|9000|3000|8443)`),
	"personal data":    regexp.MustCompile(`\b4\d{15}\b|\b\d{3}-\d{2}-\d{4}\b|\bDE\d{20}\b`),
	"settings":         regexp.MustCompile(`(?:DB_PASSWORD|SECRET_KEY|SMTP_PASS|JWT_SECRET|REDIS_AUTH|STRIPE_KEY|ADMIN_TOKEN)(?:"|</\w+>|[:= >]|<dd>|<td>)*([A-Za-z0-9_-]{8,})`),
	"comment":          regexp.MustCompile(`/ [A-Z][a-z]+\d{3}|:[A-Z][a-z]+\d{3}.?@|=[A-Z][a-z]+\d{3}`),
	"listing":          regexp.MustCompile(`\.sql\.gz|\.bak\b|dump-20|\.htpasswd|id_rsa|users\.csv|\.env\b|wp-config|keys\.kdbx`),
	"password hash":    regexp.MustCompile(`\$2[by]\$\d\d\$[A-Za-z0-9]{53}|\$argon2id\$v=19\$[^$]+\$[A-Za-z0-9]{22}\$[A-Za-z0-9]{43}|pbkdf2_sha256\$\d+\$[A-Za-z0-9]+\$[A-Za-z0-9]{43}=|\$6\$[A-Za-z0-9]{8}\$[A-Za-z0-9]{60}`),
	"version":          regexp.MustCompile(`(?:Powered by|Running on|Served by|Host:|Engine:) [^<"]*Linux 4`),
	"path":             regexp.MustCompile(`(?:failed to open|cannot read|missing template|not found:|include error:|could not load) (?:/var/www|/home/|/opt/|C:|/srv/)`),
	"file":             regexp.MustCompile(`(?m)^DB_PASSWORD=\w{18}$|//[\w.-]+:\w{18}@git|db_pass'\] = '\w{18}|\$2y\$10\$\w{53}|adminToken = '\w{18}`),
}

func TestInfoTruth(t *testing.T) {
	me := regexp.MustCompile(`(?i)(?:X-User-Id|X-Account|X-Authenticated-User|X-Customer-Id): (\d+)|uid=(\d+)`)
	them := regexp.MustCompile(`(?:user_id|account|customer_id|uid)"?(?:\W|</?\w+>)*?(\d{4,5})\b`)
	agree(t, dataset.Info, func(e dataset.Example) (bool, error) {
		_, headers, body := parts(e.Response)
		body = html.UnescapeString(body)
		rule, _, _ := strings.Cut(e.Note, ":")
		switch rule {
		case "stack trace":
			for _, m := range infoDetectors[rule].FindAllStringSubmatch(body, -1) {
				if strings.Join(m[1:], "") != "example" {
					return true, nil
				}
			}
			return false, nil
		case "key":
			for _, found := range infoDetectors[rule].FindAllString(body, -1) {
				if !strings.HasPrefix(found, "AKIAXXXX") && !strings.Contains(found, "EXAMPLE") && !strings.Contains(found, "xxxx") && !strings.Contains(found, "0000") {
					return true, nil
				}
			}
			return false, nil
		case "settings":
			for _, m := range infoDetectors[rule].FindAllStringSubmatch(body, -1) {
				if !regexp.MustCompile(`^(changeme|your-.*|hidden)$`).MatchString(m[1]) {
					return true, nil
				}
			}
			return false, nil
		case "internal address":
			for _, value := range headers {
				body += "\n" + value
			}
		case "somebody else's data":
			a, b := me.FindStringSubmatch(e.Request), them.FindStringSubmatch(body)
			if a == nil || b == nil {
				return false, errors.New("no owner was found")
			}
			return a[1]+a[2] != b[1], nil
		}
		detector, ok := infoDetectors[rule]
		if !ok {
			return false, errors.New("no detector for the rule")
		}
		return detector.MatchString(body), nil
	})
}
