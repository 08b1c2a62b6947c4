package train_test

import (
	"context"
	"fmt"
	"os"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/optimize"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// An adapter learns one answer.
func Example() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "train"))
	defer os.RemoveAll(dir) //nolint:errcheck // of an example
	if err := testmodel.Write(dir, 64, 1); err != nil {
		panic(err)
	}
	m := must(model.Open(ctx, dir, model.Options{Backend: must(backend.New("go"))}))
	defer m.Close() //nolint:errcheck // nothing is written

	config := lora.Config{R: 4, Alpha: 8, Bias: "none", TargetModules: lora.Targets{Pattern: "all-linear"}}
	adapter := must(lora.Init("example", config, m.LoRABase(), 1))
	options := train.Options{AdamW: optimize.DefaultAdamW(), Schedule: optimize.Schedule{Kind: optimize.Constant}}
	options.AdamW.LearningRate = 1e-2
	trainer := must(train.New(m, adapter, options))
	defer trainer.Close()

	batch := []train.Example{{Prompt: []int32{10, 20, 30}, Completion: []int32{40, 50, 2}}}
	first := must(trainer.Step(ctx, batch))
	var last train.Update
	for range 5 {
		last = must(trainer.Step(ctx, batch))
	}
	fmt.Println("updates:", last.Step, "tokens:", last.Tokens, "learned:", last.Loss < first.Loss)

	trained := must(trainer.Adapter())
	fmt.Println(trained.Save(dir + "/adapter"))
	// Output:
	// updates: 6 tokens: 3 learned: true
	// <nil>
}
