package dataset

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

func TestReview(t *testing.T) {
	s := openTest(t)
	in := []Example{example(0), example(1), example(2), example(3), example(4), example(5)}
	in[0].Response = "HTTP/1.1 200 OK\r\n\r\n\x1b[2Jgone\u202e"
	if _, err := s.AddExamples(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	review := func(answers string, want Reviewed) string {
		t.Helper()
		var out bytes.Buffer
		edits := 0
		got, err := s.Review(t.Context(), ReviewOptions{
			In: strings.NewReader(answers), Out: &out,
			Edit: func(_ context.Context, text string) (string, error) {
				if edits++; edits == 1 {
					return "", errors.New("no editor")
				}
				return text + " Edited.", nil
			},
		})
		if err != nil || got != want {
			t.Errorf("%+v, %v; expected %+v\n%s", got, err, want, &out)
		}
		return out.String()
	}
	out := review("a\nwhat?\nf\ne\ne\na\nd\ns\nq\n", Reviewed{Accepted: 2, Flipped: 1, Edited: 1, Deleted: 1, Skipped: 1, Left: 1})
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\u202e") {
		t.Error("the terminal gets what the response holds")
	}
	rows := all(t, s, Filter{})
	if len(rows) != 5 || rows[0].Reviewed == "" || !rows[0].IsVulnerable || rows[1].Reviewed == "" || !rows[1].IsVulnerable ||
		rows[2].Analysis != in[2].Analysis+" Edited." || rows[2].Reviewed == "" || rows[3].Reviewed != "" {
		t.Errorf("%+v", rows)
	}
	// It goes on where it was, and the end of the answers ends it.
	review("a\n", Reviewed{Accepted: 1, Left: 1})
	review("a\n", Reviewed{Accepted: 1})
	review("", Reviewed{})
}

// What changed since a person saw it is not overwritten.
func TestReviewSeesOthersChanges(t *testing.T) {
	s := openTest(t)
	ids, err := s.AddExamples(t.Context(), []Example{example(0)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Review(t.Context(), ReviewOptions{In: strings.NewReader("f\n"), Out: writerFunc(func(text string) {
		if strings.Contains(text, "accept, flip") {
			e, err := s.Example(t.Context(), ids[0])
			e.Analysis = "by another"
			if err := errors.Join(err, s.UpdateExample(t.Context(), e)); err != nil {
				t.Error(err)
			}
		}
	})})
	if err == nil || !strings.Contains(err.Error(), "another program has changed it") {
		t.Errorf("%v", err)
	}
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}
