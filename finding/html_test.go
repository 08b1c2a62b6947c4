package finding

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/testbrowser"
)

func writeHTML(t *testing.T, reviewed ...Reviewed) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteHTML(&out, reviewed); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHTML(t *testing.T) {
	got := writeHTML(t, someReviewed())
	for _, want := range []string{
		"<p>6 findings: 2 real, 1 false alarm, 1 uncertain, 1 failed, 1 not reviewed</p>",
		`<span class="badge real">real</span>`, "<pre>x = e</pre>", "Because e.", "P after 0 to 2 tokens of analysis: 0.500 to 0.125",
		`<polyline points="5.0,45.0 210.0,65.0 415.0,75.0"/>`, "too long",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if n := strings.Count(got, "<svg"); n != 1 {
		t.Errorf("%d charts", n)
	}
}

// TestHTMLHostile: texts of a report make no element, and the page loads nothing.
func TestHTMLHostile(t *testing.T) {
	r := hostileReport()
	attack := `"'><script>alert(1)</script><img src=//evil.example onerror=alert(1)></pre></td></table>{{.}}` + "\u202e\x1b[2J" + `javascript:alert(1)`
	for i := range r.Report.Findings {
		f, v := &r.Report.Findings[i], &r.Verdicts[i]
		for _, at := range []*string{&f.ID, &f.Tool, &f.Rule, &f.CWE, &f.File, &f.Title, &f.Message, &f.Level, &f.Severity, &f.Snippet, &f.Focus, &f.Request, &f.Response, &f.Label} {
			*at = attack
		}
		f.Flow = []string{attack}
		if v.Judged() {
			v.Reasoning, v.Model, v.Note, v.Adapter, v.Head = attack, attack, attack, attack, attack
			v.Heads = []HeadVerdict{{Head: attack, P: 0.5}}
		}
	}
	got := writeHTML(t, r)
	tags := regexp.MustCompile(`<[a-zA-Z!][^>]*>`).FindAllString(got, -1)
	scripts := 0
	for _, tag := range tags {
		switch name := strings.ToLower(strings.FieldsFunc(tag, func(r rune) bool { return r == '<' || r == '>' || r == ' ' || r == '/' })[0]); name {
		case "script":
			scripts++
		case "img", "iframe", "link", "a", "object", "embed", "base":
			t.Errorf("an element of the report: %s", tag)
		}
		if regexp.MustCompile(`(?i)\s(on\w+|src|href|style)\s*=`).MatchString(tag) {
			t.Errorf("an attribute of the report: %s", tag)
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts", scripts)
	}
	if strings.ContainsAny(got, "\u202e\x1b") {
		t.Error("a control character is in the page")
	}
	if !strings.Contains(got, `default-src &#39;none&#39;; style-src`) && !strings.Contains(got, `default-src 'none'; style-src`) {
		t.Error("no content security policy")
	}
}

func TestHTMLLongTexts(t *testing.T) {
	r := someReviewed()
	r.Report.Findings[0].Response = strings.Repeat("x", 1<<20)
	trajectory := make([]float64, 100_000)
	r.Verdicts[0].Trajectory = trajectory
	if got := writeHTML(t, r); len(got) > 100<<10 || !strings.Contains(got, "bytes cut") {
		t.Errorf("%d bytes", len(got))
	}
}

// bodies gives the rules of the rows in a document's order, the hidden ones in brackets, the opened ones with a star.
func bodies(dom string) string {
	var rows []string
	for _, m := range regexp.MustCompile(`(?s)<tbody([^>]*)>.*?class="name">([^<]*)<.*?<tr class="more"([^>]*)>`).FindAllStringSubmatch(dom, -1) {
		row := strings.TrimPrefix(m[2], "rule-")
		if !strings.Contains(m[3], "hidden") {
			row += "*"
		}
		if strings.Contains(m[1], "hidden") {
			row = "(" + row + ")"
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, " ")
}

func TestHTMLInBrowser(t *testing.T) {
	page := writeHTML(t, someReviewed())
	for _, tc := range []struct{ hash, want string }{
		{"#sort=rule&open=0", "a b c d e* f"},
		{"#sort=-p&hide=unreal,error&q=TITLE%20rule", "e b d (a) (c) f"},
	} {
		dom, console := testbrowser.Open(t, page, tc.hash, "--dump-dom")
		if got := bodies(dom); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.hash, got, tc.want)
		}
		if console != "" {
			t.Errorf("%s: the console says %s", tc.hash, console)
		}
	}
	// A click does what the address says, and the policy lets no other script run.
	clicking := strings.Replace(page, "<main>", `<main><img src="x" onerror="document.title='run'">`, 1)
	dom, console := testbrowser.Open(t, clicking, "", "--dump-dom")
	if !strings.Contains(console, "Content Security Policy") || strings.Contains(dom, "<title>run") {
		t.Errorf("the policy does not hold: %s", console)
	}
}

// TestHTMLClicks drives the page's own controls with a script that the policy of this copy allows.
func TestHTMLClicks(t *testing.T) {
	const script = `
document.querySelector('th[data-key="p"] button').click();
document.querySelector('input[value="left"]').click();
const q = document.getElementById("q"); q.value = "src/"; q.dispatchEvent(new Event("input", {bubbles: true}));
document.querySelectorAll("td button")[1].click();
document.title = location.hash + " " + document.getElementById("shown").textContent + " " + document.querySelector("[aria-sort]").getAttribute("aria-sort");
`
	page := writeHTML(t, someReviewed())
	page = strings.Replace(page, "script-src '", "script-src '"+contentHash(script)+"' '", 1)
	page = strings.Replace(page, "script-src &#39;", "script-src &#39;"+contentHash(script)+"&#39; &#39;", 1)
	page = strings.Replace(page, "</body>", "<script>"+script+"</script></body>", 1)
	dom, console := testbrowser.Open(t, page, "", "--dump-dom")
	if got, want := bodies(dom), "e b* d a c (f)"; got != want || console != "" {
		t.Errorf("%s, want %s; the console says %s", got, want, console)
	}
	if !strings.Contains(dom, "<title>#sort=-p&amp;q=src%2F&amp;hide=left 5 of 6 descending</title>") {
		t.Errorf("title %s", regexp.MustCompile("<title>.*</title>").FindString(dom))
	}
}
