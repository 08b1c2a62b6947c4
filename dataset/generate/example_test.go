package generate_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/finding"
)

// Two rows that differ only in what makes one of them vulnerable.
func ExampleOffline() {
	o := generate.Options{Category: dataset.HTTPHeaders, Num: 1, Seed: 3}
	err := generate.Offline(context.Background(), o, 0, func(pair []dataset.Example) error {
		fmt.Println(len(pair), pair[0].PairID == pair[1].PairID, pair[0].IsVulnerable != pair[1].IsVulnerable)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 2 true true
	// <nil>
}

// A templates file has requests and responses, divided by <<<<>>>>, and cases divided by ====.
func ExampleReadTemplates() {
	file := strings.NewReader(`# name: front page
GET / HTTP/1.1
Host: www.example.com

<<<<>>>>
HTTP/1.1 200 OK
Content-Type: text/html

<h1>Welcome</h1>
`)
	list, err := generate.ReadTemplates("mine.txt", file, dataset.XSS)
	fmt.Println(len(list), list[0].Name, err)
	// Output: 1 front page <nil>
}

func ExampleIaC() {
	o := generate.IaCOptions{Num: 1, Smell: generate.SmellHTTP, Tool: "ansible"}
	err := generate.IaC(context.Background(), o, 0, func(pair []finding.Finding) error {
		fmt.Println(pair[0].Rule, pair[0].CWE, pair[0].Label != pair[1].Label)
		return nil
	})
	fmt.Println(err)
	// Output:
	// sec_https CWE-319 true
	// <nil>
}
