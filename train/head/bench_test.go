package head_test

import (
	"context"
	"testing"
	"time"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/train/head"
)

// thirty are heads of some widths on some inputs, as many of each.
func thirty(width, inputs int, sizes ...int) (specs []head.Spec) {
	for _, size := range sizes {
		for input := range inputs {
			for seed := range uint64(30 / len(sizes) / inputs) {
				c := classifier.DefaultConfig(width)
				c.Layers = []int{size}
				s := head.DefaultSpec(c)
				s.Seed, s.Input = seed, input
				specs = append(specs, s)
			}
		}
	}
	return specs
}

// BenchmarkThirtyHeads trains 30 heads on 1,000 states of 576 numbers for 20 epochs, together and then one after another: of one
// shape with 30 seeds, of six widths with five seeds, and of three widths on five inputs with two seeds. It prints how many
// seconds each took, and how many times as long one after another is: on a busy machine only that tells something.
func BenchmarkThirtyHeads(b *testing.B) {
	const width, inputs = 576, 5
	data, dev := made(1000, width, 1, 1), made(250, width, 1, 2)
	for range inputs - 1 {
		data.Inputs, dev.Inputs = append(data.Inputs, data.Inputs[0]), append(dev.Inputs, dev.Inputs[0])
	}
	o := options(b)
	o.Epochs, o.BatchSize, o.Standardize = 20, 64, true
	train := func(b *testing.B, specs []head.Spec) float64 {
		b.Helper()
		start := time.Now()
		if _, err := head.Train(context.Background(), data, dev, specs, o); err != nil {
			b.Fatal(err)
		}
		return time.Since(start).Seconds()
	}
	for _, c := range []struct {
		name  string
		specs []head.Spec
	}{
		{"seeds", thirty(width, 1, 32)},
		{"widths", thirty(width, 1, 8, 16, 32, 64, 128, 256)},
		{"inputs", thirty(width, inputs, 8, 32, 128)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var together, alone float64
			for b.Loop() {
				together += train(b, c.specs)
				for i := range c.specs {
					alone += train(b, c.specs[i:i+1])
				}
			}
			b.ReportMetric(together/float64(b.N), "together-s")
			b.ReportMetric(alone/float64(b.N), "alone-s")
			b.ReportMetric(alone/together, "times-as-long")
			b.ReportMetric(0, "ns/op")
		})
	}
}
