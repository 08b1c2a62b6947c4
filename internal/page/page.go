// Package page writes HTML pages that need nothing else: their style and script stand in them, and a content security policy
// allows no other. They are light or dark as the reader's system is, and can be printed.
package page

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"html/template"
	"io"
	"sync"

	"github.com/januslm/janus/internal/figure"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

var skeleton = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.html").Parse(pageHTML))
})

// Page is a page. Style and Script are the program's own, never from outside, and Body is HTML in which all that is from
// outside is escaped already.
type Page struct {
	Title, Lead string
	Style       string // added to that of all pages and of pictures
	Script      string // may be empty
	Body        template.HTML
}

// Write writes the page.
func Write(w io.Writer, p Page) error {
	style := figure.CSS() + "\n" + pageCSS + p.Style
	out := bufio.NewWriter(w)
	err := skeleton().Execute(out, map[string]any{
		"Title": p.Title, "Lead": p.Lead, "Body": p.Body,
		"Style": template.CSS(style), "StyleHash": Source(style), //nolint:gosec // embedded
		"Script": template.JS(p.Script), "ScriptHash": Source(p.Script), //nolint:gosec // embedded
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// Source is the source of a content security policy that allows this text alone.
func Source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
