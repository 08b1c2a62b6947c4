package run

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var errPowerCut = errors.New("power cut")

// cutter cuts the power after a number of file operations. What was not on the disk then is lost: of files that were
// written and not synced only half is left, and a folder that got its name is gone where the one around it was not synced.
type cutter struct {
	left     int
	unsynced map[string]bool // files
	renamed  map[string]bool // folders
}

func newCutter(left int) *cutter { return &cutter{left, map[string]bool{}, map[string]bool{}} }

func (c *cutter) before(op, path string) error {
	if c.left == 0 {
		return errPowerCut
	}
	c.left--
	switch op {
	case "write":
		c.unsynced[path] = true
	case "sync":
		delete(c.unsynced, path)
		for name := range c.renamed {
			if filepath.Dir(name) == path {
				delete(c.renamed, name)
			}
		}
	case "rename":
		if strings.HasPrefix(filepath.Base(path), stepPrefix) {
			c.renamed[path] = true
		}
		for name := range c.unsynced {
			if strings.HasPrefix(name, path) {
				return fmt.Errorf("%s is renamed before it is synced", name)
			}
		}
	}
	return nil
}

func (c *cutter) cut() error {
	for name := range c.renamed {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	for name := range c.unsynced {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.Truncate(name, info.Size()/2); err != nil {
			return err
		}
	}
	return nil
}

// session trains until the power is cut or all is done, and returns the step of the last checkpoint that it was told of.
func session(t *testing.T, dir string, c *cutter) (last int, err error) {
	t.Helper()
	d := disk{before: c.before}
	open := create
	if _, err := os.Stat(filepath.Join(dir, runFile)); err == nil {
		open = resume
	}
	r, err := open(dir, testSpec(defaults(t)), d)
	if err != nil {
		return 0, err
	}
	defer func() { check(t, r.Close()) }()
	sum := 0
	if path, step, ok := r.Latest(); ok {
		last = step
		if _, err := fmt.Sscan(read(t, path, "state.json"), &sum); err != nil {
			return last, err
		}
		if want := step * (step + 1) / 2; sum != want {
			t.Fatalf("the checkpoint of step %d says %d, want %d", step, sum, want)
		}
	}
	for step := last + 1; step <= 4; step++ {
		sum += step
		if err := r.Log(step, map[string]float64{TrainLoss: float64(sum)}); err != nil {
			return last, err
		}
		err := r.Checkpoint(step, func(dir string) error {
			if err := d.mkdir(filepath.Join(dir, "optimizer")); err != nil {
				return err
			}
			if err := d.write(filepath.Join(dir, "optimizer", "moments"), make([]byte, 100)); err != nil {
				return err
			}
			return d.write(filepath.Join(dir, "state.json"), []byte(fmt.Sprint(sum)))
		})
		if err != nil {
			return last, err
		}
		last = step
	}
	return last, r.Finish()
}

// inMemory is a folder where syncing takes no time, if there is one.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "janus")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

// The power is cut before each file operation of a run, and again before each of the next ones of the run that goes on:
// no checkpoint that was reported is ever lost, and the metrics are those of a run without cuts.
func TestPowerCut(t *testing.T) {
	whole := filepath.Join(inMemory(t), "whole")
	if _, err := session(t, whole, newCutter(1<<30)); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		dir := filepath.Join(inMemory(t), "run")
		first := newCutter(n)
		known, err := session(t, dir, first)
		if err == nil {
			if n < 50 {
				t.Errorf("a run has only %d operations", n)
			}
			return
		}
		if !errors.Is(err, errPowerCut) {
			t.Fatalf("operation %d: %v", n, err)
		}
		check(t, first.cut())
		for again := 0; ; again = 2*again + 1 {
			second := newCutter(again)
			last, err := session(t, dir, second)
			if err == nil {
				break
			}
			if errors.Is(err, ErrFinished) { // the marker was there already
				break
			}
			if !errors.Is(err, errPowerCut) {
				t.Fatalf("cut before operations %d and %d: %v", n, again, err)
			}
			if last > 0 && last < known {
				t.Fatalf("cut before operation %d: the checkpoint of step %d is lost, the last is of step %d", n, known, last)
			}
			known = max(known, last)
			check(t, second.cut())
		}
		for _, name := range []string{runFile, metricsFile, doneFile, "checkpoints/step-00000004/state.json"} {
			if a, b := read(t, whole, name), read(t, dir, name); a != b {
				t.Fatalf("cut before operation %d: %s:\n%s\nwithout a cut:\n%s", n, name, b, a)
			}
		}
	}
}

const killedDir = "JANUS_TEST_KILLED_RUN"

// TestKilled ends a training process with SIGKILL again and again, wherever it is: in the end all is as without.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		r := must(Start(dir, testSpec(defaults(t)), true))(t)
		trainTo(t, r, 60)
		check(t, r.Finish())
		return
	}
	whole, killed := t.TempDir(), t.TempDir()
	r := must(Create(whole, testSpec(defaults(t))))(t)
	trainTo(t, r, 60)
	check(t, r.Finish())
	kills := 0
	for wait := 20 * time.Millisecond; !Finished(killed); wait += 10 * time.Millisecond {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), killedDir+"="+killed)
		out := &strings.Builder{}
		cmd.Stdout, cmd.Stderr = out, out
		check(t, cmd.Start())
		timer := time.AfterFunc(wait, func() {
			kills++
			_ = cmd.Process.Kill() // which has ended where that fails
		})
		err := cmd.Wait()
		if timer.Stop() && err != nil && !Finished(killed) {
			t.Fatalf("not killed, but: %v\n%s", err, out)
		}
	}
	if kills == 0 {
		t.Error("it was never killed")
	}
	for _, name := range []string{runFile, metricsFile, doneFile, "checkpoints/step-00000060/state.json", "checkpoints/step-00000002/state.json"} {
		if a, b := read(t, whole, name), read(t, killed, name); a != b {
			t.Errorf("%s:\n%s\nkilled %d times:\n%s", name, a, kills, b)
		}
	}
	t.Logf("killed %d times", kills)
}
