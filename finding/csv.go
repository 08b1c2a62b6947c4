package finding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// csvFormat is RFC 4180 with a header row, separated by commas, semicolons or
// tabs. Columns are known by name, see columnNamed; others are ignored. It is
// read row by row.
var csvFormat = format{
	name: "csv",
	what: "CSV with a header row",
	sniff: func(head []byte) bool {
		header, _ := csvHeaderOf(firstRow(head), nil)
		return header.known >= 2 && header.has("snippet", "focus", "request", "response", "message", "title", "rule")
	},
	read: func(in *input) error { return readCSV(in, nil, nil) },
}

// otherNames are what other tools and data sets call a finding's columns, in
// lower case with underscores. Where two columns have one meaning, a column of the
// finding's own name wins, then the first.
var otherNames = map[string]string{
	"finding_id": "id", "detection_id": "id", "uid": "id", "guid": "id", "row_id": "id", "index": "id",
	"dataset": "source", "scanner": "tool", "analyzer": "tool", "tool_name": "tool", "engine": "tool",
	"rule_id": "rule", "ruleid": "rule", "check_id": "rule", "checkid": "rule", "test_id": "rule", "plugin_id": "rule",
	"query_id": "rule", "error": "rule", "error_code": "rule", "smell": "rule", "glitch_smell": "rule",
	"cwe_id": "cwe", "cwe_ids": "cwe", "issue_cwe": "cwe", "weakness": "cwe",
	"vuln_category": "category", "type": "category", "kind": "category",
	"lang": "language", "technology": "language", "iac_tool": "language", "iac_tech": "language",
	"path": "file", "filename": "file", "file_name": "file", "file_path": "file", "filepath": "file", "location": "file",
	"uri": "file", "url": "file", "artifact": "file",
	"line_number": "line", "lineno": "line", "line_no": "line", "start_line": "line", "startline": "line", "line_start": "line", "begin_line": "line",
	"endline": "end_line", "line_end": "end_line", "end_line_number": "end_line",
	"name": "title", "rule_name": "title", "check_name": "title", "test_name": "title", "summary": "title", "smell_category": "title",
	"description": "message", "desc": "message", "details": "message", "detail": "message", "msg": "message", "issue_text": "message",
	"text": "message", "issue": "message",
	"issue_severity": "severity", "risk": "severity", "priority": "severity",
	"code": "snippet", "source_code": "snippet", "code_snippet": "snippet", "context": "snippet", "with_context": "snippet",
	"context_snippet": "snippet", "func": "snippet", "function": "snippet",
	"content": "focus", "target_content": "focus", "match": "focus", "matched": "focus", "evidence": "focus", "repr": "focus",
	"http_request": "request", "req": "request", "http_response": "response", "resp": "response",
	"is_vulnerable": "label", "vulnerable": "label", "truth": "label", "ground_truth": "label", "target": "label", "is_real": "label",
	"true_positive": "label", "llm_decision": "label",
	"group_id": "group", "repo": "group", "repository": "group", "project": "group", "template": "group",
	"set": "split", "subset": "split",
}

// columnIndex finds a finding's column by its own name.
var columnIndex = func() map[string]int {
	index := map[string]int{}
	for i, c := range findingColumns {
		index[c.name] = i
	}
	return index
}()

// headerName is a header's spelling in otherNames: "Line Number" is line_number.
func headerName(cell string) string {
	return strings.NewReplacer(" ", "_", "-", "_", ".", "_").Replace(strings.ToLower(strings.Trim(cell, " \t\r\n\"'*_")))
}

// columnsNamed maps a table's columns to those of a finding, -1 where there is
// none. special names come before otherNames.
func columnsNamed(header []string, special map[string]string) (columns []int, known int) {
	columns = make([]int, len(header))
	taken := make([]bool, len(findingColumns))
	for i := range columns {
		columns[i] = -1
	}
	for _, find := range []func(string) string{
		func(name string) string { return special[name] },
		func(name string) string { return name },
		func(name string) string { return otherNames[name] },
	} {
		for i, cell := range header {
			at, ok := columnIndex[find(headerName(cell))]
			if ok && columns[i] < 0 && !taken[at] {
				columns[i], taken[at] = at, true
				known++
			}
		}
	}
	return columns, known
}

// csvHeader is a header row that has been understood.
type csvHeader struct {
	names   []string
	columns []int // of each cell, the index in findingColumns, or -1
	known   int   // how many are not -1
	comma   byte
}

func (h *csvHeader) has(names ...string) bool {
	for _, at := range h.columns {
		for _, name := range names {
			if at >= 0 && findingColumns[at].name == name {
				return true
			}
		}
	}
	return false
}

// csvHeaderOf reads a header line with the separator that gives the most known
// columns. It is false where the line has an open quote.
func csvHeaderOf(line []byte, special map[string]string) (best csvHeader, whole bool) {
	for _, comma := range []byte{',', ';', '\t'} {
		record := csvRecord{comma: comma}
		if !record.add(line) || record.tooWide() {
			continue
		}
		h := csvHeader{names: record.cells, comma: comma}
		if h.columns, h.known = columnsNamed(h.names, special); h.known > best.known || !whole {
			best, whole = h, true
		}
	}
	return best, whole
}

// firstRow is the first line that is not blank, with its end.
func firstRow(head []byte) []byte {
	for line := range bytes.Lines(head) {
		if len(bytes.TrimSpace(line)) > 0 {
			return line
		}
	}
	return nil
}

// csvRecord takes one record line by line: RFC 4180, with line ends inside of
// quotes kept as they are, and a quote that neither opens, closes nor doubles kept
// as itself.
type csvRecord struct {
	comma byte
	cells []string
	cell  []byte
	open  bool // a quote is open
}

const maxCSVCells = 4096

// tooWide says that the record has more cells than any table; the rest is left out.
func (r *csvRecord) tooWide() bool { return len(r.cells) > maxCSVCells }

func (r *csvRecord) end() {
	if len(r.cells) <= maxCSVCells {
		r.cells = append(r.cells, string(r.cell))
	}
	r.cell = r.cell[:0]
}

// add takes the next line, with its end, and says whether the record is whole.
func (r *csvRecord) add(line []byte) bool {
	i := 0
	for {
		if !r.open {
			if i < len(line) && line[i] == '"' {
				r.open = true
				i++
				continue
			}
			at := bytes.IndexByte(line[i:], r.comma)
			if at < 0 {
				r.cell = append(r.cell, withoutLineEnd(line[i:])...)
				r.end()
				return true
			}
			r.cell = append(r.cell, line[i:i+at]...)
			r.end()
			i += at + 1
			continue
		}
		at := bytes.IndexByte(line[i:], '"')
		if at < 0 {
			r.cell = append(r.cell, line[i:]...)
			return false
		}
		r.cell = append(r.cell, line[i:i+at]...)
		i += at + 1
		switch {
		case i < len(line) && line[i] == '"':
			r.cell = append(r.cell, '"')
			i++
		case len(withoutLineEnd(line[i:])) == 0:
			r.open = false
			r.end()
			return true
		case line[i] == r.comma:
			r.open = false
			r.end()
			i++
		default:
			r.cell = append(r.cell, '"')
		}
	}
}

func withoutLineEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

// csvReader gives the records of a document.
type csvReader struct {
	in     *input
	comma  byte
	line   int    // of the last line that was read
	start  int    // line on which the last record begins
	back   []byte // lines that are read again, after an open quote swallowed them
	single bool   // a record may not span lines any more: a quote was open to the end
	ended  error  // what ended the document: io.EOF, or why it can't be read further
}

var errOpenQuote = errors.New(`a quote (") is opened and never closed: double it ("") where it is part of a cell`)

func (r *csvReader) readLine() ([]byte, error) {
	r.line++
	if len(r.back) == 0 {
		if r.ended != nil {
			return nil, r.ended
		}
		line, err := r.in.readLine()
		if err != nil && !errors.Is(err, errRowTooLong) {
			r.ended = err
		}
		return line, err
	}
	n := bytes.IndexByte(r.back, '\n') + 1
	if n == 0 {
		n = len(r.back)
	}
	line := r.back[:n]
	r.back = r.back[n:]
	return line, nil
}

// next gives the next record that is not blank. The error is io.EOF at the end;
// any other that is not r.ended is about this record only.
func (r *csvReader) next() ([]string, error) {
	record := csvRecord{comma: r.comma}
	var raw []byte // the lines of the record after its first
	first := true
	for {
		line, err := r.readLine()
		if first {
			r.start = r.line
		}
		switch {
		case errors.Is(err, errRowTooLong):
			return nil, fmt.Errorf("%w of %d bytes", err, r.in.opts.maxBytes())
		case len(line) == 0 && err != nil && first:
			return nil, err
		case len(line) == 0 && err != nil, !first && r.single:
			// Open to the end of the document: this line is broken, the others are tried by themselves.
			r.back, r.single, r.line = append(raw, r.back...), true, r.start
			return nil, errOpenQuote
		case first && len(bytes.TrimSpace(line)) == 0:
			continue
		}
		if record.add(line) {
			if record.tooWide() {
				return nil, fmt.Errorf("more than %d cells", maxCSVCells)
			}
			return record.cells, nil
		}
		if r.single {
			return nil, errOpenQuote
		}
		if !first {
			raw = append(raw, line...)
		}
		first = false
		if int64(len(raw)) > r.in.opts.maxBytes() {
			return nil, fmt.Errorf("%w of %d bytes", errRowTooLong, r.in.opts.maxBytes())
		}
	}
}

// readCSV reads a document with a header. special are further names of columns,
// and finish, where it is not nil, sees each finding before it is handed on; it
// says false of a row that is no complaint.
func readCSV(in *input, special map[string]string, finish func(*Finding) bool) error {
	r := &csvReader{in: in}
	line, err := r.readLine()
	for err == nil && len(bytes.TrimSpace(line)) == 0 {
		line, err = r.readLine()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s:%d: the header cannot be read: %w", in.name, r.line, err)
	}
	header, whole := csvHeaderOf(line, special)
	if !whole || header.known == 0 {
		return fmt.Errorf("%s:%d: the header names no column of a finding: expected some of %s, or of their other usual names, found %s",
			in.name, r.line, strings.Join(FindingColumns(), ", "), quoteStart(line))
	}
	r.comma = header.comma
	for {
		cells, err := r.next()
		if err != nil && errors.Is(err, r.ended) {
			if !errors.Is(err, io.EOF) { // a gzip file cut short: what came before is kept
				in.problem(&RowError{Line: r.line, Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
			}
			return nil
		}
		in.report.Total++
		var f Finding
		if err == nil {
			f, err = header.finding(cells)
		}
		if err != nil {
			if !in.problem(&RowError{Line: r.start, Err: err}) {
				return nil
			}
			continue
		}
		if finish != nil && !finish(&f) {
			in.report.Passed++
			continue
		}
		if !in.row(f, r.start) {
			return nil
		}
	}
}

// finding makes a finding of a record's cells.
func (h *csvHeader) finding(cells []string) (Finding, error) {
	var f Finding
	for len(cells) > len(h.names) && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != len(h.names) {
		return f, fmt.Errorf("expected %d cells, as the header has, found %d", len(h.names), len(cells))
	}
	bad := 0
	for i, at := range h.columns {
		if at < 0 {
			continue
		}
		text, n := validText([]byte(unguard(cells[i])))
		bad += n
		if err := findingColumns[at].set(&f, string(text)); err != nil {
			return f, fmt.Errorf("column %q: %w", h.names[i], err)
		}
	}
	if bad > 0 {
		f.note("%s", invalidUTF8Note(bad))
	}
	return f, nil
}

// row hands on a finding that stands in a row of a table; false means stop.
func (in *input) row(f Finding, line int) bool {
	origin := Origin{Result: in.report.Total - 1, Line: line}
	if !f.reviewable() {
		e := &RowError{Line: line, Err: errNothingToReview}
		if line == 0 {
			e.Where = fmt.Sprintf("row %d", in.report.Total)
		}
		return in.problem(e)
	}
	if f.Request != "" || f.Response != "" {
		in.report.Messages++
	}
	f.CWE = canonicalCWE(f.CWE)
	f.Claim()
	if f.Language == "" {
		f.Language = languageOf(f.File)
	}
	f.Origin = origin
	return in.emit(f)
}

var errNothingToReview = errors.New(`nothing to review: expected at least one of "snippet", "request", "response", "message", "title"`)

// guarded are the characters that make a spreadsheet take a cell for a formula, or
// that it skips before one (OWASP, "CSV Injection").
const guarded = "=+-@\t\r\n＝＋－＠"

// guard puts an apostrophe before a cell that a spreadsheet would take for a
// formula, so that it shows it as text; and before one that looks so guarded
// already, so that unguard gives every cell back as it was.
func guard(cell string) string {
	if isGuarded("'" + cell) {
		return "'" + cell
	}
	return cell
}

// unguard undoes guard.
func unguard(cell string) string {
	if isGuarded(cell) {
		return cell[1:]
	}
	return cell
}

// isGuarded: apostrophes, at least one, and then what begins a formula.
func isGuarded(cell string) bool {
	rest := strings.TrimLeft(cell, "'")
	first, _ := utf8.DecodeRuneInString(rest)
	return len(rest) < len(cell) && rest != "" && strings.ContainsRune(guarded, first)
}
