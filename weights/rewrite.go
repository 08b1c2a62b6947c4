package weights

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

// ConvertOptions are the choices of [Convert].
type ConvertOptions struct {
	// DType is that of the floating-point tensors written: F32, F16 or BF16; InvalidDType keeps what the source has, with
	// quantised tensors of a GGUF as F32. Values are rounded to the nearest, halves to even.
	DType         dtypes.DType
	MaxShardBytes int64 // of a shard's data; 0 is 5 GB
	// Merge, where set, changes tensors on the way. A [github.com/januslm/janus/lora.Adapter] is one.
	Merge Merger
	// Progress is given bytes of tensors written; it may be nil.
	Progress func(done, total int64)
}

// Merger changes tensors of a checkpoint.
type Merger interface {
	// Changes tells whether a tensor is changed.
	Changes(tensor string) bool
	// MergeInto changes a tensor's values in place.
	MergeInto(tensor string, w []float32, shape []int) error
}

// Overflow is a tensor with finite values that F16 cannot hold and that became infinite.
type Overflow struct {
	Tensor  string
	Values  int     // how many
	Largest float64 // the largest magnitude among them
}

// Convert turns a model into a Hugging Face folder of safetensors: a folder of safetensors or of PyTorch's files, a folder
// with one GGUF file, or one such file. Settings, tokenizer and licence files that stand beside the weights are copied, and
// the dtype in config.json is set.
//
// dst must not exist, or be empty. It is built under a temporary name beside it and renamed when complete: after an error
// or a cancelled ctx nothing is left. Tensors are converted one at a time.
func Convert(ctx context.Context, src, dst string, o ConvertOptions) ([]Overflow, error) {
	gguf, err := ggufOf(src)
	if err != nil {
		return nil, err
	}
	if gguf != "" && o.Merge == nil {
		return nil, convertGGUF(ctx, gguf, dst, o)
	}
	if gguf != "" {
		return nil, fmt.Errorf("%s: expected a Hugging Face folder, found GGUF (turn it into one with: janus convert)", gguf)
	}
	return rewrite(ctx, src, dst, o)
}

// ggufOf returns the GGUF file that src is or has, "" where it has other weights.
func ggufOf(src string) (string, error) {
	info, err := os.Stat(src)
	if err != nil {
		return "", fmt.Errorf("nothing to convert: %w", err)
	}
	if !info.IsDir() {
		is, err := startsWith(src, "GGUF")
		if !is {
			return "", err
		}
		return src, nil
	}
	if _, err := os.Stat(filepath.Join(src, "adapter_config.json")); err == nil {
		return "", fmt.Errorf("%s is an adapter: expected a model (`janus adapter merge` makes one of an adapter and its base)", src)
	}
	if _, err := locate(src); err == nil {
		return "", nil
	}
	found, err := filepath.Glob(filepath.Join(src, "*.gguf"))
	if err != nil || len(found) == 0 {
		return "", err // Open says what is missing
	}
	if len(found) > 1 {
		return "", fmt.Errorf("%s has %d GGUF files: name the one to convert", src, len(found))
	}
	return found[0], nil
}

// rewrite converts a folder or file that [Open] reads.
func rewrite(ctx context.Context, src, dst string, o ConvertOptions) (over []Overflow, err error) {
	if err := o.check(src, dst); err != nil {
		return nil, err
	}
	c, err := Open(src)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var sources []Source
	for _, e := range c.entries {
		s, err := o.source(c, e, &over)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	err = buildDir(dst, func(dir string) error {
		if err := copySettings(settingsOf(src), dir, o.DType); err != nil {
			return err
		}
		return o.write(ctx, dir, sources)
	})
	return over, err
}

// settingsOf is the folder with a model's settings, "" for a file that lies among others than a model's.
func settingsOf(src string) string {
	if info, err := os.Stat(src); err == nil && info.IsDir() {
		return src
	}
	dir := filepath.Dir(src)
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		return ""
	}
	return dir
}

// isFloat tells whether a tensor's dtype can be changed.
func isFloat(d dtypes.DType) bool {
	return slices.Contains([]dtypes.DType{dtypes.Float64, dtypes.Float32, dtypes.Float16, dtypes.BFloat16}, d)
}

// source is a tensor as it shall be written.
func (o ConvertOptions) source(c *Checkpoint, e shardEntry, over *[]Overflow) (Source, error) {
	to := e.dtype
	if o.DType != dtypes.InvalidDType && isFloat(e.dtype) {
		to = o.DType
	}
	merged := o.Merge != nil && o.Merge.Changes(e.name)
	if merged && (!isFloat(e.dtype) || e.dtype == dtypes.Float64) {
		return Source{}, fmt.Errorf("tensor %q: an adapter cannot be merged into %s", e.name, DTypeName(e.dtype))
	}
	return Source{Name: e.name, DType: to, Shape: e.shape, Write: func(w io.Writer) (err error) {
		t, _ := c.Tensor(e.name)
		defer func() { err = errors.Join(err, c.Release(t)) }()
		if !merged && to == t.DType {
			_, err := w.Write(t.Data)
			return err
		}
		if !merged {
			return convertData(w, t, to, over)
		}
		values, err := ToFloat32(t)
		if err != nil {
			return err
		}
		if err := o.Merge.MergeInto(t.Name, values, t.Shape); err != nil {
			return err
		}
		return writeFloats(w, t.Name, values, to, over)
	}}, nil
}

// convertData writes a tensor's values as another dtype, a piece at a time.
func convertData(w io.Writer, t Tensor, to dtypes.DType, over *[]Overflow) error {
	width := len(t.Data)
	if n, _ := elements(t.Shape); n > 0 {
		width /= int(n)
	}
	for rest := t.Data; len(rest) > 0; {
		n := min(len(rest), chunk*width)
		part := Tensor{Name: t.Name, DType: t.DType, Shape: []int{n / width}, Data: rest[:n]}
		var values []float32
		var err error
		if t.DType == dtypes.Float64 {
			values = fromFloat64(part.Data, to)
		} else if values, err = ToFloat32(part); err != nil {
			return err
		}
		if err := writeFloats(w, t.Name, values, to, over); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// fromFloat64 rounds for F32 to the nearest. For the shorter types it rounds to odd (towards zero, with the last bit set
// where anything was cut off), so that rounding once more gives what rounding at once would (Boldo and Melquiond, 2008).
func fromFloat64(data []byte, to dtypes.DType) []float32 {
	values := make([]float32, len(data)/8)
	for i := range values {
		x := math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		f := float32(x)
		if back := float64(f); to != dtypes.Float32 && back != x && x == x {
			b := math.Float32bits(f)
			if math.Abs(back) > math.Abs(x) { // rounded away from zero
				b--
			}
			f = math.Float32frombits(b | 1)
		}
		values[i] = f
	}
	return values
}

// writeFloats encodes values and notes those that become infinite.
func writeFloats(w io.Writer, name string, values []float32, to dtypes.DType, over *[]Overflow) error {
	data, err := appendFloats(nil, values, to)
	if err != nil {
		return err
	}
	if to == dtypes.Float16 {
		noteOverflow(name, values, over)
	}
	_, err = w.Write(data)
	return err
}

// noteOverflow counts finite values that round to an infinite half: those from 65520 on.
func noteOverflow(name string, values []float32, over *[]Overflow) {
	count, largest := 0, 0.0
	for _, v := range values {
		if a := math.Abs(float64(v)); a >= 65520 && !math.IsInf(a, 0) {
			count++
			largest = max(largest, a)
		}
	}
	if count == 0 {
		return
	}
	if last := len(*over) - 1; last >= 0 && (*over)[last].Tensor == name {
		(*over)[last].Values += count
		(*over)[last].Largest = max((*over)[last].Largest, largest)
		return
	}
	*over = append(*over, Overflow{name, count, largest})
}

// dtypeConfigNames are config.json's names of dtypes.
var dtypeConfigNames = map[dtypes.DType]string{dtypes.Float32: "float32", dtypes.Float16: "float16", dtypes.BFloat16: "bfloat16"}

// copySettings copies what belongs to a model besides its weights, and sets the dtype in config.json unless it is kept.
func copySettings(from, to string, dtype dtypes.DType) error {
	if from == "" {
		return nil
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !isSetting(e.Name()) {
			continue
		}
		path := filepath.Join(from, e.Name())
		info, err := os.Stat(path) // through links, as the Hugging Face cache has them
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if e.Name() == "config.json" {
			if data, err = withDType(data, dtype); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := writeBytes(filepath.Join(to, e.Name()), data); err != nil {
			return err
		}
	}
	return nil
}

// isSetting tells whether a file is a model's setting, tokenizer or licence: all but weights, indexes of weights and code.
func isSetting(name string) bool {
	lower := strings.ToLower(name)
	for _, prefix := range []string{"license", "notice", "readme"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	ext := filepath.Ext(lower)
	return slices.Contains([]string{".json", ".txt", ".model", ".jinja"}, ext) && !strings.HasSuffix(lower, ".index.json") && !strings.HasPrefix(name, ".")
}

// withDType returns a config.json with the dtype set, in both spellings where the file has both.
func withDType(data []byte, dtype dtypes.DType) ([]byte, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil || config == nil {
		return nil, errors.Join(errors.New("expected a JSON object"), err)
	}
	if method, ok := config["quantization_config"]; ok && string(method) != "null" {
		return nil, errors.New("the model is quantised (quantization_config): convert the original instead")
	}
	if dtype == dtypes.InvalidDType {
		return data, nil
	}
	keys := slices.DeleteFunc([]string{"dtype", "torch_dtype"}, func(k string) bool { _, ok := config[k]; return !ok })
	if len(keys) == 0 {
		keys = []string{"torch_dtype"} // which transformers 4 and 5 both read
	}
	for _, k := range keys {
		config[k] = json.RawMessage(`"` + dtypeConfigNames[dtype] + `"`)
	}
	return indented(config)
}
