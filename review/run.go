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
	// Memory has verdicts of earlier runs; nil remembers nothing.
	Memory *Memory
	// Progress is told how many findings are done; it may be nil.
	Progress func(done, total int)
}

// Result says how a run ended.
type Result struct {
	Reviewed []finding.Reviewed
	Failed   int // findings with an error
	Recalled int // findings whose verdict was remembered
	Unread   int // rows of the reports that could not be read
	Files    int // reports that could not be read, or not to their end
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

// Do reviews and writes. open gives the reviewer; it is not called where nothing is left to review. When ctx is cancelled,
// what is done is written and Left counts the rest. An error means that the reviewer could not be had, or that verdicts could
// not be written; they are saved elsewhere then, and the error says where.
func (r *Run) Do(ctx context.Context, open func() (*Reviewer, error)) (*Result, error) {
	w := r.collect()
	todo := w.recall()
	var reviewer *Reviewer
	if len(todo) > 0 {
		var err error
		if reviewer, err = open(); err != nil {
			r.Output.Abandon()
			return w.result, err
		}
	}
	err := errors.Join(r.unread(), w.writeRecalled())
	if err == nil && len(todo) > 0 {
		findings := make([]*finding.Finding, len(todo))
		for k, i := range todo {
			findings[k] = w.findings[i]
		}
		err = reviewer.Review(ctx, findings, func(batch []Outcome) error {
			for k, o := range batch {
				batch[k].Index = todo[o.Index]
				if r.Memory != nil {
					r.Memory.keep(findings[o.Index], o, reviewer.ownThreshold)
				}
			}
			return w.take(batch)
		})
		if ctx.Err() != nil && w.unwritten == nil {
			err = nil // what is done is done
		}
	}
	w.result.Left = len(w.findings) - w.done
	if err != nil {
		r.Output.Abandon()
		return w.result, Rescue(w.result.Reviewed, err)
	}
	if err := r.Output.Close(w.result.Reviewed); err != nil {
		return w.result, Rescue(w.result.Reviewed, err)
	}
	return w.result, nil
}

// work is a run under way.
type work struct {
	run       *Run
	result    *Result
	findings  []*finding.Finding
	verdicts  []*finding.Verdict // of the findings
	recalled  []Outcome
	done      int
	unwritten error // why a row could not be written
}

// collect lists the run's findings and makes room for their verdicts.
func (r *Run) collect() *work {
	w := &work{run: r, result: &Result{Files: len(r.Unreadable)}}
	total := r.Findings()
	for _, report := range r.Reports {
		for _, problem := range report.Problems {
			if errors.Is(problem, finding.ErrIncomplete) {
				w.result.Files++
			} else {
				w.result.Unread++
			}
		}
		reviewed := finding.Reviewed{Report: report, Verdicts: make([]finding.Verdict, len(report.Findings))}
		for i := range report.Findings {
			if len(w.findings) < total {
				w.findings = append(w.findings, &report.Findings[i])
				w.verdicts = append(w.verdicts, &reviewed.Verdicts[i])
			}
		}
		w.result.Reviewed = append(w.result.Reviewed, reviewed)
	}
	return w
}

// recall looks for remembered verdicts, and lists the findings that have none.
func (w *work) recall() (todo []int) {
	for i, f := range w.findings {
		if w.run.Memory != nil {
			if v, ok := w.run.Memory.recall(f); ok {
				w.recalled = append(w.recalled, Outcome{Index: i, Verdict: v})
				continue
			}
		}
		todo = append(todo, i)
	}
	w.result.Recalled = len(w.recalled)
	return todo
}

func (w *work) writeRecalled() error {
	if len(w.recalled) == 0 {
		return nil
	}
	return w.take(w.recalled)
}

// take puts verdicts in their places and writes them where the output is one of rows.
func (w *work) take(batch []Outcome) error {
	for _, o := range batch {
		*w.verdicts[o.Index] = o.Verdict
		w.done++
		if o.Verdict.Error != "" {
			w.result.Failed++
		}
	}
	for _, o := range batch { // after all are kept: a row that cannot be written must not cost the others
		if w.unwritten = w.run.Output.Row(o.Verdict); w.unwritten != nil {
			return w.unwritten
		}
	}
	if w.run.Progress != nil {
		w.run.Progress(w.done, len(w.findings))
	}
	return nil
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
