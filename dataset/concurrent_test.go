package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// envWriter makes a test process a writer of TestTwoProcesses: it is the path of the data base.
const envWriter = "JANUS_TEST_WRITER"

// TestMain lets the test's binary be the other process.
func TestMain(m *testing.M) {
	if path := os.Getenv(envWriter); path != "" {
		if err := writeMany(path, os.Getenv(envWriter+"_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const manyPairs = 1000

// writeMany adds pairs one by one, and reads, changes and deletes rows in between.
func writeMany(path, name string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	for i := range manyPairs {
		pair := []Example{example(2 * i), example(2*i + 1)}
		for k := range pair {
			pair[k].PairID, pair[k].Source = name+strconv.Itoa(i), name
		}
		ids, err := s.AddExamples(context.Background(), append(pair, Example{Request: "gone", VulnCategory: XSS}))
		if err != nil {
			return errors.Join(err, s.Close())
		}
		pair[0].ID, pair[0].Note = ids[0], "changed"
		if err := s.UpdateExample(context.Background(), pair[0]); err != nil {
			return errors.Join(err, s.Close())
		}
		if _, err := s.DeleteExamples(context.Background(), ids[2:]); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return s.Close()
}

// Two processes that write thousands of rows at the same time lose none of them.
func TestTwoProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "janus.db")
	outputs := map[string]*exec.Cmd{}
	for _, name := range []string{"a", "b"} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), envWriter+"="+path, envWriter+"_NAME="+name)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		outputs[name] = cmd
	}
	for name, cmd := range outputs {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := openAt(t, path)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	pairs, changed := map[string]int{}, 0
	for _, e := range all(t, s, Filter{}) {
		pairs[e.PairID]++
		if e.Note == "changed" {
			changed++
		}
	}
	if len(pairs) != 2*manyPairs || changed != 2*manyPairs {
		t.Errorf("%d pairs, %d changed rows; expected %d", len(pairs), changed, 2*manyPairs)
	}
	for id, n := range pairs {
		if n != 2 {
			t.Errorf("pair %s has %d rows", id, n)
		}
	}
}
