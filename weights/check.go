package weights

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

// maxProblems is how many problems an error of [CheckShapes] spells out.
const maxProblems = 20

// CheckShapes compares the tensors of c with those that a model wants, by name
// and shape. A nil shape (not an empty one, which is a scalar's) means that the
// tensor may be there or not, in any shape. The dtype must be one of allowed,
// by default F32, F16 and BF16. Rotary frequencies that old transformers
// versions saved as buffers (*.rotary_emb.inv_freq) are passed over.
//
// The error names every tensor that is missing, not wanted, wrongly shaped or
// wrongly typed, with expected and found, one a line.
func CheckShapes(c *Checkpoint, want map[string][]int, allowed ...dtypes.DType) error {
	if len(allowed) == 0 {
		allowed = []dtypes.DType{dtypes.Float32, dtypes.Float16, dtypes.BFloat16}
	}
	typeNames := make([]string, len(allowed))
	for i, d := range allowed {
		typeNames[i] = DTypeName(d)
	}
	types := strings.Join(typeNames, ", ")

	var problems []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		shape := want[name]
		t, ok := c.Tensor(name)
		switch {
		case shape == nil:
		case !ok:
			problems = append(problems, fmt.Sprintf("missing  %s: expected shape %v, found nothing", name, shape))
		case !slices.Equal(t.Shape, shape):
			problems = append(problems, fmt.Sprintf("shape    %s: expected %v, found %v", name, shape, t.Shape))
		case !slices.Contains(allowed, t.DType):
			problems = append(problems, fmt.Sprintf("dtype    %s: expected %s, found %s", name, types, DTypeName(t.DType)))
		}
	}
	for _, e := range c.entries {
		if _, ok := want[e.name]; !ok && !strings.HasSuffix(e.name, ".rotary_emb.inv_freq") {
			problems = append(problems, fmt.Sprintf("extra    %s: expected no such tensor, found %s %v", e.name, DTypeName(e.dtype), e.shape))
		}
	}
	return listProblems(strings.Join(c.Files(), ", "), problems)
}

// listProblems makes an error of problems found in a file, nil if there are none.
func listProblems(file string, problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	count, more := len(problems), ""
	if count > maxProblems {
		more = fmt.Sprintf("\n  and %d more", count-maxProblems)
		problems = problems[:maxProblems]
	}
	return fmt.Errorf("%s: %d tensors are not what the model needs:\n  %s%s", file, count, strings.Join(problems, "\n  "), more)
}
