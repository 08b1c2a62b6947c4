package ablate_test

import (
	"os"
	"strings"
	"testing"

	"github.com/januslm/janus/eval/ablate"
	"github.com/januslm/janus/train/run"
)

// docs/ablate.md has the settings as they are.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/ablate.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```yaml\n" + run.Describe(new(ablate.Grid)) + "```\n"; !strings.Contains(string(data), want) {
		t.Errorf("docs/ablate.md lacks the settings:\n%s", want)
	}
}
