package bench

import (
	"bytes"
	"os"
	"strconv"

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
