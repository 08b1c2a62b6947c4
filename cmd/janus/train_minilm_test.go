package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
	runs "github.com/januslm/janus/train/run"
)

// A real encoder learns from its real weights, in few updates: the loss falls on rows that it reads twice, and a review judges by
// what came of it as the truth has it.
func TestTrainMiniLM(t *testing.T) {
	base := fetchedEncoder(t)
	dir := t.TempDir()
	var lines strings.Builder
	for i := range 24 {
		split := "train"
		if i >= 16 {
			split = "dev"
		}
		f := finding.Finding{ID: fmt.Sprint(i), Title: "SQL injection", Snippet: fmt.Sprintf("db.Query(\"SELECT name FROM t%d WHERE id=\" + id)", i), Label: "TP", Split: split}
		if i%2 == 1 {
			f.Snippet, f.Label = fmt.Sprintf("db.Query(\"SELECT name FROM t%d WHERE id=?\", id)", i), "FP"
		}
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(data, '\n'))
	}
	rows, out := filepath.Join(dir, "rows.jsonl"), filepath.Join(dir, "run")
	if err := os.WriteFile(rows, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	janus := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("janus", args...)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("janus %s: %v", strings.Join(args, " "), err)
		}
		return string(text)
	}
	janus("train", "encoder", "--model", base, "--data", rows, "--out", out, "--backend", "go", "--max-length", "64", "--pooling", "mean",
		"--max-steps", "10", "--epochs", "9", "--eval-every", "10", "--learning-rate", "2e-4", "--schedule", "constant", "--warmup-ratio", "0")
	logged, err := runs.ReadMetrics(out)
	if err != nil || len(logged) != 10 {
		t.Fatalf("%d updates are logged: %v", len(logged), err)
	}
	if first, last := logged[0].Values[runs.TrainLoss], logged[9].Values[runs.TrainLoss]; !(last < 0.7*first) {
		t.Errorf("the loss went from %.3f to %.3f", first, last)
	}

	reviewed := janus("review", rows, "--model", filepath.Join(out, "model"), "--head", filepath.Join(out, "head"), "--backend", "go", "--out-format", "jsonl", "--margin", "0")
	right := 0
	for line := range strings.Lines(reviewed) {
		var v finding.Verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		var id int
		if _, err := fmt.Sscan(v.ID, &id); err != nil {
			t.Fatal(err)
		}
		if (v.Verdict == finding.TruePositive) == (id%2 == 0) {
			right++
		}
	}
	if right < 22 {
		t.Errorf("%d of 24 findings are judged as the truth has it", right)
	}
}
