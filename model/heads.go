package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// layerPool is the running pool of one layer's states.
type layerPool struct {
	layer classifier.Layer
	pool  *classifier.Pool
}

// state is the index of the layer's states in what runLayers returns.
func (p layerPool) state(c *transformer.Config) int {
	if p.layer == classifier.LastLayer {
		return c.NumHiddenLayers
	}
	return int(p.layer)
}

// prompt is the pool's view of a prompt whose last token has state x, after the sum of the states before.
func (p layerPool) prompt(x, before, count *Node) classifier.Prompt {
	prompt := classifier.Prompt{Last: x, Count: count}
	if p.pool.NeedsPromptSum() {
		prompt.Sum = Add(before, x)
	}
	return prompt
}

// openHeads reads the heads, checks them against base and adapter, and groups their pools by layer.
func (m *Model) openHeads(c *weights.Checkpoint, o Options) error {
	for _, dir := range o.Heads {
		h, err := classifier.Open(dir)
		if err != nil {
			return err
		}
		if h.Config.BaseSHA256 != "" && m.baseSHA256 == "" {
			if m.baseSHA256, err = c.SHA256(); err != nil {
				return err
			}
		}
		m.heads = append(m.heads, h)
	}
	if err := m.checkHeads(m.adapters); err != nil {
		return err
	}
	m.features = m.heads.Features()
	for _, f := range o.Features {
		if f.Layer != classifier.LastLayer && int(f.Layer) >= m.config.NumHiddenLayers {
			return fmt.Errorf("layer %s is asked for, but the model has layers 0 to %d", f.Layer, m.config.NumHiddenLayers-1)
		}
		if !slices.Contains(m.features, f) {
			m.features = append(m.features, f)
		}
	}
	if err := m.openPools(); err != nil {
		return err
	}
	for _, p := range m.heads.Params() {
		t, err := upload(m.backend.Backend, dtypes.Float32, p.Data, p.Shape...)
		if err != nil {
			return fmt.Errorf("tensor %s of the heads: %w", p.Name, err)
		}
		m.headValues = append(m.headValues, value{p.Name, t})
	}
	return nil
}

// openPools makes the running pools of the features, by layer. An encoder runs nothing along: it pools whole rows.
func (m *Model) openPools() error {
	if m.IsEncoder() {
		return m.checkEncoderPooling()
	}
	kinds := map[classifier.Layer][]classifier.Pooling{}
	for _, f := range m.features {
		kinds[f.Layer] = append(kinds[f.Layer], f.Pooling)
	}
	for _, layer := range slices.Sorted(maps.Keys(kinds)) {
		pool, err := classifier.NewPool(kinds[layer]...)
		if err != nil {
			return err
		}
		m.pools = append(m.pools, layerPool{layer, pool})
	}
	return nil
}

// HeadBase is what heads on this model with its adapters are checked against. SHA256 is empty where no head of its own asked for it.
func (m *Model) HeadBase() classifier.Base { return m.headBase(m.Adapters()) }

func (m *Model) headBase(adapters []*lora.Adapter) classifier.Base {
	base := classifier.Base{HiddenSize: m.config.HiddenSize, Layers: m.config.NumHiddenLayers, SHA256: m.baseSHA256}
	switch len(adapters) {
	case 0:
	case 1:
		base.AdapterSHA256 = adapters[0].SHA256
	default:
		base.AdapterSHA256 = "several adapters" // no head's, and what its error says
	}
	return base
}

// checkHeads refuses heads that were trained with another base or another adapter.
func (m *Model) checkHeads(adapters []*lora.Adapter) error {
	base := m.headBase(adapters)
	if err := m.heads.CheckTogether(); err != nil {
		return err
	}
	for _, h := range m.heads {
		if err := h.Check(base); err != nil {
			return fmt.Errorf("head %s: %w", h.Name, err)
		}
	}
	return nil
}

// Features are the pooled states that [Verdict.Pooled] holds, in its order.
func (m *Model) Features() []classifier.Feature { return slices.Clone(m.features) }
