package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// modelFiles are the endings of files that a model, an adapter or a head is read from; .bin counts where there are no
// safetensors.
var modelFiles = []string{".json", ".jinja", ".model", ".safetensors", ".txt"}

// fingerprint is a hash of all that is read from a model's, adapter's or head's folder. Files of gigabytes take seconds to
// hash, so a file's hash is remembered with its size, its times and, where the system has one, its inode: as long as those
// are the same, so is the file. A file that changed within the last seconds is hashed again, since a second change might
// leave them as they are.
func fingerprint(ctx context.Context, dir string, c *Cache) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var names, old []string
	tensors := false
	for _, e := range entries {
		ending := strings.ToLower(filepath.Ext(e.Name()))
		switch {
		case slices.Contains(modelFiles, ending):
			names = append(names, e.Name())
			tensors = tensors || ending == ".safetensors"
		case ending == ".bin":
			old = append(old, e.Name())
		}
	}
	if !tensors {
		names = append(names, old...)
	}
	var files [][2]string
	for _, name := range names {
		sum, err := hashFile(ctx, filepath.Join(dir, name), c)
		if err != nil {
			return "", err
		}
		files = append(files, [2]string{name, sum})
	}
	return hashKey(files), nil
}

// remembered is a file's hash and what shows that the file is the same.
type remembered struct {
	Path, Stamp, SHA256 string
}

// settled is how long a file must have been left alone before its times can be trusted: file systems count them coarsely.
const settled = 3 * time.Second

func hashFile(ctx context.Context, path string, c *Cache) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	stamp, changed := stampOf(info)
	key := hashKey(path)
	var known remembered
	if c.get("files", key, &known) && known.Path == path && known.Stamp == stamp {
		return known.SHA256, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return "", err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if time.Since(changed) > settled {
		c.put("files", key, remembered{path, stamp, sum})
	}
	return sum, nil
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context //nolint:containedctx // a reader has no other way to learn of it
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
