package weights

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
)

// The file names of a Hugging Face checkpoint.
const (
	SingleFile = "model.safetensors"
	IndexFile  = "model.safetensors.index.json"
)

// Tensor is a named array. Data is little-endian and row-major (the last axis
// varies fastest). It is not aligned to the element size if the file's header
// is not: decode it with [ToFloat32] or encoding/binary, do not cast it.
type Tensor struct {
	Name  string
	DType dtypes.DType
	Shape []int
	Data  []byte
}

// Checkpoint is an open safetensors or PyTorch file, or all shards of one
// checkpoint. It is safe for use by several goroutines.
type Checkpoint struct {
	shards  []*shard
	entries []shardEntry // sorted by tensor name

	hashOnce sync.Once
	hash     string
	hashErr  error
}

// shard is one mapped file.
type shard struct {
	path   string
	data   []byte
	header *header
	unmap  func() error
}

type shardEntry struct {
	entry
	shard *shard
}

// Open opens a checkpoint: a .safetensors file, a file of torch.save (.bin, .pt,
// .pth), an index of shards (*.index.json), or a folder that has
// model.safetensors or pytorch_model.bin, or the index of either. Headers are
// read and validated, data is mapped and read only when touched. Errors about
// the contents are [FormatError]s.
//
// A PyTorch file is a pickle, which can name any Python function to be called.
// No Python runs here, and a file that names anything but tensors and plain
// containers is refused. Tensors that are views with strides, or big-endian, are
// copied each time [Checkpoint.Tensor] is asked for them.
func Open(dirOrFile string) (*Checkpoint, error) {
	path, err := locate(dirOrFile)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".json") {
		return openIndex(path)
	}
	s, err := openShard(path)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{shards: []*shard{s}, entries: make([]shardEntry, 0, len(s.header.entries))}
	for _, e := range s.header.entries {
		c.entries = append(c.entries, shardEntry{e, s})
	}
	return c, nil
}

// locate finds the file to open; a folder with several gives safetensors before
// PyTorch's, and the single file before the shards, as transformers does.
func locate(dirOrFile string) (string, error) {
	info, err := os.Stat(dirOrFile)
	if err != nil {
		return "", fmt.Errorf("no weights: %w", err)
	}
	if !info.IsDir() {
		return dirOrFile, nil
	}
	for _, name := range []string{SingleFile, IndexFile, TorchFile, TorchIndex} {
		path := filepath.Join(dirOrFile, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	found, hint := "no weights file", ""
	for _, pattern := range []string{"*.safetensors", "*.gguf", "*.bin", "*.pth", "*.pt"} {
		if others, _ := filepath.Glob(filepath.Join(dirOrFile, pattern)); len(others) > 0 {
			found = filepath.Base(others[0])
			if pattern == "*.gguf" {
				hint = " (turn it into a model folder with: janus convert)"
			}
			break
		}
	}
	return "", &FormatError{File: dirOrFile, Problem: "the folder holds no checkpoint",
		Expected: SingleFile + ", " + TorchFile + " or the index of either", Found: found + hint}
}

// FirstFile is the path of the first of the names that dir has, or of the first
// name where it has none.
func FirstFile(dir string, names ...string) string {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return filepath.Join(dir, names[0])
}

func openShard(path string) (*shard, error) {
	data, unmap, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	parse := parseHeader
	if isTorch(path, data) {
		parse = parseTorch
	}
	h, err := parse(path, data)
	if err != nil {
		return nil, errors.Join(err, unmap())
	}
	return &shard{path: path, data: data, header: h, unmap: unmap}, nil
}

// Names returns the names of all tensors, sorted.
func (c *Checkpoint) Names() []string {
	names := make([]string, len(c.entries))
	for i, e := range c.entries {
		names[i] = e.name
	}
	return names
}

// Tensor returns a tensor and whether there is one of that name. Its Data is
// the mapped file (or a copy, see [Open]): read-only, and gone after [Checkpoint.Close].
func (c *Checkpoint) Tensor(name string) (Tensor, bool) {
	i, ok := slices.BinarySearchFunc(c.entries, name, func(e shardEntry, n string) int { return cmp.Compare(e.name, n) })
	if !ok {
		return Tensor{}, false
	}
	e := c.entries[i]
	return Tensor{Name: e.name, DType: e.dtype, Shape: slices.Clone(e.shape), Data: e.bytes(e.shard.data)}, true
}

// Release takes a tensor's pages out of the process's memory, once it was
// copied elsewhere. Its Data stays valid: a later touch reads the file again.
func (c *Checkpoint) Release(t Tensor) error {
	for _, s := range c.shards {
		if within(t.Data, s.data) {
			return dropPages(t.Data)
		}
	}
	return nil // a copy
}

// within tells whether part lies in whole.
func within(part, whole []byte) bool {
	if len(part) == 0 || len(whole) == 0 {
		return false
	}
	p, w := uintptr(unsafe.Pointer(unsafe.SliceData(part))), uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	return p >= w && p-w < uintptr(len(whole))
}

// Format is "safetensors" or "pytorch".
func (c *Checkpoint) Format() string {
	for _, e := range c.entries {
		if e.view != nil {
			return "pytorch"
		}
	}
	return "safetensors"
}

// Metadata returns the files' __metadata__ maps, merged; where shards
// disagree the first shard's value stands.
func (c *Checkpoint) Metadata() map[string]string {
	merged := map[string]string{}
	for _, s := range slices.Backward(c.shards) {
		maps.Copy(merged, s.header.metadata)
	}
	return merged
}

// Files returns the paths of the files that hold the tensors, sorted.
func (c *Checkpoint) Files() []string {
	files := make([]string, len(c.shards))
	for i, s := range c.shards {
		files[i] = s.path
	}
	return files
}

// SHA256 returns the checkpoint's identity in hexadecimal: for one file the
// SHA-256 of its bytes, for several the SHA-256 of the text that sha256sum
// prints for them (hash, two spaces, base name, newline; sorted by name). It
// reads everything once and remembers the result.
func (c *Checkpoint) SHA256() (string, error) {
	c.hashOnce.Do(func() {
		var sums []FileInfo
		for _, s := range c.shards {
			sum, err := hashFile(s.path)
			if err != nil {
				c.hashErr = err
				return
			}
			sums = append(sums, FileInfo{Name: filepath.Base(s.path), SHA256: sum})
		}
		c.hash = combineSums(sums)
	})
	return c.hash, c.hashErr
}

// combineSums makes one sum of those of a checkpoint's files, as SHA256 says.
func combineSums(files []FileInfo) string {
	if len(files) == 1 {
		return files[0].SHA256
	}
	var text strings.Builder
	for _, f := range files {
		fmt.Fprintf(&text, "%s  %s\n", f.SHA256, f.Name)
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:])
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Close unmaps the files. Data of tensors got from c must not be touched after.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, s := range c.shards {
		errs = append(errs, s.unmap())
		s.unmap = func() error { return nil }
	}
	c.entries = nil
	return errors.Join(errs...)
}
