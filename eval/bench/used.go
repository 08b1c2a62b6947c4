package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/weights"
)

// use notes what the variants' model took.
func (j *Job) use(list []*Variant, u used) error {
	var entries []entry
	for _, v := range list {
		of := u
		of.Variant = v.Name
		entries = append(entries, entry{Used: &of})
	}
	return j.journal.add(entries...)
}

// recall keeps what a model took beside its analyses, and takes it from there where all of those were there, so that the model's
// weights were never read.
func (j *Job) recall(u *used) error {
	id := hashOf(fmt.Appendf(nil, "%s %s %s %s", u.ModelSHA256, u.AdapterSHA256, j.Config.DType, j.Backend.Name()))
	path := filepath.Join(j.States, "used-"+id[:24]+".json")
	if u.WeightBytes > 0 {
		data, err := json.Marshal(used{WeightBytes: u.WeightBytes, PeakBytes: u.PeakBytes})
		if err != nil {
			return err
		}
		return renameio.WriteFile(path, append(data, '\n'), 0o644)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var was used
	if err := json.Unmarshal(data, &was); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	u.WeightBytes, u.PeakBytes = was.WeightBytes, was.PeakBytes
	return nil
}

// peak measures the most memory that the process has in RAM from its making on, on Linux (proc(5): clear_refs and VmHWM).
// Elsewhere, and where the kernel does not let it be reset, it is 0, or the process's own.
type peak struct{}

func newPeak() peak {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // what cannot be reset counts from the process's start
	return peak{}
}

func (peak) bytes() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		if value, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kB, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 64)
			if err == nil {
				return kB << 10
			}
		}
	}
	return 0
}

// parameters counts a model's numbers; 0 where its files cannot be read, which opening it has said.
func parameters(dir string) (n int64) {
	c, err := weights.Open(dir)
	if err != nil {
		return 0
	}
	defer c.Close() //nolint:errcheck // only read
	for _, name := range c.Names() {
		t, ok := c.Tensor(name)
		if !ok {
			continue
		}
		size := int64(1)
		for _, d := range t.Shape {
			size *= int64(d)
		}
		n += size
	}
	return n
}
