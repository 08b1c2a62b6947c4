package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/januslm/janus/eval/results"
)

// entry is a line of the journal: a case, something that was trained, or what a variant took.
type entry struct {
	Case    *results.Case `json:"case,omitempty"`
	Trained *trained      `json:"trained,omitempty"`
	Used    *used         `json:"used,omitempty"`
}

// trained is an adapter or a head, which is in the run folder before it is in the journal.
type trained struct {
	What    string         `json:"what"` // such as "FT-CH fold 0 head": the curve's name
	Dir     string         `json:"dir"`  // in the run folder
	SHA256  string         `json:"sha256"`
	Seconds float64        `json:"seconds"`
	Curve   []results.Step `json:"curve,omitempty"`
}

// used is what a variant's model took, once a process that ran it.
type used struct {
	Variant       string `json:"variant"`
	ModelSHA256   string `json:"model_sha256,omitempty"`
	HeadSHA256    string `json:"head_sha256,omitempty"`
	AdapterSHA256 string `json:"adapter_sha256,omitempty"`
	Parameters    int64  `json:"parameters,omitempty"`
	WeightBytes   int64  `json:"weight_bytes,omitempty"`
	PeakBytes     int64  `json:"peak_bytes,omitempty"`
}

// journal is a file of JSON lines that is appended to and synced, a write a batch. Its methods may be called from several
// goroutines.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	cases   map[[2]string]results.Case // by variant and id
	trained map[string]trained
	used    map[string]used
}

// openJournal opens a journal and reads what is in it. A last line that is not whole, as a crash leaves it, is cut off.
func openJournal(path string) (_ *journal, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
	}()
	j := &journal{file: f, cases: map[[2]string]results.Case{}, trained: map[string]trained{}, used: map[string]used{}}
	lines := bufio.NewReaderSize(f, 1<<20)
	whole := int64(0)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		j.enter(e)
		whole += int64(len(line))
	}
	if err := f.Truncate(whole); err != nil {
		return nil, err
	}
	_, err = f.Seek(whole, io.SeekStart)
	return j, err
}

func (j *journal) enter(e entry) {
	switch {
	case e.Case != nil:
		j.cases[[2]string{e.Case.Variant, e.Case.ID}] = *e.Case
	case e.Trained != nil:
		j.trained[e.Trained.What] = *e.Trained
	case e.Used != nil:
		before := j.used[e.Used.Variant]
		e.Used.PeakBytes, e.Used.WeightBytes = max(e.Used.PeakBytes, before.PeakBytes), max(e.Used.WeightBytes, before.WeightBytes)
		j.used[e.Used.Variant] = *e.Used
	}
}

// add appends entries in one write, and returns when they are on the disk.
func (j *journal) add(entries ...entry) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	for _, e := range entries {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("the journal: %w", err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(b.Bytes()); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	for _, e := range entries {
		j.enter(e)
	}
	return nil
}

// addCases appends cases.
func (j *journal) addCases(cases []results.Case) error {
	if len(cases) == 0 {
		return nil
	}
	entries := make([]entry, len(cases))
	for i := range cases {
		entries[i].Case = &cases[i]
	}
	return j.add(entries...)
}

// has tells whether a case is there.
func (j *journal) has(variant, id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.cases[[2]string{variant, id}]
	return ok
}

func (j *journal) close() error { return j.file.Close() }
