package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	manifestFile = "manifest.json"
	stepPrefix   = "step-"
	hiddenPrefix = "." // of what is being written or removed
)

// checkpoint is the manifest of a checkpoint, which is written after its files.
type checkpoint struct {
	Format int              `json:"format_version"`
	Step   int              `json:"step"`
	Best   int              `json:"best_step"` // of the best checkpoint so far, which may be this one; below 0 there is none
	Logs   map[string]int64 `json:"logs"`      // bytes of the run's logs, from their names
	Files  []File           `json:"files"`
}

// Checkpoint keeps the state of training after a step: write puts its files into a folder that it is given. Only when all
// of them are on the disk does the folder get its name, so a power cut leaves the checkpoints before it. Then the older
// ones are removed but for the last few and the best. Steps must not fall; that of the same step is replaced.
func (r *Run) Checkpoint(step int, write func(dir string) error) error {
	return r.checkpoint(step, r.best, write)
}

// CheckpointBest is Checkpoint for the best state so far, which is kept until a better one comes.
func (r *Run) CheckpointBest(step int, write func(dir string) error) error {
	return r.checkpoint(step, step, write)
}

func (r *Run) checkpoint(step, best int, write func(dir string) error) error {
	if step < 0 || step < r.last {
		return fmt.Errorf("checkpoint of step %d after that of step %d: steps must not fall", step, r.last)
	}
	name := checkpointName(step)
	temporary := filepath.Join(r.checkpoints(), hiddenPrefix+name)
	if err := r.writeCheckpoint(temporary, step, best, write); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", step, errors.Join(err, os.RemoveAll(temporary)))
	}
	if err := r.publish(temporary, filepath.Join(r.checkpoints(), name)); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", step, err)
	}
	r.last, r.best = step, best
	if err := r.prune(); err != nil {
		return fmt.Errorf("removing old checkpoints: %w", err)
	}
	return nil
}

// writeCheckpoint fills a temporary folder. Everything in it is on the disk when it returns.
func (r *Run) writeCheckpoint(dir string, step, best int, write func(dir string) error) error {
	if err := r.syncLogs(); err != nil {
		return err
	}
	if err := r.disk.removeAll(dir); err != nil {
		return err
	}
	if err := r.disk.mkdir(dir); err != nil {
		return err
	}
	if err := write(dir); err != nil {
		return err
	}
	manifest := checkpoint{Format: formatVersion, Step: step, Best: best, Files: []File{}}
	var err error
	if manifest.Logs, err = logSizes(r.Dir); err != nil {
		return err
	}
	var folders []string
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			folders = append(folders, path)
			return nil
		}
		if err := r.disk.sync(path); err != nil {
			return err
		}
		file, err := HashFile(path)
		if err != nil {
			return err
		}
		if file.Path, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		manifest.Files = append(manifest.Files, file)
		return nil
	})
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, manifestFile)
	if err := r.disk.write(path, append(data, '\n')); err != nil {
		return err
	}
	if err := r.disk.sync(path); err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := r.disk.sync(folder); err != nil {
			return err
		}
	}
	return nil
}

// publish gives a whole checkpoint its name.
func (r *Run) publish(temporary, path string) error {
	if err := r.disk.removeAll(path); err != nil { // what is there was found damaged, or was due a validation
		return err
	}
	if err := r.disk.rename(temporary, path); err != nil {
		return err
	}
	if err := r.disk.sync(r.checkpoints()); err != nil {
		return err
	}
	return r.disk.sync(r.Dir) // the folder of checkpoints, where this is the first
}

// prune removes what is neither among the last nor the best for one of them. A folder is hidden before it is emptied, so
// that it does not look like a damaged checkpoint.
func (r *Run) prune() error {
	steps, err := checkpointSteps(r.Dir)
	if err != nil {
		return err
	}
	keep := map[int]bool{}
	for _, step := range steps[max(0, len(steps)-r.spec.KeepLast):] {
		keep[step] = true
		if c, err := readManifest(filepath.Join(r.checkpoints(), checkpointName(step))); err == nil {
			keep[c.Best] = true
		}
	}
	for _, step := range steps {
		if keep[step] {
			continue
		}
		name := checkpointName(step)
		hidden := filepath.Join(r.checkpoints(), hiddenPrefix+name)
		if err := r.disk.rename(filepath.Join(r.checkpoints(), name), hidden); err != nil {
			return err
		}
		if err := r.disk.removeAll(hidden); err != nil {
			return err
		}
	}
	return nil
}

// Latest is the last checkpoint: after Resume the one to go on from. ok is false where there is none.
func (r *Run) Latest() (dir string, step int, ok bool) { return r.at(r.last) }

// before is the last checkpoint before a step.
func (r *Run) before(step int) (dir string, ok bool) {
	steps, err := checkpointSteps(r.Dir)
	if err != nil {
		return "", false
	}
	for _, s := range steps {
		if s < step {
			dir, _, ok = r.at(s)
		}
	}
	return dir, ok
}

// Best is the best checkpoint so far.
func (r *Run) Best() (dir string, step int, ok bool) { return r.at(r.best) }

func (r *Run) at(step int) (string, int, bool) {
	if step < 0 {
		return "", 0, false
	}
	return filepath.Join(r.checkpoints(), checkpointName(step)), step, true
}

// findLatest finds the last checkpoint that is whole and removes the damaged ones after it.
func (r *Run) findLatest() error {
	steps, err := checkpointSteps(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, step := range slices.Backward(steps) {
		path := filepath.Join(r.checkpoints(), checkpointName(step))
		c, err := verify(path)
		if err == nil {
			r.done, r.last, r.best = c, step, c.Best
			return r.verifyBest()
		}
		if other := (*fs.PathError)(nil); errors.As(err, &other) && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("checkpoint of step %d cannot be read: %w", step, err) // it may be whole
		}
		r.Warnings = append(r.Warnings, fmt.Sprintf("checkpoint of step %d is damaged, going back to the one before: %v", step, err))
		if err := r.disk.removeAll(path); err != nil {
			return err
		}
	}
	return nil
}

// verifyBest finds a damaged best checkpoint. No power cut damages one, and no other can take its place.
func (r *Run) verifyBest() error {
	path, step, ok := r.Best()
	if !ok || step == r.last {
		return nil
	}
	if _, err := verify(path); err != nil {
		return fmt.Errorf("the best checkpoint, of step %d, is damaged: start the run anew in another folder: %w", step, err)
	}
	return nil
}

// verify reads a checkpoint's manifest and compares its files with it.
func verify(dir string) (*checkpoint, error) {
	c, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	for _, want := range c.Files {
		found, err := HashFile(filepath.Join(dir, want.Path))
		if err != nil {
			return nil, err
		}
		if found.SHA256 != want.SHA256 {
			return nil, fmt.Errorf("%s: expected %d bytes of SHA-256 %s, found %d of %s",
				found.Path, want.Bytes, want.SHA256, found.Bytes, found.SHA256)
		}
	}
	return c, nil
}

func readManifest(dir string) (*checkpoint, error) {
	path := filepath.Join(dir, manifestFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c.Format != formatVersion {
		return nil, fmt.Errorf("%s: format_version: expected %d, found %d", path, formatVersion, c.Format)
	}
	return &c, nil
}

func (r *Run) checkpoints() string { return filepath.Join(r.Dir, checkpointsName) }

// checkpointName has leading zeros, so that a listing is in order.
func checkpointName(step int) string { return fmt.Sprintf("%s%08d", stepPrefix, step) }

// checkpointSteps lists the steps of which there are checkpoints, whole or not, from the first to the last.
func checkpointSteps(dir string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(dir, checkpointsName))
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		if step, err := strconv.Atoi(strings.TrimPrefix(e.Name(), stepPrefix)); err == nil && e.Name() == checkpointName(step) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}
