package heads_test

import (
	"os"
	"strings"
	"testing"

	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// docs/heads.md lists the settings as they are.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/heads.md")
	if err != nil {
		t.Fatal(err)
	}
	if list := run.Describe(&heads.Config{}); !strings.Contains(string(text), "```yaml\n"+list+"```\n") {
		t.Errorf("docs/heads.md does not list the settings of `janus train head` as they are:\n%s", list)
	}
}
