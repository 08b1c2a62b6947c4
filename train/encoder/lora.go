package encoder

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
)

// adapted tunes an adapter beside the encoder.
type adapted struct {
	*train.Adapting
	base string // its folder
}

var _ tuned = (*adapted)(nil)

func newAdapted(m *model.Model, c *Config) (*adapted, error) {
	base, err := encoderBase(m)
	if err != nil {
		return nil, err
	}
	a, err := lora.Init(AdapterDir, c.adapter(m.Dir()), base, c.Seed)
	if err != nil {
		return nil, err
	}
	adapting, err := train.NewAdapting(m, a)
	return &adapted{adapting, m.Dir()}, err
}

// encoderBase is what an adapter may adapt: the projections that the last states depend on, without a pretrained pooler and the
// head of the encoder's own training.
func encoderBase(m *model.Model) (lora.Base, error) {
	base := m.LoRABase()
	family, err := transformer.Lookup(m.Config().ModelType)
	if err != nil {
		return base, err
	}
	own := map[string]bool{}
	for _, spec := range family.Tensors(m.Config()) {
		own[strings.TrimSuffix(spec.Key, ".weight")] = true
	}
	keep := func(list []string) (kept []string) {
		for _, module := range list {
			if own[module] {
				kept = append(kept, module)
			}
		}
		return kept
	}
	if base.Modules, base.Linear = keep(base.Modules), keep(base.Linear); len(base.Linear) == 0 {
		return base, errors.New("the encoder has no projections to adapt")
	}
	return base, nil
}

func (t *adapted) params() ([]optimize.Param, error) { return t.Params(), nil }

func (t *adapted) inputs(random *rand.Rand) []model.Input { return t.Inputs(random) }

func (t *adapted) weights(f model.Frozen, params []*Node, in map[string]*Node, _ dropout) transformer.Weights {
	return t.Weights(f, params, in)
}

// write makes a PEFT folder.
func (t *adapted) write(_ context.Context, run string, values [][]float32) (base, adapter string, err error) {
	a, err := t.Adapter(values)
	if err != nil {
		return "", "", err
	}
	dir := filepath.Join(run, AdapterDir)
	if err := a.Save(dir); err != nil {
		return "", "", err
	}
	if a, err = lora.Open(dir); err != nil {
		return "", "", err
	}
	base, err = heads.BaseSHA256(t.base)
	return base, a.SHA256, err
}
