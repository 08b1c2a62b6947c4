package review

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// DryRun reads reports as a review does, and says what is in them instead of reviewing it: no model is looked for. Nothing
// of a report is kept, so that one in a format that is read row by row may be larger than memory.
type DryRun struct {
	Files  []string
	Read   ReadOptions
	Output OutputOptions // as text, or as JSON lines
	// Prompts, where it is not nil, is a text to show: each finding's prompt is written in the place of the counts.
	Prompts   *prompts.Set
	MaxPrompt int  // tokens, as Options.MaxPrompt: what is surely too long for it is cut
	Limit     int  // most prompts; 0 is all
	Clean     bool // text is for a terminal
	// Note is told of rows and reports that cannot be read, and what there is to say about a report; it may be nil.
	Note func(text string)
}

// Count is what a report holds.
type Count struct {
	File       string `json:"file"`
	Format     string `json:"format"`
	Findings   int    `json:"findings"`   // those that are suppressed or passed among them
	Suppressed int    `json:"suppressed"` // in the report itself
	Messages   int    `json:"messages"`   // HTTP exchanges
	Unread     int    `json:"unread,omitempty"`
	Err        error  `json:"-"` // the report cannot be read, or not to its end; where not at all, all but File is nothing
}

// Text is the count in a line, without its end.
func (c Count) Text() string {
	if c.Err != nil && c.Format == "" {
		return finding.Clean(c.File) + ": not readable"
	}
	text := fmt.Sprintf("%s: %s, %s", finding.Clean(c.File), c.Format, c.numbers())
	if c.Err != nil {
		text += ", not readable to its end"
	}
	return text
}

func (c Count) numbers() string {
	text := fmt.Sprintf("%s, %d suppressed, %s", plural(c.Findings, "finding"), c.Suppressed, plural(c.Messages, "HTTP message"))
	if c.Unread > 0 {
		text += ", " + plural(c.Unread, "row") + " not readable"
	}
	return text
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// MarshalJSON has the error beside the counts, and alone where there are none.
func (c Count) MarshalJSON() ([]byte, error) {
	type plain Count
	switch {
	case c.Err == nil:
		return json.Marshal(plain(c))
	case c.Format == "":
		return json.Marshal(struct {
			File  string `json:"file"`
			Error string `json:"error"`
		}{c.File, c.Err.Error()})
	}
	return json.Marshal(struct {
		plain
		Error string `json:"error"`
	}{plain(c), c.Err.Error()})
}

// Total is the sum of counts.
func Total(counts []Count) (sum Count, unreadable int) {
	for _, c := range counts {
		if c.Err != nil {
			unreadable++
		}
		sum.Findings += c.Findings
		sum.Suppressed += c.Suppressed
		sum.Messages += c.Messages
		sum.Unread += c.Unread
	}
	return sum, unreadable
}

// TotalText is the last line of a text.
func TotalText(counts []Count) string {
	sum, unreadable := Total(counts)
	text := plural(len(counts), "file")
	if unreadable > 0 {
		text += fmt.Sprintf(" (%d not readable)", unreadable)
	}
	return text + ": " + sum.numbers()
}

// Do reads and writes. Its counts are in the order of the files. When ctx is cancelled, nothing is written to a file.
func (d *DryRun) Do(ctx context.Context) (counts []Count, err error) {
	o := d.Output
	format, err := chooseFormat(o.Format, o.Path)
	if err != nil {
		return nil, err
	}
	asText := format.name == FormatTable
	if !asText && format.name != FormatJSONL {
		return nil, fmt.Errorf("a dry run writes text (%s) or %s, not %s", FormatTable, FormatJSONL, format.name)
	}
	o.Format = FormatJSONL // a file that is written row by row, and appears at the end
	out, err := OpenOutput(o)
	if err != nil {
		return nil, err
	}
	w := &dryWriter{d: d, w: bufio.NewWriter(out.w), text: asText}
	counts, err = w.all(ctx)
	if err == nil {
		err = out.explain(errors.Join(w.err, w.w.Flush()))
	}
	if err != nil {
		out.Abandon()
		return counts, err
	}
	return counts, out.Close(nil)
}

// dryWriter writes what a dry run finds.
type dryWriter struct {
	d     *DryRun
	w     *bufio.Writer
	text  bool
	shown int   // prompts
	err   error // of writing
}

func (w *dryWriter) all(ctx context.Context) (counts []Count, err error) {
	if w.d.Prompts != nil && w.text {
		w.lines("===== instructions\n" + w.d.Prompts.Instructions() + "\n")
	}
	err = eachReport(ctx, w.d.Files, w.d.Read, func(s *source) {
		c := w.report(s)
		counts = append(counts, c)
		switch {
		case w.d.Prompts != nil:
		case w.text:
			w.lines(c.Text())
		default:
			w.object(c)
		}
	})
	if err == nil && w.text && w.d.Prompts == nil {
		w.lines(TotalText(counts))
	}
	return counts, err
}

// report reads one report.
func (w *dryWriter) report(s *source) Count {
	c := Count{File: s.name}
	report, err := s.scan(func(f finding.Finding, err error) bool {
		switch {
		case errors.Is(err, finding.ErrIncomplete):
			c.Err = err
			w.note(err.Error())
		case err != nil:
			c.Unread++
			w.note("skipped " + err.Error())
		case w.d.Prompts != nil:
			s.addSource(&f)
			w.prompt(&f)
		}
		return w.err == nil && s.ctx.Err() == nil
	})
	if err != nil {
		w.note(err.Error())
		return Count{File: s.name, Err: err}
	}
	for _, line := range report.Notes {
		w.note(s.name + ": " + line)
	}
	c.Format, c.Findings, c.Suppressed, c.Messages = report.Format, report.Total, report.Suppressed, report.Messages
	return c
}

func (w *dryWriter) note(text string) {
	if w.d.Note != nil {
		w.d.Note(text)
	}
}

// prompt shows a finding's prompt. How many tokens it has is the model's to say, so only what no model's tokens could hold
// is cut here; a review may cut more.
func (w *dryWriter) prompt(f *finding.Finding) {
	if w.d.Limit > 0 && w.shown >= w.d.Limit {
		return
	}
	w.shown++
	most := w.d.MaxPrompt
	if most == 0 {
		most = DefaultMaxPrompt
	}
	text, note, err := w.d.Prompts.Prompt(f, longBytes*most)
	if err != nil {
		text, note = "", err.Error()
		w.note(f.ID + ": " + note)
	}
	version := w.d.Prompts.Version(f)
	if !w.text {
		w.object(struct {
			ID      string `json:"id"`
			Prompt  string `json:"prompt"`
			Version string `json:"version"`
			Note    string `json:"note,omitempty"`
		}{f.ID, text, version, note})
		return
	}
	head := "===== " + finding.Clean(f.ID) + " (" + version + ")"
	if note != "" {
		head += " " + finding.Clean(note)
	}
	w.lines(head + "\n" + text + "\n")
}

// lines writes lines of text.
func (w *dryWriter) lines(text string) {
	if w.d.Clean {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			lines[i] = finding.Clean(line)
		}
		text = strings.Join(lines, "\n")
	}
	_, err := io.WriteString(w.w, text+"\n")
	w.keep(err)
}

// keep remembers the first error of writing.
func (w *dryWriter) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *dryWriter) object(row any) {
	encoder := json.NewEncoder(w.w)
	encoder.SetEscapeHTML(false)
	w.keep(encoder.Encode(row))
}
