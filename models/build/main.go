// Command build makes the parts of the shipped adapter and head that janus itself does not; `make models` runs it in its order:
//
//	build rows OUT              the rows to learn from, from the committed data and the generators: OUT/verdict.jsonl are conversations
//	                            for janus train joint, OUT/second.jsonl, third.jsonl and fourth.jsonl what it goes on with, OUT/adapter.jsonl
//	                            are for janus train lora, OUT/heldout.jsonl findings that none of them saw, and OUT/floors.jsonl those
//	                            that the floors learn from and judge beside those of models/data
//	build adapter LOWER UPPER   packs the adapters of the lower and of the upper layers into models/
//	build head DIR ADAPTER BASE packs a head that was trained with ADAPTER into models/
//
// It runs in the repository's root. The same program writes the same bytes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

func main() {
	if err := command(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "rows":
		return run(ctx, args[1])
	case len(args) == 3 && args[0] == "adapter":
		return packAdapter(args[1], args[2])
	case len(args) == 4 && args[0] == "head":
		return packHead(args[1], args[2], args[3])
	}
	return errors.New("usage: build rows OUT | adapter LOWER UPPER | head DIR ADAPTER BASE")
}

func run(ctx context.Context, out string) error {
	text, err := prompts.Open(prompts.VariantPlain, filepath.Join(shipped, "prompts"))
	if err != nil {
		return err
	}
	type file struct {
		name string
		rows []any
	}
	var files []file
	var learnt [][]row
	for _, from := range []struct {
		name   string
		rows   func(ctx context.Context, text *prompts.Set) ([]row, error)
		every  int
		quotes bool
	}{
		{"verdict", verdictRows, 8, true}, {"second", secondRows, 8, true}, {"third", thirdRows, 2, true}, {"fourth", fourthRows, 3, true},
		{"adapter", adapterRows, 2, false},
	} {
		rows, err := from.rows(ctx, text)
		if err != nil {
			return err
		}
		list, err := conversations(text, thin(rows, from.every), from.quotes)
		if err != nil {
			return err
		}
		learnt, files = append(learnt, rows), append(files, file{from.name, list})
	}
	heldout, err := heldoutRows(ctx)
	if err != nil {
		return err
	}
	heldout = without(heldout, learnt...)
	floors, err := floorRows(heldout, learnt...)
	if err != nil {
		return err
	}
	files = append(files, file{"heldout", lines(heldout)}, file{"floors", lines(floors)})
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := write(filepath.Join(out, f.name+".jsonl"), f.rows); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "build: %s.jsonl: %d rows\n", f.name, len(f.rows))
	}
	return nil
}

// conversations ask as a review with the shipped prompts asks. With quotes, their answers are what is quoted alone.
func conversations(text *prompts.Set, rows []row, quotes bool) ([]any, error) {
	list := make([]any, len(rows))
	for i := range rows {
		r := &rows[i]
		question, _, err := text.Prompt(&r.Finding, 0)
		if err != nil {
			return nil, err
		}
		answer := r.answer()
		if quotes {
			answer = r.quote()
		}
		list[i] = struct {
			Messages     []dataset.Message `json:"messages"`
			IsVulnerable bool              `json:"is_vulnerable"`
			Group        string            `json:"group"`
			Split        string            `json:"split"`
		}{
			[]dataset.Message{{Role: "system", Content: text.Instructions()}, {Role: "user", Content: question}, {Role: "assistant", Content: answer}},
			r.Label == string(finding.TruePositive), r.Group, r.Split,
		}
	}
	return list, nil
}

func lines(rows []row) []any {
	all := make([]any, len(rows))
	for i := range rows {
		all[i] = rows[i].Finding
	}
	return all
}

// write writes JSON lines.
func write(path string, lines []any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return renameio.WriteFile(path, b.Bytes(), 0o644)
}
