package finding

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
)

// The page's parts are files, so that they can be read and changed as what they are.
var (
	//go:embed assets/report.html
	reportHTML string
	//go:embed assets/report.css
	reportCSS string
	//go:embed assets/report.js
	reportJS string
)

var reportPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("assets/report.html").Parse(reportHTML))
})

// maxHTMLText bounds each text of a finding on the page.
const maxHTMLText = 20 << 10

// WriteHTML writes one page that needs nothing else: all findings with verdicts,
// sorted by a click on a column, filtered by text and verdict, each opened to its
// analysis, code, traffic and trajectory; light or dark as the reader's system is,
// and printable. It loads nothing, and its content security policy allows no
// script or style but its own. Without scripts all is shown. All text of reports
// and models is escaped by html/template and shown by Clean.
func WriteHTML(w io.Writer, reviewed []Reviewed) error {
	page := htmlPage{
		Summary: Summary(reviewed),
		Style:   template.CSS(reportCSS), Script: template.JS(reportJS), //nolint:gosec // embedded, not from a report
		StyleHash: contentHash(reportCSS), ScriptHash: contentHash(reportJS),
	}
	all := rank(reviewed)
	counts := map[string]int{}
	for i := range all {
		row := htmlRowOf(&all[i])
		counts[row.Class]++
		page.Rows = append(page.Rows, row)
	}
	for order, class := range htmlClasses {
		if n := counts[class]; n > 0 {
			page.Counts = append(page.Counts, htmlCount{class, orderWords[order], n})
		}
	}
	out := bufio.NewWriter(w)
	if err := reportPage().Execute(out, page); err != nil {
		return err
	}
	return out.Flush()
}

// contentHash is a source of a content security policy: the only text that may run.
func contentHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

type htmlPage struct {
	Summary               string
	Style                 template.CSS
	Script                template.JS
	StyleHash, ScriptHash string
	Counts                []htmlCount
	Rows                  []htmlRow
}

type htmlCount struct {
	Class, Word string
	N           int
}

// htmlClasses are the verdicts' names in the page, in the order of rank.
var htmlClasses = [...]string{"real", "uncertain", "error", "left", "unreal"}

type htmlRow struct {
	Class, Word, P, Level, Rule, Place, Title string
	Order, LevelOrder                         int
	SortP                                     float64
	Error, Message, Reasoning                 string
	Chart                                     *htmlChart
	Codes, Facts                              []htmlText
}

type htmlText struct{ Name, Text string }

func htmlRowOf(r *ranked) htmlRow {
	f, v := r.finding, &r.verdict
	row := htmlRow{
		Class: htmlClasses[r.order()], Word: r.word(), Order: r.order(), P: "–", SortP: -1,
		Level: Clean(f.Level), LevelOrder: levelOrder(f.Level), Rule: Clean(f.Rule), Place: Clean(f.Location()), Title: r.title(),
		Error: htmlLines(v.Error), Reasoning: htmlLines(v.Reasoning), Chart: newHTMLChart(v.Trajectory),
	}
	if v.Judged() {
		row.P, row.SortP = fmt.Sprintf("%.3f", v.P), v.P
		if finite(v.P) == nil {
			row.P, row.SortP = "–", -1
		}
	}
	if message := htmlLines(f.Message); message != row.Title {
		row.Message = message
	}
	for _, code := range []htmlText{
		{"Code", f.Snippet}, {"Flagged code", f.Focus}, {"Data flow", strings.Join(f.Flow, "\n")}, {"Request", f.Request}, {"Response", f.Response},
	} {
		if code.Name == "Flagged code" && strings.TrimSpace(f.Focus) == strings.TrimSpace(f.Snippet) {
			continue
		}
		if code.Text = htmlLines(code.Text); code.Text != "" {
			row.Codes = append(row.Codes, code)
		}
	}
	heads := ""
	for _, h := range v.Heads {
		heads += fmt.Sprintf("%s %.3f  ", h.Head, h.P)
	}
	for _, fact := range []htmlText{ // rule and level have no column on a narrow screen
		{"Id", f.ID}, {"Report", r.report}, {"Tool", f.Tool}, {"Rule", f.Rule}, {"Level", f.Level}, {"CWE", f.CWE}, {"Severity", f.Severity}, {"Label", f.Label},
		{"Model", v.Model}, {"Adapter", v.Adapter}, {"Head", v.Head}, {"Heads", heads}, {"Note", v.Note},
	} {
		if fact.Text = Clean(firstBytes(strings.TrimSpace(fact.Text), 1000)); fact.Text != "" {
			row.Facts = append(row.Facts, fact)
		}
	}
	return row
}

// levelOrder sorts SARIF's levels: 0 is the worst.
func levelOrder(level string) int {
	for i, l := range []string{"error", "warning", "note", "none"} {
		if l == level {
			return i
		}
	}
	return 4
}

// htmlLines is a text of several lines, cut in its middle where it is long.
func htmlLines(text string) string {
	return CleanLines(CutMiddle(strings.Trim(text, "\r\n"), maxHTMLText))
}

// htmlChart is a trajectory as a line, in units of the picture.
type htmlChart struct {
	Width, Height, Middle float64
	Points                string
	EndX, EndY            float64
	Label                 string
}

func newHTMLChart(trajectory []float64) *htmlChart {
	if len(trajectory) < 2 {
		return nil
	}
	const width, height, margin, most = 420.0, 90.0, 5.0, 400
	c := &htmlChart{Width: width, Height: height, Middle: height / 2}
	last := len(trajectory) - 1
	step := max((last+most-1)/most, 1)
	var points []string
	add := func(t int) {
		p := trajectory[t]
		if finite(p) == nil {
			return
		}
		p = min(max(p, 0), 1)
		c.EndX = margin + (width-2*margin)*float64(t)/float64(last)
		c.EndY = margin + (height-2*margin)*(1-p)
		points = append(points, fmt.Sprintf("%.1f,%.1f", c.EndX, c.EndY))
	}
	for t := 0; t < last; t += step {
		add(t)
	}
	add(last)
	if len(points) == 0 {
		return nil
	}
	c.Points = strings.Join(points, " ")
	c.Label = fmt.Sprintf("P after 0 to %d tokens of analysis: %.3f to %.3f", last, trajectory[0], trajectory[last])
	return c
}
