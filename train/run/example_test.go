package run_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/januslm/janus/train/run"
)

// A loop that can be interrupted at any time and given again.
func Example() {
	config := struct {
		Steps int     `yaml:"steps" default:"4" doc:"steps of training"`
		LR    float64 `yaml:"learning_rate" default:"2e-4" doc:"at the first step"`
	}{}
	if err := run.LoadConfig("", &config); err != nil {
		panic(err)
	}
	dir, _ := os.MkdirTemp("", "run")
	defer os.RemoveAll(dir) //nolint:errcheck // of an example

	r, err := run.Start(dir, run.Spec{Command: "train example", Config: &config, Seeds: map[string]uint64{"init": 1}}, true)
	if err != nil {
		panic(err)
	}
	first := 1
	if checkpoint, step, ok := r.Latest(); ok {
		fmt.Println("going on from", checkpoint)
		first = step + 1
	}
	for step := first; step <= config.Steps; step++ {
		if err := r.Log(step, map[string]float64{run.TrainLoss: 1 / float64(step), run.LearningRate: config.LR}); err != nil {
			panic(err)
		}
	}
	err = r.Checkpoint(config.Steps, func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "adapter"), []byte("weights"), 0o644)
	})
	if err != nil {
		panic(err)
	}
	if err := r.Finish(); err != nil {
		panic(err)
	}
	metrics, _ := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	fmt.Print(string(metrics))
	// Output:
	// {"step":1,"train/learning_rate":0.0002,"train/loss":1}
	// {"step":2,"train/learning_rate":0.0002,"train/loss":0.5}
	// {"step":3,"train/learning_rate":0.0002,"train/loss":0.3333333333333333}
	// {"step":4,"train/learning_rate":0.0002,"train/loss":0.25}
}

func ExampleDescribe() {
	fmt.Print(run.Describe(&struct {
		Rank    int      `yaml:"lora_rank" default:"16" doc:"rank of A and B"`
		Targets []string `yaml:"target_modules" default:"q_proj,v_proj" doc:"projections that are adapted"`
	}{}))
	// Output:
	// lora_rank: 16                        # int: rank of A and B
	// target_modules: ["q_proj","v_proj"]  # list of text: projections that are adapted
}
