package generate

import (
	"context"
	"strings"
	"testing"

	"github.com/januslm/janus/dataset"
)

func TestTemplates(t *testing.T) {
	seen := map[string]string{}
	for _, category := range dataset.Categories() {
		list := Templates(category)
		if len(list) < 30 {
			t.Errorf("%s: %d templates, expected at least 30", category, len(list))
		}
		for _, x := range list {
			if x.Name == "" || strings.HasPrefix(x.Name, "case ") || x.Category != category {
				t.Errorf("%s: a template without a name, or of another category: %q, %s", category, x.Name, x.Category)
			}
			if strings.Contains(x.Request+x.Response, "{{") {
				t.Errorf("%s/%s: a slot of no known kind is left in the plain text", category, x.Name)
			}
			shape := withoutNames(x.Request, x.Response)
			if other, twice := seen[shape]; twice {
				t.Errorf("%s/%s is %s but for names and numbers", category, x.Name, other)
			}
			seen[shape] = category + "/" + x.Name
		}
	}
	if Templates("CSRF") != nil {
		t.Error("templates for a category that there is not")
	}
}

func TestReadTemplates(t *testing.T) {
	text := "# my own cases\r\n\r\n# name: front page\r\n# data: public\r\nGET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n<<<<>>>>\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>Hi {{ name }}</h1>\r\n" +
		"=======\r\nPOST /x HTTP/1.1\nHost: www.example.com\nContent-Type: application/x-www-form-urlencoded\n\na=1&b=2\n<<<<>>>>\nHTTP/1.1 204 No Content\n\n====\n"
	list, err := ReadTemplates("mine.txt", strings.NewReader("\ufeff"+text), dataset.XSS)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Name != "front page" || !list[0].Public || list[1].Name != "case 2" {
		t.Fatalf("read as %+v", list)
	}
	if want := "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<h1>Hi {{ name }}</h1>"; list[0].Response != want {
		t.Errorf("the response is %q, expected %q", list[0].Response, want)
	}
	if want := "HTTP/1.1 204 No Content\n\n"; list[1].Response != want {
		t.Errorf("the response is %q, expected %q", list[1].Response, want)
	}
}

func TestReadTemplatesErrors(t *testing.T) {
	const good = "GET / HTTP/1.1\nHost: a.example\n\n<<<<>>>>\nHTTP/1.1 200 OK\n\nhi\n"
	for _, c := range []struct{ text, want string }{
		{"", "mine.txt: no templates"},
		{"GET / HTTP/1.1\n\n", `mine.txt:1: the case has no "<<<<>>>>"`},
		{good + "====\n\nhello\n<<<<>>>>\nHTTP/1.1 200 OK\n", "mine.txt:10: request: expected a request line"},
		{"GET / HTTP/1.1\n<<<<>>>>\nOK\n", "mine.txt:3: response: expected a status line"},
		{"GET / HTTP/1.1\nno header\n<<<<>>>>\nHTTP/1.1 200 OK\n", "mine.txt:1: request: header 1"},
		{"<<<<>>>>\nHTTP/1.1 200 OK\n", "mine.txt:1:"},
		{good + "<<<<>>>>\n", `mine.txt:8: a second "<<<<>>>>"`},
		{"# name: a\n" + good + "====\n# name: a\n" + good, `mine.txt:10: the name "a" is taken`},
		{"# name: a\n====\n", `mine.txt:1: the case "a" has no request`},
		{"# data: mine\n" + good, "mine.txt:1: data: expected public or private"},
	} {
		_, err := ReadTemplates("mine.txt", strings.NewReader(c.text), dataset.SQLI)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, expected %q", c.text, err, c.want)
		}
	}
	if _, err := ReadTemplates("mine.txt", strings.NewReader(good), "CSRF"); err == nil {
		t.Error("no error for a category that there is not")
	}
}

// A user's templates have no slots and no marks: plain traffic, of which every rule finds its places by itself.
func TestPlainTemplates(t *testing.T) {
	const text = `GET /a HTTP/1.1
Host: www.example.com

<<<<>>>>
HTTP/1.1 200 OK
Content-Type: text/html

<html><body><p>hello</p></body></html>
====
POST /api HTTP/1.1
Host: api.example.com
Content-Type: application/json

{"name": "x", "n": 3}
<<<<>>>>
HTTP/1.1 200 OK
Content-Type: application/json
Content-Length: 2

{}
====
GET /b?x=1 HTTP/1.1
Host: www.example.com

<<<<>>>>
HTTP/1.1 200 OK
Content-Type: text/plain

line
`
	for _, category := range dataset.Categories() {
		list, err := ReadTemplates("mine.txt", strings.NewReader(text), category)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		err = Offline(context.Background(), Options{Category: category, Num: 120, Templates: list}, 0, func(p []dataset.Example) error {
			rows += len(p)
			for _, e := range p {
				if strings.Contains(e.Request+e.Response, "{{") || strings.Contains(e.Response, ",}") {
					t.Errorf("%s", e.Response)
				}
			}
			return nil
		})
		if err != nil || rows != 240 {
			t.Errorf("%s: %d rows (%v)", category, rows, err)
		}
	}
	list, err := ReadTemplates("picture.txt", strings.NewReader("GET /p.png HTTP/1.1\n\n<<<<>>>>\nHTTP/1.1 200 OK\nContent-Type: image/png\n\nPNG\n"), dataset.XSS)
	if err != nil {
		t.Fatal(err)
	}
	err = Offline(context.Background(), Options{Category: dataset.XSS, Num: 1, Templates: list}, 0, func([]dataset.Example) error { return nil })
	if err == nil || !strings.Contains(err.Error(), `"case 1"`) {
		t.Errorf("error %v, expected one that names the template that no rule fits", err)
	}
}
