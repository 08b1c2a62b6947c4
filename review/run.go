package review

import (
	"context"
	"errors"
	"fmt"

	"github.com/januslm/janus/finding"
)

// Run is one review of some reports, from findings to written verdicts.
type Run struct {
	Reports []*finding.Report
	// Unreadable are the reports that could not be read, each a *[FileError]: see [Read].
	Unreadable []error
	Limit      int // most findings, the first ones of all reports; 0 is all
	Output     *Output
	// Progress is told how many findings are done; it may be nil.
	Progress func(done, total int)
}

// Result says how a run ended.
type Result struct {
	Reviewed []finding.Reviewed
	Failed   int // findings with an error
	Unread   int // rows of the reports that could not be read
	Files    int // reports that could not be read
	Left     int // findings that were not reached, because the run was cancelled
}

// Findings are those that the run is about.
func (r *Run) Findings() int {
	n := 0
	for _, report := range r.Reports {
		n += len(report.Findings)
	}
	if r.Limit > 0 {
		n = min(n, r.Limit)
	}
	return n
}

// Do reviews and writes. reviewer may be nil where there are no findings. When ctx is cancelled, what is done is written
// and Left counts the rest. An error means that verdicts could not be written; they are saved elsewhere then, and the error
// says where.
func (r *Run) Do(ctx context.Context, reviewer *Reviewer) (*Result, error) {
	result := &Result{Files: len(r.Unreadable)}
	var findings []*finding.Finding
	var verdicts []*finding.Verdict
	total := r.Findings()
	for _, report := range r.Reports {
		result.Unread += len(report.Problems)
		reviewed := finding.Reviewed{Report: report, Verdicts: make([]finding.Verdict, len(report.Findings))}
		for i := range report.Findings {
			if len(findings) < total {
				findings = append(findings, &report.Findings[i])
				verdicts = append(verdicts, &reviewed.Verdicts[i])
			}
		}
		result.Reviewed = append(result.Reviewed, reviewed)
	}
	unwritten := r.unread()
	done := 0
	if unwritten == nil && total > 0 {
		err := reviewer.Review(ctx, findings, func(batch []Outcome) error {
			for _, o := range batch {
				*verdicts[o.Index] = o.Verdict
				done++
				if o.Verdict.Error != "" {
					result.Failed++
				}
			}
			for _, o := range batch { // after all are kept: a row that cannot be written must not cost the others
				if unwritten = r.Output.Row(o.Verdict); unwritten != nil {
					return unwritten
				}
			}
			if r.Progress != nil {
				r.Progress(done, total)
			}
			return nil
		})
		if err != nil && unwritten == nil && ctx.Err() == nil {
			unwritten = err
		}
	}
	result.Left = total - done
	if unwritten != nil {
		r.Output.Abandon()
		return result, Rescue(result.Reviewed, unwritten)
	}
	if err := r.Output.Close(result.Reviewed); err != nil {
		return result, Rescue(result.Reviewed, err)
	}
	return result, nil
}

// unread gives reports and rows that could not be read a place in a row-by-row output.
func (r *Run) unread() error {
	for _, err := range r.Unreadable {
		v := finding.Verdict{Error: err.Error()}
		var file *FileError
		if errors.As(err, &file) {
			v.ID = file.File
		}
		if err := r.Output.Row(v); err != nil {
			return err
		}
	}
	for _, report := range r.Reports {
		for _, problem := range report.Problems {
			id := report.Name
			var at *finding.RowError
			if errors.As(problem, &at) && at.Line > 0 {
				id = fmt.Sprintf("%s:%d", report.Name, at.Line)
			}
			if err := r.Output.Row(finding.Verdict{ID: id, Error: problem.Error()}); err != nil {
				return err
			}
		}
	}
	return nil
}
