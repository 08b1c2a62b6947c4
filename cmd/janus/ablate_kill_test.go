package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ablateFiles writes a grid of four passes and its findings, and returns the grid.
func ablateFiles(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i := range 24 {
		fmt.Fprintf(&b, `{"id":"f%d","category":"code","file":"%d.go","snippet":"query%d(input%d)","label":"%s"}`+"\n", i, i/2, i*i, 7*i, []string{"TP", "FP"}[i%2])
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "rows.jsonl")
	if err := os.WriteFile(data, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	grid := filepath.Join(dir, "grid.yaml")
	text := "data: [" + data + "]\nmax_tokens: [2, 3]\nprompt: [plain, pe]\nmax_prompt: 1100\nlength: [0, 2]\nhidden: [none, 4]\nepochs: 3\nresamples: 10\n"
	if err := os.WriteFile(grid, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return grid
}

func janusAblate(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("janus", append([]string{"ablate"}, arguments...)...)
	cmd.Env = append(os.Environ(), "GOMLX_BACKEND=go", "MODEL_PATH="+filepath.Join(makeModels(t), "tiny"))
	return cmd
}

func mustRun(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
}

// Workers are processes of their own. One that is killed in the middle of its share leaves points missing, which another run
// finds and computes: the tables are those of one process.
func TestKilledWorker(t *testing.T) {
	grid := ablateFiles(t)
	whole, shared := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "shared")
	mustRun(t, janusAblate(t, grid, "--out", whole))

	lost := janusAblate(t, grid, "--out", shared, "--worker", "1/2")
	if err := lost.Start(); err != nil {
		t.Fatal(err)
	}
	other := janusAblate(t, grid, "--out", shared, "--worker", "0/2")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(shared, "points", "worker-1-of-2-*.parquet")) // one of its two passes
	if err := lost.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = lost.Wait() // killed, or done just before
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, janusAblate(t, grid, "--out", shared))
	for _, dir := range []string{whole, shared} {
		if _, err := os.Stat(filepath.Join(dir, "points.parquet")); err != nil {
			t.Error(err)
		}
	}
	a, errA := os.ReadFile(filepath.Join(whole, "ablation.md"))
	b, errB := os.ReadFile(filepath.Join(shared, "ablation.md"))
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the tables differ (%v, %v):\n%s\n%s", errA, errB, a, b)
	}
}

// Ctrl-C ends a study at the next step, and the same command goes on.
func TestInterruptedStudy(t *testing.T) {
	grid, out := ablateFiles(t), filepath.Join(t.TempDir(), "study")
	cmd := janusAblate(t, grid, "--out", out)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(out, "points", "*.parquet")) // the first of four passes
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitPartial || !strings.Contains(stderr.String(), "the same command goes on") {
		t.Fatalf("it ended with %v, want exit status %d\n%s", err, exitPartial, &stderr)
	}
	if _, err := os.Stat(filepath.Join(out, "ablation.json")); err == nil {
		t.Error("an interrupted study has its tables")
	}
	if text, err := janusAblate(t, grid, "--out", out).CombinedOutput(); err != nil || !strings.Contains(string(text), "passes: forward 96, train 0, heads 16\n") {
		t.Errorf("%v\n%s", err, text)
	}
}

// waitFor waits until a file is there.
func waitFor(t *testing.T, pattern string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no %s", pattern)
		}
	}
}

// On a machine with a Slurm that answers, a study runs as a job array, and what a lost task has left is submitted again.
func TestSlurmArray(t *testing.T) {
	if os.Getenv("SLURM_CONF") == "" {
		t.Skip("SLURM_CONF names no Slurm")
	}
	grid, out := ablateFiles(t), filepath.Join(t.TempDir(), "study")
	submit := func() string {
		cmd := janusAblate(t, grid, "--out", out, "--slurm")
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return string(text)
	}
	merged := func(jobs int) { // until so many merging jobs have written the last line of their logs
		for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
			logs, err := filepath.Glob(filepath.Join(out, "slurm", "janus-ablate-merge-*.out"))
			if err != nil {
				t.Fatal(err)
			}
			ended := 0
			for _, path := range logs {
				if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "ended with status 0") {
					ended++
				}
			}
			if ended == jobs {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d merging jobs have ended", ended, jobs)
			}
		}
	}
	if text := submit(); !strings.Contains(text, "4 tasks of 4; ") {
		t.Errorf("submitted: %s", text)
	}
	merged(1)
	table, err := os.ReadFile(filepath.Join(out, "ablation.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"points.parquet", "ablation.*", "points/worker-2-*"} { // as if the task had been lost
		files, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("there is no %s (%v)", pattern, err)
		}
		for _, path := range files {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if text := submit(); !strings.Contains(text, "1 tasks of 4; ") {
		t.Errorf("submitted again: %s", text)
	}
	merged(2)
	again, err := os.ReadFile(filepath.Join(out, "ablation.md"))
	if err != nil || !bytes.Equal(table, again) {
		t.Errorf("the second table differs (%v):\n%s\n%s", err, table, again)
	}
	if text := submit(); !strings.Contains(text, "nothing is missing") {
		t.Errorf("submitted a third time: %s", text)
	}
}
