package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// ErrEncoder is what methods that need a model that writes text return for an encoder.
var ErrEncoder = errors.New("is an encoder, which writes no text: it embeds texts, and judges findings with a classifier head")

func (m *Model) encoderError() error {
	return fmt.Errorf("model %s (%s) %w", m.dir, m.config.ModelType, ErrEncoder)
}

// IsEncoder tells whether the model is an encoder, such as BERT. It has no [Model.Generate] and no [Model.Score], and
// [Model.Review] needs a head.
func (m *Model) IsEncoder() bool { return m.decoder == nil }

// encoderPoolings are the poolings that say something of a text to which nothing was generated.
var encoderPoolings = []classifier.Pooling{classifier.PoolCLS, classifier.PoolMean, classifier.PoolMeanAll, classifier.PoolLast}

// checkEncoderPooling refuses heads and features that pool over generated tokens.
func (m *Model) checkEncoderPooling() error {
	for _, f := range m.features {
		if !slices.Contains(encoderPoolings, f.Pooling) {
			return fmt.Errorf("pooling %q is over generated tokens, and %s is an encoder, which generates none: use a head with one of %v",
				f.Pooling, m.dir, encoderPoolings)
		}
	}
	return nil
}

// OpenCheckpoint opens a model's tensors under the family's own keys, and lists those that the model has.
func OpenCheckpoint(dir string, config *transformer.Config) (*weights.Checkpoint, []transformer.Tensor, error) {
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		return nil, nil, err
	}
	c, err := weights.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	if family.Rename != nil {
		if err := c.Rename(family.Rename); err != nil {
			return nil, nil, errors.Join(err, c.Close())
		}
	}
	return c, family.TensorsOf(config, func(key string) bool {
		_, ok := c.Tensor(key)
		return ok
	}), nil
}

// renameAdapter gives an adapter's modules the family's own keys, as the checkpoint has them.
func (m *Model) renameAdapter(a *lora.Adapter) error {
	family, err := transformer.Lookup(m.config.ModelType)
	if err != nil || family.Rename == nil {
		return err
	}
	return a.Rename(family.Rename)
}

// Encode turns a text into the tokens that an encoder reads: its own special tokens stand around the text, and what exceeds
// the context is cut off the text's end. whole is how many tokens the text makes uncut. Special-token text is ordinary text.
func (m *Model) Encode(text string) (ids []int32, whole int, err error) {
	if m.tokenizer == nil {
		return nil, 0, fmt.Errorf("model %s has no tokenizer (save one with transformers' save_pretrained)", m.dir)
	}
	return tokenizer.EncodeCut(m.tokenizer, text, m.config.ContextLength)
}

// Batches of Embed: of so many rows, and padded tokens, at most.
const (
	embedRows   = 32
	embedTokens = 8192
)

// Embed returns the pooled state of each row of tokens, [row][D] float32: of an encoder, or of a decoder that reads the row
// and generates nothing. adapters holds a row's adapter index (-1: the bare base); nil is the base for all. The result does
// not depend on which rows run together. For rows of text see [Model.Encode].
func (m *Model) Embed(ctx context.Context, rows [][]int32, adapters []int, f classifier.Feature) ([][]float32, error) {
	if err := f.Pooling.Check(); err != nil {
		return nil, err
	}
	if f.Layer < classifier.LastLayer || int(f.Layer) >= m.config.NumHiddenLayers {
		return nil, fmt.Errorf("layer %s is asked for, but the model has layers 0 to %d", f.Layer, m.config.NumHiddenLayers-1)
	}
	slots, err := m.slots(rows, adapters)
	if err != nil {
		return nil, err
	}
	return m.embed(ctx, shapeKey("embed", f.Layer, f.Pooling), rows, slots, func(in nodes) []*Node {
		return m.pooledWhole(in, []classifier.Feature{f})
	})
}

// embed runs a program over rows of tokens, in batches of like length: [row][D].
func (m *Model) embed(ctx context.Context, name string, rows [][]int32, slots []int32, build func(in nodes) []*Node) ([][]float32, error) {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(rows[a]), len(rows[b])) })
	pooled := make([][]float32, len(rows))
	for len(order) > 0 {
		n := embedBatch(rows, order)
		some, someSlots := make([][]int32, 0, embedRows), make([]int32, 0, embedRows)
		for _, i := range order[:n] {
			some, someSlots = append(some, rows[i]), append(someSlots, slots[i])
		}
		for len(some)&(len(some)-1) != 0 { // few numbers of rows, few programs
			some, someSlots = append(some, some[0]), append(someSlots, someSlots[0])
		}
		out, err := m.whole(ctx, name, some, someSlots, 0, nil, build)
		if err != nil {
			return nil, err
		}
		list, err := lines(out[0])
		finalizeAll(out)
		if err != nil {
			return nil, err
		}
		for k, i := range order[:n] {
			pooled[i] = list[k]
		}
		order = order[n:]
	}
	return pooled, nil
}

// embedBatch is how many rows of rising length make the next batch.
func embedBatch(rows [][]int32, order []int) int {
	n := 1
	for n < min(len(order), embedRows) && (n+1)*bucket(len(rows[order[n]])) <= embedTokens {
		n++
	}
	return n
}

// Classify returns each head's probability for each row, [row][head]: tokens, states, pools and heads are one program.
func (m *Model) Classify(ctx context.Context, rows [][]int32, adapters []int) ([][]float64, error) {
	slots, err := m.slots(rows, adapters)
	if err != nil {
		return nil, err
	}
	return m.classify(ctx, rows, slots, 0)
}

func (m *Model) classify(ctx context.Context, rows [][]int32, slots []int32, room int) ([][]float64, error) {
	if len(m.heads) == 0 {
		return nil, fmt.Errorf("model %s has no classifier head: nothing can judge", m.dir)
	}
	out, err := m.whole(ctx, "classify", rows, slots, room, m.headValues, func(in nodes) []*Node {
		return []*Node{m.heads.Probabilities(m.pooledWhole(in, m.heads.Features()), m.headNodes(in))}
	})
	if err != nil {
		return nil, err
	}
	defer finalizeAll(out)
	list, err := lines(out[0])
	if err != nil {
		return nil, err
	}
	p := make([][]float64, len(rows))
	for i := range p {
		p[i] = widen(list[i])
	}
	return p, nil
}

// pooledWhole runs whole rows and pools them: a [B, D] float32 for each feature.
func (m *Model) pooledWhole(in nodes, features []classifier.Feature) []*Node {
	f, _ := m.pass(in)
	states := m.runLayers(f, m.layers.Embed(f, in["ids"]))
	var pooled []*Node
	for _, feature := range features {
		x := states[layerPool{layer: feature.Layer}.state(m.config)]
		pooled = append(pooled, classifier.Over(feature.Pooling, x, in["lengths"], in["lengths"]))
	}
	return pooled
}

// reviewWhole is Review of an encoder.
func (m *Model) reviewWhole(ctx context.Context, batch Batch, o ReviewOptions) ([]Verdict, error) {
	if len(m.heads) == 0 {
		return nil, m.encoderError()
	}
	batch.Rows = slices.Clone(batch.Rows)
	for i := range batch.Rows {
		batch.Rows[i].Sampling = Sampling{}
	}
	if err := m.check(batch); err != nil {
		return nil, err
	}
	var rows [][]int32
	var slots []int32
	for _, r := range batch.Rows {
		rows, slots = append(rows, slices.Concat(batch.Prefix, r.Prompt)), append(slots, m.slot(r.Adapter))
	}
	for len(rows) < o.Slots { // rows that fill the batch up
		rows, slots = append(rows, rows[0][:1]), append(slots, slots[0])
	}
	p, err := m.classify(ctx, rows, slots, o.RoomPrompt)
	if err != nil {
		return nil, err
	}
	verdicts := make([]Verdict, len(batch.Rows))
	for i := range verdicts {
		verdicts[i] = Verdict{P: p[i][0], Ps: [][]float64{p[i]}}
	}
	return verdicts, nil
}

// slots are the adapter indices that programs see: one a row, or none for the bare base.
func (m *Model) slots(rows [][]int32, adapters []int) ([]int32, error) {
	if adapters != nil && len(adapters) != len(rows) {
		return nil, fmt.Errorf("adapters are given for %d rows, expected %d", len(adapters), len(rows))
	}
	slots := make([]int32, len(rows))
	for i := range slots {
		slots[i] = -1
		if adapters == nil {
			continue
		}
		if a := adapters[i]; a < -1 || a >= max(len(m.adapters), 1) {
			return nil, fmt.Errorf("row %d: adapter %d is not there; the model has %d", i, a, len(m.adapters))
		}
		slots[i] = m.slot(adapters[i])
	}
	return slots, nil
}

// checkStates refuses what the model cannot give, and returns the rows' segments as an input, if there are any.
func (m *Model) checkStates(rows [][]int32, o StatesOptions) ([]value, error) {
	if o.Pooler {
		p, ok := m.layers.(transformer.Pooler)
		if !ok || !m.has(p.PoolerModule()) {
			return nil, fmt.Errorf("model %s has no pretrained pooler", m.dir)
		}
	}
	if o.Logits && m.IsEncoder() {
		l, ok := m.layers.(transformer.MaskedLM)
		if !ok || !m.has(l.MaskedLMModule()) {
			return nil, fmt.Errorf("model %s has no head for masked language modelling", m.dir)
		}
	}
	if o.Types == nil {
		return nil, nil
	}
	if len(o.Types) != len(rows) {
		return nil, fmt.Errorf("segments are given for %d rows, expected %d", len(o.Types), len(rows))
	}
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r))
	}
	s := bucket(longest)
	flat := make([]int32, len(rows)*s)
	for i, types := range o.Types {
		if len(types) != len(rows[i]) {
			return nil, fmt.Errorf("row %d has %d tokens and segments for %d", i, len(rows[i]), len(types))
		}
		for _, id := range types {
			if id < 0 || int(id) >= m.config.TypeVocabSize {
				return nil, fmt.Errorf("row %d has segment %d, but the model has %d (type_vocab_size)", i, id, m.config.TypeVocabSize)
			}
		}
		copy(flat[i*s:], types)
	}
	return []value{{"types", tensors.FromFlatDataAndDimensions(flat, len(rows), s)}}, nil
}

// has tells whether the checkpoint has the module.
func (m *Model) has(module string) bool {
	kind, ok := m.store.kinds[module+".weight"]
	return ok && kind != transformer.Unused
}

// logits are the LM head's, of a decoder or of an encoder's training.
func (m *Model) logits(f *transformer.Forward, h *Node) *Node {
	if l, ok := m.layers.(transformer.MaskedLM); ok {
		return l.MaskedLogits(f, h)
	}
	return m.decoder.Logits(f, h)
}

// lines copies a tensor [B, …] to the host, one slice a row.
func lines(t *tensors.Tensor) ([][]float32, error) {
	if t.DType() != dtypes.Float32 {
		return nil, fmt.Errorf("a result is %s, expected float32", t.DType())
	}
	flat, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, err
	}
	b := t.Shape().Dim(0)
	width := len(flat) / b
	out := make([][]float32, b)
	for i := range out {
		out[i] = flat[i*width : (i+1)*width]
	}
	return out, nil
}
