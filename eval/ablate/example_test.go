package ablate_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/januslm/janus/eval/ablate"
	"github.com/januslm/janus/train/run"
)

// A grid is read and checked before anything is computed.
func Example() {
	dir, err := os.MkdirTemp("", "grid")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of an example
	path := filepath.Join(dir, "grid.yaml")
	if err := os.WriteFile(path, []byte("hidden: [none, 32, 64x0]\nmax_tokens: 64\nlength: [0, 32, 96]\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	var grid ablate.Grid
	if err := run.LoadConfig(path, &grid); err != nil {
		fmt.Println(err)
		return
	}
	lines, err := run.Lines(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(grid.Check(ablate.Source{File: "grid.yaml", Lines: lines}))
	// Output:
	// grid.yaml:1: hidden[2]: expected widths such as 32 or 64x16, or none, found "64x0", did you mean 64?
	// grid.yaml:3: length[2]: 96 is above max_tokens[0], 64 (line 2): the last verdict there is comes after 64 tokens (max)
}
