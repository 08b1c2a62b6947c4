package weights

import (
	"fmt"
	"strings"
)

// FormatError says what is wrong with a weights file. Expected and Found are
// empty where the problem has no such pair.
type FormatError struct {
	File     string // path of the file
	Tensor   string // the tensor at fault (or GGUF metadata key), "" if it is the file as a whole
	Problem  string // what is wrong
	Expected string
	Found    string
}

// Error gives "FILE: tensor "NAME": PROBLEM: expected X, found Y".
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Tensor != "" {
		fmt.Fprintf(&b, ": tensor %q", e.Tensor)
	}
	b.WriteString(": " + e.Problem)
	if e.Expected != "" || e.Found != "" {
		fmt.Fprintf(&b, ": expected %s, found %s", e.Expected, e.Found)
	}
	return b.String()
}
