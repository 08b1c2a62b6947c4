package prompts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
)

const (
	formRequest = "POST /app/guest%20book?tab=a%26b&page=2 HTTP/1.1\r\nHost: example.com\r\nReferer: https://example.com/start\r\nX-Forwarded-Host: evil.test\r\n\r\nname=%22%3E%3Csvg+onload%3Dalert(1)%3E&ok=yes"
	jsonRequest = "POST /api/users HTTP/2\nhost: example.com\n\n{\"user\": {\"name\": \"<b>Ann</b>\"}, \"tags\": [\"blue sky\"], \"n\": 12345}"
	partRequest = "POST /photo HTTP/1.1\r\n\r\n--kite\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\n' onclick=alert(1)\r\n--kite--"
)

func TestMessageParts(t *testing.T) {
	const response = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nx-frame-options: DENY\r\nX-Cache: MISS\r\n\r\n<p>one</p>\n\n<p>two: 2</p>"
	for _, c := range []struct{ name, got, want string }{
		{"start", messageStart(response), "HTTP/1.1 200 OK"},
		{"start of nothing", messageStart(""), ""},
		{"head", messageHead(response), "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nx-frame-options: DENY\r\nX-Cache: MISS"},
		{"body", messageBody(response), "<p>one</p>\n\n<p>two: 2</p>"},
		{"body of a head", messageBody("GET / HTTP/1.1\r\nHost: a"), ""},
		{"head of a message with bare line feeds", messageHead("GET / HTTP/1.1\nHost: a\n\nx\r\n\r\ny"), "GET / HTTP/1.1\nHost: a"},
		{"fields", messageFields("X-Frame content-type", response), "Content-Type: text/html\nx-frame-options: DENY"},
		{"no such field", messageFields("server", response), ""},
		{"fields of a start alone", messageFields("get", "GET http://a/ HTTP/1.1"), ""},
		{"checklist", checklist("X-FRAME-Options Server x-cache", response), "X-FRAME-Options: DENY\nServer: absent\nx-cache: MISS"},
		{"checklist of what is there twice", checklist("Set-Cookie", "HTTP/1.1 200 OK\nset-cookie: a=1\nSet-Cookie: b=2\n\nSet-Cookie: c=3"), "Set-Cookie: a=1\nSet-Cookie: b=2"},
		{"checklist of nothing", checklist("Server", ""), "Server: absent"},
		{"union", union("a\nb", "b\n\nc", ""), "a\nb\nc"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, c.got, c.want)
		}
	}
}

func TestRequestValues(t *testing.T) {
	for _, c := range []struct {
		request string
		want    string
	}{
		{formRequest, "https://example.com/start|\"><svg onload=alert(1)>|guest book|evil.test"},
		{jsonRequest, "<b>Ann</b>|blue sky|users|user|name|tags"},
		{partRequest, "' onclick=alert(1)|photo"},
		{"", ""},
		{"nonsense", ""},
		{"GET /?q=%zz%20bad HTTP/1.1", "%zz%20bad"},
	} {
		if got := strings.Join(requestValues(c.request), "|"); got != c.want {
			t.Errorf("%.30q: %q, expected %q", c.request, got, c.want)
		}
	}
}

func TestComputed(t *testing.T) {
	const found, missing = ": in the response", ": not in the response"
	for _, c := range []struct{ name, request, response, want string }{
		{"a difference", "GET /r?class=654-2 HTTP/1.1", "<td>652</td>", "654-2 = 652" + found},
		{"not computed", "GET /r?class=654-2 HTTP/1.1", "<td>654</td><td>1652</td><td>6520</td>", "654-2 = 652" + missing},
		{"a product in a path", "GET /a/%27%20UNION%20SELECT%205308%2A68%2CNULL--/ HTTP/1.1", "<li>360944 – Oslo</li>", "5308*68 = 360944" + found},
		{"a sum in JSON", "POST /a HTTP/1.1\n\n{\"id\": \"7+5\"}", "{\"id\": 12}", "7+5 = 12" + found},
		{"a plus that is a space", "GET /r?q=7+5&r=%20 HTTP/1.1", "12", ""},
		{"strings", "GET /r?q=%27+UNION+SELECT+CONCAT(%27abc%27,%27de%27),%27x%27||%27y%27 HTTP/1.1", "abcde xyz", "CONCAT('abc','de') = abcde" + found + "\n'x'||'y' = xy" + missing},
		{"pauses", "POST /a HTTP/1.1\n\na=1'; WAITFOR DELAY '0:0:6'--&b=SLEEP(10)&c=DBMS_PIPE.RECEIVE_MESSAGE('q',3)", "",
			"WAITFOR DELAY '0:0:6' = 6000 ms\nSLEEP(10) = 10000 ms\nRECEIVE_MESSAGE('q',3) = 3000 ms"},
		{"no sums", "GET /2020-01-08/a-1-2?v=1.2-3&t=10:00-11&u=522da3be-1b70-4ee8&x=a5-2 HTTP/1.1\nRange: x", "", ""},
		{"many", "GET /?a=1-1&b=2-1&c=3-1&d=4-1 HTTP/1.1", "", "1-1 = 0" + missing + "\n2-1 = 1" + missing + "\n3-1 = 2" + missing},
		{"long numbers", "GET /?a=1234567-1&b=999999*999999 HTTP/1.1", "", "999999*999999 = 999998000001" + missing},
		{"both empty", "", "", ""},
	} {
		if got := computed(c.request, c.response); got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
}

func TestEchoes(t *testing.T) {
	page := func(body string) string { return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body }
	long := strings.Repeat("lorem ", 100)
	for _, c := range []struct{ name, request, response, want string }{
		{"as it is", formRequest, page("<p>hello</p>\n <i>\"><svg onload=alert(1)></i>\n<p>bye</p>"), `<i>"><svg onload=alert(1)></i>`},
		{"escaped", formRequest, page("<i>&#34;&gt;&lt;svg onload=alert(1)&gt;</i>"), "<i>&#34;&gt;&lt;svg onload=alert(1)&gt;</i>"},
		{"in a URL", formRequest, page(`<a href="/?q=%22%3E%3Csvg+onload%3Dalert(1)%3E">`), `<a href="/?q=%22%3E%3Csvg+onload%3Dalert(1)%3E">`},
		{"in JSON", jsonRequest, page(`{"name": "\u003cb\u003eAnn\u003c/b\u003e"}`), `{"name": "\u003cb\u003eAnn\u003c/b\u003e"}`},
		{"a part of a form", partRequest, page("<div title='' onclick=alert(1)'>"), "<div title='' onclick=alert(1)'>"},
		{"filtered", formRequest, page("<p>other</p>\n<i>onload=(1)</i>"), "<i>onload=(1)</i>"},
		{"nowhere", formRequest, page("<p>hello</p>"), ""},
		{"both empty", "", "", ""},
		{"in a long line", formRequest, page(long + `"><svg onload=alert(1)>` + long), long[len(long)-echoMargin:] + `"><svg onload=alert(1)>` + long[:echoMargin]},
		{"often", formRequest, page(strings.Repeat("evil.test\n", 9)), "evil.test\nevil.test\nevil.test\nevil.test"},
	} {
		if got := echoes(c.request, c.response); got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
}

// A template may choose lines; an expression that is none is told when it is opened.
func TestGrep(t *testing.T) {
	open := func(text string) (*Set, error) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, findingFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Open(VariantPlain, dir)
	}
	set, err := open(`About: {{line .Title "a finding"}}{{with grep "(?i)SQL" .Response}} {{fence "" .}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := set.Prompt(&finding.Finding{Title: "T", Response: "one\n  an sql error```\ntwo"}, 0)
	if want := "About: T ````\nan sql error```\n````"; err != nil || got != want {
		t.Errorf("prompt %q (%v), expected %q", got, err, want)
	}
	if _, err := open(`{{grep "(" .Response}} text`); err == nil || !strings.Contains(err.Error(), "missing closing") {
		t.Errorf("error %v, expected that the expression lacks its end", err)
	}
}

// What a stranger sends does not make a template's functions fail or slow.
func FuzzEchoes(f *testing.F) {
	for _, request := range []string{formRequest, jsonRequest, partRequest, "GET /%ZZ?a=%%% HTTP/1.1"} {
		f.Add(request, "HTTP/1.1 200 OK\r\n\r\n<p>\\u003c%41&#34;evil.test")
	}
	f.Fuzz(func(t *testing.T, request, response string) {
		for line := range strings.SplitSeq(echoes(request, response), "\n") {
			if len(line) > max(echoLine, len(request)+2*echoMargin) {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
		messageFields("x- content", response)
	})
}
