package backend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bare makes a machine on which nothing was fetched.
func bare(t *testing.T) {
	t.Helper()
	t.Setenv(EnvBackend, "")
	t.Setenv(EnvCache, t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

func TestFallsBackToGo(t *testing.T) {
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("this machine has a GPU, which comes first")
	}
	bare(t)
	b, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	if b.IsXLA() || !b.IsCPU() {
		t.Errorf("backend %s, expected go on the CPU", b.Name())
	}
	if strings.Contains(b.Note, "\n") || !strings.Contains(b.Note, "make fetch") {
		t.Errorf("note %q, expected one line that says how to get the plugin", b.Note)
	}
}

func TestDamagedPluginFallsBack(t *testing.T) {
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("this machine has a GPU, which comes first")
	}
	bare(t)
	plugin := filepath.Join(os.Getenv(EnvCache), "xla", PluginFile)
	if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plugin, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	if b.IsXLA() || !strings.Contains(b.Note, plugin) || strings.Contains(b.Note, "\n") {
		t.Errorf("backend %s, note %q: expected go, and one line that names %s", b.Name(), b.Note, plugin)
	}
}

func TestAskedFor(t *testing.T) {
	bare(t)
	for _, name := range []string{"nonsense", "xla:/none/plugin.so", "xla:nope"} {
		if _, err := New(name); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "install") {
			t.Errorf("%s: error %v, expected one that names it, and no download", name, err)
		}
	}
	t.Setenv(EnvBackend, "go")
	b, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	if b.IsXLA() || b.Note != "" {
		t.Errorf("backend %s, note %q: expected go without a note, since it was asked for", b.Name(), b.Note)
	}
}

func TestCacheDirs(t *testing.T) {
	t.Setenv(EnvCache, "/some/where")
	if dirs := CacheDirs(); len(dirs) != 1 || dirs[0] != "/some/where" {
		t.Errorf("%v, expected the folder that %s names, alone", dirs, EnvCache)
	}
	t.Setenv(EnvCache, "")
	top, err := filepath.Abs(filepath.Join("..", "..", ".cache"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, dir := range CacheDirs() {
		found = found || dir == top
	}
	if !found {
		t.Errorf("%v lack the checkout's %s", CacheDirs(), top)
	}
}

func TestIsCUDA(t *testing.T) {
	for config, want := range map[string]bool{
		"xla:cuda": true, "xla:/site-packages/xla_cuda13/xla_cuda_plugin.so": true, "xla:/cuda/pjrt_c_api_cpu_plugin.so": false, "go": false,
	} {
		if isCUDA(config) != want {
			t.Errorf("%s: %v", config, !want)
		}
	}
}
