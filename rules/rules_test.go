package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/finding"
)

// found are the ids of the candidates of an exchange, without "headers/".
func found(t *testing.T, file, request, response string) (ids []string, candidates []finding.Finding) {
	t.Helper()
	make, err := New([]string{"headers"})
	if err != nil {
		t.Fatal(err)
	}
	wire := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	candidates = make(finding.Finding{File: file, Request: wire(request), Response: wire(response)})
	for _, f := range candidates {
		ids = append(ids, strings.TrimPrefix(f.Rule, "headers/"))
	}
	return ids, candidates
}

const (
	page   = "GET / HTTP/1.1\nHost: example.com\n\n"
	hsts   = "Strict-Transport-Security: max-age=31536000; includeSubDomains\n"
	csp    = "Content-Security-Policy: default-src 'self'\n"
	html   = "Content-Type: text/html; charset=utf-8\n"
	proper = "HTTP/1.1 200 OK\n" + html + hsts + csp
)

// TestSites: what servers send as they come, and well-kept ones.
func TestSites(t *testing.T) {
	for _, test := range []struct {
		name, file, request, response string
		want                          []string
	}{
		{"a well-kept site", "https://github.com/", "GET / HTTP/1.1\nHost: github.com\n\n", `HTTP/1.1 200 OK
Date: Tue, 04 Nov 2025 10:00:00 GMT
Content-Type: text/html; charset=utf-8
Vary: X-PJAX, X-PJAX-Container, Turbo-Visit, Turbo-Frame, Accept-Language, Accept-Encoding, Accept, X-Requested-With
ETag: W/"5a3d"
Cache-Control: max-age=0, private, must-revalidate
Strict-Transport-Security: max-age=31536000; includeSubdomains; preload
X-Frame-Options: deny
X-Content-Type-Options: nosniff
X-XSS-Protection: 0
Referrer-Policy: origin-when-cross-origin, strict-origin-when-cross-origin
Content-Security-Policy: default-src 'none'; base-uri 'self'; child-src github.githubassets.com github.com/assets-cdn/worker/; connect-src 'self' uploads.github.com; font-src github.githubassets.com; form-action 'self' github.com; frame-ancestors 'none'; img-src 'self' data: blob: github.githubassets.com; script-src github.githubassets.com; style-src 'unsafe-inline' github.githubassets.com; upgrade-insecure-requests
Server: github.com
Set-Cookie: _gh_sess=1yZk%2F; Path=/; HttpOnly; Secure; SameSite=Lax
Set-Cookie: logged_in=no; Path=/; Domain=github.com; Expires=Wed, 04 Nov 2026 10:00:00 GMT; HttpOnly; Secure; SameSite=Lax

<!DOCTYPE html><html></html>`, nil},
		{"nginx as it comes", "https://example.com/", page, `HTTP/1.1 200 OK
Server: nginx/1.18.0 (Ubuntu)
Date: Tue, 04 Nov 2025 10:00:00 GMT
Content-Type: text/html
Content-Length: 612
Last-Modified: Tue, 21 Apr 2020 14:09:01 GMT
Connection: keep-alive
ETag: "5e9efe7d-264"
Accept-Ranges: bytes

<!DOCTYPE html>
<html><head><title>Welcome to nginx!</title>`, []string{"hsts-missing", "csp-missing", "server-version"}},
		{"the same over HTTP", "http://example.com/", page, `HTTP/1.1 200 OK
Server: nginx/1.18.0 (Ubuntu)
Content-Type: text/html

<!DOCTYPE html>`, []string{"csp-missing", "server-version"}},
		{"IIS and ASP.NET", "https://intranet.example.com/login.aspx", "GET /login.aspx HTTP/1.1\nHost: intranet.example.com\n\n", `HTTP/1.1 200 OK
Cache-Control: private
Content-Type: text/html; charset=utf-8
Server: Microsoft-IIS/10.0
X-AspNet-Version: 4.0.30319
Set-Cookie: ASP.NET_SessionId=5yq0z0; path=/; HttpOnly; SameSite=Lax
X-Powered-By: ASP.NET

<html></html>`, []string{"hsts-missing", "csp-missing", "server-version", "x-aspnet-version"}},
		{"PHP with a session", "https://shop.example.com/", "GET / HTTP/1.1\nHost: shop.example.com\n\n", `HTTP/1.1 200 OK
Server: Apache/2.4.41 (Ubuntu)
X-Powered-By: PHP/7.4.3
Set-Cookie: PHPSESSID=4u0o; path=/
Expires: Thu, 19 Nov 1981 08:52:00 GMT
Cache-Control: no-store, no-cache, must-revalidate
Pragma: no-cache
Content-Type: text/html; charset=UTF-8

<html>`, []string{"hsts-missing", "csp-missing", "server-version", "x-powered-by-version"}},
		{"Express's API with a token", "https://api.example.com/v1/session", "POST /v1/session HTTP/1.1\nHost: api.example.com\nOrigin: https://evil.example.net\nContent-Type: application/json\n\n{}", `HTTP/1.1 200 OK
X-Powered-By: Express
Access-Control-Allow-Origin: *
Content-Type: application/json; charset=utf-8
ETag: W/"1f-abc"

{"access_token":"eyJhbGciOi","token_type":"Bearer","expires_in":3600}`, []string{"hsts-missing", "cache-control-missing", "cors-wildcard"}},
		{"a public API", "https://api.github.com/", "GET /repos/golang/go HTTP/1.1\nHost: api.github.com\n\n", `HTTP/2 200
server: github.com
content-type: application/json; charset=utf-8
cache-control: public, max-age=60, s-maxage=60
strict-transport-security: max-age=31536000; includeSubdomains; preload
access-control-allow-origin: *
content-security-policy: default-src 'none'

{"id":23096959,"name":"go","full_name":"golang/go","private":false}`, nil},
		{"a picture of a CDN", "https://cdn.example.com/logo.png", "GET /logo.png HTTP/1.1\nHost: cdn.example.com\n\n", "HTTP/1.1 200 OK\nContent-Type: image/png\nServer: ECS (dcb/7F83)\nCache-Control: max-age=604800\nAccess-Control-Allow-Origin: *\n\n", nil},
		{"a style sheet", "https://example.com/a.css", page, "HTTP/1.1 200 OK\nContent-Type: text/css\nServer: cloudflare\n\nbody{}", nil},
		{"not modified", "https://example.com/", page, "HTTP/1.1 304 Not Modified\nServer: nginx/1.18.0\n\n", nil},
		{"informational", "https://example.com/", page, "HTTP/1.1 101 Switching Protocols\nServer: nginx/1.18.0\n\n", nil},
		{"a redirect within the site", "https://example.com/", page, "HTTP/1.1 302 Found\nLocation: /login\nContent-Type: text/html\n\n<html>", nil},
		{"a redirect to another host", "https://example.com/", page, "HTTP/1.1 301 Moved Permanently\nLocation: https://www.example.com/\nContent-Type: text/html\n\n<html>", []string{"hsts-missing"}},
		{"a redirect after login", "https://example.com/login", "POST /login HTTP/1.1\nHost: example.com\n\n", "HTTP/1.1 302 Found\nLocation: /\nSet-Cookie: sessionid=abc; HttpOnly\n\n", nil},
		{"an error page", "https://example.com/x", page, "HTTP/1.1 404 Not Found\nContent-Type: text/html\nServer: Jetty(9.4.31.v20200723)\n\n<html>x", []string{"hsts-missing", "csp-missing", "server-version"}},
		{"a machine without a name", "https://192.0.2.7/", "GET / HTTP/1.1\nHost: 192.0.2.7\n\n", "HTTP/1.1 200 OK\nContent-Type: text/plain\n\nok", nil},
		{"a download", "https://example.com/a.html", page, "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Disposition: attachment; filename=a.html\n" + hsts + "\n<html>", nil},
		{"no response", "https://example.com/", page, "", nil},
		{"no request", "", "", "HTTP/1.1 200 OK\nContent-Type: text/html\nServer: nginx\n\n<html>", []string{"hsts-missing", "csp-missing"}},
		{"optional headers are missing", "https://example.com/", page, proper + "\n<html>", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			ids, _ := found(t, test.file, test.request, test.response)
			if diff := cmp.Diff(test.want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHeaders: one header at a time, on a page where all else is as it should be.
func TestHeaders(t *testing.T) {
	without := func(header string) string { return strings.Replace(proper, header, "", 1) }
	for _, test := range []struct {
		name, request, response string
		want                    []string
	}{
		{"max-age is quoted", page, strings.Replace(proper, "max-age=31536000", `max-age="31536000"`, 1), nil},
		{"max-age is half a year", page, strings.Replace(proper, "31536000; includeSubDomains", "15552000", 1), nil},
		{"max-age is a day", page, strings.Replace(proper, "31536000", "86400", 1), []string{"hsts-weak"}},
		{"max-age is 0", page, strings.Replace(proper, "31536000", "0", 1), []string{"hsts-weak"}},
		{"max-age is missing", page, strings.Replace(proper, "max-age=31536000; ", "", 1), []string{"hsts-weak"}},
		{"max-age is no number", page, strings.Replace(proper, "31536000", "one year", 1), []string{"hsts-weak"}},
		{"max-age twice", page, strings.Replace(proper, "; includeSub", "; max-age=3; includeSub", 1), []string{"hsts-weak"}},
		{"the second header does not count", page, strings.Replace(proper, hsts, hsts+"Strict-Transport-Security: max-age=0\n", 1), nil},

		{"a policy that only reports", page, strings.Replace(proper, "Security-Policy:", "Security-Policy-Report-Only:", 1), []string{"csp-missing"}},
		{"a policy in the page", page, without(csp) + "\n<html><head><meta content=\"script-src 'self'\" http-equiv=Content-Security-Policy></head>", nil},
		{"a weak policy in the page", page, without(csp) + "\n<html><head><meta http-equiv='Content-Security-Policy' content=\"script-src 'unsafe-inline'\"></head>", []string{"csp-unsafe-inline"}},
		{"no directive about scripts", page, strings.Replace(proper, "default-src 'self'", "frame-ancestors 'none'; upgrade-insecure-requests", 1), []string{"csp-no-script-src"}},
		{"inline scripts", page, strings.Replace(proper, "'self'", "'self' 'unsafe-inline'", 1), []string{"csp-unsafe-inline"}},
		{"inline styles only", page, strings.Replace(proper, "'self'", "'self'; style-src 'unsafe-inline' *", 1), nil},
		{"inline beside a nonce", page, strings.Replace(proper, "'self'", "'self'; script-src 'nonce-r4nd0m' 'unsafe-inline' 'strict-dynamic' https: http:", 1), nil},
		{"inline beside a hash", page, strings.Replace(proper, "'self'", "'unsafe-inline' 'sha256-abc='", 1), nil},
		{"eval", page, strings.Replace(proper, "'self'", "'self'; SCRIPT-SRC 'self' 'unsafe-eval'", 1), []string{"csp-unsafe-eval"}},
		{"WebAssembly", page, strings.Replace(proper, "'self'", "'self' 'wasm-unsafe-eval'", 1), nil},
		{"any host", page, strings.Replace(proper, "'self'", "*", 1), []string{"csp-wildcard"}},
		{"any host with TLS", page, strings.Replace(proper, "'self'", "'none'; script-src 'self' https:", 1), []string{"csp-wildcard"}},
		{"hosts of a domain", page, strings.Replace(proper, "'self'", "'self' *.example.com https://*.example.org", 1), nil},
		{"pictures of any host", page, strings.Replace(proper, "'self'", "'self'; img-src *", 1), nil},
		{"a strict policy beside a lax one", page, strings.Replace(proper, "'self'", "* 'unsafe-inline', script-src 'self'", 1), nil},
		{"two lax policies", page, strings.Replace(proper, csp, "Content-Security-Policy: script-src *\nContent-Security-Policy: default-src * 'unsafe-eval'\n", 1), []string{"csp-wildcard"}},
		{"the first of two directives counts", page, strings.Replace(proper, "'self'", "'self'; default-src *", 1), nil},

		{"a session without Cache-Control", page, proper + "Set-Cookie: JSESSIONID=0AF; Path=/\n", []string{"cache-control-missing"}},
		{"a session, not to be stored", page, proper + "Set-Cookie: JSESSIONID=0AF; Path=/\nCache-Control: no-cache\nCache-Control: no-store\n", nil},
		{"a session, to be asked about", page, proper + "Set-Cookie: connect.sid=s%3A; Path=/\nCache-Control: no-cache\n", []string{"cache-control-weak"}},
		{"a session, for everyone", page, proper + "Set-Cookie: auth_token=x\nCache-Control: public, max-age=600\n", []string{"cache-control-weak"}},
		{"private, but for a field", page, proper + "Set-Cookie: sid=x\nCache-Control: private=\"Set-Cookie\", max-age=60\n", []string{"cache-control-weak"}},
		{"a session that ends", page, proper + "Set-Cookie: sessionid=; Max-Age=0\nSet-Cookie: PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT\nSet-Cookie: sid=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT\n", nil},
		{"cookies without a login", page, proper + "Set-Cookie: csrftoken=x\nSet-Cookie: _ga=GA1.2\nSet-Cookie: theme=dark\nSet-Cookie: XSRF-TOKEN=x\nSet-Cookie: author=x\n", nil},
		{"a public page", page, proper + "Cache-Control: public, max-age=600\n", nil},
		{"an authorised request", "GET /me HTTP/1.1\nHost: example.com\nAuthorization: Bearer abc\n\n", proper, []string{"cache-control-missing"}},
		{"an authorised request, private", "GET /me HTTP/1.1\nHost: example.com\nAuthorization: Basic abc\n\n", proper + "Cache-Control: private, max-age=60\n", nil},
		{"refused", "GET /me HTTP/1.1\nHost: example.com\nAuthorization: Basic abc\n\n", strings.Replace(proper, "200 OK", "403 Forbidden", 1), nil},
		{"personal data", page, "HTTP/1.1 200 OK\nContent-Type: application/json\n" + hsts + "\n" + `{"name":"A","email":"a@example.com"}`, []string{"cache-control-missing"}},
		{"keys without values", page, "HTTP/1.1 200 OK\nContent-Type: application/json\n" + hsts + "\n" + `{"email":null,"phone":"","token":false,"ip_address":"192.0.2.1"}`, nil},
		{"a problem's JSON", page, "HTTP/1.1 200 OK\nContent-Type: application/problem+json\n" + hsts + "\n" + `{"apiKey" : "abc"}`, []string{"cache-control-missing"}},

		{"a product without a version", page, proper + "Server: nginx\nX-Powered-By: Express\n", nil},
		{"several products", page, proper + "Server: Werkzeug/2.0.1 Python/3.9.5\n", []string{"server-version"}},
		{"a whole version", page, proper + "Server: Microsoft-IIS/8\nX-AspNetMvc-Version: 5.2\n", []string{"server-version", "x-aspnet-version"}},
		{"a name with digits", page, proper + "Server: AmazonS3\nX-Powered-By: W3 Total Cache\n", nil},

		{"a foreign origin with credentials", "GET / HTTP/1.1\nHost: example.com\nOrigin: https://evil.test\n\n", proper + "Access-Control-Allow-Origin: https://evil.test\nAccess-Control-Allow-Credentials: true\n", []string{"cors-reflected"}},
		{"a foreign origin, public data", "GET / HTTP/1.1\nHost: example.com\nOrigin: https://evil.test\n\n", proper + "Access-Control-Allow-Origin: https://evil.test\n", nil},
		{"an origin of the site", "GET / HTTP/1.1\nHost: api.example.com\nOrigin: https://app.example.com\n\n", proper + "Access-Control-Allow-Origin: https://app.example.com\nAccess-Control-Allow-Credentials: true\n", nil},
		{"sites of one country", "GET / HTTP/1.1\nHost: a.co.uk\nOrigin: https://b.co.uk\n\n", proper + "Access-Control-Allow-Origin: https://b.co.uk\nAccess-Control-Allow-Credentials: true\n", []string{"cors-reflected"}},
		{"null", "GET / HTTP/1.1\nHost: example.com\nOrigin: null\n\n", proper + "Access-Control-Allow-Origin: null\nAccess-Control-Allow-Credentials: true\n", []string{"cors-null"}},
		{"anyone, public data", page, proper + "Access-Control-Allow-Origin: *\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := test.response
			if !strings.Contains(response, "\n\n") {
				response += "\n<html></html>"
			}
			ids, _ := found(t, "", test.request, response)
			if diff := cmp.Diff(test.want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestScheme: where the exchange does not name its scheme, what it says of it decides.
func TestScheme(t *testing.T) {
	for _, test := range []struct {
		name, request, response, want string
	}{
		{"nothing", page, "HTTP/1.1 200 OK\n\n", ""},
		{"absolute target", "GET http://example.com/ HTTP/1.1\n\n", "HTTP/1.1 200 OK\n\n", "http"},
		{"HTTP/2", "GET / HTTP/2\nHost: example.com\n\n", "HTTP/2 200\n\n", "https"},
		{"referer", "GET / HTTP/1.1\nHost: example.com\nReferer: http://example.com/a\n\n", "HTTP/1.1 200 OK\n\n", "http"},
		{"referer of another", "GET / HTTP/1.1\nHost: example.com\nReferer: http://example.org/a\n\n", "HTTP/1.1 200 OK\n\n", ""},
		{"port", "GET / HTTP/1.1\nHost: example.com:8080\n\n", "HTTP/1.1 200 OK\n\n", "http"},
		{"secure cookie", page, "HTTP/1.1 200 OK\nSet-Cookie: a=b; Secure\n\n", "https"},
		{"proxy", "GET / HTTP/1.1\nHost: example.com\nX-Forwarded-Proto: HTTPS\n\n", "HTTP/1.1 200 OK\n\n", "https"},
		{"IPv6", "GET / HTTP/1.1\nHost: [2001:db8::1]:443\n\n", "HTTP/1.1 200 OK\n\n", "https"},
	} {
		if x := parse(&finding.Finding{Request: test.request, Response: test.response}); x.scheme != test.want {
			t.Errorf("%s: scheme %q, want %q", test.name, x.scheme, test.want)
		}
	}
}

func TestCandidate(t *testing.T) {
	body := "BEGIN" + strings.Repeat("x", 100_000) + "END"
	_, candidates := found(t, "https://example.com/", page, "HTTP/1.1 200 OK\n"+html+hsts+"Content-Security-Policy: script-src\n  'self' 'unsafe-eval'\n\n"+body)
	if len(candidates) != 1 {
		t.Fatalf("%+v", candidates)
	}
	f := candidates[0]
	if f.Tool != Tool || f.Rule != "headers/csp-unsafe-eval" || f.Category != "HTTP_HEADERS" || f.CWE != "CWE-693" || f.VulnCategory() != "HTTP_HEADERS" {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(f.Message, `"Content-Security-Policy: script-src 'self' 'unsafe-eval'"`) {
		t.Errorf("the message does not quote the header: %s", f.Message)
	}
	if len(f.Response) > maxBodyBytes+500 || !strings.Contains(f.Response, "BEGIN") || !strings.Contains(f.Response, "END") || !strings.Contains(f.Response, "unsafe-eval") {
		t.Errorf("%d bytes: %.300s", len(f.Response), f.Response)
	}
	if f.ID != "" || f.File != "" {
		t.Errorf("id %q and file %q are the reader's to give", f.ID, f.File)
	}
}

func TestNew(t *testing.T) {
	if make, err := New(nil); make != nil || err != nil {
		t.Errorf("no rules: %v", err)
	}
	if _, err := New([]string{"headers", "cookies"}); err == nil || !strings.Contains(err.Error(), `expected headers, found "cookies"`) {
		t.Errorf("error is %v", err)
	}
	seen := map[string]bool{}
	for _, r := range headerRules {
		if seen[r.id] || r.check == nil || r.cwe == "" || !slices.Contains([]string{"error", "warning", "note"}, r.level) {
			t.Errorf("rule %+v", r)
		}
		seen[r.id] = true
	}
}

// TestTraffic: real traffic through the readers.
func TestTraffic(t *testing.T) {
	make, err := New([]string{"headers", "headers"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]map[string]int{
		"chrome.har":         {}, // 304, a picture, and a request that was blocked
		"successful_log.har": {"headers/csp-missing": 1, "headers/hsts-missing": 2, "headers/server-version": 1},
	} {
		f, err := os.Open(filepath.Join("..", "finding", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		report, err := finding.Read(name, f, "auto", finding.ReadOptions{Rules: make})
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, f := range report.Findings {
			got[f.Rule]++
			if f.ID == "" || !strings.HasPrefix(f.File, "http") || f.Request == "" {
				t.Errorf("%+v", f)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || report.Total != len(report.Findings) {
			t.Errorf("%s: %d of %d: %s", name, len(report.Findings), report.Total, diff)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add("https://example.com/", page, proper+"\n<html>")
	f.Add("", "GET / HTTP/2\n:authority: a\n\n", "HTTP/1.1 200\nSet-Cookie: ;=\nCache-Control: ,=,\nStrict-Transport-Security: ;;=\n\n<meta http-equiv=content-security-policy")
	f.Add("x:", "\n\n", "HTTP/1.1 999 \n \n: \nSet-Cookie:  =sess;\nSet-Cookie: sess=1;expires=\n\n")
	make, err := New([]string{"headers"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file, request, response string) {
		ids := map[string]bool{}
		for _, c := range make(finding.Finding{File: file, Request: request, Response: response}) {
			if ids[c.Rule] || c.Message == "" {
				t.Fatalf("%+v", c)
			}
			ids[c.Rule] = true
		}
	})
}
