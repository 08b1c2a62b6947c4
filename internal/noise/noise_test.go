package noise_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/noise"
)

// Drop drops its share, others by another seed, and keeps the sum's expectation.
func TestDrop(t *testing.T) {
	choice, err := backend.New("go")
	if err != nil {
		t.Fatal(err)
	}
	const rows, columns, rate = 100, 200, 0.25
	drop := func(seed uint32) []float32 {
		g := NewGraph(choice.Backend, "drop")
		x := Ones(g, shapes.Make(dtypes.Float32, rows, columns))
		if err := g.Compile(noise.Drop(x, Const(g, seed), rate)); err != nil {
			t.Fatal(err)
		}
		values, err := tensors.CopyFlatData[float32](g.Run()[0])
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	count := func(seed uint32) (zeros int) {
		for _, v := range drop(seed) {
			switch {
			case v == 0:
				zeros++
			case math.Abs(float64(v)-1/(1-rate)) > 1e-6:
				t.Fatalf("a kept value is %v", v)
			}
		}
		return zeros
	}
	for seed := range uint32(5) {
		if share := float64(count(seed)) / (rows * columns); math.Abs(share-rate) > 0.02 {
			t.Errorf("seed %d drops a share of %v, want about %v", seed, share, rate)
		}
	}
	a, b, same := drop(1), drop(2), 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	// Two independent draws agree where both keep or both drop.
	if want := rate*rate + (1-rate)*(1-rate); math.Abs(float64(same)/float64(len(a))-want) > 0.02 {
		t.Errorf("two seeds agree on a share of %v, want about %v", float64(same)/float64(len(a)), want)
	}
}
