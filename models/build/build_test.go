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

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/lora"
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
	learning := []string{"verdict", "second", "third", "fourth", "adapter"}
	groups := map[string]map[string]bool{} // by file
	for _, name := range append(slices.Clone(learning), "heldout", "floors") {
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
			known := strings.HasPrefix(r.Group, "iac/") || strings.HasPrefix(r.Group, "passive/") || name == "heldout" && r.Source == "generated_http"
			if !known { // the groups of these are learnt, by other seeds
				groups[name][r.Group] = true
			}
			if check, _, _ := strings.Cut(strings.TrimPrefix(r.Group, "passive/"), "/"); slices.Contains(learning, name) && slices.Contains(unseen, check) {
				t.Errorf("%s.jsonl has rows of the check %s, which is to be held out", name, check)
			}
		}
	}
	for group := range groups["heldout"] {
		for _, name := range learning {
			if groups[name][group] {
				t.Errorf("group %s is held out, and learnt from in %s.jsonl", group, name)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"rows"}, {"adapter", "a"}, {"head", "a", "b"}, {"other", "a"}} {
		if err := command(context.Background(), args); err == nil || !strings.Contains(err.Error(), "usage") {
			t.Errorf("%q: error %v, expected the usage", args, err)
		}
	}
}

func TestTwins(t *testing.T) {
	of := func(source, rule, label, id string) finding.Finding {
		return finding.Finding{Source: source, Rule: rule, Label: label, ID: id}
	}
	var ids []string
	for _, f := range twins([]finding.Finding{
		of(sourceZAP, "a", "TP", "a1"), of(sourceZAP, "a", "TP", "a2"), of(sourceZAP, "b", "FP", "b1"), of(sourceZAP, "a", "FP", "a3"),
		of(sourceCASTLE, "c", "TP", "c1"), of(sourceZAP, "b", "FP", "b2"), of(sourceZAP, "a", "FP", "a4"), of(sourceZAP, "a", "FP", "a5"),
	}) {
		ids = append(ids, f.ID)
	}
	if got := strings.Join(ids, " "); got != "a1 a3 c1 a2 a4" {
		t.Errorf("got %s: expected a real and a false one of each rule behind each other, as far as there are both", got)
	}
}

func TestQuote(t *testing.T) {
	for analysis, want := range map[string]string{
		"`Server: nginx: 1`: the server says what it is.": "`Server: nginx: 1`",
		"There is no X-Frame-Options: it can be framed.":  "There is no X-Frame-Options",
		"It is a plain page.":                             "It is a plain page.",
	} {
		if got := (&row{analysis: analysis}).quote(); got != want {
			t.Errorf("the quote of %q is %q, expected %q", analysis, got, want)
		}
	}
}

func TestPackAdapterJoins(t *testing.T) {
	t.Chdir(t.TempDir())
	lower, upper := "lower", "upper"
	if err := testmodel.WriteAdapter(lower, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := testmodel.WriteAdapter(upper, 1, 2); err != nil {
		t.Fatal(err)
	}
	if err := packAdapter(lower, upper); err == nil || !strings.Contains(err.Error(), "both have") {
		t.Errorf("error %v, expected that both adapters have the same layer", err)
	}
}

// A head is shipped only with the lower layers that it was trained with, and only where these are all that it reads.
func TestPackHeadRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := testmodel.WriteAdapter("lower", 1, 1); err != nil {
		t.Fatal(err)
	}
	a, err := lora.Open("lower")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *classifier.Config){
		"of another adapter": func(c *classifier.Config) { c.Layer = 0 },
		"of the last layer":  func(c *classifier.Config) { c.AdapterSHA256 = a.SHA256 },
	} {
		c := classifier.DefaultConfig(testmodel.Hidden)
		change(&c)
		if err := testmodel.WriteHeadOf("head", c, 1); err != nil {
			t.Fatal(err)
		}
		if err := packHead("head", "lower", "."); err == nil || !strings.Contains(err.Error(), "and one of its layers") {
			t.Errorf("a head %s: error %v", name, err)
		}
	}
}
