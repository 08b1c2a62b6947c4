package dataset

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/outfile"
)

// Formats of exports.
const (
	FormatJSONL     = "jsonl"
	FormatCSV       = "csv"
	FormatParquet   = "parquet"
	FormatReasoning = "reasoning" // JSON lines for fine-tuning, see ReasoningRow
	FormatTPFP      = "tpfp"      // JSON lines for fine-tuning on the verdict alone, see VerdictRow
	FormatIaC       = "iac-jsonl" // findings as the study's rows on infrastructure code, see finding.WriteIaC
)

// ExportFormats lists them.
func ExportFormats() []string {
	return []string{FormatJSONL, FormatCSV, FormatParquet, FormatReasoning, FormatTPFP, FormatIaC}
}

// FormatOf tells a format from a file's ending: .jsonl, .csv, .parquet, and the first two with .gz after it.
func FormatOf(path string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	for _, format := range []string{FormatJSONL, FormatCSV, FormatParquet} {
		if strings.HasSuffix(name, "."+format) && (name == strings.ToLower(path) || format != FormatParquet) {
			return format, nil
		}
	}
	return "", fmt.Errorf("%s: the ending does not say the format: expected .jsonl, .csv (both may have .gz after it) or .parquet; name one with --format", path)
}

// ExportOptions say what is written, and how.
type ExportOptions struct {
	Format   string // one of ExportFormats
	Findings bool   // the findings, not the examples
	Filter   Filter
}

// Exported counts what an export wrote.
type Exported struct {
	Rows    int
	LeftOut int // of the reasoning format: rows without an analysis, which would teach to answer without one
	// Unlabelled counts findings without a label, which the format tpfp leaves out.
	Unlabelled int
}

// String says it in a line.
func (d Exported) String() string {
	text := fmt.Sprintf("%d rows", d.Rows)
	if d.LeftOut > 0 {
		text += fmt.Sprintf("; left out for want of an analysis: %d", d.LeftOut)
	}
	if d.Unlabelled > 0 {
		text += fmt.Sprintf("; left out for want of a label: %d", d.Unlabelled)
	}
	return text
}

// ExportFile writes to a file, which is there whole or not at all, and makes its folder. One that ends in .gz is compressed.
func (s *Store) ExportFile(ctx context.Context, path string, o ExportOptions) (Exported, error) {
	if outfile.Same(path, s.Path()) {
		return Exported{}, fmt.Errorf("%s is the data base itself: name another file to export to", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return Exported{}, err
	}
	f, err := outfile.Create(path)
	if err != nil {
		return Exported{}, err
	}
	defer f.Abandon()
	var w io.Writer = f
	var packed *gzip.Writer
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		packed = gzip.NewWriter(f)
		w = packed
	}
	n, err := s.Export(ctx, w, o)
	if err == nil && packed != nil {
		err = packed.Close()
	}
	if err == nil {
		err = f.Commit()
	}
	if err != nil {
		return n, fmt.Errorf("writing %s: %w", path, outfile.Reason(err))
	}
	return n, nil
}

// Export writes rows, in the order of their ids. Import takes them back as they were.
func (s *Store) Export(ctx context.Context, w io.Writer, o ExportOptions) (Exported, error) {
	sink, err := newSink(bufio.NewWriter(w), o)
	if err != nil {
		return Exported{}, err
	}
	var done Exported
	if o.Findings {
		for f, err := range s.Findings(ctx, o.Filter) {
			if err == nil && o.Format == FormatTPFP && f.Label == "" {
				done.Unlabelled++
				continue
			}
			if err == nil {
				err = sink.finding(&f)
			}
			if err != nil {
				return done, err
			}
			done.Rows++
		}
		return done, sink.end()
	}
	for e, err := range s.Examples(ctx, o.Filter) {
		if err == nil && o.Format == FormatReasoning && strings.TrimSpace(e.Analysis) == "" {
			done.LeftOut++
			continue
		}
		if err == nil {
			err = sink.example(&e)
		}
		if err != nil {
			return done, err
		}
		done.Rows++
	}
	return done, sink.end()
}

// sink is a format's way to write rows.
type sink struct {
	example func(*Example) error
	finding func(*finding.Finding) error
	end     func() error
}

func newSink(w *bufio.Writer, o ExportOptions) (*sink, error) {
	header := exampleHeader()
	if o.Findings {
		header = finding.FindingColumns()
	}
	switch {
	case o.Format == FormatJSONL:
		return &sink{
			example: func(e *Example) error { return writeLine(w, e) },
			finding: func(f *finding.Finding) error { return writeLine(w, f) },
			end:     w.Flush,
		}, nil
	case o.Format == FormatReasoning && !o.Findings:
		return &sink{example: func(e *Example) error { return writeLine(w, Reasoning(e)) }, end: w.Flush}, nil
	case o.Format == FormatTPFP:
		write := func(f *finding.Finding) error {
			row, err := Verdict(f)
			if err != nil {
				return fmt.Errorf("finding %q: %w", f.ID, err)
			}
			return writeLine(w, row)
		}
		return &sink{example: func(e *Example) error { f := e.Finding(); return write(&f) }, finding: write, end: w.Flush}, nil
	case o.Format == FormatReasoning:
		return nil, errors.New("findings have no analysis to learn from: the format reasoning is for training data")
	case o.Format == FormatIaC && o.Findings:
		return &sink{finding: func(f *finding.Finding) error {
			return finding.WriteIaC(w, []finding.Reviewed{{Report: &finding.Report{Findings: []finding.Finding{*f}}}}, question)
		}, end: w.Flush}, nil
	case o.Format == FormatIaC:
		return nil, errors.New("the format iac-jsonl is for findings in infrastructure code (--findings)")
	case o.Format == FormatCSV:
		names := make([]any, len(header))
		for i, name := range header {
			names[i] = name
		}
		finding.WriteCSVRow(w, names)
		return &sink{
			example: func(e *Example) error { finding.WriteCSVRow(w, exampleRow(e)); return nil },
			finding: func(f *finding.Finding) error { finding.WriteCSVRow(w, finding.FindingRow(f)); return nil },
			end:     w.Flush, // which gives the writer's first error
		}, nil
	case o.Format == FormatParquet:
		table := newParquetTable(w, header, parquetKinds(o.Findings))
		return &sink{
			example: func(e *Example) error { return table.write(exampleRow(e)) },
			finding: func(f *finding.Finding) error { return table.write(finding.FindingRow(f)) },
			end:     func() error { return errors.Join(table.close(), w.Flush()) },
		}, nil
	}
	return nil, fmt.Errorf("unknown format %q: expected one of %s", o.Format, strings.Join(ExportFormats(), ", "))
}

// parquetKinds are the types of a table's columns, in the order of its header.
func parquetKinds(findings bool) (kinds []parquet.Node) {
	row := exampleRow(&Example{})
	if findings {
		row = finding.FindingRow(&finding.Finding{})
	}
	for i, cell := range row {
		switch cell.(type) {
		case int64:
			kinds = append(kinds, parquet.Int(64))
		case bool:
			kinds = append(kinds, parquet.Leaf(parquet.BooleanType))
		case nil:
			kind := parquet.String()
			if strings.HasSuffix(finding.FindingColumns()[i], "line") {
				kind = parquet.Int(64)
			}
			kinds = append(kinds, parquet.Optional(kind))
		default:
			kinds = append(kinds, parquet.String())
		}
	}
	return kinds
}
