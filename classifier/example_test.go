package classifier_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/januslm/janus/classifier"
)

// A head for a model of hidden size 2: one hidden layer of one unit. Save writes the folder that --head takes.
func ExampleNew() {
	config := classifier.DefaultConfig(2)
	config.Layers = []int{1}
	config.Temperature = 1.5
	head, err := classifier.New("mine", config, map[string][]float32{
		"layers.0.weight": {0.5, -0.5}, "layers.0.bias": {0}, // [1,2] and [1]
		"layers.1.weight": {2}, "layers.1.bias": {-1}, // [1,1] and [1]
	})
	if err != nil {
		log.Fatal(err)
	}
	parent, err := os.MkdirTemp("", "heads")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent) //nolint:errcheck // a temporary folder
	dir := filepath.Join(parent, "mine")
	if err := head.Save(dir); err != nil {
		log.Fatal(err)
	}
	read, err := classifier.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.Name, read.Config.Pooling, read.Config.Temperature)
	// Output: mine mean_generated 1.5
}
