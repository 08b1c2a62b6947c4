package optimize

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/januslm/janus/weights"
)

// ReadParams reads the tensors of a state, without their moments, by name.
func ReadParams(dir string) (values map[string][]float32, err error) {
	path := filepath.Join(dir, StateFile)
	c, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	values = map[string][]float32{}
	for _, name := range c.Names() {
		key, ok := strings.CutPrefix(name, stateKinds[0])
		if !ok {
			continue
		}
		t, _ := c.Tensor(name)
		flat, err := weights.ToFloat32(t)
		if err != nil {
			return nil, fmt.Errorf("state of a training %s: %w", path, err)
		}
		values[key] = slices.Clone(flat)
	}
	return values, nil
}
