package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The files of a run folder.
const (
	runFile         = "run.json"
	doneFile        = "done.json" // the last one, when all is done
	lockFile        = ".lock"
	metricsFile     = "metrics.jsonl"
	timingsFile     = "timings.jsonl"
	checkpointsName = "checkpoints"
)

// ErrFinished is Resume's error where there is nothing left to do.
var ErrFinished = errors.New("the run is finished")

// Run is a run folder that is written to. Only one process at a time has it. Its methods are for one goroutine.
type Run struct {
	Dir      string
	Warnings []string // what has changed since the run began and may change the result: versions

	spec    Spec
	disk    disk
	lock    *flock.Flock
	metrics *logFile
	timings *logFile
	events  *eventFile
	begun   time.Time
	last    int // step of the last checkpoint
	best    int // step of the best one, none below 0
	done    *checkpoint
}

// Start is Resume where the folder has a run and that is wanted, else Create. So the same command can be given
// again until the run is finished, as Slurm does when it puts a job back into its queue.
func Start(dir string, spec Spec, resume bool) (*Run, error) {
	if _, err := os.Stat(filepath.Join(dir, runFile)); resume && !errors.Is(err, fs.ErrNotExist) {
		return Resume(dir, spec)
	}
	return Create(dir, spec)
}

// Create makes a run folder. One that holds anything is refused.
func Create(dir string, spec Spec) (*Run, error) { return create(dir, spec, disk{}) }

func create(dir string, spec Spec, d disk) (_ *Run, err error) {
	info, err := spec.info()
	if err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := d.mkdir(dir); err != nil {
		return nil, fmt.Errorf("making the run folder: %w", err)
	}
	if err := d.sync(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, fmt.Errorf("making the run folder: %w", err)
	}
	if err := checkEmpty(dir); err != nil { // so that a stranger's folder gets no lock
		return nil, err
	}
	r, err := open(dir, spec, d)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err := checkEmpty(dir); err != nil { // now that no other process fills it
		return nil, err
	}
	if err := d.replace(filepath.Join(dir, runFile), append(data, '\n')); err != nil {
		return nil, err
	}
	return r, r.openLogs(nil)
}

// checkEmpty refuses a folder that holds more than the lock and what a power cut left of run.json.
func checkEmpty(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, runFile)); err == nil {
		return fmt.Errorf("%s holds a run: go on with it (--resume), or give another folder", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			return fmt.Errorf("%s is not empty (it holds %s): give another folder", dir, e.Name())
		}
	}
	return nil
}

// Resume opens a run folder at its last whole checkpoint, and cuts from its logs what came after that. It is refused where
// the command, the config, a seed, the data or the weights are not those of the run, with the difference, and where the run
// is finished, with ErrFinished.
func Resume(dir string, spec Spec) (*Run, error) { return resume(dir, spec, disk{}) }

func resume(dir string, spec Spec, d disk) (_ *Run, err error) {
	was, err := ReadInfo(dir)
	if err != nil {
		return nil, fmt.Errorf("there is no run to go on with: %w", err)
	}
	is, err := spec.info()
	if err != nil {
		return nil, err
	}
	changed, warnings := spec.changes(was, is)
	if len(changed) > 0 {
		return nil, another(dir, changed)
	}
	if _, err := os.Stat(filepath.Join(dir, doneFile)); err == nil {
		return nil, fmt.Errorf("%s: %w", dir, ErrFinished)
	}
	r, err := open(dir, spec, d)
	if err != nil {
		return nil, err
	}
	r.Warnings = append(r.Warnings, warnings...)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, folder := range []string{r.Dir, r.checkpoints()} { // a model may be gigabytes
		if err := r.removeHidden(folder); err != nil {
			return nil, err
		}
	}
	if err := r.findLatest(); err != nil {
		return nil, err
	}
	return r, r.openLogs(r.done)
}

// removeHidden removes what was being written or removed in a folder, if there is one, when the run was killed.
func (r *Run) removeHidden(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), hiddenPrefix) && e.Name() != lockFile {
			if err := r.disk.removeAll(filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// open locks a run folder.
func open(dir string, spec Spec, d disk) (*Run, error) {
	if spec.KeepLast <= 0 {
		spec.KeepLast = 2
	}
	r := &Run{Dir: dir, spec: spec, disk: d, best: -1, last: -1, begun: time.Now(), lock: flock.New(filepath.Join(dir, lockFile))}
	locked, err := r.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the run folder: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("%s: another process is at work on this run", dir)
	}
	return r, nil
}

// Finish writes the marker of a finished run, last of all, with the last step and the last value of each metric.
func (r *Run) Finish() error {
	if err := r.syncLogs(); err != nil {
		return err
	}
	rows, err := ReadMetrics(r.Dir)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(summarise(rows), "", "  ")
	if err != nil {
		return err
	}
	if err := r.disk.replace(filepath.Join(r.Dir, doneFile), append(data, '\n')); err != nil {
		return fmt.Errorf("finishing the run: %w", err)
	}
	return r.Close()
}

// Finished tells whether a folder holds a finished run.
func Finished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, doneFile))
	return err == nil
}

// FinishedAs is Finished, and refuses a run of another command or config as [Resume] does.
func FinishedAs(dir, command string, config any) (bool, error) {
	if !Finished(dir) {
		return false, nil
	}
	was, err := ReadInfo(dir)
	if err != nil {
		return false, err
	}
	s := Spec{Command: command, Config: config, Seeds: was.Seeds, Data: was.Data, Weights: was.Weights, Versions: was.Versions}
	is, err := s.info()
	if err != nil {
		return false, err
	}
	if changed, _ := s.changes(was, is); len(changed) > 0 {
		return false, another(dir, changed)
	}
	return true, nil
}

// another refuses to go on with a run, of which changed is not as it was.
func another(dir string, changed []string) error {
	return fmt.Errorf("%s is another run, which cannot be gone on with: give the settings of then, or another folder\n  %s",
		dir, strings.Join(changed, "\n  "))
}

// Close ends the work on a run, finished or not. Calling it again does nothing.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	var errs []error
	for _, l := range []*logFile{r.metrics, r.timings} {
		if l != nil {
			errs = append(errs, l.file.Close())
		}
	}
	if r.events != nil {
		errs = append(errs, r.events.file.Close())
	}
	errs = append(errs, r.lock.Unlock())
	r.lock = nil
	return errors.Join(errs...)
}
