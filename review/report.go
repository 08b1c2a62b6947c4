package review

import (
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
}

// Read reads whole reports. One that cannot be read at all is an error; rows that cannot be are in their report's Problems.
// A run of which no row can be read is an error too.
func Read(files []string, o ReadOptions) (reports []*finding.Report, err error) {
	var root *os.Root
	if o.SourceRoot != "" {
		if root, err = os.OpenRoot(o.SourceRoot); err != nil {
			return nil, fmt.Errorf("source root: %w", err)
		}
		defer root.Close() //nolint:errcheck // only read from
	}
	findings, problems, stdin := 0, []error(nil), false
	for _, file := range files {
		if file == StdinName && stdin {
			return nil, fmt.Errorf("standard input (%s) is given twice", StdinName)
		}
		stdin = stdin || file == StdinName
		report, err := readFile(file, o)
		if err != nil {
			return nil, err
		}
		for i := range report.Findings {
			if root != nil {
				finding.AddSource(&report.Findings[i], root, finding.DefaultContext)
			}
		}
		findings += len(report.Findings)
		problems = append(problems, report.Problems...)
		reports = append(reports, report)
	}
	if findings == 0 && len(problems) > 0 {
		return nil, fmt.Errorf("no finding could be read: %w", problems[0])
	}
	return reports, nil
}

func readFile(file string, o ReadOptions) (*finding.Report, error) {
	if file == StdinName {
		return finding.Read("stdin", o.Stdin, o.Format, finding.ReadOptions{})
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	report, err := finding.Read(file, f, o.Format, finding.ReadOptions{})
	return report, errors.Join(err, f.Close())
}
