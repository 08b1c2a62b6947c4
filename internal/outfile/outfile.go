// Package outfile writes files that a user names: whole or not at all.
package outfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// File is a file under way. It is written under a temporary name (.NAME and digits, beside it), synced and renamed by
// Commit, so that one that was there stays whole until then. What is no regular file, a pipe or a device such as
// /dev/stdout, is written to as it is: renaming would put a file in its place.
type File struct {
	io.Writer
	pending *renameio.PendingFile
	device  *os.File
}

// Same tells whether two names are of one regular file that is there.
func Same(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && first.Mode().IsRegular() && os.SameFile(first, second)
}

// Create opens path's temporary file. Of a link, what it points to is replaced, and the link stays.
func Create(path string) (*File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a folder", path)
	case err == nil && !info.Mode().IsRegular():
		device, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &File{Writer: device, device: device}, err
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, Reason(err))
	}
	return &File{Writer: pending, pending: pending}, nil
}

// Commit makes the file appear.
func (f *File) Commit() error {
	if f.device != nil {
		return f.device.Close()
	}
	return f.pending.CloseAtomicallyReplace()
}

// Abandon gives the file up; a file that was there before is as it was. After Commit it does nothing.
func (f *File) Abandon() {
	// Nothing can be done where these fail, and what led here is the error to tell.
	if f.device != nil {
		_ = f.device.Close()
		return
	}
	_ = f.pending.Cleanup()
}

// Write writes a whole file.
func Write(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abandon()
	if _, err = f.Write(data); err == nil {
		err = f.Commit()
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, Reason(err))
	}
	return nil
}

// Reason drops a temporary file's name from an error: it says nothing to the reader.
func Reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
