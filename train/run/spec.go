package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Spec is what a run depends on. It goes into run.json; nothing in it depends on the time, so that equal runs have equal
// files.
type Spec struct {
	Command  string            // "train lora"
	Config   any               // pointer to the config
	Seeds    map[string]uint64 // by what they are for
	Data     []File            // what is trained and validated on
	Weights  []File            // of the base and of what training starts from
	Versions map[string]string // of Janus, Go, GoMLX, the backend
	KeepLast int               // checkpoints that are kept besides the best one; 0 is 2
}

// File is an input and its hash: a file, a folder, or what was made of some, which then has rows.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes,omitempty"`
	Rows   int    `json:"rows,omitempty"`
	SHA256 string `json:"sha256"`
}

func (f *File) String() string {
	size := fmt.Sprintf("%d bytes", f.Bytes)
	if f.Bytes == 0 && f.Rows > 0 {
		size = fmt.Sprintf("%d rows", f.Rows)
	}
	return fmt.Sprintf("%s (%s, SHA-256 %.12s)", f.Path, size, f.SHA256)
}

// HashFile reads a file, or the files of a folder in the order of their names, for a Spec. Of a folder hidden ones and README.md, which no
// model is read from, do not count.
func HashFile(path string) (File, error) {
	f := File{Path: path}
	h := sha256.New()
	path, err := filepath.EvalSymlinks(path) // WalkDir does not follow one
	if err != nil {
		return f, err
	}
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		hidden := name != path && strings.HasPrefix(entry.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return filepath.SkipDir
		case entry.IsDir() || hidden || name != path && entry.Name() == "README.md":
			return nil
		}
		if name != path { // so that files that change their names are another folder
			relative, err := filepath.Rel(path, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%q\n", filepath.ToSlash(relative))
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		n, err := io.Copy(h, file)
		f.Bytes += n
		return errors.Join(err, file.Close())
	})
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	return f, err
}

// formatVersion is that of run.json and of a checkpoint's manifest.
const formatVersion = 1

// Info is what run.json holds.
type Info struct {
	Format   int               `json:"format_version"`
	Command  string            `json:"command"`
	Config   json.RawMessage   `json:"config"` // an object from full keys to values
	Seeds    map[string]uint64 `json:"seeds"`
	Data     []File            `json:"data"`
	Weights  []File            `json:"weights"`
	Versions map[string]string `json:"versions"`
}

func (s *Spec) info() (*Info, error) {
	config, err := marshalConfig(s.Config)
	if err != nil {
		return nil, err
	}
	return &Info{formatVersion, s.Command, config, s.Seeds, s.Data, s.Weights, s.Versions}, nil
}

// ReadInfo reads a run folder's run.json.
func ReadInfo(dir string) (*Info, error) {
	path := filepath.Join(dir, runFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var info Info
	if err := json.Unmarshal(data, &info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if info.Format != formatVersion {
		return nil, fmt.Errorf("%s: format_version: expected %d, found %d", path, formatVersion, info.Format)
	}
	return &info, nil
}

// changes says what is not as it was, but for what may change: the paths of files, the keys of the config that say so,
// and versions, for which there are warnings.
func (s *Spec) changes(was, is *Info) (changed, warnings []string) {
	if was.Command != is.Command {
		changed = append(changed, fmt.Sprintf("command: %s before, %s now", was.Command, is.Command))
	}
	changed = append(changed, diff(was.Config, is.Config, freeKeys(s.Config))...)
	changed = append(changed, mapDiff("seed", was.Seeds, is.Seeds)...)
	changed = append(changed, fileDiff("data", was.Data, is.Data)...)
	changed = append(changed, fileDiff("weights", was.Weights, is.Weights)...)
	return changed, mapDiff("version", was.Versions, is.Versions)
}

func mapDiff[T comparable](what string, was, is map[string]T) []string {
	var changed []string
	keys := maps.Clone(was)
	if keys == nil {
		keys = map[string]T{}
	}
	maps.Copy(keys, is)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if was[key] != is[key] {
			changed = append(changed, fmt.Sprintf("%s of %s: %v before, %v now", what, key, was[key], is[key]))
		}
	}
	return changed
}

func fileDiff(what string, was, is []File) []string {
	var changed []string
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(was):
			changed = append(changed, fmt.Sprintf("%s: %s was not there before", what, is[i].Path))
		case i >= len(is):
			changed = append(changed, fmt.Sprintf("%s: %s is not there now", what, was[i].Path))
		case was[i].SHA256 != is[i].SHA256:
			changed = append(changed, fmt.Sprintf("%s: %s before, %s now", what, &was[i], &is[i]))
		}
	}
	return changed
}
