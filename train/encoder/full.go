package encoder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// full tunes all weights that the last states depend on: not a pretrained pooler, and not the head of the encoder's own training.
type full struct {
	dir    string // of the base
	family transformer.Family
	dtype  dtypes.DType
	base   lora.Base
	list   []optimize.Param // without their values
}

var _ tuned = (*full)(nil)

func newFull(m *model.Model) (*full, error) {
	family, err := transformer.Lookup(m.Config().ModelType)
	if err != nil {
		return nil, err
	}
	t := &full{dir: m.Dir(), family: family, dtype: m.DType(), base: m.LoRABase()}
	for _, spec := range family.Tensors(m.Config()) {
		if spec.Kind != transformer.Unused {
			t.list = append(t.list, optimize.Param{Name: spec.Key, Shape: spec.Shape, NoDecay: spec.Kind == transformer.Vector})
		}
	}
	return t, nil
}

// params reads the base's values anew, so that they are not kept in memory beside those in training.
func (t *full) params() ([]optimize.Param, error) {
	list := slices.Clone(t.list)
	for i := range list {
		values, _, err := t.base.Values(list[i].Name)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", list[i].Name, err)
		}
		list[i].Data = values
	}
	return list, nil
}

func (t *full) inputs(*rand.Rand) []model.Input { return nil }

// Close implements [tuned].
func (t *full) Close() {}

func (t *full) weights(_ model.Frozen, params []*Node, _ map[string]*Node, drop dropout) transformer.Weights {
	w := &trained{params: map[string]*Node{}, dtype: t.dtype, drop: drop}
	for i, p := range t.list {
		w.params[p.Name] = params[i]
	}
	return w
}

// write makes a Hugging Face folder of the base's: its settings, its tokenizer and its names of tensors, with the trained values
// in float32.
func (t *full) write(ctx context.Context, run string, values [][]float32) (base, adapter string, err error) {
	dir := filepath.Join(run, ModelDir)
	if err := os.RemoveAll(dir); err != nil { // of a run that was interrupted while it was written
		return "", "", err
	}
	r := replacement{rename: t.family.Rename, values: map[string][]float32{}}
	for i, p := range t.list {
		r.values[p.Name] = values[i]
	}
	if _, err := weights.Convert(ctx, t.dir, dir, weights.ConvertOptions{DType: dtypes.Float32, Merge: r}); err != nil {
		return "", "", err
	}
	base, err = heads.BaseSHA256(dir)
	return base, "", err
}

// replacement puts other values in place of a checkpoint's: it implements [weights.Merger].
type replacement struct {
	rename func(tensor string) string // nil where the checkpoint's names are the family's
	values map[string][]float32       // by the family's names
}

var _ weights.Merger = replacement{}

func (r replacement) of(tensor string) []float32 {
	if r.rename != nil {
		tensor = r.rename(tensor)
	}
	return r.values[tensor]
}

// Changes implements [weights.Merger].
func (r replacement) Changes(tensor string) bool { return r.of(tensor) != nil }

// MergeInto implements [weights.Merger].
func (r replacement) MergeInto(tensor string, w []float32, shape []int) error {
	if values := r.of(tensor); len(values) != len(w) {
		return fmt.Errorf("tensor %s has shape %v, and %d trained values", tensor, shape, len(values))
	}
	copy(w, r.of(tensor))
	return nil
}
