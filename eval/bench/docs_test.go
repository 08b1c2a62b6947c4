package bench_test

import (
	"os"
	"strings"
	"testing"

	"github.com/januslm/janus/eval/bench"
	"github.com/januslm/janus/train/run"
)

// docs/bench.md lists the settings as they are.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/bench.md")
	if err != nil {
		t.Fatal(err)
	}
	if list := run.Describe(&bench.Config{}); !strings.Contains(string(text), "```yaml\n"+list+"```\n") {
		t.Errorf("docs/bench.md does not list the settings of `janus bench` as they are:\n%s", list)
	}
}
