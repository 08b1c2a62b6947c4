package classifier

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/renameio/v2"

	"github.com/januslm/janus/weights"
)

// File names in a head folder.
const (
	configFile  = "head.json"
	weightsFile = "head.safetensors"
)

// Open reads a head folder: head.json ([Config]) and head.safetensors with the tensors of [Config.ParamNames], in float32,
// float16 or bfloat16. Everything is checked: unknown settings, missing, extra and wrongly shaped tensors, values that are
// not finite. What only the model can tell is for [Head.Check].
func Open(dir string) (*Head, error) {
	h, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", dir, err)
	}
	return h, nil
}

func open(dir string) (*Head, error) {
	data, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("there is no %s: expected a head folder: %w", configFile, fs.ErrNotExist)
		}
		return nil, err
	}
	config, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	tensors, err := readTensors(filepath.Join(dir, weightsFile), config.ParamShapes())
	if err != nil {
		return nil, err
	}
	name := filepath.Base(dir)
	if abs, err := filepath.Abs(dir); err == nil { // so that "." has a name
		name = filepath.Base(abs)
	}
	h, err := New(name, *config, tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsFile, err)
	}
	return h, nil
}

// readTensors reads a whole file into host memory; shapes says what to expect.
func readTensors(path string, shapes map[string][]int) (tensors map[string][]float32, err error) {
	checkpoint, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := checkpoint.Close(); err == nil {
			err = closeErr
		}
	}()
	tensors = map[string][]float32{}
	for _, key := range checkpoint.Names() {
		t, _ := checkpoint.Tensor(key)
		if want, ok := shapes[key]; ok && !slices.Equal(t.Shape, want) {
			return nil, fmt.Errorf("%s: tensor %q has shape %v, but %s makes it %v", path, key, t.Shape, configFile, want)
		}
		if tensors[key], err = weights.ToFloat32(t); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return tensors, nil
}

// Save writes the head folder, with float32 tensors. Both files are written to temporary names, synced and renamed,
// head.json last: where it is there, the weights are whole.
func (h *Head) Save(dir string) error {
	if err := h.save(dir); err != nil {
		return fmt.Errorf("saving head %s: %w", dir, err)
	}
	return nil
}

func (h *Head) save(dir string) error {
	if err := h.Config.Validate(); err != nil {
		return err
	}
	config, err := json.MarshalIndent(h.Config, "", "  ")
	if err != nil {
		return err
	}
	var tensors []weights.Tensor
	for _, p := range h.Params() {
		t, err := weights.FromFloat32(p.Name, p.Shape, p.Data, dtypes.Float32)
		if err != nil {
			return err
		}
		tensors = append(tensors, t)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	metadata := map[string]string{"format": "pt"}
	if err := weights.WriteSafetensors(filepath.Join(dir, weightsFile), tensors, metadata); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, configFile), append(config, '\n'), 0o644)
}
