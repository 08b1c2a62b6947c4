package finding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// glitchFormat is what GLITCH, the scanner for smells in infrastructure code,
// writes with --csv: path,line,code,element without quotes (the element may have
// commas and go on over lines); with --linter a description before these; and the
// sets labelled for it: a header PATH,LINE,ERROR.
var glitchFormat = format{
	name:  "glitch",
	what:  "GLITCH CSV",
	sniff: looksLikeGLITCH,
	read:  readGLITCH,
}

// glitchLine is a row of --csv or --linter: path, line, code, element.
var glitchLine = regexp.MustCompile(`^(.+?),\s*(-?\d{1,9}),\s*((?:sec|design|implementation)_[a-z0-9_]{2,60})(?:,(.*))?$`)

// glitchNames are the columns of labelled sets that mean something else elsewhere.
var glitchNames = map[string]string{"error": "rule", "code": "rule", "smell": "rule", "element": "focus", "technology": "language"}

func looksLikeGLITCH(head []byte) bool {
	lines := 0
	for line := range bytes.Lines(head) {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if lines++; lines > 20 {
				return false
			}
			if glitchLine.Match(text) || lines == 1 && isGLITCHHeader(line) {
				return true
			}
		}
	}
	return false
}

// isGLITCHHeader: a path, a line and an error, and little more.
func isGLITCHHeader(line []byte) bool {
	header, whole := csvHeaderOf(line, glitchNames)
	return whole && len(header.names) <= 6 && header.has("file") && header.has("line") && header.has("rule") &&
		!header.has("message", "title", "snippet")
}

func readGLITCH(in *input) error {
	head, _ := in.r.Peek(sniffBytes)
	if isGLITCHHeader(firstRow(head)) {
		return readCSV(in, glitchNames, func(f *Finding) bool {
			name := strings.TrimSpace(f.Rule)
			f.Tool = "GLITCH"
			describeSmell(f, name)
			if f.LineNumber() == 0 {
				f.Line = nil
			}
			return name != "" && !strings.EqualFold(name, "none") // labelled files that have no smell
		})
	}
	return readGLITCHLines(in)
}

// maxElementBytes bounds the code that a row quotes.
const maxElementBytes = 64 << 10

// readGLITCHLines reads rows without a header. A line that is no row belongs to
// the element of the row before it.
func readGLITCHLines(in *input) error {
	var f *Finding // the row that may go on
	start := 0
	flush := func() bool {
		if f == nil {
			return true
		}
		f.Focus = strings.TrimSpace(f.Focus)
		done := *f
		f = nil
		return in.row(done, start)
	}
	for number := 1; ; number++ {
		line, err := in.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			if !flush() {
				return nil
			}
			if !errors.Is(err, errRowTooLong) {
				in.problem(&RowError{Line: number, Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
				return nil
			}
			if !in.problem(&RowError{Line: number, Err: fmt.Errorf("cannot be read: %w", err)}) {
				return nil
			}
			continue
		}
		text, bad := validText(withoutLineEnd(line))
		switch m := glitchLine.FindSubmatch(text); {
		case m != nil:
			if !flush() {
				return nil
			}
			in.report.Total++
			f, start = glitchFinding(m), number
		case isGLITCHTable(text): // the statistics that follow
			flush()
			return nil
		case f != nil && len(f.Focus)+len(text) < maxElementBytes:
			f.Focus += "\n" + string(text)
		case f == nil && len(bytes.TrimSpace(text)) > 0:
			in.report.Total++
			if !in.problem(&RowError{Line: number, Err: fmt.Errorf("expected path,line,code as GLITCH writes them, found %s", quoteStart(text))}) {
				return nil
			}
		}
		if f != nil && bad > 0 {
			f.note("%s", invalidUTF8Note(bad))
		}
		if err != nil {
			flush()
			return nil
		}
	}
}

// isGLITCHTable: the first line of the table of statistics, as text or as LaTeX.
func isGLITCHTable(line []byte) bool {
	return bytes.HasPrefix(line, []byte("+---")) || bytes.HasPrefix(line, []byte(`\begin{table`))
}

func glitchFinding(m [][]byte) *Finding {
	f := &Finding{Tool: "GLITCH", File: string(m[1]), Focus: string(m[4])}
	// --linter has the description before the path.
	if at := strings.LastIndexByte(f.File, ','); at > 0 {
		if s, ok := smellNamed(string(m[3])); ok && strings.HasPrefix(strings.ToLower(f.File), strings.ToLower(s.title[:4])) {
			f.Message, f.File = strings.TrimSpace(f.File[:at]), f.File[at+1:]
		}
	}
	if line, err := strconv.Atoi(string(m[2])); err == nil && line > 0 {
		f.Line = &line
	}
	f.File = strings.ReplaceAll(strings.TrimSpace(f.File), `\`, "/")
	describeSmell(f, string(m[3]))
	return f
}
