package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/weights"
)

// stateFile holds what a run goes on from.
const stateFile = "trainer.safetensors"

// stateKinds are the tensors of a state, in the order of [Trainer.replace].
var stateKinds = []string{"param.", "first.", "second."}

// SaveState writes the adapter, the optimiser's moments and the number of updates into a folder, in float32, bit by bit: a
// trainer that restores it goes on as this one would have.
func (t *Trainer) SaveState(dir string) error {
	var list []weights.Tensor
	for i, tensorsOf := range [][]*tensors.Tensor{t.params, t.moments[0], t.moments[1]} {
		values, err := download(tensorsOf)
		if err != nil {
			return err
		}
		for j, p := range t.parts {
			tensor, err := weights.FromFloat32(stateKinds[i]+p.Name, p.Shape, values[j], dtypes.Float32)
			if err != nil {
				return err
			}
			list = append(list, tensor)
		}
	}
	return weights.WriteSafetensors(filepath.Join(dir, stateFile), list, map[string]string{"step": strconv.Itoa(t.step)})
}

// RestoreState reads what SaveState wrote for an adapter of the same configuration. On an error the trainer is as it was.
func (t *Trainer) RestoreState(dir string) (err error) {
	path := filepath.Join(dir, stateFile)
	defer func() {
		if err != nil {
			err = fmt.Errorf("state of a training %s: %w", path, err)
		}
	}()
	c, err := weights.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	step, err := strconv.Atoi(c.Metadata()["step"])
	if err != nil || step < 0 {
		return fmt.Errorf("its step is %q, expected a number", c.Metadata()["step"])
	}
	if got, want := len(c.Names()), len(stateKinds)*len(t.parts); got != want {
		return fmt.Errorf("it has %d tensors, expected %d: it is of another adapter", got, want)
	}
	var list []*tensors.Tensor
	for _, kind := range stateKinds {
		for _, p := range t.parts {
			tensor, ok := c.Tensor(kind + p.Name)
			if !ok || tensor.DType != dtypes.Float32 || !slices.Equal(tensor.Shape, p.Shape) {
				return fmt.Errorf("tensor %s is not there as float32 of shape %v: it is of another adapter", kind+p.Name, p.Shape)
			}
			values, err := weights.ToFloat32(tensor)
			if err != nil {
				return err
			}
			list = append(list, tensors.FromFlatDataAndDimensions(slices.Clone(values), p.Shape...))
		}
	}
	t.replace(list)
	t.step = step
	return nil
}
