package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"
)

// torchFile is a file of testdata/torch, made by make.py there.
func torchFile(name string) string { return filepath.Join("testdata", "torch", name) }

func openTest(t *testing.T, path string) *Checkpoint {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// sameTensors compares two checkpoints byte by byte.
func sameTensors(t *testing.T, got, want *Checkpoint) {
	t.Helper()
	if !slices.Equal(got.Names(), want.Names()) {
		t.Fatalf("tensors %v, want %v", got.Names(), want.Names())
	}
	for _, name := range want.Names() {
		g, _ := got.Tensor(name)
		w, _ := want.Tensor(name)
		if g.DType != w.DType || !slices.Equal(g.Shape, w.Shape) || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("%s is %s %v % x, want %s %v % x", name, DTypeName(g.DType), g.Shape, g.Data, DTypeName(w.DType), w.Shape, w.Data)
		}
		if err := got.Release(g); err != nil {
			t.Errorf("release of %s: %v", name, err)
		}
		if again, _ := got.Tensor(name); !bytes.Equal(again.Data, w.Data) || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("%s is another tensor after its release", name)
		}
	}
}

// TestTorch compares what torch.save wrote with what safetensors wrote of the same tensors.
func TestTorch(t *testing.T) {
	for _, name := range []string{"zip", "legacy", "protocol4", "newer", "nested", "big_endian", "compressed"} {
		t.Run(name, func(t *testing.T) {
			got := openTest(t, torchFile(name+".bin"))
			sameTensors(t, got, openTest(t, torchFile(name+".safetensors")))
			if got.Format() != "pytorch" {
				t.Errorf("format %q", got.Format())
			}
		})
	}
}

// TestTorchFolders opens one model saved three ways.
func TestTorchFolders(t *testing.T) {
	want := openTest(t, torchFile("llama_safetensors"))
	for _, name := range []string{"llama_torch", "llama_sharded"} {
		sameTensors(t, openTest(t, torchFile(name)), want)
	}
	d, err := Describe(torchFile("llama_sharded"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Format != "pytorch" || d.Architecture != "llama" || d.Tensors != len(want.Names()) || d.Bytes != 4*d.Parameters || len(d.SHA256) != 64 {
		t.Errorf("described as %+v", d)
	}
}

// TestTorchTied says that tied tensors are the same memory.
func TestTorchTied(t *testing.T) {
	c := openTest(t, torchFile("zip.bin"))
	a, _ := c.Tensor("embed")
	b, _ := c.Tensor("head")
	if &a.Data[0] != &b.Data[0] {
		t.Error("embed and head are two copies")
	}
}

// TestTorchAgainstGopickle compares with another reader.
func TestTorchAgainstGopickle(t *testing.T) {
	for _, name := range []string{"zip.bin", "legacy.bin"} {
		value, err := pytorch.Load(torchFile(name))
		if err != nil {
			t.Fatal(err)
		}
		theirs := value.(*types.OrderedDict)
		ours := openTest(t, torchFile(name))
		if theirs.Len() != len(ours.Names()) {
			t.Errorf("%s: %d tensors, want %d", name, len(ours.Names()), theirs.Len())
		}
		for _, tensor := range ours.Names() {
			want := theirs.MustGet(tensor).(*pytorch.Tensor)
			got, _ := ours.Tensor(tensor)
			if !slices.Equal(got.Shape, want.Size) {
				t.Errorf("%s: %s has shape %v, want %v", name, tensor, got.Shape, want.Size)
			}
			source, isFloat := want.Source.(*pytorch.FloatStorage)
			for i := 0; isFloat && i < len(got.Data)/4; i++ {
				at, rest := want.StorageOffset, i
				for axis, size := range slices.Backward(want.Size) {
					at += rest % size * want.Stride[axis]
					rest /= size
				}
				if x := math.Float32frombits(binary.LittleEndian.Uint32(got.Data[4*i:])); x != source.Data[at] {
					t.Errorf("%s: %s[%d] is %v, want %v", name, tensor, i, x, source.Data[at])
				}
			}
		}
	}
}

// TestTorchRefused names what is wrong with hostile and damaged files, and runs none of them.
func TestTorchRefused(t *testing.T) {
	const refused = "refused, nothing was run"
	marker := "/tmp/janus-was-here" // what bad_os_system.bin and bad_eval.bin would touch
	if err := os.Remove(marker); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"os_system":        {`"posix.system"`, refused},
		"bare":             {"PyTorch checkpoint", `"posix.system"`, refused},
		"eval":             {`"__builtin__.eval"`, refused},
		"eval4":            {`"builtins.eval"`, refused},
		"getattr":          {`getattr"`, refused},
		"subprocess":       {`"subprocess.Popen"`, refused},
		"inst":             {`"os.system"`, refused},
		"torch_load":       {`"torch.load"`, refused},
		"build":            {"state set on", "torch.FloatStorage", refused},
		"newobj":           {"instruction 0x81", refused},
		"cycle":            {"a call of a list", refused},
		"reduce":           {`"torch.FloatStorage"`},
		"length":           {"cut short"},
		"frame":            {"stack is empty"},
		"cut":              {"cut short"},
		"giant":            {`tensor "w"`, "more elements than its storage"},
		"expand":           {`tensor "w"`, "more elements than its storage", "1073741824"},
		"outside":          {`tensor "w"`, "outside its storage", "offset 2"},
		"stride":           {`tensor "w"`, "outside its storage"},
		"negative":         {"a number where"},
		"numel":            {`storage "0" has 16 bytes`, "1099511627776"},
		"record":           {`storage "../../../etc/passwd" is not in the archive`},
		"empty":            {"without tensors", "state_dict"},
		"list":             {"expected a dict of tensors", "a list"},
		"no_pickle":        {"no data.pkl"},
		"truncated":        {"incomplete download"},
		"truncated_legacy": {"incomplete download"},
	} {
		t.Run(name, func(t *testing.T) {
			path := torchFile("bad_" + name + ".bin")
			c, err := Open(path)
			if err == nil {
				t.Fatal("opened: ", c.Names(), c.Close())
			}
			if fe := (*FormatError)(nil); !errors.As(err, &fe) || fe.File != path {
				t.Errorf("not an error about the file: %v", err)
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not say %q", err, part)
				}
			}
		})
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a pickle was executed")
	}
}

// FuzzTorch opens damaged files: an error or a checkpoint whose tensors can all be read, and no panic.
func FuzzTorch(f *testing.F) {
	files, err := filepath.Glob(torchFile("*.bin"))
	if err != nil || len(files) == 0 {
		f.Fatal(err, files)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseTorch("fuzz.bin", data)
		if err != nil {
			return
		}
		for _, e := range h.entries {
			if got := len(e.bytes(data)); got != e.end {
				t.Errorf("%s has %d bytes, want %d", e.name, got, e.end)
			}
		}
	})
}
