package heads

import (
	"errors"
	"os"

	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/weights"
)

// BaseSHA256 is the identity of a base model's weights, which a head records.
func BaseSHA256(dir string) (string, error) {
	f, err := BaseFile(dir)
	return f.SHA256, err
}

// BaseFile is a base model's weights as a run records them. They are read for the hash, and not loaded.
func BaseFile(dir string) (f run.File, err error) {
	f.Path = dir
	c, err := weights.Open(dir)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, path := range c.Files() {
		info, err := os.Stat(path)
		if err != nil {
			return f, err
		}
		f.Bytes += info.Size()
	}
	f.SHA256, err = c.SHA256()
	return f, err
}
