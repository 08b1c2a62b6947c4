package prompts_test

import (
	"fmt"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// The question about a finding, cut to a budget of bytes where it is longer.
func ExampleSet_Prompt() {
	line := 9
	f := &finding.Finding{Tool: "Scanner", Rule: "weak-hash", CWE: "CWE-327", File: "etag.go", Line: &line, Language: "go", Snippet: "tag := md5.Sum(body)"}
	text, _, err := prompts.Plain().Prompt(f, 2000)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text)
	// Output:
	// Finding of Scanner
	// Rule: weak-hash
	// Weakness: CWE-327
	// Place: etag.go:9
	// Code:
	// ```go
	// tag := md5.Sum(body)
	// ```
	//
	// Is this finding real?
}
