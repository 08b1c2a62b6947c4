package agents

import (
	"strings"
	"testing"
)

func TestFixRequest(t *testing.T) {
	for name, test := range map[string]struct{ in, want, wrong string }{
		"CRLF":             {in: "\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", want: "GET / HTTP/1.1\nHost: a.test\n\n"},
		"no blank line":    {in: "GET / HTTP/1.1\nHost: a.test", want: "GET / HTTP/1.1\nHost: a.test\n\n"},
		"HTTP/2":           {in: "GET / HTTP/2\nhost: a.test\n\n", want: "GET / HTTP/2\nhost: a.test\n\n"},
		"a wrong length":   {in: "POST / HTTP/1.1\nHost: a.test\ncontent-length: 99\n\na=1", want: "POST / HTTP/1.1\nHost: a.test\ncontent-length: 3\n\na=1"},
		"two lengths":      {in: "POST / HTTP/1.1\nHost: a.test\nContent-Length: 1\nContent-Length: 2\n\nab", want: "POST / HTTP/1.1\nHost: a.test\nContent-Length: 2\n\nab"},
		"no length":        {in: "POST / HTTP/1.1\nHost: a.test\n\nä", want: "POST / HTTP/1.1\nHost: a.test\nContent-Length: 2\n\nä"},
		"chunks":           {in: "POST / HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\nab", want: "POST / HTTP/1.1\nHost: a.test\nContent-Length: 2\n\nab"},
		"a body of blanks": {in: "POST / HTTP/1.1\nHost: a.test\n\na\n\nb", want: "POST / HTTP/1.1\nHost: a.test\nContent-Length: 4\n\na\n\nb"},
		"a response":       {in: "HTTP/1.1 200 OK\n\n", wrong: "not HTTP"},
		"no host":          {in: "GET / HTTP/1.1\n\n", wrong: "no Host"},
		"a broken header":  {in: "GET / HTTP/1.1\nHost: a.test\nno colon here\n\n", wrong: "not HTTP"},
		"a zero byte":      {in: "GET / HTTP/1.1\nHost: a.test\n\n\x00", wrong: "zero byte"},
		"nothing":          {in: "", wrong: "not HTTP"},
		"too long":         {in: "GET / HTTP/1.1\nHost: a.test\n\n" + strings.Repeat("x", longestMessage), wrong: "bytes"},
	} {
		got, err := fixRequest(test.in)
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%s: %v, want %q", name, err, test.wrong)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// FuzzFix checks that a message that is accepted is accepted as it is.
func FuzzFix(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n<html>")
	f.Add("POST / HTTP/2\nHost: a.test\n\n\n\n", "HTTP/2 204\n")
	f.Fuzz(func(t *testing.T, request, response string) {
		m := message{request, response}
		if m.fix() != nil {
			return
		}
		again := m
		if err := again.fix(); err != nil || again != m {
			t.Errorf("%q became %q (%v)", m, again, err)
		}
	})
}

func TestQuotes(t *testing.T) {
	m := message{"GET /a HTTP/1.1\nHost: a.test\n\n", "HTTP/1.1 200 OK\nServer: nginx/1.18.0\n\n<html><body>SQL error near 'x'</body></html>"}
	for quote, want := range map[string]bool{
		"Server: nginx/1.18.0": true, " Host: a.test ": true, "SQL error near 'x'": true, "HTTP/1.1 200 OK": true,
		"": false, "nginx": false, "Server: nginx/1.19.0": false, "Host: a.test\n\nHTTP/1.1 200 OK": false,
	} {
		if m.has(quote) != want {
			t.Errorf("%q: %v", quote, !want)
		}
	}
}

func TestNear(t *testing.T) {
	page := strings.Repeat("one two three four five six seven eight nine ten\n", 40)
	original := message{"GET /?q=%3Cb%3E HTTP/1.1\nHost: a.test\n\n", "HTTP/1.1 200 OK\nContent-Length: 2000\n\n" + page + "<b>"}
	change := func(old, new string, n int) message {
		return message{original.Request, strings.Replace(original.Response, old, new, n)}
	}
	for name, test := range map[string]struct {
		clone message
		wrong string
	}{
		"one word":        {change("<b>", "&lt;b&gt;", 1), ""},
		"a line less":     {change("one two three four five six seven eight nine ten\n", "", 1), ""},
		"some words":      {change("five", "fünf", 40), ""},
		"nothing":         {original, "the same exchange"},
		"only the length": {change("2000", "1999", 1), "the same exchange"},
		"a good half":     {change("two three four five six", "zwei drei vier fünf sechs", 40), "differs in"},
		"everything":      {message{"POST / HTTP/1.1", strings.Repeat("other ", 9000)}, "almost everywhere"},
	} {
		err := near(original, test.clone)
		if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%s: %v, want %q", name, err, test.wrong)
		}
	}
}

func TestObject(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1}`: `{"a":1}`, "```json\n{\"a\":1}\n```": `{"a":1}`, `Sure: {"a":{"b":"}"}} {"c":2}`: `{"a":{"b":"}"}}`,
		`no`: "", `{"a":`: "", "": "",
	} {
		got, err := object(in)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}
