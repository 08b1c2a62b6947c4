package report

import (
	"bytes"
	_ "embed" // the page's parts
	"html/template"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/januslm/janus/internal/figure"
	"github.com/januslm/janus/internal/page"
)

var (
	//go:embed assets/report.html
	reportHTML string
	//go:embed assets/report.css
	reportCSS string
	//go:embed assets/report.js
	reportJS string
)

var reportBody = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("assets/report.html").Funcs(template.FuncMap{
		"svg": func(p *figure.Picture) template.HTML { return template.HTML(p.Inline()) }, //nolint:gosec // it escapes its texts
		"value": func(v float64) string {
			switch {
			case math.IsNaN(v):
				return ""
			case math.IsInf(v, 1):
				return "Infinity" // as JavaScript reads it
			}
			return strconv.FormatFloat(v, 'g', -1, 64)
		},
		"truth": func(word string) string {
			return map[string]string{"real": "real", "false alarm": "unreal", "failed": "failed"}[word]
		},
	}).Parse(reportHTML))
})

// WriteHTML writes the document as one page that needs nothing else: charts stand in it as SVG, tables are sorted by a click or a key
// on a column's name, findings open to their analyses. It loads nothing, and its content security policy allows no script and style
// but its own. Without scripts all can be read.
func (d *Document) WriteHTML(w io.Writer) error {
	var body bytes.Buffer
	if err := reportBody().Execute(&body, d); err != nil {
		return err
	}
	return page.Write(w, page.Page{
		Title: d.Title, Lead: d.Lead, Style: reportCSS, Script: reportJS,
		Body: template.HTML(body.String()), //nolint:gosec // html/template made it
	})
}
