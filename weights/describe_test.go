package weights

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sum(t *testing.T, path string) FileInfo {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return FileInfo{Name: filepath.Base(path), Bytes: int64(len(data)), SHA256: fmt.Sprintf("%x", sha256.Sum256(data))}
}

func TestDescribeModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	if err := ConvertGGUF(t.Context(), "testdata/llama3.gguf", dir, 0, nil); err != nil {
		t.Fatal(err)
	}
	got, err := Describe(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Config["rope_theta"] == nil {
		t.Error("no config")
	}
	got.Config = nil
	model := sum(t, filepath.Join(dir, SingleFile))
	want := Description{
		Path: dir, Kind: "model", Format: "safetensors", Architecture: "llama", Tensors: 21, Parameters: 46624, Bytes: 140032,
		DTypes: []DTypeShare{{"F32", 13, 23392, 93568}, {"F16", 4, 16064, 32128}, {"BF16", 4, 7168, 14336}},
		Files: []FileInfo{
			sum(t, filepath.Join(dir, "config.json")), sum(t, filepath.Join(dir, "generation_config.json")), model,
			sum(t, filepath.Join(dir, "tokenizer.json")), sum(t, filepath.Join(dir, "tokenizer_config.json")),
		},
		SHA256: model.SHA256,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDescribeOthers(t *testing.T) {
	gguf, err := Describe("testdata/smollm.gguf")
	if err != nil || gguf.Format != "gguf" || gguf.Architecture != "llama" || gguf.Config["llama.block_count"] != uint32(2) || gguf.SHA256 != sum(t, "testdata/smollm.gguf").SHA256 {
		t.Errorf("%+v, %v", gguf, err)
	}
	if len(gguf.DTypes) != 3 || gguf.DTypes[0].Name != "Q8_0" && gguf.DTypes[0].Name != "Q4_1" {
		t.Errorf("%+v", gguf.DTypes)
	}
	file, err := Describe("testdata/reference.safetensors")
	if err != nil || file.Tensors != 9 || file.Architecture != "" || file.SHA256 != sum(t, "testdata/reference.safetensors").SHA256 {
		t.Errorf("%+v, %v", file, err)
	}
	for kind, names := range map[string][2]string{"adapter": {"adapter_model.safetensors", "adapter_config.json"}, "head": {"head.safetensors", "head.json"}} {
		dir := t.TempDir()
		if err := WriteSafetensors(filepath.Join(dir, names[0]), []Tensor{floats(t, "a", 2)}, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, names[1]), []byte(`{"r": 8}`), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Describe(dir)
		if err != nil || got.Kind != kind || got.Parameters != 2 || len(got.Files) != 2 || fmt.Sprint(got.Config["r"]) != "8" {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
}

func TestDescribeRefuses(t *testing.T) {
	_, err := Describe(filepath.Join(t.TempDir(), "absent"))
	wantError(t, err, "absent", "no such file")
	_, err = Describe(t.TempDir())
	wantError(t, err, "no checkpoint")
	_, err = Describe(put(t, "empty.safetensors", nil))
	wantError(t, err, "empty.safetensors", "too short")
	broken := put(t, "config.json", []byte("{"))
	_, err = Describe(filepath.Dir(broken))
	wantError(t, err, broken, "not valid JSON")
	_, err = Describe(put(t, "x.gguf", []byte("GGUF\x03\x00\x00\x00")))
	wantError(t, err, "x.gguf", "cut short")
}
