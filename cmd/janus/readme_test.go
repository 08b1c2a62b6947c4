package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/internal/testmodel"
)

// readmeCommands are the lines of README.md's sh blocks that start with bin/janus.
func readmeCommands(readme string) (commands []string) {
	inside := false
	for line := range strings.Lines(readme) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside && strings.HasPrefix(line, "bin/janus"):
			commands = append(commands, line)
		}
	}
	return commands
}

// TestReadme runs the README's commands as a reader would: from the top of a checkout, on the default model.
func TestReadme(t *testing.T) {
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("JANUS_CACHE")
	if cache == "" {
		cache = filepath.Join(root, ".cache")
	}
	t.Setenv("JANUS_CACHE", cache)
	t.Setenv(basemodel.EnvModel, "")
	if _, err := basemodel.Find(t.Context(), "", func(int64, int64) {}); err != nil {
		t.Fatalf("%v\n(`make test` fetches it)", err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := readmeCommands(string(readme))
	if len(commands) < 5 {
		t.Fatalf("README.md has only the commands %q", commands)
	}
	janus, err := exec.LookPath("janus")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // so that files that the commands write do not end up in the checkout
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"bin/janus": janus, "examples": filepath.Join(root, "examples")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			// What an earlier run of the test found must not stand in for the model.
			sh := exec.Command("sh", "-c", strings.ReplaceAll(command, "bin/janus review ", "bin/janus review --no-cache "))
			sh.Dir = dir
			var stderr strings.Builder
			sh.Stderr = &stderr
			out, err := sh.Output()
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, &stderr)
			}
			// Commands that write a file or the store tell of it on standard error.
			if len(out)+stderr.Len() == 0 && !strings.Contains(command, "--out ") {
				t.Error("it printed nothing")
			}
			// XLA and its friends like to talk there.
			for line := range strings.Lines(stderr.String()) {
				if !strings.HasPrefix(line, "janus: ") && !strings.HasPrefix(line, "reviewing: ") {
					t.Errorf("on standard error: %q", line)
				}
			}
		})
	}
}
