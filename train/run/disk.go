package run

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// disk does the file operations on which it depends that nothing is lost, one after the other. A test cuts the power
// before any of them.
type disk struct {
	before func(op, path string) error // nil but in that test
}

func (d disk) do(op, path string, f func() error) error {
	if d.before != nil {
		if err := d.before(op, path); err != nil {
			return err
		}
	}
	return f()
}

func (d disk) mkdir(path string) error {
	return d.do("mkdir", path, func() error { return os.MkdirAll(path, 0o755) })
}

func (d disk) write(path string, data []byte) error {
	return d.do("write", path, func() error { return os.WriteFile(path, data, 0o644) })
}

func (d disk) rename(from, to string) error {
	return d.do("rename", to, func() error { return os.Rename(from, to) })
}

func (d disk) removeAll(path string) error {
	return d.do("remove", path, func() error { return os.RemoveAll(path) })
}

// sync makes a file's data, or a folder's entries, outlast a power cut.
func (d disk) sync(path string) error {
	return d.do("sync", path, func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = f.Sync()
		if info, statErr := f.Stat(); statErr == nil && info.IsDir() && errors.Is(err, syscall.EINVAL) {
			err = nil // a file system that cannot sync folders
		}
		return errors.Join(err, f.Close())
	})
}

// replace writes a file under a temporary name beside it, syncs and renames it, and syncs the folder.
func (d disk) replace(path string, data []byte) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := d.write(temporary, data); err != nil {
		return err
	}
	if err := d.sync(temporary); err != nil {
		return err
	}
	if err := d.rename(temporary, path); err != nil {
		return err
	}
	return d.sync(filepath.Dir(path))
}
