package weights

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/renameio/v2"
)

// Source is a tensor that is produced when its turn to be written comes, so
// that a checkpoint larger than memory can be written.
type Source struct {
	Name  string
	DType dtypes.DType
	Shape []int
	// Write sends the tensor's bytes, little-endian and row-major, to w.
	Write func(w io.Writer) error
}

// Source returns t as something to write.
func (t Tensor) Source() Source {
	return Source{Name: t.Name, DType: t.DType, Shape: t.Shape, Write: func(w io.Writer) error {
		_, err := w.Write(t.Data)
		return err
	}}
}

// WriteOptions are the choices of [WriteSharded].
type WriteOptions struct {
	MaxShardBytes int64                   // data bytes a shard, 0 for no limit; a larger tensor gets a shard of its own
	Metadata      map[string]string       // __metadata__ of every shard; transformers wants "format": "pt"
	Progress      func(done, total int64) // called with bytes of tensor data as they are written, may be nil
}

// WriteSafetensors writes one safetensors file: first to a temporary file in
// the same folder, which is synced and then renamed to path. The same tensors
// and metadata always give the same bytes, and (with at most one metadata key,
// whose order the reference leaves to chance) the bytes that the reference
// writes: wider dtypes first, then by name.
func WriteSafetensors(path string, tensors []Tensor, metadata map[string]string) error {
	sources := make([]Source, len(tensors))
	for i, t := range tensors {
		if err := checkSize(t); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		sources[i] = t.Source()
	}
	return writeFile(context.Background(), path, sources, metadata, func(int) {})
}

// WriteSharded writes a checkpoint to dir, which must exist: model.safetensors
// where one file is enough, else model-00001-of-0000N.safetensors and the index
// model.safetensors.index.json, which is written last. Tensors are dealt to
// the shards in the order given.
func WriteSharded(ctx context.Context, dir string, sources []Source, o WriteOptions) error {
	shards, total, err := deal(sources, o.MaxShardBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	var done int64
	advance := func(n int) {
		done += int64(n)
		if o.Progress != nil {
			o.Progress(done, total)
		}
	}
	if len(shards) == 1 {
		return writeFile(ctx, filepath.Join(dir, SingleFile), shards[0], o.Metadata, advance)
	}
	index := struct {
		Metadata  map[string]int64  `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}{map[string]int64{"total_size": total}, map[string]string{}}
	for i, shard := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		if err := writeFile(ctx, filepath.Join(dir, name), shard, o.Metadata, advance); err != nil {
			return err
		}
		for _, s := range shard {
			if other, twice := index.WeightMap[s.Name]; twice {
				return fmt.Errorf("%s: tensor %q occurs twice, in %s and %s", dir, s.Name, other, name)
			}
			index.WeightMap[s.Name] = name
		}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return writeBytes(filepath.Join(dir, IndexFile), append(text, '\n'))
}

// deal splits the sources into shards of at most limit bytes.
func deal(sources []Source, limit int64) (shards [][]Source, total int64, err error) {
	shards = [][]Source{nil}
	var size int64
	for _, s := range sources {
		n, ok := byteSize(s.DType, s.Shape)
		if !ok {
			return nil, 0, fmt.Errorf("tensor %q: safetensors cannot hold %s %v", s.Name, DTypeName(s.DType), s.Shape)
		}
		last := len(shards) - 1
		if limit > 0 && size+int64(n) > limit && len(shards[last]) > 0 {
			shards, last, size = append(shards, nil), last+1, 0
		}
		shards[last] = append(shards[last], s)
		size += int64(n)
		total += int64(n)
	}
	return shards, total, nil
}

// writeFile writes one safetensors file atomically and reports each piece of data written.
func writeFile(ctx context.Context, path string, sources []Source, metadata map[string]string, advance func(n int)) (err error) {
	sources = slices.Clone(sources)
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(dtypeRank(b.DType), dtypeRank(a.DType)), cmp.Compare(a.Name, b.Name))
	})
	head, err := encodeHeader(sources, metadata)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	file, err := newPending(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if _, err := buffered.Write(head); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	for _, s := range sources {
		w := &countingWriter{ctx: ctx, w: buffered, advance: advance}
		if err := s.Write(w); err != nil {
			return fmt.Errorf("writing tensor %q to %s: %w", s.Name, path, err)
		}
		if want, _ := byteSize(s.DType, s.Shape); want != w.n {
			return fmt.Errorf("writing tensor %q to %s: expected %d bytes for %s %v, its source gave %d",
				s.Name, path, want, DTypeName(s.DType), s.Shape, w.n)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// encodeHeader returns the length, the JSON and its padding to a multiple of 8.
func encodeHeader(sources []Source, metadata map[string]string) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 8, 8+128*len(sources)))
	b.WriteByte('{')
	if len(metadata) > 0 {
		b.WriteString(quote(metadataKey) + ":{")
		for i, k := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(k) + ":" + quote(metadata[k]))
		}
		b.WriteByte('}')
	}
	var at uint64
	seen := make(map[string]bool, len(sources))
	for i, s := range sources {
		size, ok := byteSize(s.DType, s.Shape)
		switch {
		case !ok:
			return nil, fmt.Errorf("tensor %q: safetensors cannot hold %s %v", s.Name, DTypeName(s.DType), s.Shape)
		case s.Name == metadataKey || s.Name == "":
			return nil, fmt.Errorf("a tensor cannot be named %q", s.Name)
		case seen[s.Name]:
			return nil, fmt.Errorf("tensor %q occurs twice", s.Name)
		}
		seen[s.Name] = true
		if i > 0 || len(metadata) > 0 {
			b.WriteByte(',')
		}
		shape, err := json.Marshal(append([]int{}, s.Shape...))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b, `%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, quote(s.Name), DTypeName(s.DType), shape, at, at+size)
		at += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len()-8 > maxHeader {
		return nil, fmt.Errorf("header of %d bytes is over the format's limit of %d", b.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// quote returns s as a JSON string, without Go's escapes for HTML.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string always encodes
		return `""`
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// newPending opens a temporary file beside path, so that a full disk shows
// while writing and the rename stays within one file system.
func newPending(path string) (*renameio.PendingFile, error) {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return nil, fmt.Errorf("creating a temporary file for %s: %w", path, err)
	}
	return f, nil
}

// writeBytes writes a small file atomically.
func writeBytes(path string, data []byte) (err error) {
	f, err := newPending(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// countingWriter counts bytes, reports them, and stops when ctx is done.
type countingWriter struct {
	ctx     context.Context
	w       io.Writer
	n       uint64
	advance func(n int)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += uint64(n)
	c.advance(n)
	return n, err
}
