package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/januslm/janus/internal/testhub"
	"github.com/januslm/janus/internal/testmodel"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"janus": main})
}

// cleaning removes the tiny models after the tests.
type cleaning struct{ *testing.M }

func (c cleaning) Run() int {
	code := c.M.Run()
	if err := os.RemoveAll(models.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// TestScripts runs the commands as users do, on tiny models in pure Go. The scripts find models, good and broken, below
// $MODELS, the repository at $ROOT, and a hub at $HF_ENDPOINT.
func TestScripts(t *testing.T) {
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	models := makeModels(t)
	hub := testhub.Start()
	t.Cleanup(hub.Close)
	for name, dir := range map[string]string{
		"acme/tiny":    filepath.Join(models, "tiny"),
		"acme/adapter": filepath.Join(models, "adapter"),
		"acme/torch":   filepath.Join(root, "weights", "testdata", "torch", "llama_sharded"),
	} {
		if err := hub.AddFolder(name, dir); err != nil {
			t.Fatal(err)
		}
	}
	hub.Cut = 4_000_000 // the tiny model's weights come in pieces
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("MODELS", models)
			env.Setenv("MODEL_PATH", filepath.Join(models, "tiny"))
			env.Setenv("GOMLX_BACKEND", "go")
			env.Setenv("JANUS_CACHE", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("HF_HOME", filepath.Join(env.WorkDir, "huggingface"))
			env.Setenv("HF_ENDPOINT", hub.URL)
			env.Setenv("HUB", hub.URL)
			return nil
		},
		Cmds:                map[string]func(ts *testscript.TestScript, neg bool, args []string){"status": status, "size": size, "llm": startLLM},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// status runs a command and checks its exit status: status 2 janus review nothing.sarif
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: status N command …")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// size makes a file of so many bytes, of a text repeated, behind what it holds: size FILE N TEXT
func size(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	ts.Check(err)
	for written := 0; written < n; written += len(args[2]) {
		_, err := f.WriteString(args[2])
		ts.Check(err)
	}
	ts.Check(f.Close())
}

// models holds what makeModels made, for all tests of the process.
var models struct {
	sync.Once
	dir string
	err error
}

// makeModels makes the tiny models, adapters and heads once.
func makeModels(t *testing.T) string {
	t.Helper()
	models.Do(func() {
		// Not t.TempDir: the models outlive the first test that needs them.
		if models.dir, models.err = os.MkdirTemp("", "janus-models-*"); models.err == nil {
			models.err = fillModels(models.dir)
		}
	})
	if models.err != nil {
		t.Fatal(models.err)
	}
	return models.dir
}
