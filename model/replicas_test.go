package model

import (
	"context"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
)

// A program on four devices, each with two of eight rows, gives what one device does.
func TestReplicas(t *testing.T) {
	b, err := backend.New("xla")
	if err != nil || b.NumDevices() < 4 {
		t.Skipf("no XLA backend with four devices (make fetch gets one): %v", err)
	}
	dir := t.TempDir()
	if err := testmodel.Write(dir, 64, 1); err != nil {
		t.Fatal(err)
	}
	m, err := Open(context.Background(), dir, Options{Backend: b, DType: dtypes.Float32})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // nothing is written
	const rows = 8
	x := make([]float32, rows*testmodel.Hidden)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	inputs := []Input{
		{"x", tensors.FromFlatDataAndDimensions(x, rows, testmodel.Hidden)},
		{"scale", tensors.FromScalar(float32(0.5))},
	}
	build := func(f Frozen, in map[string]*graph.Node) []*graph.Node {
		y := graph.Mul(f.Product(in["x"], "model.layers.0.self_attn.q_proj"), in["scale"])
		return []*graph.Node{y, graph.ReduceAllSum(y)}
	}
	one, err := m.NewProgram("one", inputs, build)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	want, err := one.Run(context.Background(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Replicate(4)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	axis := func(name string) int {
		if name == "x" {
			return 0
		}
		return -1
	}
	four, err := r.NewProgram("four", inputs, axis, build)
	if err != nil {
		t.Fatal(err)
	}
	defer four.Close()
	if four.specs[0] == nil || four.specs[1] != nil {
		t.Errorf("the inputs are divided as %v", four.specs)
	}
	if part := four.specs[0].ShardShape(inputs[0].Tensor.Shape()); part.Dim(0) != rows/4 {
		t.Errorf("a device has %s", part)
	}
	for range 2 {
		got, err := four.Run(context.Background(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			a, b := tensors.MustCopyFlatData[float32](want[i]), tensors.MustCopyFlatData[float32](got[i])
			for k := range a {
				if diff := a[k] - b[k]; diff > 1e-4 || diff < -1e-4 {
					t.Fatalf("result %d[%d] is %v, expected %v", i, k, b[k], a[k])
				}
			}
		}
	}
	if _, err := four.Run(context.Background(), inputs[:1]); err == nil {
		t.Error("an input was missing, and it ran")
	}
	if _, err := m.Replicate(b.NumDevices() + 1); err == nil {
		t.Error("more devices than there are were taken")
	}
}
