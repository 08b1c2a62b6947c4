package finding

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// ReadOptions bound what a reader takes in. The zero value has the defaults.
type ReadOptions struct {
	// MaxBytes is the largest document, or the largest row of a format that is read
	// row by row, after decompression. 0 means 1 GiB. It is what stops a zip bomb.
	MaxBytes int64
	// Rules makes the candidates of one HTTP exchange, for formats that hold traffic and
	// no findings of their own (HAR, raw HTTP). A candidate's empty fields are filled from
	// the exchange. Without Rules, raw HTTP gives each exchange as a row that claims
	// nothing, and HAR gives no findings.
	Rules func(exchange Finding) []Finding
}

func (o ReadOptions) maxBytes() int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	return 1 << 30
}

// Report is what one input document held.
type Report struct {
	Name     string    // as given to Read
	Format   string    // one of Formats: "sarif", "har", …
	Findings []Finding // what is to be reviewed, in the document's order
	Problems []error   // rows that could not be read, each a *RowError

	Total      int      // findings in the document, the skipped ones among them; traffic without Rules has none
	Suppressed int      // skipped: suppressed in the document itself (Checkov's are beside Total, not in it)
	Absent     int      // skipped: in the baseline, but no longer there
	Passed     int      // skipped: not a complaint (SARIF kinds pass and notApplicable)
	Messages   int      // HTTP exchanges in the document
	Notes      []string // about the document as a whole

	sarif *sarifDocument   // what WriteSARIF gives back; nil for other formats
	iac   map[int]iacExtra // what WriteIaC gives back, by Origin.Result; nil for other formats
}

// RowError says which row of a document could not be read, and why. The other
// rows are read all the same.
type RowError struct {
	Input  string // the document's name
	Line   int    // 1-based; 0 where the format has no lines
	Column int    // 1-based, in bytes; 0 where it is not known
	Where  string // the place in words, where there is no line: "runs[0].results[3]"
	Err    error
}

func (e *RowError) Error() string {
	at := e.Input
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
		if e.Column > 0 {
			at += fmt.Sprintf(":%d", e.Column)
		}
	}
	if e.Where != "" {
		at += ": " + e.Where
	}
	return at + ": " + e.Err.Error()
}

func (e *RowError) Unwrap() error { return e.Err }

// ErrIncomplete is in a [RowError] about the rest of a document that cannot be read to its end: what came
// before is kept.
var ErrIncomplete = errors.New("cannot be read further")

// format is one input format. Adding one is adding its file and a line to formats.
type format struct {
	name  string
	what  string                 // for messages: "SARIF 2.1.0 (…)"
	sniff func(head []byte) bool // does a document that begins so look like this format?
	read  func(in *input) error  // an error means that nothing more can be read
}

// formats in the order in which they are tried: the most particular first.
var formats = []format{
	sqliteFormat, parquetFormat,
	sarifFormat, harFormat, burpFormat, zapXMLFormat, zapJSONFormat, semgrepFormat, checkovFormat, kicsFormat, nucleiFormat,
	httpFormat, jsonlFormat, glitchFormat, csvFormat,
}

// Formats lists the names that Read takes, "auto" first.
func Formats() []string {
	names := []string{"auto"}
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// input is a document being read.
type input struct {
	name   string
	r      *bufio.Reader // decompressed, without byte order mark
	opts   ReadOptions
	report *Report
	ids    ids
	yield  func(Finding, error) bool
	done   bool // the caller wants no more
	whole  bool // the caller keeps the findings: Read, not Scan
}

// emit hands a finding to the caller; false means stop.
func (in *input) emit(f Finding) bool {
	in.ids.assign(&f)
	f.Origin.Input = in.name
	if !in.done && !in.yield(f, nil) {
		in.done = true
	}
	return !in.done
}

// problem hands a broken row to the caller; false means stop.
func (in *input) problem(e *RowError) bool {
	e.Input = in.name
	if !in.done && !in.yield(Finding{}, e) {
		in.done = true
	}
	return !in.done
}

// sniffBytes is how much of a document its format is told from. Where a JSON document
// begins with much that any could begin with, up to maxSniffBytes are looked at.
const (
	sniffBytes    = 64 << 10
	maxSniffBytes = 256 << 20
)

// Detect names the format of a document that begins with head, by its content;
// it returns "" where it looks like none that Janus reads.
func Detect(head []byte) string {
	if name := detect(head); name != "" || !brokenRow(head) {
		return name
	}
	return jsonlFormat.name
}

func detect(head []byte) string {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for _, f := range formats {
		if f.sniff(head) {
			return f.name
		}
	}
	return ""
}

// Read reads a whole document. Format is one of [Formats], "auto" (or "") to tell
// it from the content; gzip, and UTF-16 with a byte order mark, are seen through.
// Name is used in messages and in the findings' origins.
//
// An error means that the document could not be read at all. Where only some of
// its rows could not, they are in the report's Problems and the rest in Findings.
func Read(name string, r io.Reader, format string, opts ReadOptions) (*Report, error) {
	var findings []Finding
	var problems []error
	in := &input{name: name, opts: opts, whole: true, yield: func(f Finding, err error) bool {
		if err != nil {
			problems = append(problems, err)
		} else {
			findings = append(findings, f)
		}
		return true
	}}
	report, err := in.scan(r, format)
	if err != nil {
		return nil, err
	}
	report.Findings, report.Problems = findings, problems
	return report, nil
}

// Scan is Read for documents too large to hold: it hands each finding, or the
// error of a row that could not be read, to yield as it comes, and stops where
// yield returns false. The report it returns has counts and no findings.
func Scan(name string, r io.Reader, format string, opts ReadOptions, yield func(Finding, error) bool) (*Report, error) {
	in := &input{name: name, opts: opts, yield: yield}
	return in.scan(r, format)
}

func (in *input) scan(r io.Reader, format string) (*Report, error) {
	in.ids, in.report = ids{}, &Report{Name: in.name}
	if err := in.open(r); err != nil {
		return nil, err
	}
	f, err := in.chooseFormat(format)
	if err != nil {
		return nil, err
	}
	in.report.Format = f.name
	if err := f.read(in); err != nil {
		return nil, err
	}
	return in.report, nil
}

// open sees through gzip and byte order marks.
func (in *input) open(r io.Reader) error {
	packed := &countingReader{r: r}
	raw := bufio.NewReader(packed)
	if magic, _ := raw.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(raw)
		if err != nil {
			return fmt.Errorf("%s: begins like a gzip file but is not one: %w", in.name, err)
		}
		r = &bombGuard{r: z, packed: packed, limit: in.opts.maxBytes()}
	} else {
		r = raw
	}
	decoded := transform.NewReader(r, unicode.BOMOverride(transform.Nop))
	in.r = bufio.NewReaderSize(decoded, sniffBytes)
	return nil
}

func (in *input) chooseFormat(want string) (format, error) {
	head, err := in.r.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 { // of what was cut short the format's reader keeps what is there
		return format{}, fmt.Errorf("%s: cannot be read: %w", in.name, err)
	}
	if len(bytes.TrimSpace(head)) == 0 && len(head) < sniffBytes {
		return format{}, fmt.Errorf("%s: the file is empty (%d bytes): expected %s; did the scanner write its report?",
			in.name, len(head), describeFormats())
	}
	if want == "" || want == "auto" {
		want, head = in.detect(head)
		if want == "" {
			return format{}, fmt.Errorf("%s: not a format that Janus reads: expected %s, found %s; if it is one of them, name it with --format of janus review, explain or data import",
				in.name, describeFormats(), describeStart(head))
		}
	}
	for _, f := range formats {
		if f.name == want {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("unknown input format %q: expected one of %s", want, strings.Join(Formats(), ", "))
}

// detect looks at more and more of a JSON document until its keys tell the format.
func (in *input) detect(head []byte) (string, []byte) {
	for size := sniffBytes; ; {
		name := detect(head)
		whole := len(head) < size
		if name != "" || whole || !looksLikeJSON(head) || size >= maxSniffBytes {
			if name == "" {
				name = Detect(head)
			}
			return name, head
		}
		size *= 16
		in.r = bufio.NewReaderSize(in.r, size)
		head, _ = in.r.Peek(size) // an error shows again when it is read
	}
}

func describeFormats() string {
	var names []string
	for _, f := range formats {
		names = append(names, f.what)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// describeStart shows what an unknown document begins with: of JSON objects, their keys.
func describeStart(head []byte) string {
	if looksLikeJSON(head) {
		what, list := "a JSON object", head[skipSpace(head, 0)] == '['
		if list {
			what = "a JSON array of objects"
		}
		var keys []string
		for path := range outline(head) {
			key, listed := strings.CutPrefix(path, "[]")
			if key, ok := strings.CutPrefix(key, "."); ok && listed == list && key != "" && !strings.ContainsAny(key, ".[") {
				keys = append(keys, fmt.Sprintf("%q", key))
			}
		}
		slices.Sort(keys)
		if len(keys) > 8 {
			keys = append(keys[:8], "…")
		}
		if len(keys) > 0 {
			return what + " with the keys " + strings.Join(keys, ", ")
		}
	}
	return quoteStart(head)
}

// quoteStart shows the first line of an unknown document.
func quoteStart(head []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(head), []byte{'\n'})
	const most = 60
	if len(line) > most {
		return fmt.Sprintf("%q…", line[:most])
	}
	return fmt.Sprintf("%q", line)
}

// readAll reads the whole document, for formats that must be seen whole.
func (in *input) readAll() ([]byte, error) {
	limit := in.opts.maxBytes()
	doc, err := io.ReadAll(io.LimitReader(in.r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read to its end: %w (after %d bytes)", in.name, err, len(doc))
	}
	if int64(len(doc)) > limit {
		return nil, fmt.Errorf("%s: larger than the limit of %d bytes: split the report", in.name, limit)
	}
	return doc, nil
}

// errRowTooLong is a row past ReadOptions.MaxBytes, which is skipped.
var errRowTooLong = errors.New("the row is longer than the limit")

// readLine reads one line, however long, with its line end. At the end of the
// document the error is io.EOF, with what came before it. A line past the limit
// is skipped to its end and given as errRowTooLong.
func (in *input) readLine() ([]byte, error) {
	limit := in.opts.maxBytes()
	var line []byte
	tooLong := false
	for {
		part, err := in.r.ReadSlice('\n')
		if int64(len(line)+len(part)) > limit {
			tooLong, line = true, nil
		}
		if !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errRowTooLong
		default:
			return line, err
		}
	}
}

// validText replaces each byte that is not UTF-8 by U+FFFD, as encoding/json does,
// and says how many there were.
func validText(s []byte) (text []byte, bad int) {
	if utf8.Valid(s) {
		return s, 0
	}
	text = make([]byte, 0, len(s)+len(s)/8)
	for rest := s; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			bad++
		}
		text = utf8.AppendRune(text, r)
		rest = rest[size:]
	}
	return text, bad
}

// invalidUTF8Note is what a note says of them.
func invalidUTF8Note(bad int) string {
	return fmt.Sprintf("%d bytes that are not UTF-8 were replaced by U+FFFD", bad)
}
