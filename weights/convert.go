package weights

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/compute/dtypes"
)

// convertShardBytes is where converted models are split into shards, unless options say otherwise.
const convertShardBytes = 5_000_000_000

// ConvertGGUF turns a GGUF file into a Hugging Face folder: config.json,
// generation_config.json, tokenizer.json, tokenizer_config.json with the chat
// template, and model.safetensors or its shards.
//
// dtype is that of the tensors written: F32, F16 or BF16, or InvalidDType to
// keep what the file has, with quantised tensors as F32. Tensors are converted
// a few rows at a time, so that memory does not grow with the model.
//
// dstDir must not exist, or be empty. The folder is built under a temporary
// name beside it and renamed when complete: after an error or a cancelled ctx
// nothing is left. progress may be nil; it is given bytes of tensors written.
func ConvertGGUF(ctx context.Context, ggufPath, dstDir string, dtype dtypes.DType, progress func(done, total int64)) error {
	return convertGGUF(ctx, ggufPath, dstDir, ConvertOptions{DType: dtype, Progress: progress})
}

func convertGGUF(ctx context.Context, ggufPath, dstDir string, o ConvertOptions) (err error) {
	if err := o.check(ggufPath, dstDir); err != nil {
		return err
	}
	g, err := OpenGGUF(ggufPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	model, err := readGGUFModel(g)
	if err != nil {
		return err
	}
	sources, err := model.sources(o.DType)
	if err != nil {
		return err
	}
	files, err := model.sideFiles(sources)
	if err != nil {
		return err
	}
	return buildDir(dstDir, func(dir string) error {
		for name, content := range files {
			text, err := indented(content)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := writeBytes(filepath.Join(dir, name), text); err != nil {
				return err
			}
		}
		return o.write(ctx, dir, sources)
	})
}

// check refuses options and destinations that cannot be.
func (o ConvertOptions) check(src, dst string) error {
	switch o.DType {
	case dtypes.InvalidDType, dtypes.Float32, dtypes.Float16, dtypes.BFloat16:
	default:
		return fmt.Errorf("converting %s: expected dtype F32, F16 or BF16, found %s", src, DTypeName(o.DType))
	}
	return checkVacant(dst)
}

// write writes the tensors of a converted model.
func (o ConvertOptions) write(ctx context.Context, dir string, sources []Source) error {
	return WriteSharded(ctx, dir, sources, WriteOptions{
		MaxShardBytes: cmp.Or(o.MaxShardBytes, convertShardBytes), Metadata: map[string]string{"format": "pt"}, Progress: o.Progress,
	})
}

// sideFiles returns the JSON files of the folder, by name.
func (m *ggufModel) sideFiles(sources []Source) (map[string]any, error) {
	config, err := m.config(largestDType(sources))
	if err != nil {
		return nil, err
	}
	tok, err := readGGUFTokenizer(m.file, m.vocab)
	if err != nil {
		return nil, err
	}
	generation := map[string]any{"_from_model_config": true}
	for _, target := range []map[string]any{config, generation} {
		for key, id := range tok.modelIDs() {
			target[key] = id
		}
	}
	tokenizer, err := tok.file()
	if err != nil {
		return nil, err
	}
	tokenizerConfig, err := tok.config(m.context)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"config.json": config, "generation_config.json": generation,
		"tokenizer.json": tokenizer, "tokenizer_config.json": tokenizerConfig,
	}, nil
}

// largestDType returns the dtype that most of the bytes have.
func largestDType(sources []Source) dtypes.DType {
	sizes, best := map[dtypes.DType]uint64{}, dtypes.Float32
	for _, s := range sources {
		n, _ := byteSize(s.DType, s.Shape)
		sizes[s.DType] += n
		if sizes[s.DType] > sizes[best] {
			best = s.DType
		}
	}
	return best
}

// indented returns v as JSON the way Hugging Face writes it.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// checkVacant says whether dir can be created or is an empty folder.
func checkVacant(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("destination: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("destination %s: expected an empty or new folder, found %s in it (remove it or choose another)", dir, entries[0].Name())
	}
	return nil
}

// buildDir fills a temporary folder beside dst and renames it to dst.
func buildDir(dst string, fill func(dir string) error) (err error) {
	dst = filepath.Clean(dst)
	parent := filepath.Dir(dst)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	temporary, err := os.MkdirTemp(parent, "."+filepath.Base(dst)+".tmp-*")
	if err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	// MkdirTemp's folder is private, the one inside has the permissions that the user's umask asks for.
	dir := filepath.Join(temporary, filepath.Base(dst))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	if err := fill(dir); err != nil {
		return err
	}
	// Go renames to no folder that exists. Remove spares one that has been filled meanwhile.
	if err := os.Remove(dst); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("destination: %w", err)
	}
	if err := os.Rename(dir, dst); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	return syncDir(parent)
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
