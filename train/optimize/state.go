package optimize

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

// StateFile is the name of what SaveState writes.
const StateFile = "trainer.safetensors"

// stateKinds are the tensors of a state, in the order of [Optimizer.replace].
var stateKinds = []string{"param.", "first.", "second."}

// SaveState writes the tensors, their moments and the number of updates into a folder, in float32, bit by bit: an
// optimiser that restores it goes on as this one would have.
func (t *Optimizer) SaveState(dir string) error {
	var list []weights.Tensor
	for i, tensorsOf := range [][]*tensors.Tensor{t.values, t.moments[0], t.moments[1]} {
		values, err := download(tensorsOf)
		if err != nil {
			return err
		}
		for j, p := range t.params {
			tensor, err := weights.FromFloat32(stateKinds[i]+p.Name, p.Shape, values[j], dtypes.Float32)
			if err != nil {
				return err
			}
			list = append(list, tensor)
		}
	}
	return weights.WriteSafetensors(filepath.Join(dir, StateFile), list, map[string]string{"step": strconv.Itoa(t.step)})
}

// RestoreState reads what SaveState wrote for params of the same names and shapes. On an error the optimiser is as it was.
func (t *Optimizer) RestoreState(dir string) (err error) {
	path := filepath.Join(dir, StateFile)
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
	if got, want := len(c.Names()), len(stateKinds)*len(t.params); got != want {
		return fmt.Errorf("it has %d tensors, expected %d: it is of another training", got, want)
	}
	var list []*tensors.Tensor
	for _, kind := range stateKinds {
		for _, p := range t.params {
			tensor, ok := c.Tensor(kind + p.Name)
			if !ok || tensor.DType != dtypes.Float32 || !slices.Equal(tensor.Shape, p.Shape) {
				return fmt.Errorf("tensor %s is not there as float32 of shape %v: it is of another training", kind+p.Name, p.Shape)
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
