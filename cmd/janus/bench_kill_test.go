package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/train/states"
)

// benchCommand is a small benchmark of the tiny model in pure Go.
func benchCommand(t *testing.T, data, dir string) *exec.Cmd {
	t.Helper()
	heads := filepath.Join(filepath.Dir(data), "heads.yaml")
	if err := os.WriteFile(heads, []byte("hidden: [\"4\"]\nepochs: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("janus", "bench", "--data", data, "--out", filepath.Join(dir, "out"), "--states", filepath.Join(dir, "states"),
		"--db", filepath.Join(dir, "results.db"), "--variants", "SC,CH,tfidf-lr,accept-all", "--folds", "2", "--max-tokens", "6", "--heads", heads,
		"--resamples", "20", "--resume")
	cmd.Env = append(os.Environ(), "GOMLX_BACKEND=go", "MODEL_PATH="+filepath.Join(makeModels(t), "tiny"))
	return cmd
}

// A benchmark that is killed or interrupted at random moments, and given again, ends with the cases of one that was not, none of
// them twice, and has read no finding twice.
func TestKilledBench(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "rows.jsonl")
	random := rand.New(rand.NewPCG(3, 4))
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, `{"id":"k%d","title":"SQL injection","snippet":"%x %x %x","label":"%s"}`+"\n", i, random.Uint64(), random.Uint64(), random.Uint64(), []string{"TP", "FP"}[i%2])
	}
	if err := os.WriteFile(data, []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	whole, killed := filepath.Join(dir, "whole"), filepath.Join(dir, "killed")
	begun := time.Now()
	if text, err := benchCommand(t, data, whole).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	took := time.Since(begun)
	interruptOften(t, random, took, func() *exec.Cmd { return benchCommand(t, data, killed) })
	if text, err := benchCommand(t, data, killed).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	_, want, err := results.ReadBench(filepath.Join(whole, "out"))
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := results.ReadBench(filepath.Join(killed, "out"))
	if err != nil {
		t.Fatal(err)
	}
	// Other rows may share a batch after a kill, which may change float32's last digits.
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(results.Case{}, "Seconds"), cmpopts.EquateApprox(0, 1e-5)); diff != "" || len(got) != 160 {
		t.Errorf("%d cases of the killed benchmark differ:\n%s", len(got), diff)
	}
	onceInJournal(t, filepath.Join(killed, "out", "journal.jsonl"))
	read := 0
	for _, err := range states.Analyses[states.Told](filepath.Join(killed, "states")) {
		if err != nil {
			t.Fatal(err)
		}
		read++
	}
	if read != 40 {
		t.Errorf("%d analyses of 40 findings", read)
	}
}

// onceInJournal checks that no case was computed twice.
func onceInJournal(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[2]string]bool{}
	for line := range bytes.Lines(data) {
		var e struct{ Case *results.Case }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Case == nil {
			continue
		}
		key := [2]string{e.Case.Variant, e.Case.ID}
		if seen[key] {
			t.Errorf("%s was judged twice", key)
		}
		seen[key] = true
	}
}
