package train

import (
	"context"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
)

// severalDevices opens a tiny model on XLA's CPU plugin, which has four devices.
func severalDevices(t *testing.T) *model.Model {
	t.Helper()
	b, err := backend.New("xla")
	if err != nil || b.NumDevices() < 4 {
		t.Skipf("no XLA backend with four devices (make fetch gets one): %v", err)
	}
	dir := t.TempDir()
	if err := testmodel.Write(dir, 64, 1); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(context.Background(), dir, model.Options{Backend: b, DType: dtypes.Float32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// Four devices learn what one does, with dropout and rows that they do not divide evenly.
func TestDevices(t *testing.T) {
	m := severalDevices(t)
	var adapters [2][][]float32
	for i, devices := range []int{1, 4} {
		o := jointOptions(1, 1)
		o.Devices, o.AdamW.Eps, o.AdamW.MaxGradNorm = devices, 1e-3, 1 // so that rounding is not made a whole step
		rows := randomRows(10)
		trainer := freshJoint(t, m, qv(0.1, false), o)
		for range 3 {
			if _, err := trainer.Step(context.Background(), rows); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if adapters[i], err = trainer.optimizer.Values(); err != nil {
			t.Fatal(err)
		}
	}
	for i, values := range adapters[1] {
		allNear(t, "param", values, adapters[0][i], 0, 1e-5)
	}
	if _, err := m.Replicate(99); err == nil {
		t.Error("99 devices were found")
	}
}
