package dataset

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ReviewOptions say how a person labels rows.
type ReviewOptions struct {
	In     io.Reader // answers, a line each
	Out    io.Writer
	Edit   func(ctx context.Context, text string) (string, error) // lets the person change an analysis; see EditText
	Filter Filter                                                 // which rows; those that are confirmed are left out
}

// Reviewed counts what a person did.
type Reviewed struct {
	Accepted, Flipped, Edited, Deleted, Skipped int
	Left                                        int // rows that were not come to
}

// String says it in a line.
func (r Reviewed) String() string {
	return fmt.Sprintf("%d accepted, %d flipped, %d edited, %d deleted, %d skipped; %d left", r.Accepted, r.Flipped, r.Edited, r.Deleted, r.Skipped, r.Left)
}

const reviewHelp = `a  accept: the label and the analysis are right
f  flip: the label is wrong; it becomes the other one
e  edit the analysis in $EDITOR, then answer for the row
d  delete the row
s  skip it for now
q  quit; what was answered is kept
`

// errQuit ends a review before its end.
var errQuit = errors.New("quit")

// Review shows row after row and does what a person answers. Each answer is in the store before the next row is shown, so that a
// review can be ended at any time, also by the end of In, and goes on where it was.
func (s *Store) Review(ctx context.Context, o ReviewOptions) (Reviewed, error) {
	var done Reviewed
	o.Filter.Unreviewed = true
	var ids []int64
	for e, err := range s.Examples(ctx, o.Filter) {
		if err != nil {
			return done, err
		}
		ids = append(ids, e.ID)
	}
	answers := readLines(ctx, o.In)
	for i, id := range ids {
		done.Left = len(ids) - i
		e, err := s.Example(ctx, id)
		if errors.Is(err, ErrNotFound) || err == nil && e.Reviewed != "" {
			continue // another process was faster
		}
		if err == nil {
			err = s.reviewOne(ctx, e, answers, o, fmt.Sprintf("%d of %d", i+1, len(ids)), &done)
		}
		if errors.Is(err, errQuit) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
	done.Left = 0
	return done, nil
}

// readLines gives the lines of a reader as they come, so that a wait for one can be interrupted.
func readLines(ctx context.Context, r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// reviewOne asks about one row until the answer is one that settles it.
func (s *Store) reviewOne(ctx context.Context, e Example, answers <-chan string, o ReviewOptions, place string, done *Reviewed) error {
	hash := e.ContentHash()
	if err := ShowExample(o.Out, &e); err != nil {
		return err
	}
	for {
		if _, err := fmt.Fprintf(o.Out, "\n%s, %s %s: accept, flip, edit, delete, skip, quit (a/f/e/d/s/q)? ", place, e.VulnCategory, e.Label()); err != nil {
			return err
		}
		var answer string
		var more bool
		select {
		case answer, more = <-answers:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !more {
			return errQuit
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "a", "accept":
			done.Accepted++
			return s.change(ctx, e.ID, hash, func(row *Example) { row.Analysis, row.Reviewed = e.Analysis, now() })
		case "f", "flip":
			done.Flipped++
			if e.Analysis != "" {
				if _, err := fmt.Fprintln(o.Out, "flipped; the analysis was written for the other label: `janus data review` does not show the row again"); err != nil {
					return err
				}
			}
			return s.change(ctx, e.ID, hash, func(row *Example) {
				row.IsVulnerable, row.Analysis, row.Reviewed = !row.IsVulnerable, e.Analysis, now()
			})
		case "e", "edit":
			text, err := o.Edit(ctx, e.Analysis)
			if err != nil {
				if _, err := fmt.Fprintf(o.Out, "the analysis is as it was: %v\n", err); err != nil {
					return err
				}
				continue
			}
			e.Analysis = text
			if err := s.change(ctx, e.ID, hash, func(row *Example) { row.Analysis = text }); err != nil {
				return err
			}
			hash = e.ContentHash()
			done.Edited++
		case "d", "delete":
			done.Deleted++
			_, err := s.DeleteExamples(ctx, []int64{e.ID})
			return err
		case "s", "skip":
			done.Skipped++
			return nil
		case "q", "quit":
			return errQuit
		default:
			if _, err := io.WriteString(o.Out, reviewHelp); err != nil {
				return err
			}
		}
	}
}

// change changes a row that has the content of a hash still; a person must not overwrite what they have not seen.
func (s *Store) change(ctx context.Context, id int64, hash string, change func(*Example)) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var e Example
		err := tx.QueryRowContext(ctx, selectExample+" WHERE id = ?", id).Scan(append([]any{&e.ID}, e.fields()...)...)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("training_data %d: %w any more: another program deleted it", id, ErrNotFound)
		case err != nil:
			return err
		case e.ContentHash() != hash:
			return fmt.Errorf("training_data %d: another program has changed it since it was shown: look at it again", id)
		}
		change(&e)
		if err := e.Check(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, updateExample, append(append([]any{e.ContentHash()}, e.values()...), e.ID)...)
		return err
	})
}

// EditText lets a person change a text in $VISUAL or $EDITOR, or vi where neither is set.
func EditText(ctx context.Context, text string) (string, error) {
	editor := strings.Fields(os.Getenv("VISUAL"))
	if len(editor) == 0 {
		editor = strings.Fields(os.Getenv("EDITOR"))
	}
	if len(editor) == 0 {
		editor = []string{"vi"}
	}
	f, err := os.CreateTemp("", "janus-analysis-*.txt")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // of what has been read
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	run := exec.CommandContext(ctx, editor[0], append(editor[1:], f.Name())...)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := run.Run(); err != nil {
		return "", fmt.Errorf("%s: %w (EDITOR names another editor)", editor[0], err)
	}
	edited, err := os.ReadFile(f.Name())
	if err != nil {
		return "", err
	}
	return strings.TrimRight(strings.ToValidUTF8(string(edited), "\uFFFD"), "\n"), nil
}
