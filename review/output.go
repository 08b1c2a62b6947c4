package review

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/outfile"
	"github.com/januslm/janus/prompts"
)

// OutputOptions say where verdicts go.
type OutputOptions struct {
	Path     string   // "" is Stdout
	Inputs   []string // files that Path must not be, but for SARIF
	Format   string   // one of OutputFormats; "" goes by Path's ending, and is a table where that says nothing
	Stdout   io.Writer
	Terminal bool // Stdout is a terminal, which binary formats are not written to
	SARIF    finding.SARIFOptions
	Table    finding.TableOptions // of Stdout; files get neither colours nor a terminal's width
	Prompts  *prompts.Set         // of formats that say what was asked; nil is prompts.Plain
}

// question is what the model was asked about a finding, or nothing where its template fails.
func (o *OutputOptions) question(f *finding.Finding) string {
	set := o.Prompts
	if set == nil {
		set = prompts.Plain()
	}
	text, _, err := set.Prompt(f, 0)
	if err != nil {
		return ""
	}
	return text
}

// Output writes verdicts: JSON lines one by one, all other formats at the end. A file appears whole, when it is closed.
type Output struct {
	options OutputOptions
	format  outputFormat
	what    string // for messages
	w       io.Writer
	file    *outfile.File        // nil for standard output
	rows    *finding.JSONLWriter // nil where the format is not JSONL
}

// OpenOutput finds out that the output can be written, before time is spent on verdicts.
func OpenOutput(o OutputOptions) (*Output, error) {
	format, err := chooseFormat(o.Format, o.Path)
	if err != nil {
		return nil, err
	}
	if o.SARIF.DropSuppressed && format.name != FormatSARIF {
		return nil, fmt.Errorf("dropping suppressed findings is for SARIF output; this is %s", format.name)
	}
	if o.SARIF.GitHub && format.name != FormatSARIF {
		return nil, fmt.Errorf("the limits of GitHub code scanning are for SARIF output; this is %s", format.name)
	}
	for _, input := range o.Inputs {
		if format.name != FormatSARIF && outfile.Same(input, o.Path) { // SARIF comes back whole
			return nil, fmt.Errorf("output: %s is the report that is reviewed, which %s would replace: name another file", o.Path, format.name)
		}
	}
	if format.binary && o.Path == "" && o.Terminal {
		return nil, fmt.Errorf("output format %s is binary and not for a terminal: name a file with --out, or redirect the output", format.name)
	}
	out := &Output{options: o, format: format, what: o.Path, w: o.Stdout}
	if o.Path == "" {
		out.what = "standard output"
	} else {
		if out.file, err = outfile.Create(o.Path); err != nil {
			return nil, fmt.Errorf("output: %w", err)
		}
		out.w = out.file
	}
	if format.name == FormatJSONL {
		out.rows = finding.NewJSONLWriter(out.w)
	}
	return out, nil
}

// Row writes a verdict where the format is one of rows.
func (o *Output) Row(v finding.Verdict) error {
	if o.rows == nil {
		return nil
	}
	return o.explain(o.rows.Write(v))
}

// Close writes what is left to write and makes the file appear.
func (o *Output) Close(reviewed []finding.Reviewed) (err error) {
	if o.format.write != nil {
		err = o.format.write(o.w, reviewed, &o.options)
	}
	if err != nil {
		o.Abandon()
		return o.explain(err)
	}
	if o.file != nil {
		err = o.file.Commit()
	}
	return o.explain(err)
}

// Abandon gives the output up. A file that was there before is as it was.
func (o *Output) Abandon() {
	if o.file != nil {
		o.file.Abandon()
	}
}

func (o *Output) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", o.what, outfile.Reason(err))
}

// Rescue saves verdicts that could not be written to a JSONL file in the temporary folder, and returns cause with the
// file's name.
func Rescue(reviewed []finding.Reviewed, cause error) error {
	var done []finding.Verdict
	for _, r := range reviewed {
		for _, v := range r.Verdicts {
			if v.Done() {
				done = append(done, v)
			}
		}
	}
	if len(done) == 0 {
		return cause
	}
	f, err := os.CreateTemp("", "janus-review-*.jsonl")
	if err != nil {
		return errors.Join(cause, fmt.Errorf("the verdicts could not be saved elsewhere: %w", err))
	}
	w := finding.NewJSONLWriter(f)
	for _, v := range done {
		err = errors.Join(err, w.Write(v))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(cause, fmt.Errorf("the verdicts could not be saved elsewhere: %w", err), os.Remove(f.Name()))
	}
	return fmt.Errorf("%w\nthe verdicts (%d) are saved in %s", cause, len(done), f.Name())
}
