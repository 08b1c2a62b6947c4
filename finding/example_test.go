package finding_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/januslm/janus/finding"
)

// A report is read, and the verdicts of its findings are written.
func Example() {
	report, err := finding.Read("report.jsonl", strings.NewReader(
		`{"id":"1","tool":"Scanner","rule":"weak-hash","cwe":"CWE-327","file":"etag.go","line":9,"snippet":"tag := md5.Sum(body)"}`),
		"auto", finding.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Findings[0].Location())

	verdict := finding.Verdict{ID: "1", Verdict: finding.FalsePositive, P: 0.08, Reasoning: "`md5.Sum` makes an ETag, which needs no collision resistance."}
	if err := finding.WriteTable(os.Stdout, []finding.Reviewed{{Report: report, Verdicts: []finding.Verdict{verdict}}}, finding.TableOptions{Width: 80}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// etag.go:9
	// VERDICT   P     RULE       PLACE
	// FP        0.08  weak-hash  etag.go:9
	//                 `md5.Sum` makes an ETag, which needs no collision resistance.
	//
	// 1 finding: 0 real, 1 false alarm
}

// Traffic is read exchange by exchange; rules make findings of it.
func ExampleScan() {
	har := `{"log":{"version":"1.2","entries":[
	{"request":{"method":"GET","url":"https://example.org/"},"response":{"status":200,"headers":[{"name":"Server","value":"nginx/1.14.2"}]}},
	{"request":{"method":"GET","url":"https://example.org/a"},"response":{"status":200,"headers":[]}}]}}`
	rules := func(exchange finding.Finding) []finding.Finding {
		if !strings.Contains(exchange.Response, "Server: nginx/") {
			return nil
		}
		return []finding.Finding{{Tool: "example", Rule: "server-version", Title: "The Server header tells a version", CWE: "CWE-497"}}
	}
	report, err := finding.Scan("traffic.har", strings.NewReader(har), "auto", finding.ReadOptions{Rules: rules}, func(f finding.Finding, err error) bool {
		if err != nil {
			fmt.Println(err) // one broken entry; the others are read
			return true
		}
		fmt.Println(f.Rule, f.File, f.VulnCategory())
		return true
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Format, report.Messages, "messages,", report.Total, "finding")
	// Output:
	// server-version https://example.org/ HTTP_HEADERS
	// har 2 messages, 1 finding
}
