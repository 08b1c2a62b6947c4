package explain

import (
	"bytes"
	_ "embed" // the page's parts
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
	"github.com/januslm/janus/internal/outfile"
	"github.com/januslm/janus/internal/page"
)

var (
	//go:embed assets/explain.html
	explainHTML string
	//go:embed assets/explain.css
	explainCSS string
)

var explainBody = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("assets/explain.html").Parse(explainHTML))
})

// CheckName tells whether Save can write a file of that name.
func CheckName(path string) error {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".html", ".htm", ".svg", ".png":
		return nil
	default:
		return fmt.Errorf("%s: expected a name that ends in .html, .svg or .png, found %q", path, ext)
	}
}

// Save writes the explanation as a page (.html) or as a picture (.svg, .png). The file appears whole.
func (e *Explanation) Save(path string) error {
	if err := CheckName(path); err != nil {
		return err
	}
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".svg" || ext == ".png" {
		return e.Picture().Save(path)
	}
	var b bytes.Buffer
	if err := e.WriteHTML(&b); err != nil {
		return err
	}
	return outfile.Write(path, b.Bytes())
}

// Picture is the analysis with the probability along its lines.
func (e *Explanation) Picture() *figure.Picture {
	return Flow(fmt.Sprintf("%s, P %.3f: %s", e.word(), e.Verdict.P, e.title()), e.Words, e.Threshold, e.Most)
}

func (e *Explanation) title() string {
	for _, text := range []string{e.Finding.Title, e.Finding.Message, e.Finding.Rule, e.Finding.ID} {
		if text = finding.Clean(strings.TrimSpace(text)); text != "" {
			return text
		}
	}
	return "finding"
}

// list is a table of words.
type list struct {
	Title string
	Turns []turn
}

// passage is a text of the finding.
type passage struct {
	Name, Text string
	Code       bool
}

// WriteHTML writes the explanation as a page that needs nothing else. All text is escaped, and shown by finding.Clean.
func (e *Explanation) WriteHTML(w io.Writer) error {
	crossed, crossings, moved := e.turns()
	class := map[bool]string{true: "real", false: "unreal"}[e.Verdict.P >= e.Threshold]
	data := map[string]any{
		"Word": e.word(), "Class": class, "P": fmt.Sprintf("%.3f", e.Verdict.P), "Threshold": fmt.Sprintf("%.3f", e.Threshold), "Way": e.way(crossings),
		"Flow": template.HTML(e.Picture().Inline()), //nolint:gosec // it escapes its texts
	}
	var lists []list
	for _, l := range []list{{"The verdict turned at", crossed}, {"What moved it most", moved}} {
		for i := range l.Turns {
			l.Turns[i].Word = finding.Clean(l.Turns[i].Word)
		}
		if len(l.Turns) > 0 {
			lists = append(lists, l)
		}
	}
	data["Lists"] = lists
	f := &e.Finding
	var texts []passage
	for _, t := range []passage{
		{"The scanner says", f.Message, false}, {"Code", f.Snippet, true}, {"Data flow", strings.Join(f.Flow, "\n"), true}, {"Request", f.Request, true}, {"Response", f.Response, true},
	} {
		if t.Text = cleanLines(t.Text); t.Text != "" {
			texts = append(texts, t)
		}
	}
	data["Texts"] = texts
	var body bytes.Buffer
	if err := explainBody().Execute(&body, data); err != nil {
		return err
	}
	return page.Write(w, page.Page{
		Title: "Janus: " + e.title(), Lead: strings.Join(e.head(), " · "), Style: explainCSS,
		Body: template.HTML(body.String()), //nolint:gosec // html/template made it
	})
}

// mostText bounds each text on a page.
const mostText = 20 << 10

// cleanLines is a text of several lines, cut in its middle where it is long, without control characters.
func cleanLines(text string) string {
	return finding.CleanLines(finding.CutMiddle(strings.Trim(text, "\r\n"), mostText))
}
