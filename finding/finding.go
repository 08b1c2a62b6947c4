// Package finding holds the one record that Janus reviews, the readers that make
// it from scanners' reports, and the writers that put verdicts back.
//
// One file is one format: sarif.go, har.go, zap_xml.go and so on read;
// sarif_write.go, jsonl_write.go and so on write. docs/formats.md lists them. A
// reader never panics on any input, and a broken row never costs the others: rows
// that cannot be read come out as [RowError]s beside the findings that can.
package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Finding is one claim of one scanner: something is wrong, here, for this
// reason. Every reader fills what its format knows and leaves the rest empty.
//
// The JSON keys are those of the project's labelled data sets, so a data set is
// a report and a report can become a data set. Label, Group, Split and Analysis come
// from data sets only and never reach the prompt.
type Finding struct {
	ID       string `json:"id"`       // unique in its report; made from the content where the input gives none
	Source   string `json:"source"`   // the data set or report that it came from
	Tool     string `json:"tool"`     // the scanner's name
	Rule     string `json:"rule"`     // the scanner's rule id
	CWE      string `json:"cwe"`      // "CWE-79", or empty
	Category string `json:"category"` // "code", "http", "secret", "iac-…", or the data set's own
	Language string `json:"language"` // "java", "terraform", "http", …
	File     string `json:"file"`     // path with forward slashes, or a URL
	Line     *int   `json:"line"`     // 1-based; nil where the finding has no line
	EndLine  int    `json:"end_line,omitempty"`
	Title    string `json:"title"`   // what the rule looks for
	Message  string `json:"message"` // what the scanner says about this place
	Level    string `json:"level"`   // SARIF's: "error", "warning", "note", "none"
	Severity string `json:"severity,omitempty"`

	Snippet  string   `json:"snippet"`            // code around the place
	Focus    string   `json:"focus,omitempty"`    // the flagged code itself
	Request  string   `json:"request,omitempty"`  // raw HTTP request
	Response string   `json:"response,omitempty"` // raw HTTP response
	Flow     []string `json:"flow,omitempty"`     // data flow, source to sink, a step an entry

	Fingerprints map[string]string `json:"fingerprints,omitempty"` // SARIF partialFingerprints

	Label string `json:"label,omitempty"` // truth: "TP" or "FP"
	Group string `json:"group,omitempty"` // what must stay together when data is split
	Split string `json:"split,omitempty"` // "train" or "dev"
	// Analysis is a reasoning that the data set has, without a verdict; it never reaches the prompt either.
	Analysis string `json:"analysis,omitempty"`

	// Origin is where in the input document the finding stands.
	Origin Origin `json:"-"`
	// Notes say what a reader had to do to the input: bytes replaced, code not found.
	// They belong in the verdict's note.
	Notes []string `json:"-"`
}

// Origin is the place of a finding in its input document. Run and Result are the
// indices of a SARIF result; other formats count their records in Result, and
// Line is the 1-based line on which the record begins (0 where it has none).
type Origin struct {
	Input  string // the name given to Read
	Run    int
	Result int
	Line   int
}

// LineNumber returns the finding's line, or 0 where it has none.
func (f *Finding) LineNumber() int {
	if f.Line == nil {
		return 0
	}
	return *f.Line
}

// Location is the finding's place for a human reader: "file:line", the file
// alone, or the request line's target of an HTTP exchange that has no file.
func (f *Finding) Location() string {
	switch {
	case f.File == "" && f.Request != "":
		return requestTarget(f.Request)
	case f.Line == nil:
		return f.File
	default:
		return f.File + ":" + strconv.Itoa(*f.Line)
	}
}

// note records what a reader did to the input, once.
func (f *Finding) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range f.Notes {
		if n == text {
			return
		}
	}
	f.Notes = append(f.Notes, text)
}

// ContentHash is the SHA-256, in hex, of what the model is shown of a finding: a
// cache or an id made from it is stable across scans of unchanged code. Where the
// finding stands in its report, its label and its notes are not part of it.
func (f *Finding) ContentHash() string {
	h := sha256.New()
	for _, field := range []string{
		f.Tool, f.Rule, f.CWE, f.File, strconv.Itoa(f.LineNumber()), f.Title, f.Message,
		f.Snippet, f.Focus, f.Request, f.Response, strings.Join(f.Flow, "\n"),
	} {
		// The length makes the concatenation unambiguous. hash.Hash never fails.
		_, _ = fmt.Fprintf(h, "%d:%s", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ids gives findings without an id one from their content. Equal findings of one
// report are told apart by a counter, in the order of the report.
type ids map[[16]byte]uint32 // by the id's bytes: reports of millions of findings are read

func (seen ids) assign(f *Finding) {
	if f.ID != "" {
		return
	}
	f.ID = f.ContentHash()[:16]
	key := [16]byte([]byte(f.ID))
	seen[key]++
	if n := seen[key]; n > 1 {
		f.ID += "-" + strconv.FormatUint(uint64(n), 10)
	}
}

// reviewable says whether there is anything in the finding that can be judged.
func (f *Finding) reviewable() bool {
	return f.Snippet != "" || f.Focus != "" || f.Request != "" || f.Response != "" || f.Message != "" || f.Title != ""
}

// UnmarshalJSON reads a row of a data set. Ids may be numbers, and lines 12.0:
// databases and data frames give such, and refusing the row for it would help nobody.
func (f *Finding) UnmarshalJSON(data []byte) error {
	type plain Finding // without this method
	row := struct {
		*plain
		ID      textOrNumber `json:"id"`
		Line    *float64     `json:"line"`
		EndLine *float64     `json:"end_line"`
		// Reports of other tools may mean something else by these, which is then left.
		Analysis     json.RawMessage `json:"analysis"`
		VulnCategory json.RawMessage `json:"vuln_category"` // these two are how training data has category and label
		IsVulnerable json.RawMessage `json:"is_vulnerable"`
	}{plain: (*plain)(f)}
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	f.ID = string(row.ID)
	if len(row.Analysis) > 0 && row.Analysis[0] == '"' {
		if err := json.Unmarshal(row.Analysis, &f.Analysis); err != nil {
			return err
		}
	}
	if f.Category == "" {
		_ = json.Unmarshal(row.VulnCategory, &f.Category) // where it is no string, the row has no category
	}
	if label := canonicalLabel(strings.Trim(string(row.IsVulnerable), `"`)); f.Label == "" && (label == string(TruePositive) || label == string(FalsePositive)) {
		f.Label = label
	}
	line, err := wholeNumber("line", row.Line)
	if err != nil {
		return err
	}
	end, err := wholeNumber("end_line", row.EndLine)
	if err != nil {
		return err
	}
	if f.Line = line; end != nil {
		f.EndLine = *end
	}
	return nil
}

// wholeNumber is a number from 0 on without a fraction, or nil.
func wholeNumber(field string, x *float64) (*int, error) {
	if x == nil {
		return nil, nil
	}
	if *x != math.Trunc(*x) || math.Abs(*x) > 1<<53 {
		return nil, fmt.Errorf("field %q: expected a whole number, found %g", field, *x)
	}
	if *x < 0 {
		return nil, fmt.Errorf("field %q: expected 0 or more, found %g", field, *x)
	}
	n := int(*x)
	return &n, nil
}

// textOrNumber is a JSON string, a number kept as it is written, or null.
type textOrNumber string

func (t *textOrNumber) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && (data[0] == '-' || data[0] >= '0' && data[0] <= '9') {
		*t = textOrNumber(data)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*t = textOrNumber(s)
	return nil
}
