package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/dataset"
)

// TestRows holds that the rows are the same every time, and that nothing held out is learnt from.
func TestRows(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	first, second := t.TempDir(), t.TempDir()
	for _, out := range []string{first, second} {
		if err := command(context.Background(), []string{"rows", out}); err != nil {
			t.Fatal(err)
		}
	}
	groups := map[string]map[string]bool{} // by file
	for _, name := range []string{"adapter", "head", "heldout", "generated"} {
		a, err := os.ReadFile(filepath.Join(first, name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(second, name+".jsonl")); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s.jsonl: the second time it is not the same (%v)", name, err)
		}
		groups[name] = map[string]bool{}
		for line := range bytes.Lines(a) {
			var r struct {
				Group, Source, Split, Label string
				Messages                    []dataset.Message
			}
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			if name == "adapter" && !strings.Contains(r.Messages[2].Content, "\n\nVerdict: ") {
				t.Fatalf("an answer without a verdict: %q", r.Messages[2].Content)
			}
			if !strings.HasPrefix(r.Group, "iac/") && !strings.HasPrefix(r.Group, "passive/") { // their groups are learnt, by other seeds
				groups[name][r.Group] = true
			}
			if check, _, _ := strings.Cut(strings.TrimPrefix(r.Group, "passive/"), "/"); name != "heldout" && name != "generated" && slices.Contains(unseen, check) {
				t.Errorf("%s.jsonl has rows of the check %s, which is to be held out", name, check)
			}
		}
	}
	for group := range groups["heldout"] {
		if groups["adapter"][group] || groups["head"][group] {
			t.Errorf("group %s is held out and learnt from", group)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"rows"}, {"head", "a"}, {"other", "a"}} {
		if err := command(context.Background(), args); err == nil || !strings.Contains(err.Error(), "usage") {
			t.Errorf("%q: error %v, expected the usage", args, err)
		}
	}
}
