package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/januslm/janus/dataset"
)

// manyExamples writes n rows of training data, in linked pairs.
func manyExamples(t *testing.T, prefix string, n int) string {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"request":"GET /%s/%d HTTP/1.1","response":"HTTP/1.1 200 OK\r\n\r\n%s","analysis":"a","is_vulnerable":%t,"vuln_category":"XSS","pair_id":"%s%d"}`+"\n",
			prefix, i, bytes.Repeat([]byte("x"), 300), i%2 == 0, prefix, i/2)
	}
	path := filepath.Join(t.TempDir(), prefix+".jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// wholePairs checks that a data base is whole and has no half of a pair, and counts its rows.
func wholePairs(t *testing.T, path string) (rows int) {
	t.Helper()
	store, err := dataset.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // it is only read
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	stats, err := store.Stats(t.Context(), dataset.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Examples.Halves != 0 {
		t.Errorf("%d pairs have lost a half", stats.Examples.Halves)
	}
	return stats.Examples.Rows
}

// An import that is killed at any moment leaves the data base whole, and a second one brings the rest, without a row twice.
func TestKilledImport(t *testing.T) {
	const rows = 6000
	file := manyExamples(t, "kill", rows)
	random := rand.New(rand.NewPCG(1, 2))
	db := filepath.Join(t.TempDir(), "janus.db")
	before, partly := 0, 0
	for try := 0; partly < 5 && try < 40; try++ {
		cmd := exec.Command("janus", "data", "import", file, "--db", db)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(350)) * time.Millisecond)
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
		now := wholePairs(t, db)
		if now < before || now > rows {
			t.Fatalf("%d rows, there were %d", now, before)
		}
		if now > 0 && now < rows {
			partly++
		}
		if before = now; now == rows { // nothing is left to be killed at
			if err := os.RemoveAll(filepath.Dir(db)); err != nil {
				t.Fatal(err)
			}
			db, before = filepath.Join(t.TempDir(), "janus.db"), 0
		}
	}
	if partly == 0 {
		t.Error("no import was killed half way")
	}
	if out, err := exec.Command("janus", "data", "import", file, "--db", db).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := wholePairs(t, db); got != rows {
		t.Errorf("%d rows after the last import, expected %d", got, rows)
	}
}

// Processes that import at the same time, into a data base that none of them finds there, lose nothing.
func TestConcurrentImports(t *testing.T) {
	const rows, processes = 3000, 3
	db := filepath.Join(t.TempDir(), "new", "janus.db")
	var commands []*exec.Cmd
	var outputs [processes + 1]bytes.Buffer
	for i := range processes + 1 {
		file := manyExamples(t, fmt.Sprint("p", min(i, processes-1)), rows) // the last file twice
		cmd := exec.Command("janus", "data", "import", file, "--db", db)
		cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	for i, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, &outputs[i])
		}
	}
	if got := wholePairs(t, db); got != rows*processes {
		t.Errorf("%d rows, expected %d", got, rows*processes)
	}
}
