package weights

import (
	"bytes"
	"context"
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
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/go-cmp/cmp"
)

// floats makes an F32 tensor of n increasing values.
func floats(t *testing.T, name string, n int) Tensor {
	t.Helper()
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i) / 4
	}
	tensor, err := FromFloat32(name, []int{n}, values, dtypes.Float32)
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

func sources(tensors ...Tensor) []Source {
	var out []Source
	for _, t := range tensors {
		out = append(out, t.Source())
	}
	return out
}

func TestShards(t *testing.T) {
	dir := t.TempDir()
	tensors := []Tensor{floats(t, "b", 4), floats(t, "a", 4), floats(t, "big", 100), floats(t, "c", 1)}
	var steps []int64
	err := WriteSharded(t.Context(), dir, sources(tensors...), WriteOptions{
		MaxShardBytes: 40, Metadata: map[string]string{"format": "pt"},
		Progress: func(done, total int64) { steps = append(steps, done, total) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int64{16, 436, 32, 436, 432, 436, 436, 436}; !slices.Equal(steps, want) {
		t.Errorf("progress %v, want %v", steps, want)
	}
	c := mustOpen(t, dir)
	if diff := cmp.Diff([]string{"a", "b", "big", "c"}, c.Names()); diff != "" {
		t.Error(diff)
	}
	for _, want := range tensors {
		if got, _ := c.Tensor(want.Name); !cmp.Equal(want, got) {
			t.Errorf("%s: %v", want.Name, cmp.Diff(want, got))
		}
	}
	var files, sums []string
	for _, f := range c.Files() {
		files = append(files, filepath.Base(f))
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.Base(f)))
	}
	if diff := cmp.Diff([]string{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"}, files); diff != "" {
		t.Error(diff)
	}
	want := sha256.Sum256([]byte(strings.Join(sums, "")))
	if got, err := c.SHA256(); err != nil || got != hex.EncodeToString(want[:]) {
		t.Errorf("SHA256 %s, %v", got, err)
	}
	index, err := os.ReadFile(filepath.Join(dir, IndexFile))
	if err != nil || !bytes.Contains(index, []byte(`"total_size": 436`)) {
		t.Errorf("index %s, %v", index, err)
	}
}

func TestOneShardHasNoIndex(t *testing.T) {
	dir := t.TempDir()
	if err := WriteSharded(t.Context(), dir, sources(floats(t, "a", 3)), WriteOptions{MaxShardBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != SingleFile {
		t.Errorf("%v, %v", files, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, SingleFile))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mustOpen(t, dir).SHA256(); err != nil || got != fmt.Sprintf("%x", sha256.Sum256(data)) {
		t.Errorf("SHA256 %s, %v", got, err)
	}
}

func TestBadIndex(t *testing.T) {
	for name, tc := range map[string]struct {
		index string
		want  []string
	}{
		"missing shard":  {`{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}`, []string{`"b"`, "shard is missing", "file s2.safetensors", "no such file"}},
		"tensor absent":  {`{"weight_map":{"a":"s1.safetensors","zz":"s1.safetensors"}}`, []string{`"zz"`, "do not agree", "it in s1.safetensors", "1 other tensors"}},
		"outside":        {`{"weight_map":{"a":"../s1.safetensors"}}`, []string{`"a"`, "outside the folder", `"../s1.safetensors"`}},
		"absolute":       {`{"weight_map":{"a":"/etc/passwd"}}`, []string{`"a"`, "plain file name", `"/etc/passwd"`}},
		"dots":           {`{"weight_map":{"a":".."}}`, []string{`"a"`, "plain file name", `".."`}},
		"twice":          {`{"weight_map":{"a":"s1.safetensors","a":"s1.safetensors"}}`, []string{`"a"`, "occurs twice"}},
		"no weight_map":  {`{"metadata":{"x":[1,{"y":null}],"z":-1.5e3}}`, []string{"lists no tensor"}},
		"no tensors":     {`{"weight_map":{}}`, []string{"lists no tensor"}},
		"not an object":  {`[]`, []string{"index is not valid", "expected '{'"}},
		"empty":          {``, []string{"index is not valid", "the end"}},
		"bad value":      {`{"metadata":tru,"weight_map":{"a":"s1.safetensors"}}`, []string{"expected a value"}},
		"nested deep":    {`{"metadata":` + strings.Repeat("[", 1000), []string{"nested deeper than 64"}},
		"shard is empty": {`{"weight_map":{"a":"empty.safetensors"}}`, []string{"empty.safetensors", "too short"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := WriteSafetensors(filepath.Join(dir, "s1.safetensors"), []Tensor{floats(t, "a", 1)}, nil); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{IndexFile: tc.index, "empty.safetensors": ""} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(dir)
			wantError(t, err, append(tc.want, dir)...)
		})
	}
}

func TestOpenWithoutCheckpoint(t *testing.T) {
	empty := t.TempDir()
	_, err := Open(empty)
	wantError(t, err, empty, "model.safetensors", "no weights file")
	_, err = Open(filepath.Join(empty, "absent"))
	wantError(t, err, "absent", "no such file")
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("not ErrNotExist")
	}
	gguf := put(t, "x.gguf", []byte("GGUF"))
	_, err = Open(filepath.Dir(gguf))
	wantError(t, err, "x.gguf", "janus convert")
}

func TestWriteRefuses(t *testing.T) {
	good := floats(t, "a", 2)
	for name, tc := range map[string]struct {
		tensors []Tensor
		want    []string
	}{
		"twice":            {[]Tensor{good, good}, []string{`"a" occurs twice`}},
		"twice, two types": {[]Tensor{good, floats(t, "b", 1), {Name: "a", DType: dtypes.Int8, Shape: []int{1}, Data: []byte{1}}}, []string{`"a" occurs twice`}},
		"size":             {[]Tensor{{Name: "a", DType: dtypes.Float32, Shape: []int{3}, Data: good.Data}}, []string{`"a"`, "expected 12 bytes, found 8"}},
		"dtype":            {[]Tensor{{Name: "a", DType: dtypes.Int4, Shape: []int{2}, Data: []byte{1}}}, []string{`"a"`, "Int4"}},
		"no name":          {[]Tensor{{DType: dtypes.Int8, Shape: []int{1}, Data: []byte{1}}}, []string{`named ""`}},
		"metadata's name":  {[]Tensor{{Name: metadataKey, DType: dtypes.Int8, Shape: []int{1}, Data: []byte{1}}}, []string{"named"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, "out.safetensors", []byte("before"))
			wantError(t, WriteSafetensors(path, tc.tensors, nil), tc.want...)
			onlyBefore(t, path)
		})
	}
}

// TestFailedWriteKeepsTheOldFile stops in the middle of a tensor, in three ways.
func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	broken := errors.New("the source broke")
	cancelled, cancel := context.WithCancel(t.Context())
	for name, tc := range map[string]struct {
		ctx   context.Context
		write func(w io.Writer) error
		want  string
	}{
		"too few bytes": {t.Context(), func(w io.Writer) error { _, err := w.Write(make([]byte, 4)); return err }, "expected 8 bytes"},
		"error":         {t.Context(), func(io.Writer) error { return broken }, broken.Error()},
		"cancelled":     {cancelled, func(w io.Writer) error { cancel(); _, err := w.Write(make([]byte, 8)); return err }, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, SingleFile, []byte("before"))
			source := Source{Name: "a", DType: dtypes.Float32, Shape: []int{2}, Write: tc.write}
			wantError(t, WriteSharded(tc.ctx, filepath.Dir(path), []Source{source}, WriteOptions{}), tc.want, `"a"`)
			onlyBefore(t, path)
		})
	}
	wantError(t, WriteSafetensors(filepath.Join(t.TempDir(), "no", "such", "x.safetensors"), nil, nil), "no such file")
}

// onlyBefore checks that the folder holds the one old file and no temporary ones.
func onlyBefore(t *testing.T, path string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "before" {
		t.Errorf("the old file is %q, %v", data, err)
	}
}

func TestCheckShapes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	half := Tensor{Name: "half", DType: dtypes.Float16, Shape: []int{1}, Data: make([]byte, 2)}
	whole := Tensor{Name: "whole", DType: dtypes.Int64, Shape: []int{1}, Data: make([]byte, 8)}
	all := []Tensor{floats(t, "a", 2), floats(t, "extra", 3), half, whole, floats(t, "x.rotary_emb.inv_freq", 4)}
	if err := WriteSafetensors(path, all, nil); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, path)
	err := CheckShapes(c, map[string][]int{"a": {2, 1}, "gone": {5, 6}, "half": {1}, "whole": {1}, "perhaps": nil})
	want := path + `: 4 tensors are not what the model needs:
  shape    a: expected [2 1], found [2]
  missing  gone: expected shape [5 6], found nothing
  dtype    whole: expected F32, F16, BF16, found I64
  extra    extra: expected no such tensor, found F32 [3]`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	right := map[string][]int{"a": {2}, "extra": nil, "half": {1}, "whole": {1}}
	if err := CheckShapes(c, right, dtypes.Float32, dtypes.Float16, dtypes.Int64); err != nil {
		t.Error(err)
	}
	for i := range 30 {
		right[fmt.Sprintf("layer.%02d", i)] = []int{1}
	}
	err = CheckShapes(c, right, dtypes.Float32, dtypes.Float16, dtypes.Int64)
	wantError(t, err, "30 tensors", "layer.19", "and 10 more")
	if err != nil && strings.Contains(err.Error(), "layer.20") {
		t.Errorf("too long: %v", err)
	}
}

func TestMetadataOfShards(t *testing.T) {
	dir := t.TempDir()
	for name, meta := range map[string]map[string]string{"s1": {"k": "first", "a": "1"}, "s2": {"k": "second", "b": "2"}} {
		if err := WriteSafetensors(filepath.Join(dir, name+".safetensors"), []Tensor{floats(t, name, 1)}, meta); err != nil {
			t.Fatal(err)
		}
	}
	index := `{"weight_map":{"s2":"s2.safetensors","s1":"s1.safetensors"}}`
	if err := os.WriteFile(filepath.Join(dir, IndexFile), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mustOpen(t, dir).Metadata(); !maps.Equal(got, map[string]string{"k": "first", "a": "1", "b": "2"}) {
		t.Errorf("%v", got)
	}
}

// Releasing a tensor's pages changes neither its values nor its neighbours'.
func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	var tensors []Tensor
	for i := range 3 {
		data := make([]byte, 10_000+i) // neither begins nor ends on a page
		for j := range data {
			data[j] = byte(i + j)
		}
		tensors = append(tensors, Tensor{Name: fmt.Sprint(i), DType: dtypes.Uint8, Shape: []int{len(data)}, Data: data})
	}
	if err := WriteSafetensors(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read only
	for range 2 {
		for _, want := range tensors {
			got, _ := c.Tensor(want.Name)
			if !bytes.Equal(got.Data, want.Data) {
				t.Errorf("tensor %s changed", want.Name)
			}
			if err := c.Release(got); err != nil {
				t.Error(err)
			}
		}
	}
	if err := c.Release(Tensor{}); err != nil {
		t.Error(err)
	}
}
