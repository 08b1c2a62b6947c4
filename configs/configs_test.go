// Package configs_test keeps the recipes, and what docs/runs.md says of their keys, in step with the commands.
package configs_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/base"
	"github.com/januslm/janus/train/encoder"
	"github.com/januslm/janus/train/full"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

var update = flag.Bool("update", false, "write the keys of the configs into docs/runs.md")

// commands are those of janus train, with what their recipes' names begin with and a new config.
var commands = []struct {
	name     string
	prefixes []string
	config   func() any
}{
	{"lora", []string{"lora-", "tpfp-"}, func() any { return new(train.LoRAConfig) }},
	{"joint", []string{"joint-"}, func() any { return new(train.JointConfig) }},
	{"head", []string{"head-"}, func() any { return new(heads.Config) }},
	{"encoder", []string{"encoder-"}, func() any { return new(encoder.Config) }},
	{"base", []string{"base-"}, func() any { return new(base.Config) }},
	{"full", []string{"full-"}, func() any { return new(full.Config) }},
}

// Every recipe is one of a command's: it has only keys that there are, with values that a run can have.
func TestRecipes(t *testing.T) {
	recipes, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range recipes {
		found := false
		for _, c := range commands {
			for _, prefix := range c.prefixes {
				if !strings.HasPrefix(path, prefix) {
					continue
				}
				found = true
				config := c.config()
				if err := run.LoadConfig(path, config); err != nil {
					t.Error(err)
				}
				if checked, ok := config.(interface{ Check() error }); ok {
					if err := checked.Check(); err != nil {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s: the name says no command", path)
		}
	}
	if len(recipes) < 24 {
		t.Errorf("found only %d recipes", len(recipes))
	}
}

// docs/runs.md lists every key. `go test ./configs -update` brings it up to date.
func TestDocs(t *testing.T) {
	const path = "../docs/runs.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, c := range commands {
		begin, end := "<!-- keys of janus train "+c.name+" -->\n", "<!-- end of keys -->\n"
		from := strings.Index(text, begin)
		if from < 0 {
			t.Fatalf("%s has no line %q", path, begin)
		}
		from += len(begin)
		length := strings.Index(text[from:], end)
		if length < 0 {
			t.Fatalf("%s has no line %q after %q", path, end, begin)
		}
		want := "```yaml\n" + run.Describe(c.config()) + "```\n"
		if text[from:from+length] == want {
			continue
		}
		if !*update {
			t.Errorf("%s: the keys of janus train %s are not up to date: go test ./configs -update", path, c.name)
			continue
		}
		text = text[:from] + want + text[from+length:]
	}
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
