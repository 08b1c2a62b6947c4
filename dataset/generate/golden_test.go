package generate

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
)

var update = flag.Bool("update", false, "write testdata/pairs.txt anew")

// testdata/pairs.txt is for looking at, and says when a change of the generator changes what a seed gives.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, category := range dataset.Categories() {
		k := 0
		for category == dataset.Info && !strings.HasPrefix(makePairs(t, category, 1, k+1)[k][0].Note, "stack trace") {
			k++ // a row with a key in it would be a finding of whoever scans this repository
		}
		for _, e := range makePairs(t, category, 1, k+1)[k] {
			fmt.Fprintf(&b, "######## %s, vulnerable: %v\n%s\n%s\n%s\n-------- analysis\n%s\n\n", e.PairID, e.IsVulnerable, e.Note,
				strings.TrimRight(e.Request, "\r\n"), "-------- response\n"+strings.TrimRight(e.Response, "\r\n"), e.Analysis)
		}
	}
	err := IaC(context.Background(), IaCOptions{Num: 4, Seed: 1}, 2, func(p []finding.Finding) error {
		for _, f := range p {
			fmt.Fprintf(&b, "######## %s, %s: %s\n%s:%d: %s\n%s\n\n", f.ID, f.Label, f.Title, f.File, *f.Line, f.Focus, f.Snippet)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(b.String(), "\r", "")
	if *update {
		if err := os.WriteFile("testdata/pairs.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/pairs.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("a seed gives other rows than before; if that is meant, run with -update:\n%s", diff)
	}
}
