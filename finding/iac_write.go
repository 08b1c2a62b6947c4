package finding

import (
	"bufio"
	"io"
	"math"
)

// WriteIaC writes findings as the study's JSON lines: smell, file, content, line,
// detection_span, with_context, with_prompt, label, confidence and source, in that
// order. Rows that were read in this form come back as they were; a verdict
// replaces label, confidence (the probability of the label) and source (the model).
// Findings that are uncertain keep the label they had. Prompt writes the question about
// a finding that came without one; nil leaves with_prompt empty.
func WriteIaC(w io.Writer, reviewed []Reviewed, prompt func(*Finding) string) error {
	out := bufio.NewWriter(w)
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			row, err := marshal(iacRowOf(r, i, prompt))
			if err != nil {
				return err
			}
			_, _ = out.Write(append(row, '\n')) // the writer keeps its first error for Flush
		}
	}
	return out.Flush()
}

func iacRowOf(r Reviewed, i int, prompt func(*Finding) string) iacRow {
	f, v := &r.Report.Findings[i], r.verdict(i)
	row := iacRow{
		Smell: f.Rule, File: f.File, Content: f.Focus, Line: f.LineNumber(),
		WithContext: f.Snippet, Label: f.Label, Source: f.Source,
	}
	if s, ok := smellNamed(f.Rule); ok {
		row.Smell = s.name
	}
	if extra, ok := r.Report.iac[f.Origin.Result]; ok {
		row.WithPrompt, row.DetectionSpan, row.Confidence = extra.prompt, extra.span, extra.confidence
		row.Smell = f.Rule
	} else {
		if prompt != nil {
			row.WithPrompt = prompt(f)
		}
		row.DetectionSpan = contextSpan(row.Line, ContextLines)
	}
	if v.Judged() && v.Verdict != Uncertain {
		row.Label, row.Source = string(v.Verdict), v.Model
		p := v.P
		if v.Verdict == FalsePositive {
			p = 1 - p
		}
		if !math.IsNaN(p) {
			row.Confidence = &p
		}
	}
	return row
}
