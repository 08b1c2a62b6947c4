package finding_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/januslm/janus/finding"
)

// A report is read, each finding is asked about, and the verdicts go back.
func Example() {
	report, err := finding.Read("report.jsonl", strings.NewReader(
		`{"id":"1","tool":"Scanner","rule":"weak-hash","cwe":"CWE-327","file":"etag.go","line":9,"snippet":"tag := md5.Sum(body)"}`),
		"auto", finding.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := report.Findings[0].Prompt(2000)
	fmt.Println(text)

	verdict := finding.Verdict{ID: "1", Verdict: finding.FalsePositive, P: 0.08, Reasoning: "`md5.Sum` makes an ETag, which needs no collision resistance."}
	if err := finding.WriteTable(os.Stdout, []finding.Reviewed{{Report: report, Verdicts: []finding.Verdict{verdict}}}, finding.TableOptions{Width: 80}); err != nil {
		fmt.Println(err)
	}
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
	// VERDICT   P     RULE       PLACE
	// FP        0.08  weak-hash  etag.go:9
	//                 `md5.Sum` makes an ETag, which needs no collision resistance.
	//
	// 1 finding: 0 real, 1 false alarm
}
