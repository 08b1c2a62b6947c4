package scripts_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The GPU machine's Python packages, as pip lays them out, for scripts/gpu/run to find the
// plugin, its libraries and XLA's CUDA tools in.
func TestGPUFindsThePlugin(t *testing.T) {
	packages := filepath.Join(t.TempDir(), "site-packages")
	plugin := filepath.Join(packages, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	toolkit := filepath.Join(packages, "nvidia", "cu13")
	for _, folder := range []string{filepath.Dir(plugin), filepath.Join(toolkit, "lib"), filepath.Join(toolkit, "nvvm", "libdevice")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(plugin, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const program = `
import importlib.machinery, importlib.util, json
loader = importlib.machinery.SourceFileLoader("gpu_run", "gpu/run")
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_run", loader))
loader.exec_module(run)
print(json.dumps(run.janus_environment("cuda")))
`
	command := exec.Command("python3", "-B", "-c", program)
	command.Env = append(os.Environ(), "PYTHONPATH="+packages, "LD_LIBRARY_PATH=/own", "XLA_FLAGS=--own")
	var messages strings.Builder
	command.Stderr = &messages
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &messages)
	}
	var environment map[string]string
	if err := json.Unmarshal(output, &environment); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"GOMLX_BACKEND":   "xla:" + plugin,
		"LD_LIBRARY_PATH": filepath.Join(toolkit, "lib") + ":/own",
		"XLA_FLAGS":       "--own --xla_gpu_cuda_data_dir=" + toolkit,
	} {
		if got := environment[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Python scripts that need torch are not run by `go test`, but they must at least parse.
func TestPythonParses(t *testing.T) {
	var files []string
	for _, pattern := range []string{"fetch", "gpu/run", "gpu/*.py", "../bench/run", "../bench/*.py"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: found %d files, error %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	const program = "import ast, sys\nfor p in sys.argv[1:]: ast.parse(open(p, encoding='utf-8').read(), p)"
	if output, err := exec.Command("python3", append([]string{"-c", program}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
