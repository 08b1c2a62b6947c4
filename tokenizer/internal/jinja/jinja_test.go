package jinja

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// snippetFile is testdata/snippets.json, written by testdata/make_snippets.py.
type snippetFile struct {
	Context json.RawMessage
	Cases   []struct {
		Template string
		Rendered *string
		Error    string
	}
}

func snippets(t testing.TB) snippetFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "snippets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file snippetFile
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSnippets holds the interpreter against transformers on small templates.
func TestSnippets(t *testing.T) {
	file := snippets(t)
	passed := 0
	for _, c := range file.Cases {
		got, err := renderJSON(c.Template, file.Context)
		switch {
		case c.Rendered == nil && err == nil:
			t.Errorf("%q: rendered %q, want the error %q", c.Template, got.String(), c.Error)
		case c.Rendered != nil && err != nil:
			t.Errorf("%q: %v", c.Template, err)
		case c.Rendered != nil && got.String() != *c.Rendered:
			t.Errorf("%q:\n got %q\nwant %q", c.Template, got.String(), *c.Rendered)
		default:
			passed++
		}
	}
	t.Logf("%d of %d snippets", passed, len(file.Cases))
}

// renderJSON renders a template with the names of a JSON object.
func renderJSON(source string, context []byte) (Text, error) {
	tmpl, err := Parse(source)
	if err != nil {
		return Text{}, err
	}
	v, err := FromJSON(context)
	if err != nil {
		return Text{}, err
	}
	names := map[string]any{}
	d := v.(*Dict)
	for i, k := range d.keys {
		names[str(k).s] = d.values[i]
	}
	return tmpl.Render(names)
}

// marked renders with x as untrusted text and marks it in the result.
func marked(t *testing.T, source, x string) string {
	t.Helper()
	tmpl, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tmpl.Render(map[string]any{"x": Untrusted(x)})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	var b strings.Builder
	for _, s := range text.Segments() {
		if s.Trusted {
			b.WriteString(s.Text)
		} else {
			b.WriteString("«" + s.Text + "»")
		}
	}
	return b.String()
}

// TestProvenance checks that text from outside stays marked through every operation.
func TestProvenance(t *testing.T) {
	for _, c := range []struct{ template, x, want string }{
		{"a{{ x }}b", "X", "a«X»b"},
		{"a{{ x | trim }}b", "  X ", "a«X»b"},
		{"{{ ('<' + x + '>').strip('<') }}", "X", "«X»>"},
		{"{{ x.split(',') | join(';') }}", "a,b", "«a»;«b»"},
		{"{{ (x ~ '|' ~ x).split('|')[1] }}", "X", "«X»"},
		{"{{ x[1:3] }}{{ x[::-1] }}", "abcd", "«bcdcba»"},
		{"{{ x | replace('b', 'T') }}", "abc", "«a»T«c»"},
		{"{{ 'aTb' | replace('T', x) }}", "X", "a«X»b"},
		{"{{ x | upper }}{{ x | capitalize }}{{ x | title }}", "ab", "«ABAbAb»"},
		{"{{ x | tojson }}", "a\"b", `"«a\"b»"`},
		{"{{ [x] }}", "a'b", `["«a'b»"]`},
		{"{{ {'k': x} | tojson }}", "v", `{"k": "«v»"}`},
		{"{{ x | e }}", "<a>", "«&lt;a&gt;»"},
		{"{{ '%s!' % x }}{{ '{}?'.format(x) }}", "X", "«X»!«X»?"},
		{"{{ x % 'T' }}", "a%s", "«a»T"},
		{"{{ x | indent(2) }}", "a\nb", "«a»\n  «b»"},
		{"{% set y %}[{{ x }}]{% endset %}{{ y }}{% filter lower %}{{ x }}Q{% endfilter %}", "X", "[«X»]«x»q"},
		{"{% macro m(v) %}<{{ v }}>{% endmacro %}{{ m(x) }}", "X", "<«X»>"},
		{"{% for c in x %}{{ c }}.{% endfor %}", "ab", "«a».«b»."},
		{"{{ x.partition('-') | join }}", "a-b", "«a-b»"},
		{"{{ x * 2 }}{{ x.center(5, '*') }}", "X", "«XX»**«X»**"},
		{"{{ x.splitlines() | join('/') }}", "a\nb", "«a»/«b»"},
		{"{% set ns = namespace(v='') %}{% for i in [1] %}{% set ns.v = ns.v ~ x %}{% endfor %}{{ ns.v }}", "X", "«X»"},
		{"{{ x | truncate(5, true, '!') }}", "abcdefghijklm", "«abcd»!"},
		{"{{ x.removeprefix('a').ljust(3, '-') }}", "ab", "«b»--"},
		{"{{ dict(a=x).values() | list | first }}{{ (x, 1)[0] }}", "X", "«XX»"},
		{"{{ x | list | sort | join }}{{ x | reverse }}", "ba", "«abab»"},
		{"{{ x if x else 'T' }}{{ x or 'T' }}{{ '' or x }}", "X", "«XXX»"},
	} {
		if got := marked(t, c.template, c.x); got != c.want {
			t.Errorf("%s: got %s, want %s", c.template, got, c.want)
		}
	}
}

func TestErrorLine(t *testing.T) {
	_, err := renderJSON("a\n{% if true %}\n{{ 1 + 'a' }}{% endif %}", []byte(`{}`))
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("error %v, want line 3 in it", err)
	}
	_, err = renderJSON("a\n\n{{ raise_exception('no') }}", []byte(`{}`))
	var e *Error
	if !errors.As(err, &e) || !e.Raised || e.Message != "no" || e.Line != 3 {
		t.Errorf("error %#v, want a raised one in line 3", err)
	}
}

func TestStrftime(t *testing.T) {
	at := time.Date(2024, 7, 4, 9, 5, 6, 7000, time.UTC)
	for format, want := range map[string]string{
		"%d %b %Y": "04 Jul 2024", "%Y-%m-%d %H:%M:%S": "2024-07-04 09:05:06", "%B %-d, %A %j%%": "July 4, Thursday 186%",
		"%y %I %p %f": "24 09 AM 000007",
	} {
		if got, err := strftime(at, format); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", format, got, err, want)
		}
	}
	if _, err := strftime(at, "%Q"); err == nil {
		t.Error("an unknown directive gave no error")
	}
}

// Deep nesting, endless recursion and huge values are errors.
func TestLimits(t *testing.T) {
	for _, source := range []string{
		"{{ " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + " }}",
		strings.Repeat("{% if true %}", 5000) + strings.Repeat("{% endif %}", 5000),
		"{{ " + strings.Repeat("not ", 5000) + "1 }}",
		"{{ " + strings.Repeat("-", 5000) + "1 }}",
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"{{ 'a' * 100000000000 }}",
		"{{ range(100000000000) }}",
	} {
		if _, err := renderJSON(source, []byte(`{}`)); err == nil {
			t.Errorf("%.40q…: no error", source)
		}
	}
}

// FuzzRender checks that no template makes the interpreter panic.
func FuzzRender(f *testing.F) {
	file := snippets(f)
	for _, c := range file.Cases {
		f.Add(c.Template)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := renderJSON(source, file.Context)
		if err == nil && text.mask != "" && len(text.mask) != len(text.s) {
			t.Errorf("%d bytes of text, %d of provenance", len(text.s), len(text.mask))
		}
	})
}
