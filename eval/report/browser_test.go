package report

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/page"
	"github.com/januslm/janus/internal/testbrowser"
)

// clicking is what somebody does on the page: sorts the model comparison by F1 twice and by variant once with the keyboard's click, opens
// what is folded, filters the findings, and looks at what is where. The result becomes the title.
const clicking = `
const table = document.getElementById("fixture-variants-matrix");
const column = (name) => [...table.tHead.rows[0].cells].findIndex((th) => th.textContent === name);
const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join(",");
const said = [names()];
const press = (name) => { table.tHead.rows[0].cells[column(name)].querySelector("button").click(); said.push(names()); };
press("F1"); press("F1"); press("Parameters"); press("Variant");
said.push([...table.querySelectorAll("[aria-sort]")].map((th) => th.textContent + " " + th.getAttribute("aria-sort")).join(","));
for (const details of document.querySelectorAll("details")) details.open = true;
const form = document.querySelector(".findings form");
form.elements.kind.value = "failed";
form.dispatchEvent(new Event("input", { bubbles: true }));
said.push(form.querySelector("output").textContent);
form.elements.kind.value = "all"; form.elements.q.value = "no such words";
form.dispatchEvent(new Event("input", { bubbles: true }));
said.push(form.querySelector("output").textContent);
form.elements.q.value = ""; form.dispatchEvent(new Event("input", { bubbles: true }));
const pictures = [...document.querySelectorAll(".picture svg")];
said.push(pictures.length + " charts, " + pictures.filter((svg) => svg.getBoundingClientRect().height > 60 && svg.querySelectorAll("polyline,polygon,circle").length > 3).length + " drawn");
const outside = pictures.flatMap((svg) => { const box = svg.getBoundingClientRect(); return [...svg.querySelectorAll("text")].filter((text) => {
  const b = text.getBoundingClientRect(); return b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1; }).map((text) => text.textContent); });
said.push("outside: " + outside.join(","));
said.push("wider than the page: " + (document.documentElement.scrollWidth > innerWidth));
document.title = said.join(" / ");
`

func TestInBrowser(t *testing.T) {
	html := pageOf(t, smallOptions)
	if _, console := testbrowser.Open(t, html, "", "--dump-dom"); console != "" {
		t.Errorf("the console says %s", console)
	}
	// The policy of this copy allows one script more.
	driven := strings.Replace(html, "script-src '", "script-src '"+page.Source(clicking)+"' '", 1)
	driven = strings.Replace(driven, "script-src &#39;", "script-src &#39;"+page.Source(clicking)+"&#39; &#39;", 1)
	driven = strings.Replace(driven, "</body>", "<script>"+clicking+"</script></body>", 1)
	dom, console := testbrowser.Open(t, driven, "", "--dump-dom")
	if console != "" {
		t.Errorf("clicked, the console says %s", console)
	}
	title := regexp.MustCompile(`(?s)<title>(.*?)</title>`).FindStringSubmatch(dom)
	if title == nil {
		t.Fatal("the page has no title")
	}
	want := "accept-all,tfidf-lr,SC,FT-PE-CH,api:big|model" +
		" / FT-PE-CH,api:big|model,SC,tfidf-lr,accept-all" +
		" / accept-all,tfidf-lr,SC,api:big|model,FT-PE-CH" +
		" / FT-PE-CH,SC,tfidf-lr,accept-all,api:big|model" +
		" / accept-all,api:big|model,FT-PE-CH,SC,tfidf-lr" +
		" / Variant ascending / 1 of 4 / 0 of 4 / 14 charts, 14 drawn / outside:  / wider than the page: false"
	if title[1] != want {
		t.Errorf("clicks gave\n%s, want\n%s", title[1], want)
	}
}

// The policy lets no script of anybody else run.
func TestPolicyInBrowser(t *testing.T) {
	html := strings.Replace(pageOf(t, smallOptions), "<main>", `<main><img src="x" onerror="document.title='run'"><script>document.title='run'</script>`, 1)
	dom, console := testbrowser.Open(t, html, "", "--dump-dom")
	if !strings.Contains(console, "Content Security Policy") || strings.Contains(dom, "<title>run") {
		t.Errorf("the policy does not hold: %s", console)
	}
}

// Light and dark screenshots differ as a page does whose ground is light or dark.
func TestScreenshots(t *testing.T) {
	html := pageOf(t, smallOptions)
	mean := map[string]float64{}
	for name, scheme := range map[string]string{"light": "1", "dark": "0"} {
		path := filepath.Join(t.TempDir(), name+".png")
		testbrowser.Open(t, html, "", "--blink-settings=preferredColorScheme="+scheme, "--screenshot="+path)
		mean[name] = brightness(t, path)
	}
	if mean["light"] < 0.85 || mean["dark"] > 0.3 {
		t.Errorf("mean brightness %v, want a light page above 0.85 and a dark one below 0.3", mean)
	}
}
