package basemodel

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
)

// testGGUF is a small GGUF model of the converter's tests.
func testGGUF(t *testing.T) string {
	t.Helper()
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "weights", "testdata", "qwen2.gguf")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(backend.EnvCache, cache)
	t.Setenv(EnvModel, "")
	conversions := 0
	find := func(asked string) (string, error) {
		started := false
		return Find(context.Background(), asked, func(int64, int64) {
			if !started {
				conversions++
			}
			started = true
		})
	}
	fails := func(asked, want string) {
		t.Helper()
		if dir, err := find(asked); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %q, %v; want an error with %q", asked, dir, err, want)
		}
	}
	fails("", "make model")
	fails(filepath.Join(cache, "none"), "none")
	text := filepath.Join(cache, "model.txt")
	if err := os.WriteFile(text, []byte("no model"), 0o644); err != nil {
		t.Fatal(err)
	}
	fails(text, ".gguf file")

	// The default model comes as GGUF and is converted on its first use.
	copyFile(t, testGGUF(t), filepath.Join(cache, "models", defaultGGUF))
	for range 2 {
		dir, err := find("")
		if want := filepath.Join(cache, "models", DefaultName); err != nil || dir != want {
			t.Fatalf("the default model is %q, %v; want %q", dir, err, want)
		}
	}
	if conversions != 1 {
		t.Errorf("%d conversions", conversions)
	}

	// The environment names another; what is asked for wins.
	t.Setenv(EnvModel, cache)
	if dir, err := find(""); err != nil || dir != cache {
		t.Errorf("by the environment: %q, %v", dir, err)
	}
	var converted string
	for _, name := range []string{"a.gguf", "a.gguf", "sub/a.gguf"} {
		file := filepath.Join(t.TempDir(), name)
		copyFile(t, testGGUF(t), file)
		dir, err := find(file)
		if err != nil || converted != "" && dir != converted || !strings.HasPrefix(dir, filepath.Join(cache, "converted", "a-")) {
			t.Fatalf("%s became %q, %v; before it was %q", name, dir, err, converted)
		}
		converted = dir
	}
	if conversions != 2 {
		t.Errorf("%d conversions, want one for each content", conversions)
	}

	cut := filepath.Join(t.TempDir(), "cut.gguf")
	if err := os.WriteFile(cut, []byte("GGUF\x03\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	fails(cut, "cut.gguf")
	if left, err := filepath.Glob(filepath.Join(cache, "converted", "cut*")); err != nil || len(left) > 0 {
		t.Errorf("a failed conversion left %v (%v)", left, err)
	}
}
