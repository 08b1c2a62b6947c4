package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manyFindings writes a report of n findings that take a while.
func manyFindings(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"f%d","category":"code","snippet":"query(input%d)"}`+"\n", i, i)
	}
	path := filepath.Join(t.TempDir(), "many.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startReview starts `janus review` one finding at a time on the tiny model.
func startReview(t *testing.T, arguments ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd = exec.Command("janus", append([]string{"review", "--no-cache", "--batch", "1", "--min-tokens", "32", "--max-tokens", "32"}, arguments...)...)
	cmd.Env = append(os.Environ(), "MODEL_PATH="+filepath.Join(makeModels(t), "tiny"), "GOMLX_BACKEND=go")
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// interrupted waits for a process that was sent SIGINT and checks how it ended.
func interrupted(t *testing.T, cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitPartial {
		t.Errorf("it ended with %v, want exit status %d", err, exitPartial)
	}
	if !strings.Contains(stderr.String(), "not reached") {
		t.Errorf("it said %q", stderr)
	}
}

// judged checks JSON lines and counts them.
func judged(t *testing.T, lines []byte) (n int) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var row struct {
			ID      string
			Verdict string
		}
		if err := json.Unmarshal(line, &row); err != nil || row.ID == "" || row.Verdict == "" {
			t.Errorf("line %q: %v", line, err)
		}
		n++
	}
	return n
}

const findings = 300

func TestInterruptKeepsRowsOnStdout(t *testing.T) {
	cmd, stderr := startReview(t, "--out-format", "jsonl", manyFindings(t, findings))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	first, err := r.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest := &bytes.Buffer{}
	if _, err := rest.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	interrupted(t, cmd, stderr)
	if n := judged(t, append(first, rest.Bytes()...)); n >= findings {
		t.Errorf("all %d findings were reviewed", n)
	}
}

func TestInterruptKeepsRowsInAFile(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.jsonl")
	cmd, stderr := startReview(t, "--out", out, manyFindings(t, findings))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Meanwhile the rows are in a temporary file beside the one asked for.
	deadline := time.Now().Add(time.Minute)
	for grown := false; !grown; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatalf("no row was written in a minute: %s", stderr)
		}
		matches, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".out.jsonl*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range matches {
			info, err := os.Stat(m)
			grown = grown || err == nil && info.Size() > 0
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	interrupted(t, cmd, stderr)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := judged(t, data); n < 1 || n >= findings {
		t.Errorf("%d of %d findings are in the file", n, findings)
	}
}
