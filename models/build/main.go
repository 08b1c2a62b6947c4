// Command build makes the parts of the shipped adapter and head that janus itself does not; `make models` runs it in its order:
//
//	build rows OUT              the rows to learn from, from the committed data and the generators: OUT/verdict.jsonl are conversations
//	                            for janus train joint, OUT/second.jsonl and OUT/third.jsonl what it goes on with, OUT/adapter.jsonl are for
//	                            janus train lora, OUT/heldout.jsonl findings that none of them saw, and OUT/generated.jsonl what the
//	                            floors learn from of generated data
//	build average A B OUT       makes the adapter that is the mean of two
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
	case len(args) == 4 && args[0] == "average":
		return average(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "adapter":
		return packAdapter(args[1], args[2])
	case len(args) == 4 && args[0] == "head":
		return packHead(args[1], args[2], args[3])
	}
	return errors.New("usage: build rows OUT | average A B OUT | adapter LOWER UPPER | head DIR ADAPTER BASE")
}

func run(ctx context.Context, out string) error {
	text, err := prompts.Open(prompts.VariantPlain, filepath.Join(shipped, "prompts"))
	if err != nil {
		return err
	}
	verdict, err := verdictRows(ctx, text)
	if err != nil {
		return err
	}
	second, err := secondRows(ctx, text)
	if err != nil {
		return err
	}
	third, err := thirdRows(ctx, text)
	if err != nil {
		return err
	}
	adapter, err := adapterRows(ctx, text)
	if err != nil {
		return err
	}
	heldout, err := heldoutRows(ctx)
	if err != nil {
		return err
	}
	heldout = without(heldout, verdict, second, third, adapter)
	verdicts, err := conversations(text, thin(verdict, 8), true)
	if err != nil {
		return err
	}
	seconds, err := conversations(text, thin(second, 8), true)
	if err != nil {
		return err
	}
	thirds, err := conversations(text, thin(third, 8), true)
	if err != nil {
		return err
	}
	analyses, err := conversations(text, thin(adapter, 2), false)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		rows []any
	}{
		{"verdict", verdicts}, {"second", seconds}, {"third", thirds}, {"adapter", analyses}, {"heldout", lines(heldout)},
		{"generated", lines(generated(heldout, verdict, second, third, adapter))},
	} {
		if err := write(filepath.Join(out, file.name+".jsonl"), file.rows); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "build: %s.jsonl: %d rows\n", file.name, len(file.rows))
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
