package weights

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/go-cmp/cmp"
)

func TestRename(t *testing.T) {
	open := func(names ...string) *Checkpoint {
		t.Helper()
		var list []Tensor
		for i, name := range names {
			x, err := FromFloat32(name, []int{1}, []float32{float32(i)}, dtypes.Float32)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, x)
		}
		path := filepath.Join(t.TempDir(), SingleFile)
		if err := WriteSafetensors(path, list, nil); err != nil {
			t.Fatal(err)
		}
		c, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	rename := func(name string) string {
		if strings.HasPrefix(name, "head.") {
			return ""
		}
		return strings.TrimPrefix(name, "bert.")
	}
	value := func(c *Checkpoint, name string) float32 {
		t.Helper()
		x, ok := c.Tensor(name)
		if !ok {
			t.Fatalf("there is no tensor %s", name)
		}
		v, err := ToFloat32(x)
		if err != nil {
			t.Fatal(err)
		}
		return v[0]
	}

	c := open("a.z", "bert.b", "head.w", "bert.a")
	if err := c.Rename(rename); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a.z", "b"}, c.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if got := value(c, "a"); got != 3 {
		t.Errorf("a holds %v, expected bert.a's 3", got)
	}

	c = open("bert.a", "a")
	if err := c.Rename(rename); err != nil {
		t.Fatal(err)
	}
	if got := value(c, "a"); got != 1 {
		t.Errorf("a holds %v, expected 1: the tensor that has the name already stands", got)
	}

	err := open("bert.a", "bert.bert.a").Rename(func(name string) string { return strings.ReplaceAll(name, "bert.", "") })
	if err == nil || !strings.Contains(err.Error(), "bert.bert.a are both a of the model") {
		t.Errorf("two models in one file: %v", err)
	}
}
