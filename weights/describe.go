package weights

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Description says what a model folder, an adapter, a head or a GGUF file is.
type Description struct {
	Path         string       `json:"path"`
	Kind         string       `json:"kind"`                   // "model", "adapter" or "head"
	Format       string       `json:"format"`                 // "safetensors", "pytorch" or "gguf"
	Architecture string       `json:"architecture,omitempty"` // model_type of config.json, general.architecture of a GGUF
	Tensors      int          `json:"tensors"`
	Parameters   int64        `json:"parameters"` // elements of all tensors; tied ones are stored and counted once
	Bytes        int64        `json:"bytes"`      // of the tensors' data
	DTypes       []DTypeShare `json:"dtypes"`     // by falling bytes
	Files        []FileInfo   `json:"files"`      // by name
	SHA256       string       `json:"sha256"`     // of the weights, see Checkpoint.SHA256
	// Config is config.json, adapter_config.json or head.json; for a GGUF its
	// metadata without the arrays.
	Config map[string]any `json:"config,omitempty"`
}

// DTypeShare is what the tensors of one dtype add up to.
type DTypeShare struct {
	Name       string `json:"name"` // F32, BF16, Q4_K, ...
	Tensors    int    `json:"tensors"`
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

// FileInfo is one file of a folder.
type FileInfo struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// The settings and weights of the kinds of folders; a model's weights are what [Open] finds.
var folderKinds = []struct {
	kind, config string
	weights      []string // the first that is there
}{
	{"adapter", "adapter_config.json", []string{"adapter_model.safetensors", "adapter_model.bin"}},
	{"head", "head.json", []string{"head.safetensors"}},
	{"model", "config.json", nil},
}

// Describe reads what a model folder (or adapter, or head folder), a safetensors
// file or a GGUF file is. It hashes every file once.
func Describe(path string) (Description, error) {
	d := Description{Path: path, Kind: "model"}
	info, err := os.Stat(path)
	if err != nil {
		return d, fmt.Errorf("nothing to describe: %w", err)
	}
	if !info.IsDir() {
		isGGUF, err := startsWith(path, "GGUF")
		switch {
		case err != nil:
			return d, err
		case isGGUF:
			err = d.describeGGUF(path)
		default:
			err = d.describeTensors(path)
		}
		return d, err
	}
	open := path
	for _, k := range folderKinds {
		if _, err := os.Stat(filepath.Join(path, k.config)); errors.Is(err, os.ErrNotExist) {
			continue
		}
		d.Kind = k.kind
		if len(k.weights) > 0 {
			open = FirstFile(path, k.weights...)
		}
		if err := d.readConfig(filepath.Join(path, k.config)); err != nil {
			return d, err
		}
		break
	}
	if err := d.describeTensors(open); err != nil {
		return d, err
	}
	err = d.addFiles(path)
	return d, err
}

func startsWith(path, magic string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return string(head) == magic, nil
}

func (d *Description) readConfig(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&d.Config); err != nil {
		return fmt.Errorf("%s: not valid JSON: %w", path, err)
	}
	if d.Config == nil {
		return fmt.Errorf("%s: expected a JSON object, found null", path)
	}
	d.Architecture, _ = d.Config["model_type"].(string)
	return nil
}

// describeTensors fills in what a checkpoint holds.
func (d *Description) describeTensors(path string) (err error) {
	c, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	d.Format = c.Format()
	for _, e := range c.entries {
		n, _ := elements(e.shape)
		d.count(DTypeName(e.dtype), int64(n), int64(e.end-e.begin))
	}
	d.sortShares()
	for _, f := range c.Files() {
		if err := d.addFile(f); err != nil {
			return err
		}
	}
	d.SHA256 = combineSums(d.Files)
	return nil
}

func (d *Description) describeGGUF(path string) (err error) {
	g, err := OpenGGUF(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	d.Format = "gguf"
	if d.Architecture, _, err = g.text("general.architecture"); err != nil {
		return err
	}
	for _, t := range g.tensors {
		n, _ := elements(t.Shape)
		d.count(t.Type, int64(n), t.Size)
	}
	d.sortShares()
	d.Config = map[string]any{}
	for k, v := range g.meta {
		switch v.(type) {
		case string, bool, float32, float64, uint8, int8, uint16, int16, uint32, int32, uint64, int64:
			d.Config[k] = v
		}
	}
	err = d.addFile(path)
	d.SHA256 = combineSums(d.Files)
	return err
}

// count adds a tensor.
func (d *Description) count(dtype string, parameters, size int64) {
	i := slices.IndexFunc(d.DTypes, func(s DTypeShare) bool { return s.Name == dtype })
	if i < 0 {
		i = len(d.DTypes)
		d.DTypes = append(d.DTypes, DTypeShare{Name: dtype})
	}
	share := &d.DTypes[i]
	share.Tensors++
	share.Parameters += parameters
	share.Bytes += size
	d.Tensors++
	d.Parameters += parameters
	d.Bytes += size
}

func (d *Description) sortShares() {
	slices.SortFunc(d.DTypes, func(a, b DTypeShare) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
}

func (d *Description) addFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	sum, err := hashFile(path)
	d.Files = append(d.Files, FileInfo{Name: filepath.Base(path), Bytes: info.Size(), SHA256: sum})
	return err
}

// addFiles adds the folder's files that are not there yet.
func (d *Description) addFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // through links, as the Hugging Face cache has them
		if err != nil {
			return err
		}
		known := slices.ContainsFunc(d.Files, func(f FileInfo) bool { return f.Name == e.Name() })
		if known || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := d.addFile(path); err != nil {
			return err
		}
	}
	slices.SortFunc(d.Files, func(a, b FileInfo) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}
