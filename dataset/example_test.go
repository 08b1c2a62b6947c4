package dataset_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/januslm/janus/dataset"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "janus-example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an example
	store, err := dataset.Open(filepath.Join(dir, "janus.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // an example

	// A pair goes in whole or not at all.
	ctx := context.Background()
	pair := []dataset.Example{
		{Request: "GET /?q=<b> HTTP/1.1", Response: "HTTP/1.1 200 OK\r\n\r\n<b>", IsVulnerable: true, VulnCategory: dataset.XSS, PairID: "1"},
		{Request: "GET /?q=<b> HTTP/1.1", Response: "HTTP/1.1 200 OK\r\n\r\n&lt;b&gt;", VulnCategory: dataset.XSS, PairID: "1"},
	}
	if _, err := store.AddExamples(ctx, pair); err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Examples(ctx, dataset.Filter{Category: dataset.XSS}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.ID, e.Label())
	}
	// Output:
	// 1 TP
	// 2 FP
}

func ExampleSplit() {
	var items []dataset.Item
	for i := range 100 {
		items = append(items, dataset.Item{
			Key: fmt.Sprint(i), Groups: []string{fmt.Sprint("template ", i/4)}, Stratum: []string{"TP", "FP"}[i%2],
		})
	}
	sides, err := dataset.ParseRatio("80/20")
	if err != nil {
		log.Fatal(err)
	}
	d, err := dataset.Split(items, dataset.SplitOptions{Sides: sides, Seed: 7})
	if err != nil {
		log.Fatal(err)
	}
	for _, side := range d.Report.Sides {
		fmt.Println(side.Name, side.Items, side.Strata["TP"], side.Strata["FP"])
	}
	// Output:
	// train 80 40 40
	// test 20 10 10
}

func ExampleNear() {
	clusters, err := dataset.Near([]string{
		"SELECT name FROM users WHERE id = ?",
		"select name\n  from users\n  where id = ?",
		"DELETE FROM users",
	}, dataset.NearOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(clusters)
	// Output: [0 0 1]
}
