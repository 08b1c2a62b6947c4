package review

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/internal/outfile"
)

// Cache is a folder of small values by key, a file each. A file appears whole, under its own name, so processes may share the
// folder; it begins with a checksum of its key and value, and one that is damaged counts as not there and is written anew.
// Nothing that goes wrong in it is an error: what could not be read is computed, what could not be written is lost.
type Cache struct {
	dir string

	mu     sync.Mutex
	failed error
}

// NewCache is the cache in a folder, which is made when the first value is written.
func NewCache(dir string) *Cache { return &Cache{dir: dir} }

// Failed is the first error of writing, or nil.
func (c *Cache) Failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// hashKey makes a key of what a value depends on.
func hashKey(parts any) string {
	// The parts are structs of strings, numbers and truth values, which always can be written.
	data, err := json.Marshal(parts)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// path is where a value lies: many files in one folder are slow in some file systems.
func (c *Cache) path(kind, key string) string {
	return filepath.Join(c.dir, kind, key[:2], key[2:]+".json")
}

// checksum is the first line of a file.
func checksum(key string, value []byte) string {
	sum := sha256.Sum256(append([]byte(key+"\n"), value...))
	return hex.EncodeToString(sum[:])
}

// get reads a value; false where there is none, or none that is whole.
func (c *Cache) get(kind, key string, value any) bool {
	data, err := os.ReadFile(c.path(kind, key))
	if err != nil {
		return false
	}
	sum, text, ok := bytes.Cut(data, []byte{'\n'})
	return ok && string(sum) == checksum(key, text) && json.Unmarshal(text, value) == nil
}

// put writes a value.
func (c *Cache) put(kind, key string, value any) {
	if c.Failed() != nil {
		return // a full disk or a folder that is read-only would fail again
	}
	text, err := json.Marshal(value)
	if err == nil {
		path := c.path(kind, key)
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			data := append([]byte(checksum(key, text)+"\n"), text...)
			err = renameio.WriteFile(path, data, 0o600, renameio.WithTempDir(filepath.Dir(path)))
		}
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = outfile.Reason(err)
		if errors.Is(err, fs.ErrPermission) {
			c.failed = fs.ErrPermission
		}
	}
}
