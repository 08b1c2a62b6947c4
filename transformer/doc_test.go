package transformer_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAddAnArchitecture finds every piece of Go code of docs/add-an-architecture.md, word for word, in the file that the
// page named last.
func TestAddAnArchitecture(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "add-an-architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile("^`([a-z0-9_/]+\\.go)`:$")
	source, name, blocks := "", "", 0
	lines := strings.Split(string(page), "\n")
	for i := 0; i < len(lines); i++ {
		if named := file.FindStringSubmatch(lines[i]); named != nil {
			data, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(named[1])))
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			source, name = string(data), named[1]
		}
		if lines[i] != "```go" {
			continue
		}
		start := i + 1
		for i++; lines[i] != "```"; i++ {
		}
		blocks++
		if code := strings.Join(lines[start:i], "\n"); !strings.Contains(source, code) {
			t.Errorf("line %d: the code is not in %q as it stands", start+1, name)
		}
	}
	if blocks < 5 {
		t.Errorf("the page has %d pieces of code, expected 5 or more", blocks)
	}
}
