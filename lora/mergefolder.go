package lora

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/januslm/janus/weights"
)

// MergeFolder writes the model that a base with this adapter is, as a Hugging Face folder: every tensor of the base, those
// that the adapter changes as [Adapter.MergeInto] makes them, and the base's settings and tokenizer. o.Merge is set here.
// Tensors that became infinite in F16 are returned.
func (a *Adapter) MergeFolder(ctx context.Context, base, out string, o weights.ConvertOptions) ([]weights.Overflow, error) {
	shapes, err := tensorShapes(base)
	if err != nil {
		return nil, err
	}
	if err := a.Rename(func(tensor string) string { return baseName(tensor, shapes) }); err != nil {
		return nil, err
	}
	err = a.Check(func(tensor string) ([]int, bool) { shape, ok := shapes[tensor]; return shape, ok })
	if err != nil {
		return nil, fmt.Errorf("adapter %s does not fit model %s: %w", a.Name, base, a.Suggest(err, shapes))
	}
	o.Merge = a
	return weights.Convert(ctx, base, out, o)
}

func tensorShapes(dir string) (shapes map[string][]int, err error) {
	c, err := weights.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	shapes = map[string][]int{}
	for _, name := range c.Names() {
		t, _ := c.Tensor(name)
		shapes[name] = t.Shape
	}
	return shapes, nil
}

// baseName is a tensor's name in the base's file: its own, or the one that differs by what stands before it only, as between
// a model saved alone (encoder.layer.0…) and as a part of another (bert.encoder.layer.0…).
func baseName(tensor string, shapes map[string][]int) string {
	if _, ok := shapes[tensor]; ok {
		return tensor
	}
	var found []string
	for name := range shapes {
		if strings.HasSuffix(name, "."+tensor) || strings.HasSuffix(tensor, "."+name) && strings.Count(tensor, ".")-strings.Count(name, ".") == 1 {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}
