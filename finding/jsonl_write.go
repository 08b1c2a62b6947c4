package finding

import (
	"io"
	"sync"
)

// JSONLWriter writes verdicts as JSON lines, each whole and at once, so that a
// review that is stopped half way leaves every verdict that it had. It may be
// used from several goroutines.
type JSONLWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// NewJSONLWriter writes to w. Where w has a Flush method, every row is flushed.
func NewJSONLWriter(w io.Writer) *JSONLWriter { return &JSONLWriter{w: w} }

// Write writes one row.
func (j *JSONLWriter) Write(v Verdict) error {
	row, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.w.Write(append(row, '\n')); err != nil {
		return err
	}
	if f, ok := j.w.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}
