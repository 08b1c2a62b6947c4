package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/januslm/janus/dataset/produce"
	"github.com/januslm/janus/internal/histogram"
	"github.com/januslm/janus/tokenizer"
)

// barColumns is the longest bar of a histogram on a terminal.
const barColumns = 50

// showLengths prints how many tokens a job's rows have, and saves it as a picture.
func showLengths(ctx context.Context, job *produce.Job, title, picture string) error {
	unit, of := "tokens", "by the default model's tokenizer"
	dir, err := findModel(ctx, "")
	count := func(text string) (int, error) { return len(strings.Fields(text)), nil }
	if err != nil {
		unit, of = "words", "not tokens: "+err.Error()
	} else {
		t, err := tokenizer.Open(dir)
		if err != nil {
			return err
		}
		defer t.Close() //nolint:errcheck // it was only read
		count = func(text string) (int, error) {
			e, err := t.Encode(text, tokenizer.EncodeOptions{})
			return len(e.IDs), err
		}
	}
	lengths, err := job.Lengths(ctx, count)
	if err != nil {
		return err
	}
	h := histogram.New(strings.ToUpper(unit[:1])+unit[1:]+" a row: "+title, unit, lengths)
	if err := h.Write(os.Stdout, barColumns); err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	if err := h.Save(picture); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "janus: counted %s (%s); the picture is %s\n", unit, of, picture)
	return nil
}
