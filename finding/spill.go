package finding

import (
	"fmt"
	"io"
	"os"
)

// spill copies the whole document to a temporary file, for formats that are not
// read from their beginning to their end. remove closes and deletes it.
func (in *input) spill() (f *os.File, size int64, remove func(), err error) {
	f, err = os.CreateTemp("", "janus-*")
	if err != nil {
		return nil, 0, nil, fmt.Errorf("%s: no temporary file to read it from: %w", in.name, err)
	}
	remove = func() {
		// A file that can't be deleted is the system's to clean.
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	limit := in.opts.maxBytes()
	size, err = io.Copy(f, io.LimitReader(in.r, limit+1))
	switch {
	case err != nil:
		err = fmt.Errorf("%s: cannot be read to its end: %w (after %d bytes)", in.name, err, size)
	case size > limit:
		err = fmt.Errorf("%s: larger than the limit of %d bytes: split the report", in.name, limit)
	}
	if err != nil {
		remove()
		return nil, 0, nil, err
	}
	return f, size, remove, nil
}

// guardPanic turns a panic of a library that reads untrusted files into an error.
func guardPanic(name string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: it is corrupt: %v", name, p)
	}
}
