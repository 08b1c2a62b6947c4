package finding

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
)

// maxXMLDepth is deeper than any report is; a document beyond it is none.
const maxXMLDepth = 64

// xmlStream walks an XML document of any size, an element at a time. Entities that a
// document declares are not expanded (encoding/xml never does), so there is no bomb to
// set off: a reference to one stays as it is written. Nothing is ever fetched.
type xmlStream struct {
	in    *input
	d     *xml.Decoder
	quota *quotaReader
	roots []string // nil once the root was seen
	depth int
	bad   int
}

// quotaReader stops an element that is larger than the limit.
type quotaReader struct {
	r     io.Reader
	left  int64
	limit int64
}

func (q *quotaReader) Read(p []byte) (int, error) {
	if q.left <= 0 {
		return 0, fmt.Errorf("an element of more than %d bytes", q.limit)
	}
	n, err := q.r.Read(p[:min(int64(len(p)), q.left)])
	q.left -= int64(n)
	return n, err
}

var xmlEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

// walkXML calls start at every start tag that no visitor consumed with element. The
// root must be one of the names.
func (in *input) walkXML(roots []string, start func(x *xmlStream, e xml.StartElement) error) error {
	x := &xmlStream{in: in, roots: roots}
	limit := in.opts.maxRecord()
	x.quota = &quotaReader{r: x.text(), left: limit, limit: limit}
	x.d = xml.NewDecoder(x.quota)
	x.d.Strict = false
	x.d.Entity = xml.HTMLEntity
	x.d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // text has seen to it
	err := x.walk(start)
	if x.bad > 0 {
		in.report.Notes = append(in.report.Notes, fmt.Sprintf("%d characters that XML does not allow were replaced by U+FFFD", x.bad))
	}
	line, column := x.d.InputPos()
	return in.broken(err, line, column)
}

// text gives the document as UTF-8, with the characters that XML forbids, for which the
// decoder would refuse all that follows, replaced by U+FFFD.
func (x *xmlStream) text() io.Reader {
	head, _ := x.in.r.Peek(200)
	var r io.Reader = x.in.r
	if m := xmlEncoding.FindSubmatch(head); m != nil {
		name := strings.ToLower(string(m[1]))
		// UTF-16 was decoded by its byte order mark before the declaration could be read.
		if e, err := htmlindex.Get(name); err == nil && !strings.HasPrefix(name, "utf") && e != encoding.Replacement {
			r = transform.NewReader(r, e.NewDecoder())
		}
	}
	return transform.NewReader(r, transform.Chain(runes.ReplaceIllFormed(), runes.Map(func(c rune) rune {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0xfffe || c == 0xffff {
			x.bad++
			return utf8.RuneError
		}
		return c
	})))
}

func (x *xmlStream) walk(start func(x *xmlStream, e xml.StartElement) error) error {
	for {
		x.quota.left = x.quota.limit
		token, err := x.token()
		if errors.Is(err, io.EOF) {
			if x.roots != nil {
				return fmt.Errorf("expected the root element <%s>, found no element", strings.Join(x.roots, "> or <"))
			}
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok {
			if x.roots != nil && !slices.Contains(x.roots, e.Name.Local) {
				return fmt.Errorf("expected the root element <%s>, found <%s>", strings.Join(x.roots, "> or <"), firstBytes(e.Name.Local, 60))
			}
			x.roots = nil
			if err := start(x, e); err != nil {
				return err
			}
		}
	}
}

// token is the next token. It counts the depth, which the decoder does not bound.
func (x *xmlStream) token() (xml.Token, error) {
	token, err := x.d.Token()
	if err != nil {
		if syntax := (*xml.SyntaxError)(nil); errors.As(err, &syntax) {
			err = fmt.Errorf("broken XML: %s", syntax.Msg)
		}
		return nil, err
	}
	switch token.(type) {
	case xml.StartElement:
		if x.depth++; x.depth > maxXMLDepth {
			return nil, fmt.Errorf("elements are nested deeper than %d: not a report", maxXMLDepth)
		}
	case xml.EndElement:
		x.depth--
	}
	return token, nil
}

// xmlElement is one element, read whole. A nil one is one that is not there.
type xmlElement struct {
	name     string
	attrs    []xml.Attr
	content  strings.Builder // the text, that of its children left out
	children []*xmlElement
	line     int
}

// element reads the rest of the element whose start tag was just read.
func (x *xmlStream) element(start xml.StartElement) (*xmlElement, error) {
	line, _ := x.d.InputPos()
	e := &xmlElement{name: start.Name.Local, attrs: start.Attr, line: line}
	for {
		token, err := x.token()
		if errors.Is(err, io.EOF) {
			err = errCut
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			child, err := x.element(token) // no deeper than maxXMLDepth
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
		case xml.EndElement:
			return e, nil
		case xml.CharData:
			e.content.Write(token)
		}
	}
}

func (x *xmlStream) emit(f Finding, line int) error {
	f.Origin = Origin{Result: x.in.report.Total - 1, Line: line}
	if !f.reviewable() {
		if !x.in.problem(&RowError{Line: line, Err: errors.New("nothing to review: expected a name, a description or an HTTP exchange")}) {
			return errStop
		}
		return nil
	}
	if !x.in.emit(f) {
		return errStop
	}
	return nil
}

// text is an element's text; markup that should have been escaped in it is left out.
func (e *xmlElement) text() string {
	if e == nil {
		return ""
	}
	if len(e.children) == 0 {
		return e.content.String()
	}
	var b strings.Builder
	b.WriteString(e.content.String())
	for _, c := range e.children {
		b.WriteString(c.text())
	}
	return b.String()
}

// get is the text, without white space around it, of the first child of that name.
func (e *xmlElement) get(name string) string { return strings.TrimSpace(e.child(name).text()) }

// child is the first child of that name, or nil.
func (e *xmlElement) child(name string) *xmlElement {
	if e != nil {
		for _, c := range e.children {
			if c.name == name {
				return c
			}
		}
	}
	return nil
}

// attr is an attribute's value.
func (e *xmlElement) attr(name string) string {
	if e == nil {
		return ""
	}
	return attrOf(e.attrs, name)
}

func attrOf(attrs []xml.Attr, name string) string {
	for _, a := range attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// descendants lists the elements of that name, however deep.
func (e *xmlElement) descendants(name string) []*xmlElement {
	var out []*xmlElement
	if e != nil {
		for _, c := range e.children {
			if c.name == name {
				out = append(out, c)
			} else {
				out = append(out, c.descendants(name)...)
			}
		}
	}
	return out
}
