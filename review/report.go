package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/januslm/janus/finding"
)

// StdinName is the file name that means standard input.
const StdinName = "-"

// ReadOptions say how reports are read.
type ReadOptions struct {
	Format     string    // one of finding.Formats; "" is "auto"
	Stdin      io.Reader // what StdinName reads
	SourceRoot string    // folder of the reviewed code; "" adds no code
	// Rules makes candidates of traffic: see finding.ReadOptions.
	Rules func(exchange finding.Finding) []finding.Finding
	// Progress is told how many bytes of all reports have been read; it may be nil.
	Progress func(bytes int64)
}

// FileError is a report that cannot be read at all.
type FileError struct {
	File string // the report's name in verdicts and messages
	Err  error  // names the file
}

func (e *FileError) Error() string { return e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Read reads whole reports. One that cannot be read is among the unreadable, each a *[FileError]; rows that cannot be are in
// their report's Problems. Where no finding can be read of any, that is an error.
func Read(ctx context.Context, files []string, o ReadOptions) (reports []*finding.Report, unreadable []error, err error) {
	findings, problems := 0, []error(nil)
	err = eachReport(ctx, files, o, func(s *source) {
		report, err := s.read()
		if err != nil {
			unreadable = append(unreadable, err)
			problems = append(problems, err)
			return
		}
		findings += len(report.Findings)
		problems = append(problems, report.Problems...)
		reports = append(reports, report)
	})
	switch {
	case err != nil:
		return nil, nil, err
	case len(reports) == 0:
		return nil, nil, errors.Join(unreadable...)
	case findings == 0 && len(problems) > 0:
		return nil, nil, fmt.Errorf("no finding could be read: %w", problems[0])
	}
	return reports, unreadable, nil
}

// source is one report that is there to be read.
type source struct {
	name string // of verdicts and messages
	file string // as it was given
	o    ReadOptions
	root *os.Root
	ctx  context.Context //nolint:containedctx // a reader has no other way to learn that the run was cancelled
	done *int64          // bytes read of all reports
}

// eachReport goes through the reports in order. The error is one of the whole: of the options, or ctx's.
func eachReport(ctx context.Context, files []string, o ReadOptions, do func(*source)) error {
	var root *os.Root
	if o.SourceRoot != "" {
		var err error
		if root, err = os.OpenRoot(o.SourceRoot); err != nil {
			return fmt.Errorf("source root: %w", err)
		}
		defer root.Close() //nolint:errcheck // only read from
	}
	stdin, done := false, int64(0)
	for _, file := range files {
		if file == StdinName && stdin {
			return fmt.Errorf("standard input (%s) is given twice", StdinName)
		}
		stdin = stdin || file == StdinName
	}
	for _, file := range files {
		s := &source{name: file, file: file, o: o, root: root, ctx: ctx, done: &done}
		if file == StdinName {
			s.name = "stdin"
		}
		do(s)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", s.name, err)
		}
	}
	return nil
}

// read reads a report whole.
func (s *source) read() (*finding.Report, error) {
	var report *finding.Report
	err := s.open(func(r io.Reader) (err error) {
		report, err = finding.Read(s.name, r, s.o.Format, finding.ReadOptions{Rules: s.o.Rules})
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range report.Findings {
		s.addSource(&report.Findings[i])
	}
	return report, nil
}

// scan reads a report row by row and keeps nothing of it: see finding.Scan.
func (s *source) scan(yield func(finding.Finding, error) bool) (*finding.Report, error) {
	var report *finding.Report
	err := s.open(func(r io.Reader) (err error) {
		report, err = finding.Scan(s.name, r, s.o.Format, finding.ReadOptions{Rules: s.o.Rules}, yield)
		return err
	})
	return report, err
}

func (s *source) addSource(f *finding.Finding) {
	if s.root != nil {
		finding.AddSource(f, s.root, finding.DefaultContext)
	}
}

// open gives the report's text to read. The error is a *FileError.
func (s *source) open(read func(io.Reader) error) (err error) {
	text := s.o.Stdin
	if s.file != StdinName {
		f, err := os.Open(s.file)
		if err != nil {
			return &FileError{s.name, fmt.Errorf("reading a report: %w", err)}
		}
		defer f.Close() //nolint:errcheck // only read from
		text = f
	}
	if err := read(&watchedReader{text, s}); err != nil {
		return &FileError{s.name, err}
	}
	return nil
}

// watchedReader counts what is read and ends when the run is cancelled.
type watchedReader struct {
	r io.Reader
	s *source
}

func (w *watchedReader) Read(p []byte) (int, error) {
	if err := w.s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.r.Read(p)
	*w.s.done += int64(n)
	if w.s.o.Progress != nil {
		w.s.o.Progress(*w.s.done)
	}
	return n, err
}
