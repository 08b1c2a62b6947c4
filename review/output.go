package review

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// OutputOptions say where verdicts go.
type OutputOptions struct {
	Path     string // "" is Stdout
	Format   string // one of OutputFormats; "" goes by Path's ending, and is a table where that says nothing
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

// Output writes verdicts: JSON lines one by one, all other formats at the end. A file is written under a temporary name
// (.NAME and digits, beside it), synced and renamed by Close, so that a file that was there stays whole until then.
type Output struct {
	options OutputOptions
	format  outputFormat
	what    string // for messages
	w       io.Writer
	pending *renameio.PendingFile // nil for what is no regular file
	device  *os.File              // a pipe or device given by path
	rows    *finding.JSONLWriter  // nil where the format is not JSONL
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
	if format.binary && o.Path == "" && o.Terminal {
		return nil, fmt.Errorf("output format %s is binary and not for a terminal: name a file with --out, or redirect the output", format.name)
	}
	out := &Output{options: o, format: format, what: o.Path, w: o.Stdout}
	if o.Path == "" {
		out.what = "standard output"
	} else if err := out.open(o.Path); err != nil {
		return nil, err
	}
	if format.name == FormatJSONL {
		out.rows = finding.NewJSONLWriter(out.w)
	}
	return out, nil
}

func (o *Output) open(path string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays, and what it points to is replaced
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("output %s is a folder", o.what)
	}
	if err == nil && !info.Mode().IsRegular() {
		if o.device, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
			return fmt.Errorf("output: %w", err)
		}
		o.w = o.device
		return nil
	}
	o.pending, err = renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return fmt.Errorf("output %s: %w", o.what, withoutTemporary(err))
	}
	o.w = o.pending
	return nil
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
	switch {
	case o.pending != nil:
		err = o.pending.CloseAtomicallyReplace()
	case o.device != nil:
		err = o.device.Close()
	}
	return o.explain(err)
}

// Abandon gives the output up. A file that was there before is as it was.
func (o *Output) Abandon() {
	// Nothing can be done where these fail, and what led here is the error to tell.
	if o.pending != nil {
		_ = o.pending.Cleanup()
	}
	if o.device != nil {
		_ = o.device.Close()
	}
}

func (o *Output) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", o.what, withoutTemporary(err))
}

// withoutTemporary drops a temporary file's name from an error: it says nothing to the reader.
func withoutTemporary(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
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
