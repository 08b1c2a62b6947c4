package review

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/januslm/janus/finding"
)

// The output formats.
const (
	FormatTable    = "table"
	FormatSARIF    = "sarif"
	FormatJSONL    = "jsonl"
	FormatCSV      = "csv"
	FormatParquet  = "parquet"
	FormatSQLite   = "sqlite"
	FormatMarkdown = "markdown"
	FormatHTML     = "html"
	FormatIaC      = "iac-jsonl"
)

// outputFormat is one way of writing verdicts. Adding one is adding a line to outputFormats.
type outputFormat struct {
	name    string
	endings []string // of the files that are written so where no format is named
	binary  bool     // not for a terminal
	write   func(w io.Writer, reviewed []finding.Reviewed, o *OutputOptions) error
}

var outputFormats = []outputFormat{
	{FormatTable, nil, false, func(w io.Writer, reviewed []finding.Reviewed, o *OutputOptions) error {
		if o.Path != "" {
			return finding.WriteTable(w, reviewed, finding.TableOptions{})
		}
		return finding.WriteTable(w, reviewed, o.Table)
	}},
	{FormatSARIF, []string{".sarif", ".json"}, false, func(w io.Writer, reviewed []finding.Reviewed, o *OutputOptions) error {
		return finding.WriteSARIF(w, reviewed, o.SARIF)
	}},
	{FormatJSONL, []string{".jsonl", ".ndjson"}, false, nil}, // written row by row
	{FormatCSV, []string{".csv"}, false, plain(finding.WriteCSV)},
	{FormatParquet, []string{".parquet"}, true, plain(finding.WriteParquet)},
	{FormatSQLite, []string{".sqlite", ".sqlite3", ".db"}, true, plain(finding.WriteSQLite)},
	{FormatMarkdown, []string{".md", ".markdown"}, false, plain(finding.WriteMarkdown)},
	{FormatHTML, []string{".html", ".htm"}, false, plain(finding.WriteHTML)},
	{FormatIaC, nil, false, func(w io.Writer, reviewed []finding.Reviewed, o *OutputOptions) error {
		return finding.WriteIaC(w, reviewed, o.question)
	}},
}

// plain is a writer without options.
func plain(write func(io.Writer, []finding.Reviewed) error) func(io.Writer, []finding.Reviewed, *OutputOptions) error {
	return func(w io.Writer, reviewed []finding.Reviewed, _ *OutputOptions) error { return write(w, reviewed) }
}

// OutputFormats names the output formats.
func OutputFormats() []string {
	var names []string
	for _, f := range outputFormats {
		names = append(names, f.name)
	}
	return names
}

// chooseFormat finds the format that is named or else that path's ending asks for.
func chooseFormat(name, path string) (outputFormat, error) {
	ending := strings.ToLower(filepath.Ext(path))
	for _, f := range outputFormats {
		if name == f.name {
			return f, nil
		}
		for _, e := range f.endings {
			if name == "" && e == ending {
				return f, nil
			}
		}
	}
	if name == "" {
		return outputFormats[0], nil
	}
	return outputFormat{}, fmt.Errorf("output format: expected one of %s, found %q", strings.Join(OutputFormats(), ", "), name)
}
